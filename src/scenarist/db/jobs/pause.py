"""Pausing and resuming of one submission, or of all claiming on the database."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from scenarist.db.notify import notifications
from scenarist.db.notify.notifications import Topic
from scenarist.db.tables import jobs, orchestration, submissions
from scenarist.domain.entities import OrchestrationState
from scenarist.domain.identifiers import SubmissionId

_SET_SUBMISSION = (
    update(submissions).where(submissions.c.id == bindparam("of")).values(paused_at=bindparam("at"))
)
# Includes finished jobs, to which it makes no difference; a submission never gains more jobs.
_SET_JOBS = (
    update(jobs).where(jobs.c.submission_id == bindparam("of")).values(paused_at=bindparam("at"))
)
# The time that jobs wait to be claimed is counted from the resume on.
_RESTART = (
    update(jobs)
    .where(jobs.c.submission_id == bindparam("of"))
    .values(pending_since=bindparam("at"))
)
_SET = update(orchestration).values(paused_at=bindparam("at"), paused_by=bindparam("by"))
_FIND = select(orchestration)


def pause_submission(connection: Connection, submission_id: SubmissionId, now: datetime) -> None:
    """Stop the jobs of a submission from being claimed."""
    values = {"of": submission_id, "at": now}
    connection.execute(_SET_SUBMISSION, values)
    connection.execute(_SET_JOBS, values)


def resume_submission(connection: Connection, submission_id: SubmissionId, now: datetime) -> None:
    """Allow the jobs of a submission to be claimed again."""
    values = {"of": submission_id, "at": None}
    connection.execute(_SET_SUBMISSION, values)
    connection.execute(_SET_JOBS, values)
    connection.execute(_RESTART, {"of": submission_id, "at": now})
    # Orchestrators have not looked for the retries of paused submissions.
    notifications.publish(connection, Topic.WORK, Topic.RETRIES)


def set_orchestration(
    connection: Connection, paused_at: datetime | None, paused_by: str | None
) -> None:
    """Pause claiming by all orchestrators, or resume it (*paused_at* is None)."""
    connection.execute(_SET, {"at": paused_at, "by": paused_by})
    if paused_at is None:
        notifications.publish(connection, Topic.WORK)


def find_orchestration(connection: Connection) -> OrchestrationState:
    row = connection.execute(_FIND).one()
    return OrchestrationState(paused_at=row.paused_at, paused_by=row.paused_by)
