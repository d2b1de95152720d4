"""The paths of jobs."""

from datetime import datetime

from litestar import get
from litestar.params import FromPath, FromQuery
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.answers import Answer, listed, tagged
from scenarist.api.descriptions import responses
from scenarist.api.paging import (
    Count,
    CreatedAfter,
    CreatedBefore,
    Cursor,
    Limit,
    Sort,
    paging_of,
    window_of,
)
from scenarist.api.requests import (
    READ,
    AnyRequest,
    Status,
    actor_of,
    member_of,
    services_of,
)
from scenarist.domain import entities
from scenarist.domain.listings import JobFilter
from scenarist.domain.vocabulary import JobStatus

PATH = "/api/v1/jobs"


def shown(job: entities.Job) -> schemas.Job:
    return schemas.Job(
        id=job.id,
        task_id=job.task_id,
        submission_id=job.submission_id,
        submit_entity_id=job.submit_entity_id,
        status=job.status,
        force=job.force,
        attempts=job.attempt,
        waiting_for=list(job.waiting_for),
        reason=job.reason,
        stacktrace=list(job.stacktrace),
        creation_date=job.created_at,
        submitted_at=job.created_at,
        run_at=job.run_at,
        finished_at=job.finished_at,
        pending_duration=_seconds(job.created_at, job.run_at or job.finished_at),
        execution_duration=_seconds(job.run_at, job.finished_at),
        cancel_requested_at=job.cancel_requested_at,
        subscribers=[],
        version=job.version,
    )


@get(
    PATH,
    opt=READ,
    summary="List jobs",
    tags=["jobs"],
    sync_to_thread=True,
    responses=responses(200, schemas.Results[schemas.Job], "The jobs.", 400),
)
def list_jobs(  # noqa: PLR0913 - query parameters
    request: AnyRequest,
    submission_id: FromQuery[str | None] = None,
    task_id: FromQuery[str | None] = None,
    entity_id: FromQuery[str | None] = None,
    status: Status = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    sort: Sort = None,
    limit: Limit = None,
    cursor: Cursor = None,
    count: Count = False,
) -> ASGIApp:
    """Jobs in the order in which they were accepted."""
    service, actor = services_of(request).jobs, actor_of(request)
    created = window_of(created_after, created_before)
    wanted = JobFilter(
        submission_id=submission_id,
        task_id=task_id,
        entity_id=entity_id,
        status=member_of(JobStatus, status, "status"),
        created=created,
    )
    paging = paging_of(limit=limit, cursor=cursor, count=count, sort=sort, created=created)
    return listed(request, lambda page: service.list_page(actor, wanted, page), shown, paging)


@get(
    PATH + "/{job_id:str}",
    opt=READ,
    summary="Get a job",
    tags=["jobs"],
    sync_to_thread=False,
    responses=responses(200, schemas.OneJob, "The job.", 404),
)
def get_job(request: AnyRequest, job_id: FromPath[str]) -> Answer:
    job = services_of(request).jobs.get(actor_of(request), job_id)
    return tagged(request, schemas.OneJob(job=shown(job)))


@get(
    PATH + "/{job_id:str}/log",
    opt=READ,
    summary="Read what a job wrote",
    tags=["jobs"],
    sync_to_thread=True,
    responses=responses(200, schemas.JobLog, "Its output, attempt by attempt.", 404),
)
def get_job_log(request: AnyRequest, job_id: FromPath[str]) -> Answer:
    """Standard output, standard error and logging; of a long one the first and the last part."""
    log = services_of(request).jobs.get_log(actor_of(request), job_id)
    return tagged(
        request,
        schemas.JobLog(
            attempts=[schemas.AttemptLog(attempt=attempt, text=text) for attempt, text in log]
        ),
    )


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


HANDLERS = [list_jobs, get_job, get_job_log]
