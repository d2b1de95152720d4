"""Claiming of jobs to run them, and requeueing of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    not_,
    null,
    or_,
    select,
    update,
)

from scenarist.db.among import any_of
from scenarist.db.each import execute_many
from scenarist.db.places import is_own
from scenarist.db.sql import Query
from scenarist.db.tables import (
    edits,
    job_inputs,
    job_waits,
    jobs,
    orchestration,
    tasks,
)
from scenarist.domain.freshness import RunReason
from scenarist.domain.identifiers import EditId, HolderId, JobId, SubmissionId, TaskId
from scenarist.domain.lifecycle import JobEvent, next_status
from scenarist.domain.vocabulary import JobStatus

MACHINE = "MACHINE"
NO_JOB = -1
"""Job number in the waits for a machine, so that an index finds all of these together."""

# Literals, not parameters: SQLite uses a partial index only when it sees its condition.
_IS_PENDING = and_(jobs.c.status == literal_column("'PENDING'"), jobs.c.paused_at.is_(None))
_IS_RUNNING = jobs.c.status == literal_column("'RUNNING'")
IS_DUE = or_(
    jobs.c.not_before.is_(None),
    jobs.c.not_before <= bindparam("now"),
    jobs.c.waits_after > bindparam("now"),
)

_IS_PAUSED = (
    select(orchestration.c.paused_at).where(orchestration.c.paused_at.is_not(None)).exists()
)

# A CTE, so that it is evaluated once before any update: PostgreSQL could repeat a subquery.
_due = (
    select(jobs.c.number)
    .where(_IS_PENDING, IS_DUE, ~_IS_PAUSED)
    .order_by(jobs.c.priority.desc(), jobs.c.number)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM = Query(
    update(jobs)
    .where(
        jobs.c.number.in_(select(_due.c.number)),
    )
    .values(
        status=literal_column("'RUNNING'"),
        holder_id=bindparam("holder"),
        attempt=jobs.c.attempt + 1,
        run_at=bindparam("now"),
        # Most tasks are not skippable; `record_reasons` corrects the others.
        run_reason=literal_column(f"'{RunReason.NOT_SKIPPABLE}'"),
        because=null(),
    )
    .returning(
        jobs.c.number,
        jobs.c.id,
        jobs.c.task_id,
        jobs.c.submission_id,
        jobs.c.attempt,
        jobs.c.failures,
        jobs.c.lost,
        jobs.c.lost_together,
        jobs.c.force,
        func.coalesce(jobs.c.pending_since, jobs.c.created_at),
        jobs.c.version,
    )
)
_REQUEUE = (
    update(jobs)
    .where(
        _IS_RUNNING, jobs.c.holder_id == bindparam("holder"), not_(any_of(jobs.c.number, "kept"))
    )
    .values(
        status=literal_column("'PENDING'"),
        holder_id=None,
        pending_since=bindparam("now"),
        lost_together=jobs.c.lost_together + bindparam("more"),
    )
    .returning(jobs.c.id, jobs.c.submission_id)
)
_UNREPEATABLE = (
    select(
        jobs.c.number,
        jobs.c.id,
        jobs.c.submission_id,
        jobs.c.attempt,
        jobs.c.run_at,
        tasks.c.config_id,
        tasks.c.retries_after_loss,
        jobs.c.lost_together,
    )
    .join(tasks, tasks.c.id == jobs.c.task_id)
    .where(
        _IS_RUNNING,
        jobs.c.holder_id == bindparam("holder"),
        or_(
            tasks.c.retries_after_loss == 0,
            jobs.c.lost_together >= bindparam("lost_allowed"),
        ),
        not_(any_of(jobs.c.number, "kept")),
    )
)
BLOCK = (
    update(jobs)
    .where(jobs.c.number == bindparam("of"))
    .values(
        status=next_status(JobStatus.PENDING, JobEvent.HELD_BACK),
        holder_id=None,
        attempt=jobs.c.attempt - 1,
        run_at=None,
        waiting=1,
        run_reason=None,
        because=None,
    )
)
_RECORD_REASON = (
    update(jobs)
    .where(jobs.c.number == bindparam("of"))
    .values(run_reason=bindparam("run_reason"), because=bindparam("because"))
)
_WAIT_FOR_MACHINE = insert(job_waits).values(
    job_number=bindparam("of"), kind=MACHINE, for_job=NO_JOB, for_data_node=bindparam("text")
)
_INPUTS = Query(
    select(
        job_inputs.c.job_number,
        job_inputs.c.edit_id,
        edits.c.uri,
        edits.c.content,
        edits.c.stamp,
        is_own(job_inputs.c.data_node_id).label("is_own"),
        edits.c.kept_as,
        edits.c.size,
        edits.c.digest,
    )
    .outerjoin(edits, edits.c.id == job_inputs.c.edit_id)
    .where(any_of(job_inputs.c.job_number, "numbers"))
    .order_by(job_inputs.c.job_number, job_inputs.c.position)
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Job that a holder may run, as it was when it was claimed."""

    number: int
    id: JobId
    task_id: TaskId
    submission_id: SubmissionId
    attempt: int
    failures: int
    lost: int
    lost_together: int
    force: bool
    pending_since: datetime
    claimed_at: datetime
    version: str  #: of the application that accepted it, or ran its last attempt
    made_of: str | None = None  #: the provenance of its outputs
    cache_key: str | None = None  #: if its task takes outputs from the cache


