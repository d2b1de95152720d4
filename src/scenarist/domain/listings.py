"""Parameters of lists: filters, order and paging."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scenarist.domain.outcomes import OutcomeRange
from scenarist.domain.vocabulary import (
    EntityType,
    Frequency,
    JobStatus,
    Scope,
    SubmissionStatus,
)

CREATION_DATE = "creation_date"
NAME = "name"
OUTCOMES = "outcomes."
"""Begins the sort of scenarios by an outcome; its name follows."""


@dataclass(frozen=True, slots=True)
class PagePosition:
    """The position after a page: the sort key of its last row, and the row's number."""

    key: int | float | str | None
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRequest:
    """A request for one page of a list.

    Args:
        sort: ``creation_date``, ``name``, or for scenarios ``outcomes.`` and the name of an
            outcome; None for the order of acceptance.
        with_total: Whether to count the whole list, at a cost proportional to its length.
    """

    limit: int
    after: PagePosition | None = None
    sort: str | None = None
    is_descending: bool = False
    with_total: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeRange:
    """A range of creation dates: start inclusive, end exclusive; None means unbounded."""

    start: datetime | None = None
    end: datetime | None = None


ANY_TIME = TimeRange()


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioFilter:
    """Filter of a list of scenarios.

    Args:
        search: Words in the form of `split_search`; each is a part of the name, of a tag or of the
            identifier.
    """

    id: tuple[str, ...] = ()
    forked_from: tuple[str, ...] = ()
    config_id: tuple[str, ...] = ()
    cycle_id: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    is_primary: bool | None = None
    name: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    created: TimeRange = ANY_TIME
    outcomes: Mapping[str, OutcomeRange] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceFilter:
    id: tuple[str, ...] = ()
    scenario_id: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    created: TimeRange = ANY_TIME


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFilter:
    id: tuple[str, ...] = ()
    scenario_id: tuple[str, ...] = ()
    sequence_id: tuple[str, ...] = ()
    config_id: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    created: TimeRange = ANY_TIME


@dataclass(frozen=True, kw_only=True, slots=True)
class DataNodeListFilter:
    id: tuple[str, ...] = ()
    scenario_id: tuple[str, ...] = ()
    task_id: tuple[str, ...] = ()
    config_id: tuple[str, ...] = ()
    owner_id: tuple[str, ...] = ()
    scope: tuple[Scope, ...] = ()
    storage_type: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    created: TimeRange = ANY_TIME


@dataclass(frozen=True, kw_only=True, slots=True)
class CycleFilter:
    id: tuple[str, ...] = ()
    frequency: tuple[Frequency, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionFilter:
    """Filter of a list of submissions.

    Args:
        scenario_id: Submissions of these scenarios, of their sequences and of their tasks.
    """

    id: tuple[str, ...] = ()
    entity_id: tuple[str, ...] = ()
    scenario_id: tuple[str, ...] = ()
    entity_type: tuple[EntityType, ...] = ()
    status: tuple[SubmissionStatus, ...] = ()
    version: tuple[str, ...] = ()
    created: TimeRange = ANY_TIME


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Filter of a list of jobs.

    Args:
        newest_of: Scenarios; of each of their tasks, only the job that was accepted last.
    """

    id: tuple[str, ...] = ()
    newest_of: tuple[str, ...] = ()
    submission_id: tuple[str, ...] = ()
    task_id: tuple[str, ...] = ()
    entity_id: tuple[str, ...] = ()
    status: tuple[JobStatus, ...] = ()
    version: tuple[str, ...] = ()
    created: TimeRange = ANY_TIME


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFilter:
    actor: tuple[str, ...] = ()
    key_id: tuple[str, ...] = ()
    entity_id: tuple[str, ...] = ()
    operation: tuple[str, ...] = ()
    is_allowed: bool | None = None
    created: TimeRange = ANY_TIME
