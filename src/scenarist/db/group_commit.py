"""Units of work that share a transaction (group commit), and their undo actions (decision 4)."""

import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

from scenarist.db.notify.notifications import get_collected, restore_collected
from scenarist.domain.errors import UnavailableError

T = TypeVar("T")

# Not in the connection's `info`, which is discarded when the connection is lost.
_undo: WeakKeyDictionary[Connection, list[Callable[[], None]]] = WeakKeyDictionary()


class DatabaseFailureError(UnavailableError):
    """The database itself failed: no unit of work in the transaction is stored."""


# The failure within a connection's transaction, in case the work catches the error and continues.
_failures: WeakKeyDictionary[Connection, DatabaseFailureError] = WeakKeyDictionary()


def record_failure(
    reason: str, error: BaseException, connection: Connection | None = None
) -> DatabaseFailureError:
    """Return the error for a transaction that the database could not execute."""
    failure = DatabaseFailureError(
        f"the database could not do this ({reason}); nothing was changed, try again"
    )
    failure.__cause__ = error
    if connection is not None:
        _failures[connection] = failure
    return failure


def undo_on_rollback(connection: Connection, undo: Callable[[], None]) -> None:
    """Register an action that undoes a change outside of the database if this one rolls back.

    Actions run in reverse order, while no other transaction can write. They do not run when the
    commit is in doubt: a record may refer to the change. Exceptions of *undo* are ignored.
    """
    _undo.setdefault(connection, []).append(undo)


def undo(connection: Connection, *, since: int = 0) -> None:
    """Run the undo actions that a connection registered after a position, the newest first."""
    actions = _undo.get(connection, [])
    while len(actions) > since:
        with suppress(Exception):
            actions.pop()()


def undo_position(connection: Connection) -> int:
    """Return the present position; `undo` runs only the actions registered after it."""
    return len(_undo.get(connection, ()))


def discard_undo(connection: Connection) -> None:
    """Drop the undo actions: the transaction was committed, or may have been."""
    _undo.pop(connection, None)


class Unit(Generic[T]):
    """Unit of work, and the lock that its thread waits on."""

    __slots__ = ("_error", "_value", "_work", "is_done", "queued_at", "wake_lock")

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self._work = work
        self._value: T | None = None
        self._error: Exception | None = None
        self.queued_at = monotonic()
        self.is_done = False
        self.wake_lock = threading.Lock()
        self.wake_lock.acquire()

    def run(self, connection: Connection, fault_of: Callable[[Exception], Exception]) -> bool:
        """Run the work; return whether it succeeded. `result` raises what the work raised.

        Raises:
            DatabaseFailureError: The database itself failed: the whole transaction must roll back.
        """
        position, published = undo_position(connection), get_collected(connection)
        _failures.pop(connection, None)
        fault: Exception | None = None
        try:
            self._value = self._work(connection)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            fault = fault_of(error)
        fault = _failures.get(connection) or fault  # also when the work caught it and continued
        if fault is None:
            return True
        undo(connection, since=position)
        self._error = fault
        if isinstance(fault, DatabaseFailureError):
            raise fault
        restore_collected(connection, published)
        return False

    def fail(self, error: Exception) -> None:
        self._error = error

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]
