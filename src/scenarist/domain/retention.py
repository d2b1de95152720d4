"""How long what has ended is kept, and what went when it was pruned."""

from dataclasses import dataclass, fields
from datetime import timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """What is kept of each kind; None keeps it for ever."""

    jobs: timedelta | None = None  #: submissions with their jobs, from their end on
    logs: timedelta | None = None  #: of jobs, from the end of the job on
    events: timedelta | None = None
    audit: timedelta | None = None
    edits: int | None = None  #: of each data node, the newest ones
    leftovers: timedelta | None = None  #: files that no record points at, from their last change on

    @property
    def is_for_ever(self) -> bool:
        return all(getattr(self, item.name) is None for item in fields(self))


@dataclass(kw_only=True, slots=True)
class Pruned:
    """How much went, or would go."""

    submissions: int = 0
    jobs: int = 0
    logs: int = 0  #: one for each attempt of a job
    events: int = 0  #: transactions in the log of events
    audit: int = 0  #: rows of the audit
    edits: int = 0
    files: int = 0  #: of the values of these edits
    leftovers: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return {item.name: getattr(self, item.name) for item in fields(self)}
