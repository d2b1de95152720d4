"""SQLite dialect: one file, one writer at a time, synced in full at each commit."""

import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine

from scenarist.db.json_columns import count_bytes
from scenarist.db.leader_lock import FileLeaderLock, LeaderLock
from scenarist.db.notify.notifications import EVERYTHING, Notifier, Topics
from scenarist.db.notify.sqlite import SocketNotifier, publish_once, socket_folder_of
from scenarist.domain.errors import InDoubtError, InvalidError, UnavailableError
from scenarist.domain.short_reads import STEPS_PER_COUNT, count_steps
from scenarist.system.json_decoding import decode_json

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    # In pages of 4 KiB. A checkpoint writes each page once, however often it changed; ten times
    # fewer checkpoints than SQLite's default allow a third more submits.
    "PRAGMA wal_autocheckpoint = 10000",
    "PRAGMA cache_size = -16000",  # KiB, for each connection
)

_PRIMARY = 0xFF  # mask of the primary result code within an extended one

_log = structlog.get_logger(__name__)


class SqliteDialect:
    """Dialect for a URL such as ``sqlite:///scenarist.db``."""

    begin_snapshot = "BEGIN"

    def __init__(self, url: URL, *, busy_seconds: float) -> None:
        if not url.database or url.database == ":memory:":
            raise InvalidError("the database must be a file, such as sqlite:///scenarist.db")
        # Made absolute now, so that a later change of the working folder does not move it.
        file = Path(url.database).absolute()
        self.file: Path | None = file
        self.url = url.set(database=str(self.file))
        self.name = f"the database {self.file}"
        self._busy_seconds = busy_seconds
        self._socket_folder = socket_folder_of(file)
        self._notifier: SocketNotifier | None = None
        self._files = _OpenFiles(file)

    def check_file(self) -> None:
        self._files.check()

    def make_engine(self) -> Engine:
        engine = create_engine(
            self.url,
            isolation_level="AUTOCOMMIT",
            json_serializer=_json_text,
            json_deserializer=count_bytes(decode_json),
            pool_size=0,
            connect_args={
                "check_same_thread": False,
                "cached_statements": 512,
                "timeout": self._busy_seconds,
            },
        )
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "close", self._files.count_close)
        return engine

    def begin(self, connection: Connection, *statements: str) -> None:
        self.check_file()
        self.execute_raw(connection, "BEGIN IMMEDIATE", *statements)

    def execute_raw(self, connection: Connection, *statements: str) -> None:
        driver: Any = connection.connection.driver_connection
        for statement in statements:
            driver.execute(statement)

    def commit(self, connection: Connection, topics: Topics) -> None:
        try:
            self.execute_raw(connection, "COMMIT")
        except sqlite3.OperationalError as error:
            # The frames may be in the WAL although the sync failed, and the next process that opens
            # the file would find them. A failed write, in contrast, left no complete frame.
            code = error.sqlite_errorcode
            if code & _PRIMARY == sqlite3.SQLITE_IOERR and code != sqlite3.SQLITE_IOERR_WRITE:
                raise InDoubtError(
                    f"the commit failed ({error}); check whether this was done before trying again"
                ) from error
            raise
        try:
            self.check_file()
        except UnavailableError as error:
            raise InDoubtError(f"{error.message}; it is not known whether this was done") from error
        if topics:
            self._publish(topics)

    def _publish(self, topics: Topics) -> None:
        try:
            if self._notifier is not None:
                self._notifier.publish(topics)
            else:
                publish_once(self._socket_folder, topics)
        except Exception:  # noqa: BLE001 - the commit is done, even if nobody was notified
            _log.exception("other processes were not told of a commit")

    def open_notifier(self, connect: Callable[[], Connection], stop: socket.socket) -> Notifier:
        is_again = self._notifier is not None
        self._notifier = SocketNotifier(self._socket_folder, stop)
        if is_again:
            # Processes that started while this one could not be found missed its notifications.
            self._notifier.publish(EVERYTHING)
        return self._notifier

    def open_leader_lock(self, name: str, connect: Callable[[], Connection]) -> LeaderLock:
        return FileLeaderLock(self._socket_folder.with_suffix(f".{name}"))

    def failure_in(self, error: BaseException) -> str | None:
        # A plain DatabaseError is about the file: it is damaged, or not a database.
        if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
            return str(error)
        return None

    def is_worth_reconnecting(self, error: BaseException) -> bool:
        return False

    def is_lost(self, connection: Connection) -> bool:
        return False

    def _prepare(self, connection: sqlite3.Connection, record: object) -> None:
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # opens the WAL
        cursor.close()
        connection.set_progress_handler(count_steps, STEPS_PER_COUNT)
        self._files.count_open()


class _OpenFiles:
    """Identities of the database's files at the time when this process opened them.

    A removed file stays open in this process, and commits to it are lost when the process ends.
    """

    def __init__(self, file: Path) -> None:
        self._paths = (str(file), f"{file}-wal", f"{file}-shm")
        self._known: tuple[tuple[int, int] | None, ...] | None = None
        self._open = 0
        self._lock = threading.Lock()

    def count_open(self) -> None:
        """Count another connection, and record which files are open unless that is known."""
        with self._lock:
            self._open += 1
            if self._known is None:
                self._known = tuple(_identity_of(path) for path in self._paths)

    def count_close(self, connection: object, record: object) -> None:
        """Count a closed connection; after the last one, SQLite removes the WAL itself."""
        with self._lock:
            self._open -= 1
            if self._open == 0:
                self._known = None

    def check(self) -> None:
        """Check that the open files are still those at their paths.

        Raises:
            UnavailableError: They are not; the message says which, and how to fix it.
        """
        known = self._known
        if known is None:
            return
        found = tuple(_identity_of(path) for path in self._paths)
        if found == known:
            return
        if None in known:  # the WAL did not exist before
            self._known = tuple(a or b for a, b in zip(known, found, strict=True))
        for path, before, now in zip(self._paths, known, found, strict=True):
            if before is not None and now != before:
                done = "removed" if now is None else "replaced"
                raise UnavailableError(
                    f"the database file {path} was {done} while this process had it open; nothing "
                    "is written until the original file is back or the server is restarted",
                    code="database_replaced",
                )


def _identity_of(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()
