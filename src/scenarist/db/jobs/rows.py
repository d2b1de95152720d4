"""Queries for jobs: their status, what they wait for, and their logs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
)

from scenarist.db import subscribers as subscriber_rows
from scenarist.db.among import any_of, is_one_of
from scenarist.db.jobs.claim import IS_DUE
from scenarist.db.jobs.pause import find_orchestration
from scenarist.db.paging import (
    EntityList,
    Page,
    ValueFilter,
    apply_filters,
    created_between,
    match_any,
)
from scenarist.db.sql import Query
from scenarist.db.tables import data_nodes, job_logs, job_waits, jobs, scenario_tasks, submissions
from scenarist.domain.entities import Job
from scenarist.domain.explanations import SENTENCES
from scenarist.domain.freshness import RunReason
from scenarist.domain.identifiers import JobId, SubmissionId, TaskId
from scenarist.domain.listings import CREATION_DATE, JobFilter, PageRequest
from scenarist.domain.named_files import file_path
from scenarist.domain.vocabulary import ORCHESTRATION_ID, JobStatus

_LIST = EntityList(
    select(jobs, subscriber_rows.HAS_ANY),
    number=jobs.c.number,
    keys={CREATION_DATE: jobs.c.created_at},
)
_FIND = Query(_LIST.query.where(jobs.c.id == bindparam("id")))
_awaited = jobs.alias("awaited")
_other = jobs.alias("other")
_WAITS = Query(
    select(
        job_waits.c.job_number,
        func.coalesce(_awaited.c.id, job_waits.c.for_data_node),
        data_nodes.c.storage_type,
        data_nodes.c.properties,
    )
    .outerjoin(_awaited, _awaited.c.number == job_waits.c.for_job)
    .outerjoin(data_nodes, data_nodes.c.id == job_waits.c.for_data_node)
    .where(any_of(job_waits.c.job_number, "numbers"))
)
# Each condition is written like that of a partial index, so that only unfinished jobs are read.
_COUNT_UNFINISHED = union_all(
    select(jobs.c.status, func.count())
    .where(text("status IN ('BLOCKED', 'PENDING')"))
    .group_by(jobs.c.status),
    select(literal_column("'RUNNING'"), func.count())
    .select_from(jobs)
    .where(text("status = 'RUNNING'")),
)
_FIRST_DUE = (
    select(func.coalesce(jobs.c.pending_since, jobs.c.created_at))
    .where(
        text("status = 'PENDING' AND paused_at IS NULL"),
        IS_DUE,
    )
    .order_by(jobs.c.priority.desc(), jobs.c.number)
    .limit(1)
)
_COUNT_UNFINISHED_SUBMISSIONS = select(func.count(submissions.c.number)).where(
    text("status IS NULL")
)
_FINISHED = union_all(
    select(jobs.c.id).where(any_of(jobs.c.id, "ids"), jobs.c.finished_at.is_not(None)),
    select(submissions.c.id).where(
        any_of(submissions.c.id, "ids"), submissions.c.finished_at.is_not(None)
    ),
)


def find(connection: Connection, job_id: str) -> Job | None:
    row = _FIND.fetch_first(connection, {"id": job_id})
    return None if row is None else _assemble(connection, [row])[0]


def find_finished(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Return those of the given jobs and submissions that have finished."""
    return list(connection.execute(_FINISHED, {"ids": ids}).scalars())


def list_page(connection: Connection, wanted: JobFilter, request: PageRequest) -> Page[Job]:
    """Return a page of jobs, in the order of acceptance unless the request has a sort."""
    query = created_between(_LIST.query, jobs.c.created_at, wanted.created)
    if wanted.entity_id:
        query = query.where(
            jobs.c.submission_id.in_(
                select(submissions.c.id).where(is_one_of(submissions.c.entity_id, wanted.entity_id))
            )
        )
    if wanted.newest_of:
        query = query.where(_is_newest_of(wanted.newest_of))
    query, branches = apply_filters(
        query,
        [
            match_any(jobs.c.id, wanted.id),
            match_any(jobs.c.submission_id, wanted.submission_id),
            match_any(jobs.c.task_id, wanted.task_id),
            _status_filter(wanted.status),
            match_any(jobs.c.version, wanted.version),
        ],
    )
    found = _LIST.fetch_page(connection, request, query, branches)
    return found.to_page(_assemble(connection, found.rows))


