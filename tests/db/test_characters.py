"""Every character that can be stored comes back, in the same order on each database."""

from sqlalchemy import Connection

from builders import Draft
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db.engine import Database
from scenarist.domain.identifiers import ScenarioId
from scenarist.domain.listings import NAME, PageRequest, SequenceFilter

NAMES = [
    "Z",
    "a",
    "a b",
    "a-b",
    "a_b",
    "ab",
    "ß",
    "ä",
    "Ä",
    "é",
    "ö😀",
    "日本",
    "%s",
    "\\",
    "'",
    '"',
    "_",
    "%",
]


def make(connection: Connection) -> ScenarioId:
    draft = Draft(connection)
    made = draft.finish()
    for name in NAMES:
        draft.sequence(name, [])
    return made


def test_names_are_sorted_by_their_code_points(database: Database) -> None:
    made = database.write(make)

    page = sequence_rows.list_page(
        database.reader, SequenceFilter(scenario_id=(made,)), PageRequest(limit=100, sort=NAME)
    )

    assert [sequence.name for sequence in page.items] == sorted(NAMES)


def test_a_name_is_found_as_it_is_and_not_as_a_pattern(database: Database) -> None:
    database.write(make)

    for name in NAMES:
        page = sequence_rows.list_page(
            database.reader, SequenceFilter(name=(name,)), PageRequest(limit=9)
        )
        assert [sequence.name for sequence in page.items] == [name]


def test_nothing_is_found_by_what_nothing_is_named(database: Database) -> None:
    made = database.write(make)

    for strange in ("a\0", "\0", f"{made}\0"):
        assert scenario_rows.find(database.reader, strange) is None
        assert scenario_rows.find_many(database.reader, [strange]) == []
