"""The closed sets of words that every room shares: scopes, frequencies, statuses, entity types."""

from enum import StrEnum, unique


@unique
class Scope(StrEnum):
    """Who shares a data node: one scenario, all scenarios of a cycle, or all scenarios."""

    SCENARIO = "SCENARIO"
    CYCLE = "CYCLE"
    GLOBAL = "GLOBAL"

    @property
    def width(self) -> int:
        """How widely the scope shares: 1 for a scenario, 2 for a cycle, 3 for all."""
        return list(Scope).index(self) + 1


@unique
class Frequency(StrEnum):
    """How long the cycles of a scenario config last."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    QUARTERLY = "QUARTERLY"
    YEARLY = "YEARLY"


@unique
class EntityType(StrEnum):
    """What can be submitted."""

    SCENARIO = "SCENARIO"
    SEQUENCE = "SEQUENCE"
    TASK = "TASK"


@unique
class Kind(StrEnum):
    """The kinds of things that events tell of."""

    CYCLE = "CYCLE"
    SCENARIO = "SCENARIO"
    SEQUENCE = "SEQUENCE"
    TASK = "TASK"
    DATA_NODE = "DATA_NODE"
    JOB = "JOB"
    SUBMISSION = "SUBMISSION"
    SUBSCRIBER = "SUBSCRIBER"
    ORCHESTRATION = "ORCHESTRATION"


ORCHESTRATION = "orchestration"
"""What events and jobs that wait call the orchestration of all jobs, of which there is one."""

EXTERNAL_STORAGE_TYPES = frozenset({"generic", "s3_object", "mongo_collection", "sql", "sql_table"})
"""The types of storage whose values lie where the properties of the data node say, and nowhere
else: a write replaces what was there."""


@unique
class Change(StrEnum):
    """What may happen to an entity."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"


@unique
class JobStatus(StrEnum):
    SUBMITTED = "SUBMITTED"  #: accepted, not yet looked at
    BLOCKED = "BLOCKED"  #: waits for a job, or for a data node that has no value yet
    PENDING = "PENDING"  #: could start as soon as there is a free slot
    RUNNING = "RUNNING"  #: claimed by a holder
    COMPLETED = "COMPLETED"  #: its outputs are the values of their data nodes
    FAILED = "FAILED"  #: ended by an error, which it carries
    CANCELED = "CANCELED"  #: ended by request
    SKIPPED = "SKIPPED"  #: its outputs were still valid, so it did not run
    ABANDONED = "ABANDONED"  #: cannot run because a job before it did not succeed

    @property
    def is_finished(self) -> bool:
        return self in FINISHED_JOB_STATUSES


FINISHED_JOB_STATUSES = frozenset(
    {
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.CANCELED,
        JobStatus.SKIPPED,
        JobStatus.ABANDONED,
    }
)


@unique
class SubmissionStatus(StrEnum):
    SUBMITTED = "SUBMITTED"
    BLOCKED = "BLOCKED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def is_finished(self) -> bool:
        return self in {
            SubmissionStatus.COMPLETED,
            SubmissionStatus.FAILED,
            SubmissionStatus.CANCELED,
        }


@unique
class FilterOperator(StrEnum):
    """How a condition compares what stands in a column with its own value."""

    EQUAL = "EQUAL"
    NOT_EQUAL = "NOT_EQUAL"
    LESS_THAN = "LESS_THAN"
    LESS_OR_EQUAL = "LESS_OR_EQUAL"
    GREATER_THAN = "GREATER_THAN"
    GREATER_OR_EQUAL = "GREATER_OR_EQUAL"


@unique
class JoinOperator(StrEnum):
    """Whether all conditions must hold, or one of them."""

    AND = "AND"
    OR = "OR"


@unique
class DatabaseEngine(StrEnum):
    """The databases that can hold the value of a data node."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    MSSQL = "mssql"
