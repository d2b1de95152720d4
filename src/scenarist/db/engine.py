"""Database connections, and the only place where transactions begin and commit."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic, perf_counter
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from scenarist.db.dialects.base import DatabaseDialect, make_dialect
from scenarist.db.group_commit import Unit, discard_undo, record_failure, undo
from scenarist.db.leader_lock import LeaderLock
from scenarist.db.notify import notifications
from scenarist.db.notify.notifications import CommitListener, Listener, Notification, Topics
from scenarist.db.sql import TRANSLATE_ERROR
from scenarist.domain.commits import record_commit
from scenarist.domain.errors import ConflictError, InDoubtError, UnavailableError
from scenarist.domain.short_reads import LongReadError
from scenarist.observability.metrics import DatabaseMetrics

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Database:
    """SQLite or PostgreSQL behind SQLAlchemy Core.

    Each thread reads on its own connection, in autocommit. Writes of all threads share one
    connection and are committed in groups: writes that arrive while a transaction is open go into
    the next one, so that many writers share one sync (decision 4). Only one transaction writes at
    a time, across all processes.

    Args:
        busy_seconds: How long a write waits while another process is writing.
    """

    def __init__(self, url: str, *, busy_seconds: float = 5.0) -> None:
        self._dialect: DatabaseDialect = make_dialect(url, busy_seconds=busy_seconds)
        self.url = self._dialect.url
        self._engine = self._dialect.make_engine()
        event.listen(self._engine, "handle_error", self._translate)
        self._engine.update_execution_options(**{TRANSLATE_ERROR: self._translate_query_error})
        self._readers = threading.local()
        self._opened: set[Connection] = set()
        self._losses = 0  # lost connections so far: others as old as they may be lost as well
        self._writer: Connection | None = None
        self._writer_losses = 0
        self._queue_lock = threading.Lock()
        self._queue: deque[Unit[Any]] = deque()
        self._has_leader = False
        self._commit_listeners: list[tuple[Topics, CommitListener]] = []
        self._listener: Listener | None = None
        self.metrics = DatabaseMetrics()

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
    def commits(self) -> int:
        """How many transactions this process has committed so far."""
        return self.metrics.commits

    @property
    def name(self) -> str:
        """The name of the database in messages; never contains a password."""
        return self._dialect.name

    @property
    def file(self) -> Path | None:
        """The database file; None when the database is not a file on this machine."""
        return self._dialect.file

    def connect(self) -> Connection:
        """Open a connection in autocommit. The caller closes it.

        Raises:
            UnavailableError: The database cannot be opened; the message says why.
        """
        self.check_file()
        try:
            return self._engine.connect()
        except DBAPIError as error:
            cause = error.orig or error
            reason = self._dialect.failure_in(cause) or str(cause).strip()
            raise UnavailableError(f"{self.name} cannot be opened: {reason}") from error

    def check_file(self) -> None:
        """Check that the database file is still the one that this process has open.

        Raises:
            UnavailableError: It was removed or replaced: writes to it would be lost.
        """
        self._dialect.check_file()

    @property
    def reader(self) -> Connection:
        """This thread's connection for reads; every statement sees the newest commit.

        Get it again for each piece of work: after a lost connection it is a new one.
        """
        connection: Connection | None = getattr(self._readers, "connection", None)
        if connection is None or self._readers.losses != self._losses:
            connection = self._open_reader(connection)
        return connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """This thread's connection for reads; all statements of the block see one moment.

        Keep the block short: a database cannot remove what somebody may still see.
        """
        connection = self.reader
        connection.exec_driver_sql(self._dialect.begin_snapshot)
        try:
            yield connection
        finally:
            with suppress(UnavailableError):  # a lost connection has nothing to end
                connection.exec_driver_sql("ROLLBACK")

    def query_scalar(self, statement: str) -> Any:
        """Return the single value of a query without parameters, read on this thread's reader.

        For queries that run on every request. On SQLite the driver is called directly, which costs
        an eighth of going through SQLAlchemy; on PostgreSQL the network costs more than either.

        Raises:
            UnavailableError: The database itself failed.
        """
        if self.file is None:
            return self.reader.exec_driver_sql(statement).scalar_one()
        driver: Any = self.reader.connection.driver_connection
        try:
            (value,) = driver.execute(statement).fetchone()
        except sqlite3.Error as error:
            raise self._translate_query_error(self.reader, error) from error
        return value

    def write(self, work: Callable[[Connection], T], *, is_preparation: bool = False) -> T:
        """Run work that writes, and commit it with a full sync before returning.

        Several threads' work may share one commit; work that raises is rolled back alone. The
        work may run in another thread than the caller's, and must not call `write` itself. After
        an error of the database itself none of the work is stored, even if it catches the error.

        Args:
            is_preparation: Whether this commit changes nothing that a client has asked for, so
                that a later failure may still be reported as "nothing was changed".

        Raises:
            UnavailableError: The database is locked by another process, full, or gone.
                Nothing was stored; trying again is safe.
            InDoubtError: The connection was lost during the commit. The work is stored in full or
                not at all (decision 31).
        """
        unit = Unit(work)
        with self._queue_lock:
            self._queue.append(unit)
            leads = not self._has_leader
            if leads:
                self._has_leader = True
        if not leads:
            unit.wake_lock.acquire()
        if not unit.is_done:
            self._lead()
        value = unit.result()
        if not is_preparation:
            record_commit()
        return value

    def shrink(self) -> int:
        """Rewrite the database file without its free space; return how many bytes were saved.

        Nothing else can write meanwhile. Needs as much free disk space as the file takes.

        Raises:
            ConflictError: The database is not a file.
            UnavailableError: Another process keeps the database in use, or the disk is full.
        """
        if self.file is None:
            raise ConflictError(f"{self.name} is not a file; PostgreSQL reuses space by itself")
        before = self.file.stat().st_size
        with self.connect() as connection:
            for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.exec_driver_sql(statement)
        return before - self.file.stat().st_size

    def subscribe(self, topics: Topics, listener: CommitListener) -> None:
        """Have a function called after each commit about one of these topics, in any thread.

        Covers the commits of this process and, after `listen`, those of others. A listener that
        raises affects neither the commit nor other listeners; the error is logged.
        """
        self._commit_listeners.append((topics, listener))

    def listen(self) -> None:
        """Start receiving notifications of other processes' commits.

        Earlier commits are not reported, so the caller reads the database once after this.

        Raises:
            UnavailableError: Notifications cannot be received; the message says why.
        """
        listener = Listener(
            partial(self._dialect.open_notifier, self.connect),
            lambda topics: self._notify(Notification(topics)),
        )
        listener.start()
        self._listener = listener

    def leader_lock(self, name: str) -> LeaderLock:
        """Return a leader lock: held by one process on the database at a time."""
        return self._dialect.open_leader_lock(name, self.connect)

    def stop_listening(self) -> None:
        """Stop receiving notifications; commits of this process still notify others."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def _notify(self, notification: Notification) -> None:
        """Call the listeners that have subscribed to a topic of a commit."""
        for topics, listener in self._commit_listeners:
            if topics.isdisjoint(notification.topics):
                continue
            try:
                listener(notification)
            except Exception:  # noqa: BLE001 - the work is stored, and the others are called
                _log.exception("a listener failed after a commit")

    def close(self) -> None:
        """Close all connections; no thread may use the database any more."""
        self.stop_listening()
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._drop_writer()
        self._engine.dispose()

    def _open_reader(self, lost: Connection | None) -> Connection:
        if lost is not None:
            self._opened.discard(lost)
            self._readers.connection = None
            lost.close()
        losses = self._losses
        connection = self.connect()
        self._readers.connection, self._readers.losses = connection, losses
        self._opened.add(connection)
        return connection

    def _lead(self) -> None:
        """Commit everything queued, then let the first writer that arrived meanwhile lead."""
        with self._queue_lock:
            units = list(self._queue)
            self._queue.clear()
            self.metrics.oldest_write_since = units[0].queued_at
        try:
            self._commit(units)
        finally:
            with self._queue_lock:
                successor = self._queue[0] if self._queue else None
                self.metrics.oldest_write_since = None if successor is None else successor.queued_at
                if successor is None:
                    self._has_leader = False
            for unit in units:
                unit.is_done = True
                unit.wake_lock.release()
            if successor is not None:
                successor.wake_lock.release()

    def _commit(self, units: list[Unit[Any]]) -> None:
        notification: Notification | None = None
        try:
            started = perf_counter()
            connection = self._begin(is_shared=len(units) > 1)
            self.metrics.write_lock_waits.add(perf_counter() - started)
            try:
                if self._run(connection, units):
                    done = perf_counter()
                    notification = notifications.take_collected(connection)
                    self._dialect.commit(connection, notification.topics)
                    discard_undo(connection)
                    self.metrics.add_commit(len(units), perf_counter() - done)
                else:
                    self._dialect.execute_raw(connection, "ROLLBACK")
                    notifications.take_collected(connection)
            except BaseException as error:
                self._roll_back(connection, is_in_doubt=isinstance(error, InDoubtError))
                raise
        except BaseException as error:  # noqa: BLE001 - passed to every waiting thread
            self._fail(units, error)
        else:
            if notification is not None:
                self.metrics.last_write_error = None
                self._notify(notification)

    def _fail(self, units: list[Unit[Any]], error: BaseException) -> None:
        stopped = InDoubtError("the thread that wrote this was stopped; check whether it was done")
        fault = self._to_our_error(error) if isinstance(error, Exception) else stopped
        if isinstance(fault, UnavailableError):
            self.metrics.last_write_error = (monotonic(), fault.message)
        for unit in units:
            unit.fail(fault)
        if isinstance(fault, InDoubtError):
            # It may have been committed, and nobody else notifies this process of that.
            self._notify(Notification(notifications.EVERYTHING))
        if fault is stopped:
            raise error

    def _begin(self, *, is_shared: bool) -> Connection:
        """Begin a transaction, on a new connection when the old one turns out to be lost."""
        first = ("SAVEPOINT unit",) if is_shared else ()
        if self._writer is not None and self._writer_losses != self._losses:
            self._drop_writer()
        if self._writer is not None:
            try:
                self._dialect.begin(self._writer, *first)
            except Exception:
                if not self._dialect.is_lost(self._writer):
                    raise
                self._lose_writer()
            else:
                return self._writer
        losses = self._losses
        connection = self._writer = self.connect()
        self._writer_losses = losses
        # SQLAlchemy sees one endless transaction; the real ones are begun by the dialect.
        connection.begin()
        self._dialect.begin(connection, *first)
        return connection

    def _run(self, connection: Connection, units: list[Unit[Any]]) -> bool:
        """Run all units of work; return whether there is anything to commit."""
        for unit in units:
            if not unit.run(connection, self._to_our_error):
                if len(units) == 1:
                    return False
                self._dialect.execute_raw(connection, "ROLLBACK TO unit")
            elif unit is not units[-1]:  # the commit releases the last savepoint
                self._dialect.execute_raw(connection, "RELEASE unit", "SAVEPOINT unit")
        return True

    def _roll_back(self, connection: Connection, *, is_in_doubt: bool) -> None:
        # First, as a lost connection fails in all that follows.
        if is_in_doubt:
            discard_undo(connection)
        else:
            undo(connection)
        try:
            notifications.take_collected(connection)
            if is_in_doubt:
                self._lose_writer()
            else:
                self._dialect.execute_raw(connection, "ROLLBACK")
        except Exception:  # noqa: BLE001 - a new connection is a clean start after any error
            # A full disk and the like roll the transaction back by themselves.
            self._lose_writer()

    def _lose_writer(self) -> None:
        self._losses += 1
        if self._writer is not None:
            self._writer.invalidate()
        self._drop_writer()

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _to_our_error(self, error: Exception) -> Exception:
        """Convert a driver error about the database itself into one of ours."""
        reason = self._dialect.failure_in(error)
        return error if reason is None else record_failure(reason, error)

    def _translate(self, context: ExceptionContext) -> None:
        """Convert a driver error into one of ours while SQLAlchemy handles it."""
        if context.connection is None:
            return  # `connect` reports it
        error = context.original_exception
        translated = self._translate_driver_error(context.connection, error)
        if translated is not error:
            raise translated

    def _translate_query_error(self, connection: Connection, error: BaseException) -> BaseException:
        """Convert a driver error of a query that SQLAlchemy has not executed (`db/sql.py`)."""
        translated = self._translate_driver_error(connection, error)
        if self._dialect.is_lost(connection):
            connection.invalidate()
        return translated

    def _translate_driver_error(
        self, connection: Connection, error: BaseException
    ) -> BaseException:
        """Convert a driver error about the database itself; return any other as it is."""
        if isinstance(error, sqlite3.Error) and _is_interrupted(error):
            return LongReadError()
        if self._dialect.is_lost(connection) or self._dialect.is_worth_reconnecting(error):
            self._losses += 1
        reason = self._dialect.failure_in(error)
        if reason is None:
            return error
        return record_failure(reason, error, connection if connection is self._writer else None)


def _is_interrupted(error: sqlite3.Error) -> bool:
    """Whether a short read took more steps than it may."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
