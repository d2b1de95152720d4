"""docs/client.md: its examples are tried as they stand there, and it names every command."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarist.cli import app, exit_codes
from servers import StartedServer
from signed_in import PASSWORDS, with_users

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "client.md").read_text()
ADDRESS = "http://127.0.0.1:5000"
GROUPS = ("scenario", "sequence", "submission", "orchestration", "job", "datanode")
CODE = re.compile(r"^\| (\d+) \| ", re.MULTILINE)


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def heating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with StartedServer(tmp_path_factory.mktemp("heating"), "scenarist.demo.app") as server:
        yield server


def run(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PATH": path, "XDG_CONFIG_HOME": str(folder), **environment},
        check=False,
    )


def test_the_python_examples_run_and_print_what_they_say(
    heating: StartedServer, tmp_path: Path
) -> None:
    python = section("Python").partition("### Signing in")[0]
    program = "\n".join(blocks("python", python)).replace(ADDRESS, heating.address)

    done = run(sys.executable, "-c", program, folder=tmp_path)

    assert done.stderr == ""
    assert done.stdout == "".join(blocks("text", python))


def test_the_example_of_signing_in_runs(tmp_path: Path) -> None:
    (example,) = blocks("python", section("Python").partition("### Signing in")[2])
    with with_users(tmp_path) as server:
        program = f"from scenarist import Client\n{example}".replace(ADDRESS, server.address)
        program = program.replace("ines", "rita").replace(
            "correct horse battery staple", PASSWORDS["rita"]
        )

        done = run(sys.executable, "-c", program, folder=tmp_path)

    assert (done.stdout, done.stderr) == ("rita\n", "")


@pytest.mark.timeout(180)  # twenty processes, one after the other
def test_the_lines_of_the_shell_run(heating: StartedServer, tmp_path: Path) -> None:
    lines = "\n".join(
        block
        for title in ("The command line", "Pictures")
        for block in blocks("sh", section(title))
        if "scenarist login" not in block
    )

    done = run(
        "bash", "-euo", "pipefail", "-c", lines, folder=tmp_path, SCENARIST_URL=heating.address
    )

    assert done.stderr == ""
    assert done.returncode == 0
    assert '"total_cost"' in done.stdout
    drawn = (tmp_path / "heating.svg").read_text()
    assert drawn == (ROOT / "docs" / "pictures" / "heating.svg").read_text()


@pytest.mark.parametrize("group", GROUPS)
def test_each_command_of_a_group_is_named(group: str) -> None:
    names = [name for name in app[group] if not name.startswith("-")]

    assert [name for name in names if f"`scenarist {group} {name}`" not in PAGE] == []


def test_the_exit_codes_are_those_that_commands_end_with() -> None:
    ended = {
        0, exit_codes.FAILED, 2, exit_codes.NOT_FOUND, exit_codes.UNREACHABLE,
        exit_codes.NOT_ALLOWED, exit_codes.TIMED_OUT, 130,
    }  # fmt: skip

    assert {int(code) for code in CODE.findall(section("The command line"))} == ended
