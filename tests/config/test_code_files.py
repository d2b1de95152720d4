"""The files of an application: its modules, those of its functions, and TOML."""

import sys
from pathlib import Path

import pytest

from scenarist.config import load_app
from scenarist.config.code_files import list_code_files

TASK = """
[TASK.task]
function = "steps_of_files:step"
[SCENARIO.plan]
tasks = ["task:SECTION"]
"""


def test_the_files_of_a_configuration_are_itself_and_the_modules_of_its_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "app.toml").write_text(TASK)
    (tmp_path / "steps_of_files.py").write_text("import json, parts_of_files\ndef step(): pass\n")
    (tmp_path / "parts_of_files.py").write_text("")
    (tmp_path / "unused.py").write_text("")

    found = list_code_files(load_app("app.toml"))

    assert {Path(file).name for file in found if Path(file).parent == tmp_path.resolve()} == {
        "app.toml",
        "steps_of_files.py",
        "parts_of_files.py",
    }
