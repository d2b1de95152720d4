"""Bounds of a read that is executed on the event loop, where every other request waits for it.

Such a read has a budget of steps in the database, rows and bytes, and must not touch files or
workers. Once it exceeds one of these bounds, it raises, and is repeated in a thread. The bounds
count work instead of time, so that the same read always goes the same way. See decision 101.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

STEPS_PER_COUNT = 5_000
"""Instructions of SQLite's virtual machine between two calls of `count_steps`."""

MAX_COUNTS = 22  # 110,000 instructions, which take about 2 ms: a scenario of 300 tasks
MAX_ROWS = 500
MAX_BYTES = 128 * 1024


class LongReadError(Exception):
    """A read on the event loop turned out to be long; it has to be repeated in a thread."""


class _Budget:
    """What is left of the bounds of one read."""

    __slots__ = ("bytes", "counts", "rows")

    def __init__(self) -> None:
        self.counts = MAX_COUNTS
        self.rows = MAX_ROWS
        self.bytes = MAX_BYTES


_budget: ContextVar[_Budget | None] = ContextVar("short_read", default=None)


def run_short_read(read: Callable[[], T]) -> T:
    """Call a function that only reads, within the bounds of a short read.

    Raises:
        LongReadError: It exceeds them; call it again in a thread.
    """
    token = _budget.set(_Budget())
    try:
        return read()
    finally:
        _budget.reset(token)


def find_row_limit() -> int | None:
    """Return how many more rows may be read; None if this is not a short read."""
    budget = _budget.get()
    return None if budget is None else budget.rows


def spend(rows: int, size: int = 0) -> None:
    """Count rows, and the bytes of values that were read with them.

    Raises:
        LongReadError: They are more than a short read may have.
    """
    budget = _budget.get()
    if budget is None:
        return
    budget.rows -= rows
    budget.bytes -= size
    if budget.rows < 0 or budget.bytes < 0:
        raise LongReadError


def count_steps() -> bool:
    """Count `STEPS_PER_COUNT` steps of a statement; return whether it has to be interrupted."""
    budget = _budget.get()
    if budget is None:
        return False
    budget.counts -= 1
    return budget.counts < 0


def require_thread() -> None:
    """Refuse, in a short read, whatever may wait: files that users named, and workers.

    Raises:
        LongReadError: This is a short read.
    """
    if _budget.get() is not None:
        raise LongReadError
