"""Protocol of the two database dialects, SQLite and PostgreSQL, and the choice between them."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from scenarist.db.dialects.postgresql import PostgreSqlDialect
from scenarist.db.dialects.sqlite import SqliteDialect
from scenarist.db.leader_lock import LeaderLock
from scenarist.db.notify.notifications import Notifier, Topics
from scenarist.domain.errors import InvalidError

_EXAMPLES = "sqlite:///scenarist.db or postgresql://host/name"


class DatabaseDialect(Protocol):
    """Dialect of one kind of database: how to connect, begin, commit, and read its errors."""

    @property
    def begin_snapshot(self) -> str:
        """The statement that begins a transaction for reads, which all see one moment."""
        ...

    @property
    def url(self) -> URL: ...

    @property
    def name(self) -> str:
        """The name of the database in messages; never contains a password."""
        ...

    @property
    def file(self) -> Path | None:
        """The database file; None when the database is not a file on this machine."""
        ...

    def check_file(self) -> None:
        """Check that the URL still leads to the database that was opened.

        Raises:
            UnavailableError: A file was removed or replaced while it was open.
        """
        ...

    def make_engine(self) -> Engine:
        """Create an engine whose connections are in autocommit and sync each commit in full.

        Raises:
            InvalidError: The driver is not installed; the message names the extra to install.
        """
        ...

    def begin(self, connection: Connection, *statements: str) -> None:
        """Wait for the write lock, begin a transaction, and execute its first statements."""
        ...

    def execute_raw(self, connection: Connection, *statements: str) -> None:
        """Execute statements without parameters on the driver, which costs less than SQLAlchemy."""
        ...

    def commit(self, connection: Connection, topics: Topics) -> None:
        """Commit, and notify the other processes that listen of the topics.

        Raises:
            InDoubtError: It is not known whether the transaction was committed.
        """
        ...

    def open_notifier(self, connect: Callable[[], Connection], stop: socket.socket) -> Notifier:
        """Listen for other processes' commits until the socket *stop* becomes readable.

        Raises:
            UnavailableError: Notifications cannot be received; the message says why.
        """
        ...

    def open_leader_lock(self, name: str, connect: Callable[[], Connection]) -> LeaderLock:
        """Return a leader lock: held by one process on the database at a time."""
        ...

    def failure_in(self, error: BaseException) -> str | None:
        """Return the reason, in one line, when a driver error is about the database itself.

        None when the error is about the statement, such as a second row with the same key.
        """
        ...

    def is_worth_reconnecting(self, error: BaseException) -> bool:
        """Whether a new connection may succeed where this one no longer does."""
        ...

    def is_lost(self, connection: Connection) -> bool:
        """Whether the connection to the server is gone."""
        ...


def make_dialect(url: str, *, busy_seconds: float) -> DatabaseDialect:
    """Return the dialect for a database URL.

    Args:
        busy_seconds: How long a write waits for the write lock.

    Raises:
        InvalidError: The URL is not valid or not supported; the message leaves out its password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidError(
            f"{_redact(url)!r} is not a database URL; use one such as {_EXAMPLES}"
        ) from None
    if parsed.drivername == "sqlite":
        return SqliteDialect(parsed, busy_seconds=busy_seconds)
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return PostgreSqlDialect(parsed, busy_seconds=busy_seconds)
    raise InvalidError(
        f"databases of kind {parsed.drivername!r} are not supported; use one such as {_EXAMPLES}"
    )


def _redact(url: str) -> str:
    """Remove the user and the password from a URL that cannot be parsed."""
    return url.rsplit("@", 1)[-1]
