"""The tables, as SQLite and PostgreSQL both have them.

``id`` is the identifier that users see. ``number`` counts rows in the order of their making: pages
are cut by it, and jobs are claimed by it. Times are microseconds since 1970 in UTC.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    func,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware moment, kept as microseconds since 1970 in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Seconds(TypeDecorator[timedelta]):
    """A duration, kept as seconds."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Any) -> float | None:
        return None if value is None else value.total_seconds()

    def process_result_value(self, value: float | None, dialect: Any) -> timedelta | None:
        return None if value is None else timedelta(seconds=value)


# SQLite counts only in INTEGER columns.
_Count = BigInteger().with_variant(Integer, "sqlite")


def _number() -> "Column[int]":
    return Column("number", _Count, primary_key=True, autoincrement=True)


def _id() -> "Column[str]":
    return Column("id", Text, nullable=False, unique=True)


def _created_at() -> "Column[datetime]":
    return Column("created_at", Moment, nullable=False)


def _version() -> "Column[str]":
    return Column("version", Text, nullable=False)


def _properties() -> "Column[Any]":
    return Column("properties", JSON, nullable=False)


cycles = Table(
    "cycles",
    metadata,
    _number(),
    _id(),
    Column("name", Text, nullable=False),
    Column("frequency", Text, nullable=False),
    Column("start_at", Moment, nullable=False),
    Column("end_at", Moment, nullable=False),
    _created_at(),
    UniqueConstraint("frequency", "start_at"),
    sqlite_autoincrement=True,
)

scenarios = Table(
    "scenarios",
    metadata,
    _number(),
    _id(),
    Column("config_id", Text, nullable=False),
    Column("name", Text),
    Column("cycle_id", Text, ForeignKey("cycles.id")),
    Column("is_primary", Boolean(create_constraint=False), nullable=False),
    Column("tags", JSON, nullable=False),
    _properties(),
    _created_at(),
    _version(),
    Index("ix_scenarios_config_id_number", "config_id", "number"),
    sqlite_autoincrement=True,
)
Index(
    "uq_scenarios_primary",
    scenarios.c.cycle_id,
    unique=True,
    sqlite_where=text("is_primary"),
    postgresql_where=text("is_primary"),
)

data_nodes = Table(
    "data_nodes",
    metadata,
    _number(),
    _id(),
    Column("config_id", Text, nullable=False),
    Column("owner_id", Text),
    Column("scope", Text, nullable=False),
    Column("storage_type", Text, nullable=False),
    _properties(),
    Column("validity_seconds", Seconds),
    Column("last_edit_id", Text),
    _created_at(),
    _version(),
    Index("ix_data_nodes_owner_id", "owner_id"),
    sqlite_autoincrement=True,
)
Index(
    "uq_data_nodes_config_id_owner_id",
    data_nodes.c.config_id,
    func.coalesce(data_nodes.c.owner_id, text("''")),
    unique=True,
)

edits = Table(
    "edits",
    metadata,
    Column("id", Text, primary_key=True),
    Column("data_node_id", Text, ForeignKey("data_nodes.id", ondelete="CASCADE"), nullable=False),
    _created_at(),
    Column("job_id", Text),
    Column("actor", Text),
    Column("comment", Text),
    Column("uri", Text),
    Column("content", LargeBinary),
    Column("size", BigInteger),
    Column("digest", Text),
    Column("python_type", Text),
    Column("rendition", Text),
    Column("is_complete", Boolean(create_constraint=False), nullable=False),
    Index("ix_edits_data_node_id_id", "data_node_id", "id"),
)

tasks = Table(
    "tasks",
    metadata,
    _number(),
    _id(),
    Column("config_id", Text, nullable=False),
    Column("owner_id", Text),
    Column("function", Text, nullable=False),
    Column("skippable", Boolean(create_constraint=False), nullable=False),
    Column("timeout_seconds", Seconds),
    Column("retries", Integer, nullable=False),
    Column("retry_delay_seconds", Seconds, nullable=False),
    _properties(),
    _created_at(),
    _version(),
    Index("ix_tasks_owner_id", "owner_id"),
    sqlite_autoincrement=True,
)
Index(
    "uq_tasks_config_id_owner_id",
    tasks.c.config_id,
    func.coalesce(tasks.c.owner_id, text("''")),
    unique=True,
)

