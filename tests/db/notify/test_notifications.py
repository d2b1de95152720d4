"""Processes on one database tell each other of their commits; here each has a `Database`."""

import queue
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from listening import Listener
from postgres_server import PostgresServer
from scenarist.db import event_log
from scenarist.db.engine import Database
from scenarist.db.notify import sqlite
from scenarist.db.notify.notifications import EVERYTHING, Notification, Topic
from scenarist.db.notify.sqlite import socket_folder_of
from scenarist.domain.entities import Event
from scenarist.domain.errors import UnavailableError
from scenarist.domain.vocabulary import ChangeType, EntityKind, JobStatus
from servers import PATIENCE_SECONDS

AT = datetime(2026, 3, 1, tzinfo=UTC)
NEWS = frozenset({Topic.NEWS})
WORK = frozenset({Topic.NEWS, Topic.WORK})


def log(status: JobStatus | None = None) -> Callable[[Connection], None]:
    """Return work that logs a change of a job."""
    kind = EntityKind.DATA_NODE if status is None else EntityKind.JOB
    event = Event(kind=kind, id="SOMETHING", change=ChangeType.UPDATED, status=status)
    return lambda connection: event_log.add(connection, [event], AT)


@pytest.fixture
def listen(database_url: str) -> Iterator[Callable[[], Listener]]:
    with ExitStack() as stack:

        def start() -> Listener:
            listener = Listener(Database(database_url))
            stack.enter_context(listener.database)
            listener.database.listen()
            return listener

        yield start


@pytest.fixture
def pair(listen: Callable[[], Listener]) -> tuple[Listener, Listener]:
    """Two who know of each other."""
    first, second = listen(), listen()
    second.get_to_know()
    return first, second


def test_a_commit_is_heard_by_others_with_what_it_is_about(
    pair: tuple[Listener, Listener],
) -> None:
    first, second = pair

    first.database.write(log())
    heard = [second.hear()]
    first.database.write(log(JobStatus.PENDING))
    heard.append(second.hear())
    first.database.write(log(JobStatus.RUNNING))
    heard.append(second.hear())

    assert heard == [NEWS, WORK, NEWS]


def test_what_a_transaction_that_logs_nothing_does_is_not_told(
    pair: tuple[Listener, Listener],
) -> None:
    first, second = pair

    for _ in range(3):
        first.database.write(lambda connection: connection.execute(text("SELECT 1")).scalar())

    assert second.hear_all_of(first.database) == {frozenset()}


def test_what_was_undone_is_not_told(pair: tuple[Listener, Listener]) -> None:
    first, second = pair

    def fail(connection: Connection) -> None:
        log()(connection)
        raise UnavailableError("something went wrong")

    with pytest.raises(UnavailableError, match="something went wrong"):
        first.database.write(fail)

    assert NEWS not in second.hear_all_of(first.database)


def test_nobody_hears_its_own_commits(pair: tuple[Listener, Listener]) -> None:
    first, second = pair

    first.database.write(log())

    assert first.hear_all_of(second.database) == {frozenset()}


def test_who_waits_for_commits_hears_of_those_of_others(
    pair: tuple[Listener, Listener],
) -> None:
    first, second = pair
    told: queue.SimpleQueue[Notification] = queue.SimpleQueue()
    second.database.subscribe(NEWS, told.put)

    first.database.write(log())

    assert told.get(timeout=PATIENCE_SECONDS) == Notification(NEWS)


def test_a_process_that_does_not_listen_is_heard(
    listen: Callable[[], Listener], database_url: str
) -> None:
    listener = listen()

    with Database(database_url) as command:
        command.write(log(JobStatus.PENDING))

    assert listener.hear() >= WORK


def test_who_stops_is_not_told_any_more_and_is_still_heard(
    pair: tuple[Listener, Listener],
) -> None:
    first, second = pair
    first.database.stop_listening()

    first.database.write(log(JobStatus.PENDING))

    heard = second.hear()
    while not heard >= WORK:
        heard = second.hear()
    assert heard >= WORK


def _remove(folder: Path, *, with_folder: bool) -> None:
    if with_folder:
        shutil.rmtree(folder.rename(folder.with_suffix(".gone")))  # at once, with all that is in it
        return
    for item in folder.iterdir():
        item.unlink(missing_ok=True)


