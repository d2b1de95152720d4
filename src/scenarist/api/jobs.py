"""The paths of jobs."""

from typing import Any

from litestar import get
from litestar.params import FromPath, FromQuery
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.answers import Answer, listed, tagged
from scenarist.api.descriptions import responses
from scenarist.api.requests import (
    AnyRequest,
    Cursor,
    Limit,
    Status,
    actor_of,
    services_of,
    status_of,
)
from scenarist.domain import entities
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
        subscribers=[],
        version=job.version,
    )


@get(
    PATH,
    summary="List jobs",
    tags=["jobs"],
    sync_to_thread=True,
    responses=responses(200, schemas.Results[schemas.Job], "The jobs.", 400),
)
def list_jobs(
    request: AnyRequest,
    submission_id: FromQuery[str | None] = None,
    task_id: FromQuery[str | None] = None,
    status: Status = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """Jobs in the order in which they were accepted."""
    service, actor = services_of(request).jobs, actor_of(request)

    wanted = status_of(JobStatus, status)

    def fetch(*, after: int, limit: int) -> Any:
        return service.list_page(
            actor,
            submission_id=submission_id,
            task_id=task_id,
            status=wanted,
            after=after,
            limit=limit,
        )

    return listed(request, fetch, shown, limit=limit, cursor=cursor)


@get(
    PATH + "/{job_id:str}",
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
