"""Queries for submissions, with the status of an unfinished one derived from its jobs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
    union_all,
)

from scenarist.db.among import any_of, is_one_of
from scenarist.db.paging import (
    EntityList,
    Page,
    ValueFilter,
    apply_filters,
    created_between,
    match_any,
)
from scenarist.db.sql import Query
from scenarist.db.tables import (
    jobs,
    scenario_tasks,
    scenarios,
    sequences,
    submissions,
)
from scenarist.domain.entities import Submission
from scenarist.domain.identifiers import JobId, SubmissionId
from scenarist.domain.lifecycle import roll_up_unfinished
from scenarist.domain.listings import CREATION_DATE, PageRequest, SubmissionFilter
from scenarist.domain.vocabulary import EntityType, JobStatus, SubmissionStatus

_LIST = EntityList(
    select(submissions),
    number=submissions.c.number,
    keys={CREATION_DATE: submissions.c.created_at},
)
_FIND = Query(select(submissions).where(submissions.c.id == bindparam("id")))
_BY_KEY = Query(select(submissions).where(submissions.c.idempotency_key == bindparam("key")))
_TRACEPARENTS = select(submissions.c.id, submissions.c.traceparent).where(
    any_of(submissions.c.id, "ids"), submissions.c.traceparent.is_not(None)
)
_JOBS = Query(
    select(jobs.c.submission_id, jobs.c.id, jobs.c.status, jobs.c.run_at)
    .where(any_of(jobs.c.submission_id, "ids"))
    .order_by(jobs.c.number)
)


def find(connection: Connection, submission_id: str) -> Submission | None:
    row = _FIND.fetch_first(connection, {"id": submission_id})
    return None if row is None else _assemble(connection, [row])[0]


def find_by_key(connection: Connection, key: str) -> tuple[Submission, str | None] | None:
    """Return the submission made with an idempotency key, and the digest of its request."""
    row = _BY_KEY.fetch_first(connection, {"key": key})
    return None if row is None else (_assemble(connection, [row])[0], row.request_digest)


def find_traceparents(
    connection: Connection, submission_ids: Sequence[SubmissionId]
) -> dict[SubmissionId, str]:
    """Return the spans in which submissions were made, by submission; those without are omitted."""
    found = connection.execute(_TRACEPARENTS, {"ids": submission_ids})
    return {SubmissionId(submission_id): parent for submission_id, parent in found}


def list_page(
    connection: Connection, wanted: SubmissionFilter, request: PageRequest
) -> Page[Submission]:
    """Return a page of submissions, in the order of acceptance unless the request has a sort."""
    query = created_between(_LIST.query, submissions.c.created_at, wanted.created)
    if wanted.scenario_id:
        query = query.where(submissions.c.entity_id.in_(_select_submittable_in(wanted.scenario_id)))
    statuses = [_has_status(status) for status in wanted.status]
    query, branches = apply_filters(
        query,
        [
            match_any(submissions.c.id, wanted.id),
            match_any(submissions.c.entity_id, wanted.entity_id),
            ValueFilter(statuses, or_(*statuses)) if statuses else None,
            match_any(submissions.c.entity_type, wanted.entity_type),
        ],
    )
    found = _LIST.fetch_page(connection, request, query, branches)
    return found.to_page(_assemble(connection, found.rows))


def _select_submittable_in(scenario_ids: Sequence[str]) -> CompoundSelect[Any]:
    """Return the scenarios themselves, their sequences and their tasks."""
    return union_all(
        select(scenarios.c.id).where(is_one_of(scenarios.c.id, scenario_ids)),
        select(sequences.c.id).where(is_one_of(sequences.c.scenario_id, scenario_ids)),
        select(scenario_tasks.c.task_id).where(
            is_one_of(scenario_tasks.c.scenario_id, scenario_ids)
        ),
    )


def _has_status(status: SubmissionStatus) -> Any:
    if status.is_finished:
        # `status` is a literal for the same reason as in db/jobs/rows.py.
        return submissions.c.status == literal_column(f"'{status}'")
    # Derived from the jobs: the first of RUNNING, PENDING, BLOCKED that any of them has.
    conditions: list[ColumnElement[bool]] = [submissions.c.status.is_(None)]
    for rank in (SubmissionStatus.RUNNING, SubmissionStatus.PENDING, SubmissionStatus.BLOCKED):
        has = (
            select(jobs.c.number)
            .where(
                jobs.c.submission_id == submissions.c.id,
                jobs.c.status == literal_column(f"'{rank}'"),
            )
            .exists()
        )
        if rank is status:
            return and_(*conditions, has)
        conditions.append(~has)
    return and_(*conditions)


def _assemble(connection: Connection, rows: Sequence[Any]) -> list[Submission]:
    job_ids: dict[str, list[JobId]] = {}
    statuses: dict[str, Counter[JobStatus]] = {}
    first_runs: dict[str, Any] = {}
    for owner, job_id, status, run_at in _JOBS.fetch(connection, {"ids": [row.id for row in rows]}):
        job_ids.setdefault(owner, []).append(JobId(job_id))
        statuses.setdefault(owner, Counter())[JobStatus(status)] += 1
        if run_at is not None:
            first_runs[owner] = min(run_at, first_runs.get(owner, run_at))
    return [
        Submission(
            id=SubmissionId(row.id),
            entity_id=row.entity_id,
            entity_type=EntityType(row.entity_type),
            status=SubmissionStatus(row.status)
            if row.status is not None
            else roll_up_unfinished(statuses.get(row.id, {})),
            job_ids=tuple(job_ids.get(row.id, ())),
            job_counts=statuses.get(row.id, {}),
            properties=row.properties,
            created_at=row.created_at,
            run_at=first_runs.get(row.id),
            finished_at=row.finished_at,
            version=row.version,
            retry_of=row.retry_of,
            paused_at=row.paused_at,
        )
        for row in rows
    ]
