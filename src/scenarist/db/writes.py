"""The pieces of work that share a transaction, and what is undone with them."""

import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

from scenarist.domain.errors import UnavailableError

T = TypeVar("T")

# Not in the connection's own `info`, which is gone when the connection is lost.
_undo: WeakKeyDictionary[Connection, list[Callable[[], None]]] = WeakKeyDictionary()


class TroubleError(UnavailableError):
    """The database itself is in trouble: nobody's work in the transaction is stored."""


# What went wrong in the transaction of a connection, in case its work goes on after it.
_troubles: WeakKeyDictionary[Connection, TroubleError] = WeakKeyDictionary()


def trouble(
    reason: str, error: BaseException, connection: Connection | None = None
) -> TroubleError:
    """Return the error for a transaction that the database could not do."""
    made = TroubleError(
        f"the database could not do this ({reason}); nothing was changed, try again"
    )
    made.__cause__ = error
    if connection is not None:
        _troubles[connection] = made
    return made


def undo_on_rollback(connection: Connection, undo: Callable[[], None]) -> None:
    """Have a change outside of the database undone when its transaction is rolled back.

    Undone in reverse order, while no other transaction can write. Not when the commit is in doubt:
    then nobody knows whether the change belongs to a record. What *undo* raises is ignored.
    """
    _undo.setdefault(connection, []).append(undo)


def undo(connection: Connection, *, from_mark: int = 0) -> None:
    """Undo what was noted on a connection since a mark."""
    noted = _undo.get(connection, [])
    while len(noted) > from_mark:
        with suppress(Exception):
            noted.pop()()


def undo_mark(connection: Connection) -> int:
    """Return the mark from which `undo` undoes what is noted later."""
    return len(_undo.get(connection, ()))


def forget_undo(connection: Connection) -> None:
    """Keep what was noted: the transaction was committed, or may have been."""
    _undo.pop(connection, None)


class Unit(Generic[T]):
    """One piece of work, and the thread that waits for it."""

    __slots__ = ("_error", "_value", "_work", "asked_at", "is_settled", "turn")

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self._work = work
        self._value: T | None = None
        self._error: Exception | None = None
        self.asked_at = monotonic()
        self.is_settled = False
        self.turn = threading.Lock()
        self.turn.acquire()

    def run(self, connection: Connection, fault_of: Callable[[Exception], Exception]) -> bool:
        """Do the work; return whether it ended well. What it raises, the asking thread gets."""
        mark = undo_mark(connection)
        _troubles.pop(connection, None)
        fault: Exception | None = None
        try:
            self._value = self._work(connection)
        except Exception as error:  # noqa: BLE001 - whatever it is, the asking thread gets it
            fault = fault_of(error)
        fault = _troubles.get(connection) or fault  # also when the work went on after it
        if fault is None:
            return True
        undo(connection, from_mark=mark)
        self._error = fault
        if isinstance(fault, TroubleError):
            raise fault
        return False

    def fail(self, error: Exception) -> None:
        self._error = error

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]
