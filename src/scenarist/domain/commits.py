"""Whether something was committed on behalf of a request, for the answer when trouble comes later.

The record belongs to a context (`contextvars`), which threads that work for a request share.
"""

from contextvars import ContextVar


class CommitRecord:
    """What was committed for one request so far."""

    __slots__ = ("has_committed",)

    def __init__(self) -> None:
        self.has_committed = False


_record: ContextVar[CommitRecord | None] = ContextVar("commits", default=None)


def begin_record() -> CommitRecord:
    """Begin a record for this context, and for all that is called from it."""
    record = CommitRecord()
    _record.set(record)
    return record


def note_commit() -> None:
    """Record a commit, where there is a record; background work has none."""
    record = _record.get()
    if record is not None:
        record.has_committed = True
