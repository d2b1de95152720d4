"""SQLite: one file, one writer at a time, synced in full at each commit."""

import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine

from scenarist.db.bells import EVERYTHING, Bell, Topics
from scenarist.db.sqlite_bells import LocalBell, folder_of, ring_once
from scenarist.db.turns import FileTurn, Turn
from scenarist.domain.errors import InvalidError

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    # Pages of 4 KiB. A checkpoint writes each page once, however often it changed; ten times fewer
    # of them than SQLite makes by itself let a third more submits through.
    "PRAGMA wal_autocheckpoint = 10000",
    "PRAGMA cache_size = -16000",  # KiB, for each connection
)


class Sqlite:
    """The backend behind a URL such as ``sqlite:///scenarist.db``."""

    def __init__(self, url: URL, *, busy_seconds: float) -> None:
        if not url.database or url.database == ":memory:":
            raise InvalidError("the database must be a file, such as sqlite:///scenarist.db")
        # Pinned now, so that a later change of folder cannot move it.
        file = Path(url.database).absolute()
        self.file: Path | None = file
        self.url = url.set(database=str(self.file))
        self.name = f"the database {self.file}"
        self._busy_seconds = busy_seconds
        self._bells = folder_of(file)
        self._bell: LocalBell | None = None

    def make_engine(self) -> Engine:
        engine = create_engine(
            self.url,
            isolation_level="AUTOCOMMIT",
            json_serializer=_json_text,
            json_deserializer=msgspec.json.decode,
            pool_size=0,
            connect_args={
                "check_same_thread": False,
                "cached_statements": 512,
                "timeout": self._busy_seconds,
            },
        )
        event.listen(engine, "connect", _prepare)
        return engine

    def begin(self, connection: Connection, *statements: str) -> None:
        self.say(connection, "BEGIN IMMEDIATE", *statements)

    def say(self, connection: Connection, *statements: str) -> None:
        driver: Any = connection.connection.driver_connection
        for statement in statements:
            driver.execute(statement)

    def commit(self, connection: Connection, topics: Topics) -> None:
        self.say(connection, "COMMIT")
        if not topics:
            return
        if self._bell is not None:
            self._bell.ring(topics)
        else:
            ring_once(self._bells, topics)

    def open_bell(self, connect: Callable[[], Connection], stop: socket.socket) -> Bell:
        is_again = self._bell is not None
        self._bell = LocalBell(self._bells, stop)
        if is_again:
            # Those who came while this one could not be found were told nothing by it.
            self._bell.ring(EVERYTHING)
        return self._bell

    def open_turn(self, name: str, connect: Callable[[], Connection]) -> Turn:
        return FileTurn(self._bells.with_suffix(f".{name}"))

    def trouble_in(self, error: BaseException) -> str | None:
        return str(error) if isinstance(error, sqlite3.OperationalError) else None

    def is_to_be_left(self, error: BaseException) -> bool:
        return False

    def is_lost(self, connection: Connection) -> bool:
        return False


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _prepare(connection: sqlite3.Connection, record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
