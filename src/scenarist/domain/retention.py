"""Retention of ended records, and the counts of a pruning."""

from dataclasses import dataclass, fields
from datetime import timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long each kind of record is kept; None keeps it forever."""

    jobs: timedelta | None = None  #: submissions with their jobs, after they ended
    logs: timedelta | None = None  #: logs of jobs, after the job ended
    events: timedelta | None = None
    audit: timedelta | None = None
    edits: int | None = None  #: how many of the newest ones of each data node
    leftovers: timedelta | None = None  #: files without a record, after their last change

    @property
    def is_unlimited(self) -> bool:
        return all(getattr(self, item.name) is None for item in fields(self))


@dataclass(kw_only=True, slots=True)
class PruneCounts:
    """How much was deleted, or would be."""

    submissions: int = 0
    jobs: int = 0
    logs: int = 0  #: one for each attempt of a job
    events: int = 0  #: transactions in the event log
    audit: int = 0  #: rows of the audit
    edits: int = 0
    files: int = 0  #: files with the values of these edits
    cached: int = 0  #: cache keys whose outputs no edit has any more
    leftovers: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return {item.name: getattr(self, item.name) for item in fields(self)}
