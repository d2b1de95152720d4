"""What is said, and what is there, when the disk of a database fails."""

import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from failing_disk import FULL, IOERR_FSYNC, IOERR_READ, IOERR_WRITE, FailingDisk, failing_disk
from scenarist.db import migrate
from scenarist.db.engine import Database
from scenarist.domain.errors import InDoubtError, UnavailableError
from scenarist.services.health import HealthService

FAULTS = [{"write": FULL}, {"write": IOERR_WRITE}, {"sync": IOERR_FSYNC}, {"read": IOERR_READ}]


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    with failing_disk() as made:
        yield made


@pytest.fixture
def notes(disk: FailingDisk, tmp_path: Path) -> Iterator[Database]:
    with Database(f"sqlite:///{tmp_path}/notes.db") as database:
        make_notes(database)
        yield database
        disk.faults = {}


def make_notes(database: Database) -> None:
    database.write(lambda connection: connection.execute(text("CREATE TABLE n (i INTEGER)")))


def add(database: Database, number: int) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text("INSERT INTO n VALUES (:i)"), {"i": number})

    database.write(work)


def noted(database: Database) -> list[int]:
    return list(database.reader.execute(text("SELECT i FROM n ORDER BY i")).scalars())


def noted_after_a_crash(database: Database, folder: Path) -> list[int]:
    """What a process finds that opens the files as they are now."""
    assert database.file is not None
    for file in database.file.parent.glob(f"{database.file.name}*"):
        if file.is_file() and not file.name.endswith("-shm"):
            shutil.copy(file, folder)
    with closing(sqlite3.connect(folder / database.file.name)) as other:
        return [number for (number,) in other.execute("SELECT i FROM n ORDER BY i")]


@pytest.mark.parametrize("fault", [FULL, IOERR_WRITE])
def test_a_write_that_finds_no_room_changes_nothing(
    notes: Database, disk: FailingDisk, fault: int
) -> None:
    add(notes, 1)
    disk.faults = {"write": fault}

    with pytest.raises(UnavailableError, match="nothing was changed") as caught:
        add(notes, 2)

    assert not isinstance(caught.value, InDoubtError)
    disk.faults = {}
    assert noted(notes) == [1]
    add(notes, 3)
    assert noted(notes) == [1, 3]


def test_a_commit_whose_sync_fails_is_in_doubt(notes: Database, disk: FailingDisk) -> None:
    disk.faults = {"sync": IOERR_FSYNC}

    with pytest.raises(InDoubtError, match="check whether this was done"):
        add(notes, 1)

    disk.faults = {}
    add(notes, 2)
    assert 2 in noted(notes)


def test_a_database_that_cannot_be_read_is_unavailable(notes: Database, disk: FailingDisk) -> None:
    assert noted(notes) == []
    add(notes, 1)
    disk.faults = {"read": IOERR_READ}

    with pytest.raises(UnavailableError, match="disk I/O error"):
        noted(notes)
    with pytest.raises(UnavailableError, match="disk I/O error"):
        notes.query_scalar("SELECT count(*) FROM n")

    disk.faults = {}
    assert noted(notes) == [1]


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from([{}, *FAULTS]), st.integers(0, 4)), max_size=8))
def test_whatever_fails_what_was_promised_is_there_after_a_crash(
    faults: list[tuple[dict[str, int], int]],
) -> None:
    with failing_disk() as disk, tempfile.TemporaryDirectory() as folder:
        kept, gone = set(), set()
        (Path(folder) / "after").mkdir()
        with Database(f"sqlite:///{folder}/notes.db") as database:
            make_notes(database)
            for number, (fault, passing) in enumerate(faults):
                disk.faults, disk.passing = fault, passing
                try:
                    add(database, number)
                    kept.add(number)
                except InDoubtError:
                    pass
                except UnavailableError:
                    gone.add(number)
            disk.faults = {}
            found = set(noted_after_a_crash(database, Path(folder) / "after"))

        assert kept <= found
        assert not gone & found


class TestReadiness:
    @pytest.fixture
    def health(self, notes: Database) -> HealthService:
        migrate.upgrade(notes)
        return HealthService(notes, now=lambda: datetime.now(UTC), is_orchestrating=lambda: True)

    def test_writes_that_fail_make_a_server_not_ready_until_one_comes_through(
        self, notes: Database, disk: FailingDisk, health: HealthService
    ) -> None:
        assert health.check_readiness() == "ready"
        disk.faults = {"write": FULL}
        with pytest.raises(UnavailableError):
            add(notes, 1)
        disk.faults = {}

        with pytest.raises(UnavailableError, match="database or disk is full"):
            health.check_readiness()
        add(notes, 1)

        assert health.check_readiness() == "ready"

    def test_a_database_that_cannot_be_read_makes_a_server_not_ready(
        self, notes: Database, disk: FailingDisk, health: HealthService
    ) -> None:
        health.check_readiness()
        add(notes, 1)
        disk.faults = {"read": IOERR_READ}

        with pytest.raises(UnavailableError, match="disk I/O error"):
            health.check_readiness()

    def test_a_write_that_waits_for_long_makes_a_server_not_ready(
        self, notes: Database, health: HealthService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("scenarist.observability.metrics.STALLED_SECONDS", 0.0)
        began, go_on = threading.Event(), threading.Event()

        def hold(_: Connection) -> None:
            began.set()
            go_on.wait()

        holding = threading.Thread(target=notes.write, args=(hold,))
        holding.start()
        began.wait()
        try:
            assert notes.metrics.write_wait_seconds() > 0
            with pytest.raises(UnavailableError, match="writes to the database have been waiting"):
                health.check_readiness()
        finally:
            go_on.set()
            holding.join()

        assert notes.metrics.write_wait_seconds() == 0
        assert health.check_readiness() == "ready"