task_data_nodes = Table(
    "task_data_nodes",
    metadata,
    Column("task_id", Text, ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("direction", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("data_node_id", Text, ForeignKey("data_nodes.id"), nullable=False),
    PrimaryKeyConstraint("task_id", "direction", "position"),
    Index("ix_task_data_nodes_data_node_id", "data_node_id"),
)

scenario_tasks = Table(
    "scenario_tasks",
    metadata,
    Column("scenario_id", Text, ForeignKey("scenarios.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("task_id", Text, ForeignKey("tasks.id"), nullable=False),
    PrimaryKeyConstraint("scenario_id", "position"),
    Index("ix_scenario_tasks_task_id", "task_id"),
)

scenario_data_nodes = Table(
    "scenario_data_nodes",
    metadata,
    Column("scenario_id", Text, ForeignKey("scenarios.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("data_node_id", Text, ForeignKey("data_nodes.id"), nullable=False),
    PrimaryKeyConstraint("scenario_id", "position"),
    Index("ix_scenario_data_nodes_data_node_id", "data_node_id"),
)

sequences = Table(
    "sequences",
    metadata,
    _number(),
    _id(),
    Column("scenario_id", Text, ForeignKey("scenarios.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    _properties(),
    _created_at(),
    _version(),
    UniqueConstraint("scenario_id", "name"),
    sqlite_autoincrement=True,
)

sequence_tasks = Table(
    "sequence_tasks",
    metadata,
    Column("sequence_id", Text, ForeignKey("sequences.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("task_id", Text, ForeignKey("tasks.id"), nullable=False),
    PrimaryKeyConstraint("sequence_id", "position"),
    Index("ix_sequence_tasks_task_id", "task_id"),
)

submissions = Table(
    "submissions",
    metadata,
    _number(),
    _id(),
    Column("entity_id", Text, nullable=False),
    Column("entity_type", Text, nullable=False),
    _properties(),
    Column("idempotency_key", Text, unique=True),
    _created_at(),
    Column("finished_at", Moment),
    Column("status", Text),  # NULL while under way: then the jobs tell
    Column("unfinished", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("canceled", Integer, nullable=False),
    _version(),
    Index("ix_submissions_entity_id_number", "entity_id", "number"),
    sqlite_autoincrement=True,
)
Index(
    "ix_submissions_under_way",
    submissions.c.number,
    sqlite_where=text("status IS NULL"),
    postgresql_where=text("status IS NULL"),
)

jobs = Table(
    "jobs",
    metadata,
    # From its submission's number and its place in it: see db/acceptance.py.
    Column("number", _Count, primary_key=True, autoincrement=False),
    _id(),
    Column("task_id", Text, nullable=False),
    Column("submission_id", Text, ForeignKey("submissions.id"), nullable=False),
    Column("submit_entity_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("force", Boolean(create_constraint=False), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("waiting", Integer, nullable=False),  # rows that it has in job_waits
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),  # attempts that went wrong
    Column("lost", Integer, nullable=False),  # workers that ended under it
    Column("holder_id", Text),
    _created_at(),
    Column("not_before", Moment),  # a retry's delay
    Column("run_at", Moment),
    Column("finished_at", Moment),
    Column("stacktrace", Text),
    Column("reason", Text),
    _version(),
    Index("ix_jobs_submission_id", "submission_id"),
    Index("ix_jobs_task_id_number", "task_id", "number"),
)
Index(
    "ix_jobs_pending",
    jobs.c.priority.desc(),
    jobs.c.number,
    sqlite_where=text("status = 'PENDING'"),
    postgresql_where=text("status = 'PENDING'"),
)
Index(
    "ix_jobs_running",
    jobs.c.holder_id,
    sqlite_where=text("status = 'RUNNING'"),
    postgresql_where=text("status = 'RUNNING'"),
)
Index(
    "ix_jobs_blocked",
    jobs.c.number,
    sqlite_where=text("status = 'BLOCKED'"),
    postgresql_where=text("status = 'BLOCKED'"),
)

# What a job still waits for: one row each, removed when it is there.
#   DATA   another job of its submission, whose output it reads: a failure there abandons it
#   ORDER  a job that was accepted earlier and touches the same data node: any end releases it
#   INPUT  a data node that has no value yet
job_waits = Table(
    "job_waits",
    metadata,
    Column("job_number", _Count, ForeignKey("jobs.number", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("for_job", _Count),
    Column("for_data_node", Text),
    Index("ix_job_waits_job_number", "job_number"),
)
Index(
    "ix_job_waits_for_job",
    job_waits.c.for_job,
    sqlite_where=text("for_job IS NOT NULL"),
    postgresql_where=text("for_job IS NOT NULL"),
)
Index(
    "ix_job_waits_for_data_node",
    job_waits.c.for_data_node,
    sqlite_where=text("for_data_node IS NOT NULL"),
    postgresql_where=text("for_data_node IS NOT NULL"),
)

# What a job reads, decided when it was submitted: an edit, or the job that will make one.
job_inputs = Table(
    "job_inputs",
    metadata,
    Column("job_number", _Count, ForeignKey("jobs.number", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("data_node_id", Text, nullable=False),
    Column("edit_id", Text),
    Column("producer", _Count),  # a job's number, while it has not ended
    PrimaryKeyConstraint("job_number", "position"),
)
Index(
    "ix_job_inputs_producer",
    job_inputs.c.producer,
    sqlite_where=text("producer IS NOT NULL"),
    postgresql_where=text("producer IS NOT NULL"),
)

# Which data nodes the unfinished jobs will write or (where a file is replaced in place) read.
job_holds = Table(
    "job_holds",
    metadata,
    _number(),
    Column("job_number", _Count, ForeignKey("jobs.number", ondelete="CASCADE"), nullable=False),
    Column("data_node_id", Text, nullable=False),
    Column("mode", Text, nullable=False),  # READ or WRITE
    Index("ix_job_holds_data_node_id_number", "data_node_id", "number"),
    Index("ix_job_holds_job_number", "job_number"),
)

job_logs = Table(
    "job_logs",
    metadata,
    Column("job_number", _Count, ForeignKey("jobs.number", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("job_number", "attempt"),
)
