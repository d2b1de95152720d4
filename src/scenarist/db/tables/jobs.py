"""Tables of submissions, jobs, dependencies and leases."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    text,
)

from scenarist.db.tables.columns import (
    Count,
    Text,
    TimestampColumn,
    created_at_column,
    id_column,
    metadata,
    number_column,
    properties_column,
    version_column,
)

submissions = Table(
    "submissions",
    metadata,
    number_column(),
    id_column(),
    Column("entity_id", Text, nullable=False),
    Column("entity_type", Text, nullable=False),
    properties_column(),
    Column("idempotency_key", Text, unique=True),  # a digest of the actor and the key
    created_at_column(),
    Column("finished_at", TimestampColumn),
    Column("status", Text),  # NULL while unfinished: derived from the jobs
    Column("unfinished", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("canceled", Integer, nullable=False),
    version_column(),
    Column("retry_of", Text),  # the submission whose failed jobs it runs again
    Column("traceparent", Text),  # the span of the submit (W3C Trace Context), if any
    Column("paused_at", TimestampColumn),
    Column("request_digest", Text),  # of the request that came with the idempotency key
    Index("ix_submissions_entity_id_number", "entity_id", "number"),
    Index("ix_submissions_created_at_number", "created_at", "number"),
    Index("ix_submissions_version_number", "version", "number"),
    sqlite_autoincrement=True,
)
Index(
    "ix_submissions_ended",
    submissions.c.status,
    submissions.c.number,
    sqlite_where=text("status IS NOT NULL"),
    postgresql_where=text("status IS NOT NULL"),
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
    # Computed from the submission's number and the job's position in it: see db/jobs/enqueue.py.
    Column("number", Count, primary_key=True, autoincrement=False),
    id_column(),
    Column("task_id", Text, nullable=False),
    Column("submission_id", Text, ForeignKey("submissions.id"), nullable=False),
    Column("submit_entity_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("force", Boolean(create_constraint=False), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("waiting", Integer, nullable=False),  # its rows in job_waits
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),  # attempts that failed
    Column("lost", Integer, nullable=False),  # attempts whose worker died (decision 12)
    Column("holder_id", Text),
    created_at_column(),
    Column("not_before", TimestampColumn),  # a retry's delay
    Column("run_at", TimestampColumn),
    Column("finished_at", TimestampColumn),
    Column("stacktrace", Text),
    Column("reason", Text),
    version_column(),
    Column("cancel_requested_at", TimestampColumn),  # of a running job, which must not run again
    Column("pending_since", TimestampColumn),  # since when it may run; NULL: since created_at
    Column("paused_at", TimestampColumn),  # copy of its submission's
    Column("function", Text),  # that its last attempt ran
    Column("code_digest", Text),
    # Attempts that were lost together with all that ran beside them, such as with their server.
    Column("lost_together", Integer, nullable=False, server_default="0"),
    # As long before the moment when the retry was delayed as not_before is after it: a clock before
    # this was set back since then, and the job is due (decision 91).
    Column("waits_after", TimestampColumn),
    Column("run_reason", Text),  # why its last attempt ran: see `RunReason`
    Column("because", Text),  # the same in a sentence, where the reason alone does not say it
    Column("cache_key", Text),  # of its last attempt, if its task takes outputs from the cache
    Column("cached_from", Text),  # the job from which its outputs were taken
    Index("ix_jobs_submission_id_number", "submission_id", "number"),
    Index("ix_jobs_created_at_number", "created_at", "number"),
    Index("ix_jobs_task_id_number", "task_id", "number"),
    Index("ix_jobs_version_number", "version", "number"),
)
_CLAIMABLE = "status = 'PENDING' AND paused_at IS NULL"
Index(
    "ix_jobs_pending",
    jobs.c.priority.desc(),
    jobs.c.number,
    sqlite_where=text(_CLAIMABLE),
    postgresql_where=text(_CLAIMABLE),
)
Index(
    "ix_jobs_running",
    jobs.c.holder_id,
    sqlite_where=text("status = 'RUNNING'"),
    postgresql_where=text("status = 'RUNNING'"),
)
_RUNNING_WITH_KEY = "status = 'RUNNING' AND cache_key IS NOT NULL"
Index(
    "ix_jobs_cache_key",
    jobs.c.cache_key,
    sqlite_where=text(_RUNNING_WITH_KEY),
    postgresql_where=text(_RUNNING_WITH_KEY),
)
_WAITING = "status IN ('BLOCKED', 'PENDING')"
Index(
    "ix_jobs_waiting",
    jobs.c.status,
    jobs.c.number,
    sqlite_where=text(_WAITING),
    postgresql_where=text(_WAITING),
)
_ENDED = "status IN ('COMPLETED', 'FAILED', 'CANCELED', 'SKIPPED', 'ABANDONED')"
Index(
    "ix_jobs_ended",
    jobs.c.status,
    jobs.c.number,
    sqlite_where=text(_ENDED),
    postgresql_where=text(_ENDED),
)

# Dependencies of a job: one row each, deleted when it is satisfied. Kinds:
#   DATA   another job of its submission, whose output it reads; if that fails, it is abandoned
#   ORDER  an earlier job that touches the same data node; released however that job ends
#   INPUT  a data node that has no value yet
#   MACHINE  a machine with the resources that it demands; for_data_node contains their description
job_waits = Table(
    "job_waits",
    metadata,
    Column("job_number", Count, ForeignKey("jobs.number", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("for_job", Count),
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

# Inputs of a job, decided when it was submitted: an edit, or the job that will make one.
job_inputs = Table(
    "job_inputs",
    metadata,
    Column("job_number", Count, ForeignKey("jobs.number", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("data_node_id", Text, nullable=False),
    Column("edit_id", Text),
    Column("producer", Count),  # number of an unfinished job
    PrimaryKeyConstraint("job_number", "position"),
)
Index(
    "ix_job_inputs_producer",
    job_inputs.c.producer,
    sqlite_where=text("producer IS NOT NULL"),
    postgresql_where=text("producer IS NOT NULL"),
)

# Data nodes that unfinished jobs will write, or will read where a value is replaced in place.
job_holds = Table(
    "job_holds",
    metadata,
    number_column(),
    Column("job_number", Count, ForeignKey("jobs.number", ondelete="CASCADE"), nullable=False),
    Column("data_node_id", Text, nullable=False),
    Column("mode", Text, nullable=False),  # READ or WRITE
    Column("place", Text),  # if values are replaced: the node's place, or its id
    Index("ix_job_holds_data_node_id_number", "data_node_id", "number"),
    Index("ix_job_holds_job_number", "job_number"),
)
Index(
    "ix_job_holds_place_number",
    job_holds.c.place,
    job_holds.c.number,
    sqlite_where=text("place IS NOT NULL"),
    postgresql_where=text("place IS NOT NULL"),
)

job_logs = Table(
    "job_logs",
    metadata,
    Column("job_number", Count, ForeignKey("jobs.number", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("job_number", "attempt"),
)

# Orchestrators that run jobs, with the lease of each. Idle ones do not renew.
holders = Table(
    "holders",
    metadata,
    Column("id", Text, primary_key=True),
    Column("process", Text, nullable=False),  # identifies the process on its machine
    Column("lease", Float, nullable=False),  # seconds
    Column("renewals", Count, nullable=False),
    Column("started_at", TimestampColumn, nullable=False),
    Column(
        "renewed_at", TimestampColumn, nullable=False
    ),  # informative: leases do not rely on clocks
)

# Processes that are connected, with the version of the application that each has loaded. One that
# starts deletes the other rows, and those that still run add theirs again (decision 108).
servers = Table(
    "servers",
    metadata,
    Column("id", Text, primary_key=True),
    version_column(),
    Column("process", Text, nullable=False),  # as in `holders`
    Column("started_at", TimestampColumn, nullable=False),
)

# One row, for all orchestrators of the database.
orchestration = Table(
    "orchestration",
    metadata,
    Column("paused_at", TimestampColumn),
    Column("paused_by", Text),
)
