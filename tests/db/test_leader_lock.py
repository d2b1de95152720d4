"""What one process on a database does at a time; here each has a thread and a `Database`."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from postgres_server import PostgresServer
from scenarist.db.engine import Database
from scenarist.db.leader_lock import LeaderLock
from scenarist.domain.errors import UnavailableError
from servers import PATIENCE_SECONDS


class Waiting:
    """A thread that waits for a turn, and keeps it until it is lost or given up."""

    def __init__(self, turn: LeaderLock) -> None:
        self.turn = turn
        self.has_it = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        if self.turn.acquire():
            self.has_it.set()
            self.turn.hold()
        self.turn.release()

    def stop(self) -> None:
        self.turn.stop()

    def join(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    with Database(database_url) as opened:
        yield opened


def test_one_has_the_turn_and_the_next_one_gets_it_when_that_ends(
    database: Database, other: Database
) -> None:
    first = Waiting(database.leader_lock("webhooks"))
    assert first.has_it.wait(PATIENCE_SECONDS)
    second = Waiting(other.leader_lock("webhooks"))
    elsewhere = Waiting(other.leader_lock("something"))
    assert elsewhere.has_it.wait(PATIENCE_SECONDS)
    early = second.has_it.is_set()

    first.stop()
    first.join()

    assert not early
    assert second.has_it.wait(PATIENCE_SECONDS)
    for waiting in (second, elsewhere):
        waiting.stop()
        waiting.join()


def test_who_waits_in_vain_stops_when_the_turn_comes(database: Database, other: Database) -> None:
    first = Waiting(database.leader_lock("webhooks"))
    assert first.has_it.wait(PATIENCE_SECONDS)
    second = Waiting(other.leader_lock("webhooks"))

    second.stop()
    first.stop()

    first.join()
    second.join()
    assert not second.has_it.is_set()


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "scenarist.db.webhooks").mkdir()
    with (
        Database(f"sqlite:///{tmp_path}/scenarist.db") as database,
        pytest.raises(UnavailableError, match=r"scenarist\.db\.webhooks cannot be written"),
    ):
        database.leader_lock("webhooks").acquire()


def test_a_turn_is_lost_with_its_session(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    with Database(postgres_url) as database:
        first = Waiting(database.leader_lock("webhooks"))
        assert first.has_it.wait(PATIENCE_SECONDS)
        lock = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1558815766")
        (session,) = database.reader.execute(lock).scalars()

        postgres_server.execute(f"SELECT pg_terminate_backend({session}, 5000)")

        first.join()
