"""How a submission, or all that an orchestrator would claim, is paused and resumed."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from scenarist.db import bells
from scenarist.db.bells import Topic
from scenarist.db.tables import jobs, orchestration, submissions
from scenarist.domain.entities import Orchestration
from scenarist.domain.identifiers import SubmissionId

_SET_SUBMISSION = (
    update(submissions).where(submissions.c.id == bindparam("of")).values(paused_at=bindparam("at"))
)
# Those that have ended as well: it makes no difference to them, and no others are ever added.
_SET_JOBS = (
    update(jobs).where(jobs.c.submission_id == bindparam("of")).values(paused_at=bindparam("at"))
)
# How long they wait to be claimed counts from then on.
_RESTART = (
    update(jobs)
    .where(jobs.c.submission_id == bindparam("of"))
    .values(pending_since=bindparam("at"))
)
_SET = update(orchestration).values(paused_at=bindparam("at"), paused_by=bindparam("by"))
_FIND = select(orchestration)


def pause_submission(connection: Connection, submission_id: SubmissionId, now: datetime) -> None:
    """Let no job of a submission be claimed."""
    values = {"of": submission_id, "at": now}
    connection.execute(_SET_SUBMISSION, values)
    connection.execute(_SET_JOBS, values)


def resume_submission(connection: Connection, submission_id: SubmissionId, now: datetime) -> None:
    """Let the jobs of a submission be claimed again."""
    values = {"of": submission_id, "at": None}
    connection.execute(_SET_SUBMISSION, values)
    connection.execute(_SET_JOBS, values)
    connection.execute(_RESTART, {"of": submission_id, "at": now})
    bells.note(connection, Topic.WORK)


def set_orchestration(
    connection: Connection, paused_at: datetime | None, paused_by: str | None
) -> None:
    """Let no orchestrator claim anything, or all again (None)."""
    connection.execute(_SET, {"at": paused_at, "by": paused_by})
    if paused_at is None:
        bells.note(connection, Topic.WORK)


def find_orchestration(connection: Connection) -> Orchestration:
    row = connection.execute(_FIND).one()
    return Orchestration(paused_at=row.paused_at, paused_by=row.paused_by)