def find_log(connection: Connection, job_id: str) -> list[tuple[int, str]]:
    """Return the number and output of each attempt of a job that wrote anything, in order."""
    query = (
        select(job_logs.c.attempt, job_logs.c.text)
        .join(jobs, jobs.c.number == job_logs.c.job_number)
        .where(jobs.c.id == job_id)
        .order_by(job_logs.c.attempt)
    )
    return [(attempt, text) for attempt, text in connection.execute(query)]


def count_unfinished(connection: Connection) -> dict[JobStatus, int]:
    """Count the unfinished jobs by status; statuses without jobs count 0."""
    counts = {JobStatus.BLOCKED: 0, JobStatus.PENDING: 0, JobStatus.RUNNING: 0}
    for status, count in connection.execute(_COUNT_UNFINISHED):
        counts[JobStatus(status)] = count
    return counts


def find_first_due(connection: Connection, now: datetime) -> datetime | None:
    """Return the time from which the next job to be claimed may run; None when no job is due."""
    return connection.execute(_FIRST_DUE, {"now": now}).scalar()


def count_unfinished_submissions(connection: Connection) -> int:
    return connection.execute(_COUNT_UNFINISHED_SUBMISSIONS).scalar_one()


def _status_filter(statuses: Sequence[JobStatus]) -> ValueFilter | None:
    if not statuses:
        return None
    # Literals, not parameters: SQLite uses a partial index only when it sees its condition.
    each = [jobs.c.status == literal_column(f"'{status}'") for status in statuses]
    return ValueFilter(each, or_(*each))


def _is_newest_of(scenario_ids: Sequence[str]) -> ColumnElement[bool]:
    # One index look-up per task, however many jobs it has had.
    newest = (
        select(func.max(_other.c.number))
        .where(_other.c.task_id == scenario_tasks.c.task_id)
        .scalar_subquery()
    )
    return jobs.c.number.in_(
        select(newest)
        .select_from(scenario_tasks)
        .where(is_one_of(scenario_tasks.c.scenario_id, scenario_ids))
    )


def _waits_of(connection: Connection, rows: Sequence[Any]) -> dict[int, list[str]]:
    """Return what each job waits for, by job number."""
    waits: dict[int, list[str]] = {}
    blocked = [row.number for row in rows if row.waiting]
    if blocked:
        for number, target, storage_type, properties in _WAITS.fetch(
            connection, {"numbers": blocked}
        ):
            path = None if properties is None else file_path(storage_type, properties)
            waits.setdefault(number, []).append(target)
            if path is not None:
                waits[number].append(f"the file {path}")
    pending = [row for row in rows if row.status == JobStatus.PENDING]
    if pending:
        is_paused = find_orchestration(connection).paused_at is not None
        for row in pending:
            paused = [row.submission_id] if row.paused_at is not None else []
            waits[row.number] = [*paused, ORCHESTRATION_ID] if is_paused else paused
    return waits


def _explain(row: Any) -> str | None:
    """Return why a job ran or was skipped; None if it did neither, or that was not recorded."""
    if row.status == JobStatus.SKIPPED:
        return None if row.reason is None else str(row.reason)
    if row.run_reason is None:
        return None
    return row.because or SENTENCES.get(RunReason(row.run_reason))


def _assemble(connection: Connection, rows: Sequence[Any]) -> list[Job]:
    waits = _waits_of(connection, rows)
    subscribers_by_entity = (
        subscriber_rows.of_entities(connection, {row.submit_entity_id for row in rows})
        if rows and rows[0].has_any_subscribers
        else {}
    )
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
            run_reason=None if row.run_reason is None else RunReason(row.run_reason),
            because=_explain(row),
            created_at=row.created_at,
            run_at=row.run_at,
            finished_at=row.finished_at,
            cancel_requested_at=row.cancel_requested_at,
            subscribers=subscribers_by_entity.get(row.submit_entity_id, ()),
            version=row.version,
            function=row.function,
            code_digest=row.code_digest,
            cache_key=row.cache_key,
            cached_from=row.cached_from,
        )
        for row in rows
    ]
