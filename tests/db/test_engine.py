"""The one place that commits: what is shared between writers, and what is not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from scenarist.db.engine import Database
from scenarist.db.notify.notifications import EVERYTHING, Topic, Topics, publish
from scenarist.domain.errors import ConflictError, InvalidError, UnavailableError


@pytest.fixture
def notes(database: Database) -> Database:
    make = text("CREATE TABLE notes (n INTEGER UNIQUE)")
    database.write(lambda connection: connection.execute(make))
    return database


def note(connection: Connection, number: int) -> int:
    connection.execute(text("INSERT INTO notes VALUES (:n)"), {"n": number})
    return number


def noted(database: Database) -> list[int]:
    return list(database.reader.execute(text("SELECT n FROM notes ORDER BY n")).scalars())


def test_a_snapshot_sees_one_moment(notes: Database) -> None:
    with notes.snapshot() as connection:
        numbers = text("SELECT count(*) FROM notes")
        before = connection.execute(numbers).scalar()
        notes.write(lambda writer: note(writer, 1))
        assert connection.execute(numbers).scalar() == before == 0

    assert noted(notes) == [1]


def test_after_a_snapshot_that_failed_the_newest_commit_is_seen(notes: Database) -> None:
    with pytest.raises(LookupError), notes.snapshot() as connection:
        assert connection.execute(text("SELECT count(*) FROM notes")).scalar() == 0
        raise LookupError

    notes.write(lambda writer: note(writer, 1))
    assert noted(notes) == [1]


@contextmanager
def writing(database: Database) -> Iterator[None]:
    """Hold a transaction open for the length of a block."""
    begun, over = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        note(connection, 100)
        begun.set()
        over.wait()

    thread = threading.Thread(target=database.write, args=(work,))
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_write_returns_what_its_work_returns_once_it_is_committed(
    notes: Database, database_url: str
) -> None:
    assert notes.write(lambda connection: note(connection, 7)) == 7
    with Database(database_url) as other:
        assert noted(other) == [7]


def test_work_that_raises_is_undone(notes: Database) -> None:
    def work(connection: Connection) -> None:
        note(connection, 1)
        raise ConflictError("changed my mind")

    with pytest.raises(ConflictError, match="changed my mind"):
        notes.write(work)

    assert noted(notes) == []


def test_nobody_is_told_of_work_that_was_undone(notes: Database) -> None:
    told: list[Topics] = []
    notes.subscribe(EVERYTHING, lambda notification: told.append(notification.topics))

    def work(connection: Connection) -> None:
        publish(connection, Topic.STOP)
        raise ConflictError("changed my mind")

    with pytest.raises(ConflictError):
        notes.write(work)
    notes.write(lambda connection: publish(connection, Topic.NEWS))

    assert told == [{Topic.NEWS}]


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


def test_a_statement_that_fails_does_not_undo_the_work_that_shares_its_commit(
    notes: Database,
) -> None:
    faults: list[Exception] = []

    def attempt() -> None:
        try:
            notes.write(lambda connection: note(connection, 1))
        except Exception as error:  # noqa: BLE001 - whatever the driver calls it
            faults.append(error)

    with writing(notes):
        threads = [threading.Thread(target=attempt) for _ in range(3)]
        for thread in threads:
            thread.start()
        while len(notes._queue) < 3:
            pass
    for thread in threads:
        thread.join()

    assert noted(notes) == [1, 100]
    assert [type(fault).__name__ for fault in faults] == ["IntegrityError", "IntegrityError"]


def test_one_transaction_writes_at_a_time_whatever_process_it_is_of(
    notes: Database, database_url: str
) -> None:
    with Database(database_url, busy_seconds=0) as impatient:
        with writing(notes), pytest.raises(UnavailableError, match=r"locked|lock timeout"):
            impatient.write(lambda connection: note(connection, 1))
        impatient.write(lambda connection: note(connection, 2))

    assert noted(notes) == [2, 100]


def test_who_waits_for_another_process_sees_what_it_committed(
    notes: Database, database_url: str
) -> None:
    seen: list[int] = []

    def look(connection: Connection) -> None:
        seen.extend(connection.execute(text("SELECT n FROM notes")).scalars())

    with Database(database_url) as other:
        thread = threading.Thread(target=other.write, args=(look,))
        with writing(notes):
            thread.start()
        thread.join()

    assert seen == [100]


@pytest.mark.parametrize("fresh_url", ["sqlite"], indirect=True)
def test_each_commit_of_sqlite_is_synced_in_full(database: Database) -> None:
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
        ("mysql://someone:secret@host/db", "databases of kind 'mysql' are not supported"),
        ("postgresql+asyncpg://a:secret@host/db", "of kind 'postgresql.asyncpg' are not supported"),
        ("postgresql://someone:secret@host:port/db", "'host:port/db' is not a database URL"),
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
    with pytest.raises(UnavailableError, match="nowhere"):
        notes.reader.execute(text("SELECT 1 FROM nowhere"))

    assert noted(notes) == []
