"""The digest of a function's code changes with all code that it may run, and with no other."""

import json
import sys
from pathlib import Path

import pytest

from scenarist.config.code_digests import CodeDigests, iter_storage_functions

FILES = {
    "app.py": "import lib.prices\nfrom helpers import half\n\ndef run(x):\n    return half(x)\n",
    "helpers.py": "def half(x):\n    from late import at_last\n    return at_last(x / 2)\n",
    "late.py": "def at_last(x):\n    return x\n",
    "lib/__init__.py": "",
    "lib/prices.py": "from . import rates\nfrom .deep.rules import rule\n",
    "lib/rates.py": "import app\n",
    "lib/deep/__init__.py": "",
    "lib/deep/rules.py": "def rule():\n    import json\n    import pandas\n",
    "unused.py": "x = 1\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def digest(folder: Path, *functions: str) -> str | None:
    return CodeDigests([str(folder)]).digest_of(functions or ["app:run"])


@pytest.mark.parametrize("name", FILES)
def test_it_changes_with_each_file_that_is_imported_however_far_away(
    folder: Path, name: str
) -> None:
    before = digest(folder)
    (folder / name).write_text(FILES[name] + "\n# another line\n")

    assert before is not None
    assert (digest(folder) != before) == (name != "unused.py")


def test_another_function_of_the_same_module_has_another_one(folder: Path) -> None:
    assert digest(folder, "app:run") != digest(folder, "app:walk")


def test_nothing_of_it_is_run(folder: Path) -> None:
    (folder / "helpers.py").write_text("raise SystemExit('it was run')\n")

    assert digest(folder) is not None
    assert "helpers" not in sys.modules


def test_a_module_that_appears_or_goes_changes_it(folder: Path) -> None:
    (folder / "app.py").write_text("try:\n    import extra\nexcept ImportError:\n    pass\n")
    before = digest(folder)
    (folder / "extra.py").write_text("")
    with_extra = digest(folder)
    (folder / "extra.py").unlink()

    assert with_extra != before
    assert digest(folder) == before


def test_installed_packages_below_the_folder_do_not_count(folder: Path) -> None:
    package = folder / ".venv" / "site-packages"
    package.mkdir(parents=True)
    (package / "helpers2.py").write_text("x = 1\n")
    (folder / "app.py").write_text("import helpers2\n")
    digests = CodeDigests([str(folder), str(package)])

    assert digests.digest_of(["app:run"]) == digest(folder)


@pytest.mark.parametrize("function", ["nowhere:run", "lib.nowhere:run"])
def test_code_that_cannot_be_found_has_none(folder: Path, function: str) -> None:
    assert digest(folder, function) is None


@pytest.mark.parametrize("function", ["builtins:len", "json:dumps", "scenarist.demo.pipeline:x"])
def test_functions_of_python_and_of_packages_have_one(folder: Path, function: str) -> None:
    assert digest(folder, function) is not None


def test_it_is_of_all_functions_through_which_a_value_goes(folder: Path) -> None:
    properties = {
        "encoder": "unused:encode",
        "exposed_type": {"one": "lib.rates:Row", "other": "pandas"},
        "default_path": "C:path",
    }
    functions = [*iter_storage_functions(properties)]

    assert functions == ["unused:encode", "lib.rates:Row"]
    assert digest(folder, "app:run", *functions) != digest(folder)


def test_modules_of_python_are_its_own_also_when_it_is_installed_in_a_searched_folder() -> None:
    around = Path(json.__file__).parents[2]

    searched = CodeDigests([str(around)]).digest_of(["json:dumps"])

    assert searched == CodeDigests([]).digest_of(["json:dumps"])
