"""The connection to the database: the only place where a transaction begins and commits."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from scenarist.domain.errors import InvalidError, UnavailableError

T = TypeVar("T")

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


class Database:
    """SQLite behind SQLAlchemy Core.

    Each thread reads on a connection of its own, in autocommit. Writes of all threads share one
    connection: whoever comes while a transaction is open is in the next one, so many writers pay
    for one sync together.

    Args:
        busy_seconds: How long a write waits while another process holds the database.
    """

    def __init__(self, url: str, *, busy_seconds: float = 5.0) -> None:
        self.url = _parsed(url)
        self._engine = create_engine(
            self.url,
            isolation_level="AUTOCOMMIT",
            json_serializer=_json_text,
            json_deserializer=msgspec.json.decode,
            pool_size=0,
            connect_args={
                "check_same_thread": False,
                "cached_statements": 512,
                "timeout": busy_seconds,
            },
        )
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "handle_error", _translate)
        self._readers = threading.local()
        self._opened: list[Connection] = []
        self._writer: Connection | None = None
        self._gate = threading.Lock()
        self._queue: deque[_Unit[Any]] = deque()
        self._is_led = False
        self._listeners: list[Callable[[], None]] = []
        self.commits = 0  #: transactions of this process so far

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def file(self) -> Path:
        """The database file."""
        return Path(self.url.database or "")

    def connect(self) -> Connection:
        """Open a connection in autocommit, which the caller closes.

        Raises:
            UnavailableError: The database cannot be opened; says why.
        """
        try:
            return self._engine.connect()
        except DBAPIError as error:
            raise UnavailableError(
                f"the database {self.file} cannot be opened: {error.orig}"
            ) from error

    @property
    def reader(self) -> Connection:
        """This thread's connection for reads; every statement sees the newest commit."""
        connection: Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = self._readers.connection = self.connect()
            self._opened.append(connection)
        return connection

    def look(self, statement: str) -> Any:
        """Return the value that a plain statement asks for, as this thread's reader sees it.

        For what each request asks: on the driver itself, at an eighth of what SQLAlchemy's way
        costs.

        Raises:
            UnavailableError: The database is in trouble.
        """
        driver: Any = self.reader.connection.driver_connection
        try:
            (value,) = driver.execute(statement).fetchone()
        except sqlite3.OperationalError as error:
            raise _trouble(error) from error
        return value

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run work that writes, and commit it with a full sync before returning.

        Work of several threads may share one commit; each is undone alone when it raises. The
        work may run in another thread than the caller's, and must not call `write` itself.

        Raises:
            UnavailableError: The database is locked by another process, full, or gone.
                Nothing of the work was stored; trying again is safe.
        """
        unit = _Unit(work)
        with self._gate:
            self._queue.append(unit)
            leads = not self._is_led
            if leads:
                self._is_led = True
        if not leads:
            unit.turn.acquire()
        if not unit.is_settled:
            self._lead()
        return unit.result()

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Have a function called after each commit, in whatever thread; it must not wait."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Close all connections; no thread may use the database any more."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._engine.dispose()

    def _lead(self) -> None:
        """Commit all that is queued, then hand the lead to whoever came meanwhile."""
        with self._gate:
            units = list(self._queue)
            self._queue.clear()
        try:
            self._commit(units)
        finally:
            with self._gate:
                heir = self._queue[0] if self._queue else None
                if heir is None:
                    self._is_led = False
            for unit in units:
                unit.is_settled = True
                unit.turn.release()
            if heir is not None:
                heir.turn.release()

    def _commit(self, units: "list[_Unit[Any]]") -> None:
        try:
            connection = self._open_writer()
            _say(connection, "BEGIN IMMEDIATE")
            try:
                for unit in units:
                    unit.run(connection)
                _say(connection, "COMMIT")
                self.commits += 1
            except BaseException:
                self._roll_back(connection)
                raise
        except Exception as error:  # noqa: BLE001 - every waiting thread gets it
            for unit in units:
                unit.fail(error)
        else:
            for listener in self._listeners:
                listener()

    def _open_writer(self) -> Connection:
        if self._writer is None:
            self._writer = self.connect()
            # For SQLAlchemy it is always in a transaction; when one really starts is said below.
            self._writer.begin()
        return self._writer

    def _roll_back(self, connection: Connection) -> None:
        try:
            _say(connection, "ROLLBACK")
        except _TroubleError:
            # A full disk and the like end the transaction by themselves; a fresh start is safe.
            connection.invalidate()
            connection.close()
            self._writer = None


class _TroubleError(UnavailableError):
    """The database itself is in trouble: nobody's work in the transaction is stored."""


class _Unit(Generic[T]):
    """One piece of work, and the thread that waits for it."""

    __slots__ = ("_error", "_value", "_work", "is_settled", "turn")

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self._work = work
        self._value: T | None = None
        self._error: Exception | None = None
        self.is_settled = False
        self.turn = threading.Lock()
        self.turn.acquire()

    def run(self, connection: Connection) -> None:
        _say(connection, "SAVEPOINT unit")
        try:
            self._value = self._work(connection)
        except _TroubleError:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the thread that asked
            _say(connection, "ROLLBACK TO unit")
            self._error = error
        _say(connection, "RELEASE unit")

    def fail(self, error: Exception) -> None:
        self._error = error

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidError(
            f"{_shown(url)!r} is not a database URL; write one such as sqlite:///scenarist.db"
        ) from None
    if parsed.get_backend_name() != "sqlite":
        raise InvalidError(
            f"no database of kind {parsed.get_backend_name()!r} can be used yet; "
            "write one such as sqlite:///scenarist.db"
        )
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidError("the database must be a file, such as sqlite:///scenarist.db")
    # Pinned now, so that a later change of folder cannot move it.
    return parsed.set(database=str(Path(parsed.database).absolute()))


def _shown(url: str) -> str:
    """Leave a password out of what is shown."""
    return url.split("@", 1)[-1]


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _prepare(connection: sqlite3.Connection, record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _say(connection: Connection, statement: str) -> None:
    """Control the transaction on the driver itself, at a tenth of what SQLAlchemy's way costs."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(statement)
    except sqlite3.OperationalError as error:
        raise _trouble(error) from error


def _translate(context: ExceptionContext) -> None:
    """Turn what the driver says of the database itself into an error of ours."""
    error = context.original_exception
    if isinstance(error, sqlite3.OperationalError):
        raise _trouble(error) from error


def _trouble(error: sqlite3.OperationalError) -> _TroubleError:
    return _TroubleError(
        f"the database could not do this ({error}); nothing was changed, try again"
    )
