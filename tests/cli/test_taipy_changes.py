"""`scenarist check --from-taipy`: every change that an application of Taipy needs, in one run."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from own_modules import forgotten_afterwards
from scenarist.cli import main
from scenarist.config import Config

SERVED = """\
from taipy import Config, Orchestrator
import near_steps


x = Config.configure_data_node("x", default_data=2)
y = Config.configure_data_node("y")
Config.configure_scenario("doubling", [Config.configure_task("t", near_steps.double, x, y)])
if __name__ == "__main__":
    Orchestrator().run()
"""
STEPS = "from taipy import Scope\n\n\ndef double(x):\n    return 2 * x\n"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in a folder with an application of Taipy, and leave no module or entry behind."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    Path("my-app.py").write_text(SERVED)
    Path("near_steps.py").write_text(STEPS)
    with forgotten_afterwards(tmp_path):
        yield
    Path("empty.toml").write_text("")
    Config.load("empty.toml")


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    assert ended.value.code == 0


def refusal_of(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    assert ended.value.code == 1
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_import_lines_are_listed_with_what_does_not_run_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("--from-taipy", "my-app.py")

    assert capsys.readouterr().out.splitlines() == [
        "my-app.py:1: from taipy import Config, Orchestrator → from scenarist import Config",
        "my-app.py:9: Orchestrator: remove it: scenarist serve runs the jobs (does not run where "
        "the module is served)",
        "near_steps.py:1: from taipy import Scope → from scenarist import Scope",
        "my-app.py needs no other change.",
    ]
    assert Path("my-app.py").read_text() == SERVED
    assert "taipy" not in sys.modules


def test_mistakes_of_the_declarations_are_listed_too(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my-app.py").write_text(SERVED.replace('"x", ', '"x y", ').replace('"y")', '"class")'))

    out, error = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert "my-app.py:5: DATA_NODE.x y: 'x y' is not a valid id" in out
    assert "my-app.py:6: DATA_NODE.class: 'class' is not a valid id" in out
    assert error == "scenarist: my-app.py needs 2 changes that --write does not make\n"


def test_a_module_that_fails_is_told_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my-app.py").write_text(SERVED + "raise ValueError('no')\n")

    out, _ = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert "my-app.py:10: ValueError: no" in out


def test_a_module_is_written_with_its_import_lines_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("--from-taipy", "my-app.py", "--write", "served.py")

    assert Path("served.py").read_text() == SERVED.replace(
        "from taipy import Config, Orchestrator", "from scenarist import Config"
    )
    assert Path("my-app.py").read_text() == SERVED


def test_a_module_is_printed_with_its_import_lines_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("--from-taipy", "near_steps.py", "--write", "-")

    printed = capsys.readouterr()
    assert printed.out == STEPS.replace("taipy", "scenarist")
    assert "near_steps.py:1: from taipy import Scope" in printed.err


def test_a_file_that_exists_is_replaced_only_when_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, error = refusal_of(*("--from-taipy", "my-app.py", "--write", "my-app.py"), capsys=capsys)
    assert "my-app.py exists; write to another file, or add --overwrite" in error
    assert Path("my-app.py").read_text() == SERVED

    run("--from-taipy", "my-app.py", "--write", "my-app.py", "--overwrite")

    assert Path("my-app.py").read_text().startswith("from scenarist import Config\n")


def test_a_written_module_can_be_served(capsys: pytest.CaptureFixture[str]) -> None:
    for file in ("my-app.py", "near_steps.py"):
        run("--from-taipy", file, "--write", file, "--overwrite")
    capsys.readouterr()

    run("my-app.py")

    assert "my-app.py can be served: 1 scenario config" in capsys.readouterr().out


def test_changes_of_a_toml_file_are_told_with_their_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("old.toml").write_text(
        "[JOB]\nnb_of_workers = '2:int'\n\n[TASK.t]\nfunction = '__main__.f:function'\n\n"
        "[PIPELINE.p]\ntasks = ['t:SECTION']\n\n[SCENARIO.s]\npipelines = ['p:SECTION']\n"
    )

    out, error = refusal_of("--from-taipy", "old.toml", capsys=capsys)

    assert error == "scenarist: old.toml needs 4 changes\n"
    lines = [line.partition(": ")[0:3:2] for line in out.splitlines()]
    assert [(place, text.partition(":")[0]) for place, text in lines] == [
        ("old.toml:2", "JOB.nb_of_workers"),
        ("old.toml:11", "SCENARIO.s.pipelines"),
        ("old.toml:7", "PIPELINE"),
        ("old.toml:5", "TASK.t.function"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from-taipy", "nowhere.py"], "there is no file nowhere.py"),
        (["--from-taipy", "nowhere.toml"], "nowhere.toml: cannot be read: No such file"),
        (["--from-taipy", "cut.toml"], "cut.toml: is not valid UTF-8"),
        (["--from-taipy", "old.toml", "--write", "new.toml"], "a TOML file has no import lines"),
        (["my-app.py", "--write", "new.py"], "--write and --overwrite need --from-taipy"),
        (["--from-taipy", "my-app.py", "--write", "no/new.py"], "no/new.py cannot be written"),
    ],
)
def test_what_cannot_be_told_or_written_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("old.toml").write_text("")
    Path("cut.toml").write_bytes(b"x = '\xe2\x82")

    _, error = refusal_of(*arguments, capsys=capsys)

    assert message in error


def test_a_check_without_taipy_lists_every_change(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my-app.py").write_text(SERVED + "import taipy as tp\ntp.run()\n")

    _, error = refusal_of("my-app.py", capsys=capsys)

    assert "No module named 'taipy'; it is written for Taipy, and needs these changes:" in error
    assert "\n  my-app.py:11: tp.run: remove it" in error
    assert "\n  near_steps.py:1: from taipy import Scope → from scenarist import Scope" in error
