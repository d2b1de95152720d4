"""What an operator reads who imports from Taipy."""

from pathlib import Path

import pytest

from cli.terminal import Terminal
from scenarist.db import audit as audit_rows
from scenarist.db.engine import Database
from scenarist.domain.listings import AuditFilter, PageRequest
from signed_in import settings_in
from taipy_folders import TaipyFolder

APP = """
[DATA_NODE.number]

[DATA_NODE.result]

[TASK.double]
function = "builtins.abs:function"
inputs = ["number:SECTION"]
outputs = ["result:SECTION"]
skippable = "True:bool"

[SCENARIO.plan]
tasks = ["double:SECTION"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an application, and beside it what Taipy left of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.toml").write_text(APP)
    TaipyFolder(tmp_path / "old").plan()
    return tmp_path


def taipy(folder: Path) -> TaipyFolder:
    return TaipyFolder(folder / "old", number=100)


def test_an_import_tells_numbers_what_is_left_out_and_what_to_note(
    folder: Path, terminal: Terminal
) -> None:
    source = taipy(folder)
    number = source.record_of_config("number")
    source.put(f"user_data/pickles/{number}.p", b"cno_such_module\nthing\n.")
    broken = source.write("scenarios/SCENARIO_cut.json", {})
    broken.write_text('{"id":')

    dry = terminal.printed_by(folder, "import", "taipy", "old", "--app=app.toml", "--dry-run")
    printed = terminal.printed_by(folder, "import", "taipy", "old", "--app=app.toml")

    assert printed.splitlines() == [
        "Imported version 1.0, written by Taipy 4.1.1:",
        "  0 cycles",
        "  1 scenario",
        "  0 sequences",
        "  1 task",
        "  2 data nodes",
        "  1 submission",
        "  1 job",
        "  2 edits",
        "Left out:",
        "  SCENARIO_cut: its JSON is damaged: Expecting value: line 1 column 7 (char 6)",
        "Note:",
        f"  value of {number}: it cannot be opened: {folder}/old/user_data/pickles/{number}.p "
        "cannot be read as pickle: ModuleNotFoundError: No module named 'no_such_module'",
    ]
    assert dry == printed.replace("Imported", "Would import")


def test_an_import_is_in_the_audit_with_the_login_of_the_operator(
    folder: Path, terminal: Terminal
) -> None:
    terminal.printed_by(folder, "import", "taipy", "old", "--app=app.toml")

    with Database(settings_in(folder).database) as database:
        page = audit_rows.list_page(database.reader, AuditFilter(), PageRequest(limit=9))
    (entry,) = page.items
    assert (entry.actor, entry.operation) == ("(command line)", "import taipy")
    assert entry.address.startswith("login ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (["."], ". is no folder of an application of Taipy"),
        (["old", "--version=7"], "the application has no version 7; there are: 1.0"),
        (["old", "--version=development"], "has no version development; there are: 1.0"),
        (["old", "--values=nowhere"], "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line_and_nothing_is_made(
    folder: Path, terminal: Terminal, arguments: list[str], said: str
) -> None:
    told = terminal.mistake(folder, "import", "taipy", *arguments, "--app=app.toml", "--dry-run")

    assert said in told
    assert not Path(settings_in(folder).database.removeprefix("sqlite:///")).exists()


def test_a_dry_run_makes_no_database(folder: Path, terminal: Terminal) -> None:
    before = sorted(folder.rglob("*"))

    terminal.printed_by(folder, "import", "taipy", "old", "--app=app.toml", "--dry-run")

    assert sorted(folder.rglob("*")) == before


def test_an_application_with_mistakes_is_refused(folder: Path, terminal: Terminal) -> None:
    (folder / "app.toml").write_text(APP.replace("builtins.abs", "nowhere.abs"))

    done = terminal.run(folder, "import", "taipy", "old", "--app=app.toml")

    assert done.code == 1
    assert "the configuration has 1 mistake" in done.said


def test_a_value_that_ends_its_process_is_told_and_the_others_are_opened(
    folder: Path, terminal: Terminal
) -> None:
    source = taipy(folder)
    number = source.record_of_config("number")
    source.put(f"user_data/pickles/{number}.p", b"cos\n_exit\n(I7\ntR.")

    printed = terminal.printed_by(folder, "import", "taipy", "old", "--app=app.toml")

    (note,) = printed.partition("Note:\n")[2].splitlines()
    assert note.startswith(f"  value of {number}: it cannot be opened: ")
