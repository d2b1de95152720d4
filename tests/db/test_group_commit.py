"""What is undone with a transaction, and what a file that is removed means for writes."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from scenarist.db.engine import Database
from scenarist.db.group_commit import Unit, undo_on_rollback
from scenarist.db.notify import notifications
from scenarist.db.notify.notifications import EVERYTHING, Notification, Topic
from scenarist.domain.commits import start_commit_record
from scenarist.domain.errors import ConflictError, InDoubtError, UnavailableError

NEWS = frozenset({Topic.NEWS})


@pytest.fixture
def notes(database: Database) -> Database:
    make_notes(database)
    return database


@pytest.fixture
def notes_in_file(tmp_path: Path) -> Iterator[Database]:
    """The same on SQLite, in `notes.db` of the folder."""
    with Database(f"sqlite:///{tmp_path}/notes.db") as database:
        make_notes(database)
        yield database


def make_notes(database: Database) -> None:
    database.write(lambda connection: connection.execute(text("CREATE TABLE n (i INTEGER)")))


def add(connection: Connection) -> None:
    connection.execute(text("INSERT INTO n VALUES (1)"))


def add_and_publish(connection: Connection) -> None:
    add(connection)
    notifications.publish(connection, Topic.NEWS, ended=["a job"])


def noted(database: Database) -> int:
    count: int = database.reader.execute(text("SELECT count(*) FROM n")).scalar_one()
    return count


def a_write_that_fails(database: Database, undone: list[str], error: Exception) -> None:
    def work(connection: Connection) -> None:
        for name in ("first", "second"):
            undo_on_rollback(connection, lambda name=name: undone.append(name))  # type: ignore[misc]
        add(connection)
        raise error

    with pytest.raises(type(error)):
        database.write(work)


def test_changes_outside_are_undone_backwards_when_the_work_fails(notes: Database) -> None:
    undone: list[str] = []
    a_write_that_fails(notes, undone, ConflictError("no"))

    assert undone == ["second", "first"]
    assert noted(notes) == 0


def test_changes_outside_stay_when_the_work_is_stored(notes: Database) -> None:
    undone: list[str] = []
    notes.write(lambda connection: undo_on_rollback(connection, lambda: undone.append("no")))
    notes.write(add)

    assert undone == []


def test_a_request_knows_that_something_of_it_was_committed(notes: Database) -> None:
    record = start_commit_record()
    notes.write(add, is_preparation=True)
    assert not record.has_committed

    notes.write(add)
    assert record.has_committed


def test_a_listener_that_fails_hurts_neither_the_commit_nor_another_listener(
    notes: Database,
) -> None:
    told: list[Notification] = []

    def fail(notification: Notification) -> None:
        raise RuntimeError("it is its own fault")

    notes.subscribe(NEWS, fail)
    notes.subscribe(NEWS, told.append)
    notes.write(add_and_publish)

    assert noted(notes) == 1
    assert told == [Notification(NEWS, is_own=True, ended=frozenset({"a job"}))]


def test_a_listener_is_called_only_for_its_topics(notes: Database) -> None:
    told: list[Notification] = []
    notes.subscribe(frozenset({Topic.STOP, Topic.FILES}), told.append)

    notes.write(add)
    notes.write(add_and_publish)

    assert told == []


def test_what_was_rolled_back_alone_is_not_told_with_what_shares_its_commit(
    notes: Database,
) -> None:
    told: list[Notification] = []
    notes.subscribe(EVERYTHING, told.append)

    def stop_and_fail(connection: Connection) -> None:
        notifications.publish(connection, Topic.STOP, ended=["another job"])
        raise ConflictError("no")

    units: list[Unit[None]] = [Unit(stop_and_fail), Unit(add_and_publish)]
    notes._commit(units)

    assert told == [Notification(NEWS, is_own=True, ended=frozenset({"a job"}))]


def removed(file: Path) -> None:
    file.unlink()


def replaced(file: Path) -> None:
    file.rename(file.with_suffix(".other"))
    file.write_bytes(b"")


@pytest.mark.parametrize("name", ["notes.db", "notes.db-wal", "notes.db-shm"])
@pytest.mark.parametrize("change", [removed, replaced])
def test_nothing_is_written_to_a_database_whose_file_is_gone(
    notes_in_file: Database, tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    assert noted(notes_in_file) == 0
    change(tmp_path / name)

    with pytest.raises(UnavailableError, match=f"{name} was {change.__name__}"):
        notes_in_file.write(add)
    with pytest.raises(UnavailableError, match=f"{name} was {change.__name__}"):
        notes_in_file.connect()
    assert "accepts no writes" in str(notes_in_file.metrics.find_write_fault())


def test_a_file_that_goes_at_the_moment_of_a_commit_leaves_doubt(
    notes_in_file: Database, tmp_path: Path
) -> None:
    def work(connection: Connection) -> None:
        add(connection)
        (tmp_path / "notes.db").unlink()

    with pytest.raises(InDoubtError, match="was removed"):
        notes_in_file.write(work)


def test_after_a_commit_in_doubt_every_listener_reads_the_database(
    notes_in_file: Database, tmp_path: Path
) -> None:
    told: list[Notification] = []
    notes_in_file.subscribe(frozenset({Topic.WORK}), told.append)

    def work(connection: Connection) -> None:
        notifications.publish(connection, Topic.WORK, ended=["a job"])
        (tmp_path / "notes.db").unlink()

    with pytest.raises(InDoubtError):
        notes_in_file.write(work)

    assert told == [Notification(EVERYTHING)]


def test_a_file_that_was_put_back_takes_writes_again(
    notes_in_file: Database, tmp_path: Path
) -> None:
    file = tmp_path / "notes.db"
    file.rename(tmp_path / "aside")
    with pytest.raises(UnavailableError):
        notes_in_file.write(add)

    (tmp_path / "aside").rename(file)

    notes_in_file.write(add)
    assert notes_in_file.metrics.find_write_fault() is None
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT count(*) FROM n").fetchone() == (1,)
