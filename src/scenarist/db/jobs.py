"""Jobs as they are shown: their status, what they wait for, and their logs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from scenarist.db.among import among
from scenarist.db.pages import Page, cut
from scenarist.db.tables import job_logs, job_waits, jobs
from scenarist.domain.entities import Job
from scenarist.domain.identifiers import JobId, SubmissionId, TaskId
from scenarist.domain.vocabulary import JobStatus

_FIND = select(jobs).where(jobs.c.id == bindparam("id"))
_awaited = jobs.alias("awaited")
_WAITS = (
    select(job_waits.c.job_number, func.coalesce(_awaited.c.id, job_waits.c.for_data_node))
    .outerjoin(_awaited, _awaited.c.number == job_waits.c.for_job)
    .where(among(job_waits.c.job_number, "numbers"))
)


def find(connection: Connection, job_id: str) -> Job | None:
    row = connection.execute(_FIND, {"id": job_id}).first()
    return None if row is None else _assembled(connection, [row])[0]


def page(
    connection: Connection,
    *,
    submission_id: str | None = None,
    task_id: str | None = None,
    status: JobStatus | None = None,
    after: int = 0,
    limit: int,
) -> Page[Job]:
    """Return jobs in the order in which they were accepted."""
    query: Select[Any] = select(jobs)
    if submission_id is not None:
        query = query.where(jobs.c.submission_id == submission_id)
    if task_id is not None:
        query = query.where(jobs.c.task_id == task_id)
    if status is not None:
        query = query.where(jobs.c.status == status)
    rows, following = cut(connection, query, jobs.c.number, after=after, limit=limit)
    return Page(_assembled(connection, rows), following)


def find_log(connection: Connection, job_id: str) -> list[tuple[int, str]]:
    """Return what each attempt of a job wrote, by attempt; attempts that wrote nothing are out."""
    query = (
        select(job_logs.c.attempt, job_logs.c.text)
        .join(jobs, jobs.c.number == job_logs.c.job_number)
        .where(jobs.c.id == job_id)
        .order_by(job_logs.c.attempt)
    )
    return [(attempt, text) for attempt, text in connection.execute(query)]


def _assembled(connection: Connection, rows: Sequence[Any]) -> list[Job]:
    waits: dict[int, list[str]] = {}
    blocked = [row.number for row in rows if row.waiting]
    if blocked:
        for number, target in connection.execute(_WAITS, {"numbers": blocked}):
            waits.setdefault(number, []).append(target)
    return [
        Job(
            id=JobId(row.id),
            task_id=TaskId(row.task_id),
            submission_id=SubmissionId(row.submission_id),
            submit_entity_id=row.submit_entity_id,
            status=JobStatus(row.status),
            force=row.force,
            attempt=row.attempt,
            waiting_for=tuple(waits.get(row.number, ())),
            stacktrace=() if row.stacktrace is None else (row.stacktrace,),
            reason=row.reason,
            created_at=row.created_at,
            run_at=row.run_at,
            finished_at=row.finished_at,
            version=row.version,
        )
        for row in rows
    ]
