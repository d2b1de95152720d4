"""Routes of jobs."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated

from litestar import delete, get, post
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.paging import DatedListParams
from scenarist.api.requests import (
    ACCEPTS_IDEMPOTENCY_KEY,
    EDIT,
    EXECUTE,
    MAY_BE_REPEATED,
    PREFERS_BODY,
    PREFERS_WAIT,
    READ,
    AnyRequest,
    IdFilter,
    RepeatedFilter,
    VersionFilter,
    actor_of,
    filter_by,
    idempotency_key_of,
    members_of,
    provide_params,
    services_of,
    unique_values,
)
from scenarist.api.responses import (
    JsonResponse,
    make_if_match_check,
    respond,
    respond_if_modified,
    respond_with_list,
)
from scenarist.api.routes import subscribers
from scenarist.api.short_reads import run_on_loop_if_short
from scenarist.api.waiting import respond_to_cancel, respond_when_ended, wait_until_ended
from scenarist.domain import entities
from scenarist.domain.listings import JobFilter
from scenarist.domain.permissions import Permission
from scenarist.domain.vocabulary import EntityType, JobStatus
from scenarist.services.jobs import require_not_ended
from scenarist.services.submit_requests import SubmitOptions

PATH = "/api/v1/jobs"


def to_schema(job: entities.Job) -> schemas.Job:
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
        run_reason=job.run_reason,
        because=job.because,
        stacktrace=list(job.stacktrace),
        function=job.function,
        code_digest=job.code_digest,
        cache_key=job.cache_key,
        cached_from=job.cached_from,
        creation_date=job.created_at,
        submitted_at=job.created_at,
        run_at=job.run_at,
        finished_at=job.finished_at,
        pending_duration=_seconds_between(job.created_at, job.run_at or job.finished_at),
        execution_duration=_seconds_between(job.run_at, job.finished_at),
        cancel_requested_at=job.cancel_requested_at,
        subscribers=[subscribers.to_schema(item) for item in job.subscribers],
        version=job.version,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class JobListParams(DatedListParams):
    id: IdFilter = None
    submission_id: RepeatedFilter = None
    task_id: RepeatedFilter = None
    entity_id: RepeatedFilter = None
    newest_of: Annotated[
        list[str] | None,
        QueryParameter(
            description="For each task of this scenario, only the most recently accepted job. "
            + MAY_BE_REPEATED
        ),
    ] = None
    status: Annotated[
        list[str] | None,
        filter_by(JobStatus, "Only with this status, such as COMPLETED or Status.COMPLETED."),
    ] = None
    version: VersionFilter = None


@get(
    PATH,
    opt=READ,
    summary="List jobs",
    tags=["jobs"],
    dependencies=provide_params(JobListParams),
    responses=describe_responses(200, schemas.Results[schemas.Job], "The jobs.", 400),
)
@run_on_loop_if_short
def list_jobs(request: AnyRequest, params: NamedDependency[JobListParams]) -> ASGIApp:
    """List jobs in the order in which they were accepted."""
    service, actor = services_of(request).jobs, actor_of(request)
    wanted = JobFilter(
        id=unique_values(params.id),
        newest_of=unique_values(params.newest_of),
        submission_id=unique_values(params.submission_id),
        task_id=unique_values(params.task_id),
        entity_id=unique_values(params.entity_id),
        status=members_of(JobStatus, params.status, "status"),
        version=unique_values(params.version),
        created=params.read_created_range(request),
    )
    return respond_with_list(
        request, partial(service.list_page, actor, wanted), to_schema, params.make_paging()
    )


@get(
    PATH + "/{job_id:str}",
    opt=READ | PREFERS_WAIT,
    summary="Get a job",
    tags=["jobs"],
    responses=describe_responses(200, schemas.OneJob, "The job.", 400, 404),
)
async def get_job(request: AnyRequest, job_id: FromPath[str]) -> JsonResponse:
    """Get a job; with `Prefer: wait=30`, when it has ended or after this many seconds."""
    services, actor = services_of(request), actor_of(request)
    return await respond_when_ended(
        request, job_id, lambda: services.jobs.get(actor, job_id), _to_body
    )


@get(
    PATH + "/{job_id:str}/log",
    opt=READ,
    summary="Read the log of a job",
    tags=["jobs"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.JobLog, "The output, attempt by attempt.", 404),
)
def get_job_log(request: AnyRequest, job_id: FromPath[str]) -> JsonResponse:
    """Read standard output, standard error and logging; of a long log, its beginning and end."""
    log = services_of(request).jobs.get_log(actor_of(request), job_id)
    return respond_if_modified(
        request,
        schemas.JobLog(
            attempts=[schemas.AttemptLog(attempt=attempt, text=text) for attempt, text in log]
        ),
    )


def _to_body(job: entities.Job) -> schemas.OneJob:
    return schemas.OneJob(job=to_schema(job))


def _seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


@post(
    PATH,
    opt=EXECUTE | ACCEPTS_IDEMPOTENCY_KEY,
    summary="Submit a task as a job",
    tags=["jobs"],
    sync_to_thread=True,
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(201, schemas.JobAnswer, "The job was accepted.", 400, 404, 409),
)
def create_job(request: AnyRequest, task_id: FromQuery[str]) -> JsonResponse:
    """Submit one task, identified by its own id or by that of its config.

    For a config, it is the task that no scenario owns, which is created if it does not exist yet.
    Submitting by the id of a config always requires the role TAIPY_EDITOR as well.
    """
    services, actor = services_of(request), actor_of(request)
    if services.tasks.has_config(task_id):
        actor.require(Permission.EXECUTE)
        task, _ = services.tasks.create(actor, task_id)
        task_id = task.id
    submission = services.submissions.submit(
        actor,
        EntityType.TASK,
        task_id,
        SubmitOptions(idempotency_key=idempotency_key_of(request)),
    )
    job = services.jobs.get(actor, submission.job_ids[0])
    return respond(
        schemas.JobAnswer(message=f"Job {job.id} was created.", job=to_schema(job)),
        status=201,
        headers={"Location": f"{PATH}/{job.id}"},
    )


@post(
    PATH + "/cancel/{job_id:str}",
    status_code=200,
    opt=EXECUTE | PREFERS_BODY,
    summary="Cancel a job",
    tags=["jobs"],
    responses=describe_responses(204, None, "The job was cancelled.", 400, 404, 409)
    | describe_responses(200, schemas.JobAnswer, "The same, with `Prefer: return=representation`.")
    | describe_responses(202, schemas.JobAnswer, "The job was asked to stop and is still running."),
)
async def cancel_job(request: AnyRequest, job_id: FromPath[str]) -> JsonResponse:
    """Cancel a job that has not ended, and abandon the jobs that need its output.

    If the job is running, its process is stopped, and the response is sent when it has stopped.
    Returns 409 if the job has already ended in another way, or does so before it can be stopped.
    """
    services, actor = services_of(request), actor_of(request)
    job = await wait_until_ended(
        request,
        job_id,
        first=partial(sync_to_thread, services.jobs.cancel, actor, job_id),
        again=lambda: services.jobs.get(actor, job_id),
    )
    require_not_ended(job)
    return respond_to_cancel(
        request,
        job.status is JobStatus.CANCELED,
        lambda message: schemas.JobAnswer(message=message, job=to_schema(job)),
        f"Job {job_id}",
    )


@delete(
    PATH + "/{job_id:str}",
    status_code=200,
    opt=EDIT,
    summary="Delete a job",
    tags=["jobs"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.Message, "The job was deleted.", 404, 409, 412),
)
def delete_job(request: AnyRequest, job_id: FromPath[str]) -> JsonResponse:
    """Delete a job with its log; the values that it wrote stay. Returns 409 until it has ended."""
    expect = make_if_match_check(request, _to_body)
    services_of(request).jobs.delete(actor_of(request), job_id, expect=expect)
    return respond(schemas.Message(message=f"Job {job_id} was deleted."))


HANDLERS = [list_jobs, create_job, get_job, delete_job, get_job_log, cancel_job]
