"""Cancellation of jobs: waiting jobs end at once, running jobs when they have stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, literal_column, select, update

from scenarist.db.among import any_of
from scenarist.db.jobs.abandon import EndedWhileWaiting, remove_waits
from scenarist.db.jobs.propagate import FinishedJob, make_job_event, propagate
from scenarist.db.notify import notifications
from scenarist.db.notify.notifications import Topic
from scenarist.db.tables import jobs
from scenarist.domain.entities import Event
from scenarist.domain.identifiers import HolderId, JobId, SubmissionId
from scenarist.domain.lifecycle import JobEvent, next_status
from scenarist.domain.permissions import ActorRef
from scenarist.domain.vocabulary import JobStatus

_IS_RUNNING = jobs.c.status == literal_column("'RUNNING'")
_COLUMNS = select(jobs.c.number, jobs.c.id, jobs.c.submission_id, jobs.c.status)
_CANCEL = (
    update(jobs)
    .where(any_of(jobs.c.number, "numbers"))
    .values(
        status=next_status(JobStatus.PENDING, JobEvent.CANCEL_REQUESTED),
        waiting=0,
        holder_id=None,
        not_before=None,
        finished_at=bindparam("at"),
        reason=func.coalesce(bindparam("why"), jobs.c.reason),
    )
)
_REQUEST_CANCEL = (
    update(jobs)
    .where(any_of(jobs.c.number, "numbers"), jobs.c.cancel_requested_at.is_(None))
    .values(cancel_requested_at=bindparam("at"), reason=bindparam("why"))
)
_CANCEL_REQUESTED = select(jobs.c.number).where(
    _IS_RUNNING, jobs.c.holder_id == bindparam("holder"), jobs.c.cancel_requested_at.is_not(None)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class UnfinishedJob:
    """Job that has not finished, with what cancellation needs to know about it."""

    number: int
    id: JobId
    submission_id: SubmissionId
    status: JobStatus


def find_unfinished(
    connection: Connection, *, job_id: str | None = None, submission_id: str | None = None
) -> list[UnfinishedJob]:
    """Return the unfinished jobs of a submission, or the one job if it is unfinished."""
    query = _COLUMNS
    if job_id is not None:
        query = query.where(jobs.c.id == job_id)
    if submission_id is not None:
        query = query.where(jobs.c.submission_id == submission_id)
    return [job for job in _read(connection, query) if not job.status.is_finished]


def cancel(
    connection: Connection, unfinished: Sequence[UnfinishedJob], now: datetime, *, actor: ActorRef
) -> list[Event]:
    """Cancel waiting jobs with all consequences, and mark running jobs to be stopped.

    Args:
        actor: The actor who requested it.

    Returns:
        The changes, for the event log.
    """
    why = f"cancelled by {actor.name}"
    running = [job.number for job in unfinished if job.status is JobStatus.RUNNING]
    if running:
        connection.execute(_REQUEST_CANCEL, {"numbers": running, "at": now, "why": why})
        notifications.publish(connection, Topic.STOP)
    waiting = [job for job in unfinished if job.status is not JobStatus.RUNNING]
    if not waiting:
        return []
    return _finish_canceled(connection, waiting, now, why, actor)


def find_cancel_requested(connection: Connection, holder_id: HolderId) -> list[int]:
    """Return the numbers of a holder's running jobs whose cancellation was requested."""
    return list(connection.execute(_CANCEL_REQUESTED, {"holder": holder_id}).scalars())


def cancel_lost(
    connection: Connection,
    now: datetime,
    *,
    holder_id: HolderId,
    exclude: Sequence[int] = (),
) -> list[Event]:
    """Cancel the running jobs of a holder that is gone, if their cancellation was requested.

    Args:
        holder_id: The holder that is gone.
        exclude: The numbers of jobs to leave as they are.
    """
    query = _COLUMNS.where(
        _IS_RUNNING, jobs.c.cancel_requested_at.is_not(None), jobs.c.holder_id == holder_id
    )
    stopped = [job for job in _read(connection, query) if job.number not in exclude]
    return _finish_canceled(connection, stopped, now) if stopped else []


def _finish_canceled(
    connection: Connection,
    unfinished: Sequence[UnfinishedJob],
    now: datetime,
    why: str | None = None,
    actor: ActorRef | None = None,
) -> list[Event]:
    """Make jobs CANCELED, with all consequences; without ``why``, they keep their reason."""
    numbers = [job.number for job in unfinished]
    connection.execute(_CANCEL, {"numbers": numbers, "at": now, "why": why})
    ended_waiting = EndedWhileWaiting()
    remove_waits(connection, numbers, ended_waiting)
    consequences = propagate(
        connection,
        [
            FinishedJob(
                number=job.number,
                job_id=job.id,
                submission_id=job.submission_id,
                status=JobStatus.CANCELED,
            )
            for job in unfinished
        ],
        now,
        ended_waiting=ended_waiting,
    )
    changes = [
        make_job_event(job.id, job.submission_id, JobStatus.CANCELED, actor) for job in unfinished
    ]
    return changes + consequences


def _read(connection: Connection, query: Select[Any]) -> list[UnfinishedJob]:
    return [
        UnfinishedJob(
            number=row.number,
            id=JobId(row.id),
            submission_id=SubmissionId(row.submission_id),
            status=JobStatus(row.status),
        )
        for row in connection.execute(query)
    ]