def _hear_of_work(listener: Listener) -> None:
    while not listener.hear() >= WORK:
        pass


class TestOnSqlite:
    @pytest.fixture
    def file(self, empty_sqlite: Path, tmp_path: Path) -> Path:
        file = tmp_path / "scenarist.db"
        file.write_bytes(empty_sqlite.read_bytes())
        return file

    @pytest.mark.parametrize("is_folder", [True, False])
    def test_what_is_removed_under_those_who_listen_comes_again(
        self, file: Path, is_folder: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite, "_CHECK_SECONDS", 0.05)
        url = f"sqlite:///{file}"
        with Database(url) as first, Database(url) as second, Database(url) as third:
            early, late = Listener(first), Listener(third)
            first.listen()
            second.listen()
            _remove(socket_folder_of(file), with_folder=is_folder)

            third.listen()
            second.write(log(JobStatus.PENDING))
            first.write(log(JobStatus.PENDING))

            _hear_of_work(late)
            _hear_of_work(early)
            _remove(socket_folder_of(file), with_folder=is_folder)
            third.write(log(JobStatus.PENDING))
            _hear_of_work(early)

    def test_sockets_of_the_dead_are_removed(self, file: Path) -> None:
        folder = socket_folder_of(file)
        folder.mkdir()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(folder / "dead"))

        with Database(f"sqlite:///{file}") as database:
            database.listen()
            left = [path.name for path in folder.iterdir()]

        assert len(left) == 1
        assert "dead" not in left
        assert list(folder.iterdir()) == []

    def test_who_is_gone_may_have_committed_last_so_everybody_looks(self, file: Path) -> None:
        listener = Listener(Database(f"sqlite:///{file}"))
        with listener.database:
            listener.database.listen()
            other = Listener(Database(f"sqlite:///{file}"))
            with other.database:
                other.database.listen()
                other.get_to_know()

            assert listener.hear() == EVERYTHING

    def test_a_database_with_two_names_is_one(self, file: Path, tmp_path: Path) -> None:
        link = tmp_path / "elsewhere" / "other.db"
        link.parent.mkdir()
        link.symlink_to(file)
        listener = Listener(Database(f"sqlite:///{link}"))
        with listener.database, Database(f"sqlite:///{file}") as database:
            listener.database.listen()

            database.write(log(JobStatus.PENDING))

            assert listener.hear() >= WORK

    def test_a_path_longer_than_that_of_a_socket_can_be(self, file: Path) -> None:
        deep = file.parent / ("a" * 120)
        deep.mkdir()
        moved = file.rename(deep / "scenarist.db")
        listener = Listener(Database(f"sqlite:///{moved}"))
        with listener.database, Database(f"sqlite:///{moved}") as database:
            listener.database.listen()

            database.write(log())

            assert listener.hear() >= NEWS

    def test_a_folder_that_cannot_be_made_is_told_at_the_start(self, file: Path) -> None:
        socket_folder_of(file).write_text("a file where the folder should be")

        with (
            Database(f"sqlite:///{file}") as database,
            pytest.raises(UnavailableError, match=r"scenarist\.db\.bells cannot be used"),
        ):
            database.listen()


class TestOnPostgresql:
    def test_a_lost_session_is_opened_again_and_everybody_looks(
        self, postgres_url: str, postgres_server: PostgresServer
    ) -> None:
        listener = Listener(Database(postgres_url))
        with listener.database, Database(postgres_url) as database:
            listener.database.listen()
            session = text("SELECT session FROM listeners")
            lost = database.reader.execute(session).scalar_one()

            postgres_server.execute(f"SELECT pg_terminate_backend({lost}, 5000)")

            assert listener.hear() == EVERYTHING
            database.write(log())
            assert listener.hear() == NEWS
            assert database.reader.execute(session).scalar_one() != lost

    def test_the_next_who_listens_takes_away_those_that_were_killed(
        self, postgres_url: str
    ) -> None:
        with Database(postgres_url) as database:
            dead = text("INSERT INTO listeners (channel, session) VALUES ('dead', -1)")
            database.write(lambda connection: connection.execute(dead))

            database.listen()

            channels = text("SELECT channel FROM listeners")
            (channel,) = database.reader.execute(channels).scalars()
            assert channel != "dead"
            database.stop_listening()
            assert database.reader.execute(channels).scalars().all() == []
