"""What SQLite and PostgreSQL do each in its own way, behind one small protocol."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from scenarist.db.bells import Bell, Topics
from scenarist.db.postgresql import PostgreSql
from scenarist.db.sqlite import Sqlite
from scenarist.db.turns import Turn
from scenarist.domain.errors import InvalidError

_EXAMPLES = "sqlite:///scenarist.db or postgresql://user:password@host/name"


class Backend(Protocol):
    """A kind of database: how it is reached, how it begins, commits, and what its errors mean."""

    @property
    def url(self) -> URL: ...

    @property
    def name(self) -> str:
        """What messages call the database: never with a password."""
        ...

    @property
    def file(self) -> Path | None:
        """The file that it lies in, when it is one file of this machine."""
        ...

    def check_place(self) -> None:
        """See whether what was opened is still what the URL leads to.

        Raises:
            UnavailableError: A file was removed or replaced while it was open.
        """
        ...

    def make_engine(self) -> Engine:
        """Make an engine whose connections are in autocommit and sync each commit in full.

        Raises:
            InvalidError: What it needs is not installed; says which extra does.
        """
        ...

    def begin(self, connection: Connection, *statements: str) -> None:
        """Begin to write, when it is this connection's turn, and say what comes first."""
        ...

    def say(self, connection: Connection, *statements: str) -> None:
        """Say statements without parameters to the driver itself: SQLAlchemy's way costs more."""
        ...

    def commit(self, connection: Connection, topics: Topics) -> None:
        """Commit, and tell the other processes that listen what it was about.

        Raises:
            InDoubtError: It is not known whether the transaction was committed.
        """
        ...

    def open_bell(self, connect: Callable[[], Connection], stop: socket.socket) -> Bell:
        """Hear the commits of other processes until a socket can be read.

        Raises:
            UnavailableError: They cannot be heard; says why.
        """
        ...

    def open_turn(self, name: str, connect: Callable[[], Connection]) -> Turn:
        """Return what lets one process at a time do something."""
        ...

    def trouble_in(self, error: BaseException) -> str | None:
        """Return what a driver's error says of the database itself, in one line.

        None when the error is about what was asked for, such as a second row of the same key.
        """
        ...

    def is_to_be_left(self, error: BaseException) -> bool:
        """Whether another connection may do what this one cannot any more."""
        ...

    def is_lost(self, connection: Connection) -> bool:
        """Whether there is nobody any more at the other end."""
        ...


def backend_of(url: str, *, busy_seconds: float) -> Backend:
    """Return what is behind a URL.

    Args:
        busy_seconds: How long a write waits for its turn.

    Raises:
        InvalidError: The URL names nothing that can be used; it is told without its password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidError(
            f"{_shown(url)!r} is not a database URL; write one such as {_EXAMPLES}"
        ) from None
    if parsed.drivername == "sqlite":
        return Sqlite(parsed, busy_seconds=busy_seconds)
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return PostgreSql(parsed, busy_seconds=busy_seconds)
    raise InvalidError(
        f"no database of kind {parsed.drivername!r} can be used; write one such as {_EXAMPLES}"
    )


def _shown(url: str) -> str:
    """Leave a password out of what is shown."""
    return url.rsplit("@", 1)[-1]
