"""The README: its tour and its application are tried as they stand there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from servers import StartedServer

README = (Path(__file__).parents[2] / "README.md").read_text()


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour is made of curl lines")
def test_the_tour_runs_and_answers_what_it_shows(tmp_path: Path) -> None:
    tour = section("A tour in five minutes")
    with StartedServer(tmp_path, "scenarist.demo.app") as server:
        scenario_id = server.create("heating")["id"]
        script = "\n".join(blocks("bash", tour))
        script = re.sub(r"^API=.*", f"API={server.address}/api/v1", script, flags=re.MULTILINE)
        script = re.sub(r"^SCENARIO=.*", f"SCENARIO={scenario_id}", script, flags=re.MULTILINE)

        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stderr
    answers = squeezed(done.stdout)
    shown = [squeezed(part) for block in blocks("json", tour) for part in re.split("[…\n]", block)]
    assert [part for part in shown if part not in answers] == []


def test_nothing_is_wrong_with_the_application(tmp_path: Path) -> None:
    own = section("Your own application")
    (tmp_path / "app.py").write_text(blocks("python", own)[0])

    done = subprocess.run(
        [sys.executable, "-m", "scenarist", "check", "app.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert blocks("text", own) == [done.stdout]