@dataclass(frozen=True, slots=True)
class InputValue:
    """Location of the value that a job reads for one of its inputs."""

    edit_id: EditId
    uri: str | None
    content: bytes | None
    stamp: str | None  #: of the file, when the edit was recorded
    is_own: bool  #: what others write to its place is not its value: see `IS_REPLACED`
    kept_as: dict[str, Any] | None  #: see `Edit.kept_as`
    size: int | None = None
    digest: str | None = None


def claim(connection: Connection, holder_id: HolderId, *, limit: int, now: datetime) -> list[Claim]:
    """Claim up to *limit* PENDING jobs, those of higher priority first, then the oldest.

    Jobs of paused submissions are not claimed, and none at all while the orchestration is paused.
    One statement selects and marks the jobs, so a job never has two holders.
    """
    rows = _CLAIM.fetch(connection, {"limit": limit, "holder": holder_id, "now": now})
    claims = [
        Claim(
            number,
            JobId(job_id),
            TaskId(task_id),
            SubmissionId(submission_id),
            attempt,
            failures,
            lost,
            lost_together,
            bool(force),
            pending_since,
            now,
            version,
        )
        for (
            number,
            job_id,
            task_id,
            submission_id,
            attempt,
            failures,
            lost,
            lost_together,
            force,
            pending_since,
            version,
        ) in rows
    ]
    claims.sort(key=lambda claim: claim.number)
    return claims


def record_reasons(
    connection: Connection, reasons: Sequence[tuple[Claim, RunReason, str | None]]
) -> None:
    """Record why jobs of skippable tasks run that this transaction claimed.

    Args:
        reasons: Each claim with the reason, and the reason in a sentence if it needs names.
    """
    rows = [
        {"of": claim.number, "run_reason": reason, "because": because}
        for claim, reason, because in reasons
    ]
    execute_many(connection, _RECORD_REASON, rows)


def get_inputs(connection: Connection, numbers: list[int]) -> dict[int, list[InputValue]]:
    """Return the input values of jobs by job number, in the order of the task's inputs."""
    values: dict[int, list[InputValue]] = {}
    for number, *value in _INPUTS.fetch(connection, {"numbers": numbers}):
        values.setdefault(number, []).append(InputValue(*value))
    return values


def requeue(
    connection: Connection,
    now: datetime,
    *,
    holder_id: HolderId,
    exclude: Sequence[int] = (),
    is_lost: bool = False,
) -> list[tuple[JobId, SubmissionId]]:
    """Put the RUNNING jobs of a holder back to PENDING.

    Args:
        exclude: The numbers of jobs to leave as they are.
        is_lost: Whether the holder is gone, so that their attempts count as lost together.
    """
    values = {"holder": holder_id, "kept": list(exclude), "now": now, "more": int(is_lost)}
    rows = connection.execute(_REQUEUE, values)
    return [(JobId(job_id), SubmissionId(submission_id)) for job_id, submission_id in rows]


@dataclass(frozen=True, slots=True)
class LostAttempt:
    """Attempt that was lost with its holder, of a job that must not run again."""

    number: int
    id: JobId
    submission_id: SubmissionId
    attempt: int
    run_at: datetime | None
    task_config_id: str
    retries_after_loss: int
    lost_together: int  #: before this attempt


def find_unrepeatable(
    connection: Connection, *, holder_id: HolderId, exclude: Sequence[int] = (), lost_allowed: int
) -> list[LostAttempt]:
    """Return the RUNNING jobs of a holder that must not run again once it is gone.

    Args:
        exclude: The numbers of jobs to leave out.
        lost_allowed: Jobs with this many earlier attempts in `lost_together` must not run again.
    """
    values = {"holder": holder_id, "kept": list(exclude), "lost_allowed": lost_allowed}
    return [
        LostAttempt(number, JobId(job_id), SubmissionId(submission_id), *rest)
        for number, job_id, submission_id, *rest in connection.execute(_UNREPEATABLE, values)
    ]


def block_for_machine(connection: Connection, waiting: Sequence[tuple[Claim, str]]) -> None:
    """Unclaim jobs that this transaction claimed, and block them until a suitable machine exists.

    Args:
        waiting: Each claim with a description of the machine that it waits for.
    """
    rows = [{"of": claim.number, "text": awaited} for claim, awaited in waiting]
    connection.execute(BLOCK, rows)
    connection.execute(_WAIT_FOR_MACHINE, rows)


def find_next_due(connection: Connection, now: datetime) -> datetime | None:
    """Return when the first delayed retry may run; None when there is none."""
    query = select(func.min(jobs.c.not_before)).where(_IS_PENDING, jobs.c.not_before > now)
    return connection.execute(query).scalar()
