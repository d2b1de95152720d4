"""The one place that commits: what is shared between writers, and what is not."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from scenarist.db.engine import Database
from scenarist.domain.errors import ConflictError, InvalidError, UnavailableError


@pytest.fixture
def notes(database: Database) -> Database:
    database.write(lambda connection: connection.execute(text("CREATE TABLE notes (n UNIQUE)")))
    return database


def note(connection: Connection, number: int) -> int:
    connection.execute(text("INSERT INTO notes VALUES (:n)"), {"n": number})
    return number


def noted(database: Database) -> list[int]:
    return list(database.reader.execute(text("SELECT n FROM notes ORDER BY n")).scalars())


def test_a_write_returns_what_its_work_returns_once_it_is_committed(notes: Database) -> None:
    assert notes.write(lambda connection: note(connection, 7)) == 7
    with sqlite3.connect(notes.file) as other:
        assert other.execute("SELECT n FROM notes").fetchall() == [(7,)]


def test_work_that_raises_is_undone(notes: Database) -> None:
    def work(connection: Connection) -> None:
        note(connection, 1)
        raise ConflictError("changed my mind")

    with pytest.raises(ConflictError, match="changed my mind"):
        notes.write(work)

    assert noted(notes) == []


def test_work_that_raises_does_not_undo_the_work_that_shares_its_commit(  # noqa: C901
    notes: Database,
) -> None:
    """The first writer holds the door until all others stand in line behind it."""
    in_line = threading.Barrier(2)
    proceed = threading.Event()
    faults: list[Exception] = []

    def first(connection: Connection) -> None:
        in_line.wait()
        proceed.wait()

    def attempt(number: int) -> None:
        def work(connection: Connection) -> None:
            note(connection, number)
            if number % 2:
                raise ConflictError(str(number))

        try:
            notes.write(work)
        except ConflictError as error:
            faults.append(error)

    threads = [threading.Thread(target=notes.write, args=(first,))]
    threads[0].start()
    in_line.wait()
    threads += [threading.Thread(target=attempt, args=(number,)) for number in range(10)]
    for thread in threads[1:]:
        thread.start()
    while len(notes._queue) < 10:
        pass
    commits = notes.commits
    proceed.set()
    for thread in threads:
        thread.join()

    assert noted(notes) == [0, 2, 4, 6, 8]
    assert sorted(str(fault) for fault in faults) == ["1", "3", "5", "7", "9"]
    assert notes.commits == commits + 2


def test_a_database_that_another_process_locks_is_unavailable_and_free_again_after(
    notes: Database,
) -> None:
    other = sqlite3.connect(notes.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with Database(f"sqlite:///{notes.file}", busy_seconds=0) as impatient:
        with pytest.raises(UnavailableError, match="database is locked"):
            impatient.write(lambda connection: note(connection, 1))
        other.execute("ROLLBACK")
        impatient.write(lambda connection: note(connection, 2))

    other.close()
    assert noted(notes) == [2]


def test_each_commit_is_synced_in_full(database: Database) -> None:
    def pragmas(connection: Connection) -> list[object]:
        return [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert database.write(pragmas) == ["wal", 2, 1]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "'nonsense' is not a database URL"),
        ("mysql://someone:secret@host/db", "no database of kind 'mysql' can be used yet"),
        ("sqlite://", "the database must be a file"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(url: str, message: str) -> None:
    with pytest.raises(InvalidError, match=message) as caught:
        Database(url)
    assert "secret" not in caught.value.message


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/none/here.db")

    with pytest.raises(UnavailableError, match="unable to open database file"):
        _ = database.reader


def test_trouble_of_the_database_while_reading_is_an_error_of_ours(notes: Database) -> None:
    with pytest.raises(UnavailableError, match="no such table: nowhere"):
        notes.reader.execute(text("SELECT 1 FROM nowhere"))
