"""Enumerations shared by all packages: scopes, frequencies, statuses, entity types and more."""

from enum import StrEnum, unique
from typing import Literal

ExecutorName = Literal["local", "ray", "dask"]


class OrderedEnum(StrEnum):
    """An enumeration whose members are ordered as they are listed."""

    @property
    def rank(self) -> int:
        """The place of the member in this order, from 1 on."""
        return list(type(self)).index(self) + 1

    @classmethod
    def _missing_(cls, value: object) -> "OrderedEnum | None":
        """Return the member with a rank, which is its value with Taipy."""
        return next((member for member in cls if type(value) is int and member.rank == value), None)

    def __lt__(self, other: object) -> bool:
        return self.rank < other.rank if isinstance(other, type(self)) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.rank <= other.rank if isinstance(other, type(self)) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.rank > other.rank if isinstance(other, type(self)) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.rank >= other.rank if isinstance(other, type(self)) else NotImplemented


@unique
class Scope(OrderedEnum):
    """The scenarios that share a data node: one, all of a cycle, or all; from narrow to wide."""

    SCENARIO = "SCENARIO"
    CYCLE = "CYCLE"
    GLOBAL = "GLOBAL"


@unique
class Frequency(OrderedEnum):
    """The length of the cycles of a scenario config, from short to long."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    QUARTERLY = "QUARTERLY"
    YEARLY = "YEARLY"


@unique
class EntityType(StrEnum):
    """The types of entities that can be submitted."""

    SCENARIO = "SCENARIO"
    SEQUENCE = "SEQUENCE"
    TASK = "TASK"


@unique
class EntityKind(StrEnum):
    """The kinds of entities that events describe."""

    CYCLE = "CYCLE"
    SCENARIO = "SCENARIO"
    SEQUENCE = "SEQUENCE"
    TASK = "TASK"
    DATA_NODE = "DATA_NODE"
    JOB = "JOB"
    SUBMISSION = "SUBMISSION"
    SUBSCRIBER = "SUBSCRIBER"
    ORCHESTRATION = "ORCHESTRATION"


ORCHESTRATION_ID = "orchestration"
"""The id of the orchestration, of which there is one, in events and in ``waiting_for``."""

FILE_STORAGE_TYPES = ("pickle", "json", "csv", "parquet", "excel")
"""The storage types whose values are files."""
TABLE_STORAGE_TYPES = ("csv", "parquet", "excel", "sql_table", "sql")
"""The storage types whose values are tables."""
EXTERNAL_STORAGE_TYPES = frozenset({"generic", "s3_object", "mongo_collection", "sql", "sql_table"})
"""The storage types whose values exist only where the data node's properties say: a write
replaces the previous value."""


@unique
class ChangeType(StrEnum):
    """The changes of an entity that events report."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"


@unique
class PlannedAction(StrEnum):
    """What a submit would make of the job of a task."""

    RUN = "RUN"
    SKIP = "SKIP"
    TAKE = "TAKE"  #: its outputs from the cache
    WAIT = "WAIT"  #: for a first value of an input
    FAIL = "FAIL"  #: the value of an input is gone, or was replaced for another data node


@unique
class JobStatus(StrEnum):
    SUBMITTED = "SUBMITTED"  #: accepted; left in the same transaction
    BLOCKED = "BLOCKED"  #: waiting for a job, a machine, or a data node that has no value yet
    PENDING = "PENDING"  #: ready to run as soon as a slot is free
    RUNNING = "RUNNING"  #: claimed by an orchestrator
    COMPLETED = "COMPLETED"  #: its outputs are the values of their data nodes
    FAILED = "FAILED"  #: ended by an error, which it records
    CANCELED = "CANCELED"  #: ended by request
    SKIPPED = "SKIPPED"  #: its outputs were still valid, so it did not run
    ABANDONED = "ABANDONED"  #: could not run because a job whose output it needs did not succeed

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
    """The operators with which a condition compares a cell with its value."""

    EQUAL = "EQUAL"
    NOT_EQUAL = "NOT_EQUAL"
    LESS_THAN = "LESS_THAN"
    LESS_OR_EQUAL = "LESS_OR_EQUAL"
    GREATER_THAN = "GREATER_THAN"
    GREATER_OR_EQUAL = "GREATER_OR_EQUAL"


@unique
class JoinOperator(StrEnum):
    """Whether all conditions must be met, or at least one."""

    AND = "AND"
    OR = "OR"


@unique
class DatabaseEngine(StrEnum):
    """The databases that can hold the value of a data node."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    MSSQL = "mssql"
