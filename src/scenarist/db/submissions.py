"""Queries for submissions, with the status of an unfinished one derived from its jobs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
)

from scenarist.db.among import any_of, is_one_of
from scenarist.db.json_columns import decoded_list, json_row
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
    tasks,
)
from scenarist.db.tables.columns import to_timestamp
from scenarist.domain.entities import Submission
from scenarist.domain.identifiers import JobId, SubmissionId
from scenarist.domain.lifecycle import roll_up_unfinished
from scenarist.domain.listings import CREATION_DATE, PageRequest, SubmissionFilter
from scenarist.domain.vocabulary import EntityType, JobStatus, SubmissionStatus

_JOBS = (
    select(json_row(jobs.c.id, jobs.c.status, type_coerce(jobs.c.run_at, BigInteger)).label("item"))
    .where(jobs.c.submission_id == submissions.c.id)
    .correlate(submissions)
    .order_by(jobs.c.number)
)
_LIST = EntityList(
    select(submissions, decoded_list(_JOBS, tuple[JobId, JobStatus, int | None]).label("jobs")),
    number=submissions.c.number,
    keys={CREATION_DATE: submissions.c.created_at},
)
_FIND = Query(_LIST.query.where(submissions.c.id == bindparam("id")))
_BY_KEY = Query(_LIST.query.where(submissions.c.idempotency_key == bindparam("key")))
_TRACEPARENTS = select(submissions.c.id, submissions.c.traceparent).where(
    any_of(submissions.c.id, "ids"), submissions.c.traceparent.is_not(None)
)


def find(connection: Connection, submission_id: str) -> Submission | None:
    row = _FIND.fetch_first(connection, {"id": submission_id})
    return None if row is None else _to_submission(row)


def find_by_key(connection: Connection, key: str) -> tuple[Submission, str | None] | None:
    """Return the submission made with an idempotency key, and the digest of its request."""
    row = _BY_KEY.fetch_first(connection, {"key": key})
    return None if row is None else (_to_submission(row), row.request_digest)


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
            match_any(submissions.c.version, wanted.version),
        ],
    )
    found = _LIST.fetch_page(connection, request, query, branches)
    return found.to_page([_to_submission(row) for row in found.rows])


def _select_submittable_in(scenario_ids: Sequence[str]) -> CompoundSelect[Any]:
    """Return the scenarios themselves, their sequences and their tasks."""
    return union_all(
        select(scenarios.c.id).where(is_one_of(scenarios.c.id, scenario_ids)),
        select(sequences.c.id).where(is_one_of(sequences.c.scenario_id, scenario_ids)),
        # Its own ones, also those that an upgrade has detached.
        select(tasks.c.id).where(is_one_of(tasks.c.owner_id, scenario_ids)),
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


def _to_submission(row: Any) -> Submission:
    counts: dict[JobStatus, int] = {}
    for _, status, _ in row.jobs:
        counts[status] = counts.get(status, 0) + 1
    first_run = min((run_at for *_, run_at in row.jobs if run_at is not None), default=None)
    return Submission(
        id=SubmissionId(row.id),
        entity_id=row.entity_id,
        entity_type=EntityType(row.entity_type),
        status=SubmissionStatus(row.status)
        if row.status is not None
        else roll_up_unfinished(counts),
        job_ids=tuple(job_id for job_id, *_ in row.jobs),
        job_counts=counts,
        properties=row.properties,
        created_at=row.created_at,
        run_at=None if first_run is None else to_timestamp(first_run),
        finished_at=row.finished_at,
        version=row.version,
        retry_of=row.retry_of,
        paused_at=row.paused_at,
    )
