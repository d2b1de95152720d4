"""Record of whether a request has committed anything, for the response if it fails afterwards.

The record belongs to a context (`contextvars`), which the threads that serve a request share.
"""

from contextvars import ContextVar


class CommitRecord:
    """Whether anything has been committed for a request so far."""

    __slots__ = ("has_committed",)

    def __init__(self) -> None:
        self.has_committed = False


_record: ContextVar[CommitRecord | None] = ContextVar("commits", default=None)


def start_commit_record() -> CommitRecord:
    """Start a record for this context and everything that is called from it."""
    record = CommitRecord()
    _record.set(record)
    return record


def record_commit() -> None:
    """Record a commit if this context has a record; background work has none."""
    record = _record.get()
    if record is not None:
        record.has_committed = True
