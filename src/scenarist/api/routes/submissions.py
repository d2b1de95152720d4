"""Routes of submissions, and submitting of scenarios, sequences and tasks."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import structlog
from litestar import delete, get, post
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.bulkheads import BulkheadKind, run_apart
from scenarist.api.middleware.auth import auth_of
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.paging import DatedListParams
from scenarist.api.requests import (
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
    preferences_of,
    provide_params,
    services_of,
    submit_batcher_of,
    traceparent_of,
    unique_values,
)
from scenarist.api.responses import (
    JsonResponse,
    ListResponse,
    make_if_match_check,
    respond,
    respond_with_list,
)
from scenarist.api.short_reads import read_on_loop_if_short, run_on_loop_if_short
from scenarist.api.waiting import respond_to_cancel, respond_when_ended, wait_until_ended
from scenarist.domain import entities
from scenarist.domain.commits import record_commit
from scenarist.domain.errors import InDoubtError, UnavailableError
from scenarist.domain.listings import SubmissionFilter
from scenarist.domain.permissions import Permission
from scenarist.domain.properties import validate_properties
from scenarist.domain.vocabulary import EntityType, SubmissionStatus
from scenarist.observability import tracing
from scenarist.services.submissions import require_not_ended
from scenarist.services.submit_requests import SubmitOptions, SubmitRequest

PATH = "/api/v1/submissions"

NO_OPTIONS = schemas.Submit()
NO_OPTIONS_OR_INPUTS = schemas.SubmitWithInputs()

_log = structlog.get_logger(__name__)


def to_schema(submission: entities.Submission) -> schemas.Submission:
    return schemas.Submission(
        id=submission.id,
        entity_id=submission.entity_id,
        entity_type=submission.entity_type,
        status=submission.status,
        job_ids=list(submission.job_ids),
        job_counts=dict(submission.job_counts),
        paused_at=submission.paused_at,
        retry_of=submission.retry_of,
        properties=dict(submission.properties),
        creation_date=submission.created_at,
        submitted_at=submission.created_at,
        run_at=submission.run_at,
        finished_at=submission.finished_at,
        version=submission.version,
    )


def submit_request_of(
    request: AnyRequest, data: schemas.Submit, entity_type: EntityType, entity_id: str
) -> SubmitRequest:
    """Return what the body and the headers of a request ask to submit."""
    options = SubmitOptions(
        force=data.force,
        priority=data.priority,
        properties=validate_properties(data.properties),
        idempotency_key=idempotency_key_of(request),
    )
    inputs = data.inputs if isinstance(data, schemas.SubmitWithInputs) else {}
    return SubmitRequest(actor_of(request), entity_type, entity_id, options, inputs=inputs)


async def submit_and_respond(
    request: AnyRequest,
    wanted: SubmitRequest,
    represent: Callable[[schemas.Submission], object],
    *,
    status: int,
) -> JsonResponse:
    """Submit an entity, and wait and respond as the client prefers.

    Args:
        status: The documented status; with 204, a body is sent only if the client prefers one.

    Raises:
        InDoubtError: The submission was accepted, but cannot be read now.
    """
    preferences = preferences_of(request)
    with tracing.span("submit", {"scenarist.entity_id": wanted.entity_id}) as span:
        submission = await _submit(request, replace(wanted, traceparent=traceparent_of(request)))
        record_commit()  # the batch was committed outside of this request's context
        if span is not None:
            span.set_attribute("scenarist.submission_id", submission.id)
    if preferences.wait_seconds is not None and not submission.status.is_finished:
        with suppress(UnavailableError):  # it was accepted, so the response shows it as it was then
            submission = await _wait_until_ended(request, submission, preferences.wait_seconds)
    # Ties the request to its submission, whose id is in all later log lines.
    _log.info(
        "submitted",
        submission_id=submission.id,
        entity_id=wanted.entity_id,
        jobs=len(submission.job_ids),
        actor=wanted.actor.name,
    )
    headers = {"Location": f"{PATH}/{submission.id}"}
    if preferences.wait_seconds is not None or preferences.is_representation:
        headers["Preference-Applied"] = _applied_preferences(
            preferences.is_representation, preferences.wait_seconds
        )
    if status == 204 and not preferences.is_representation:
        return JsonResponse(status=204, headers=headers)
    try:
        body = await read_on_loop_if_short(request, partial(represent, to_schema(submission)))
    except UnavailableError as error:
        raise InDoubtError(
            f"submission {submission.id} was accepted, but cannot be shown now ({error.message}); "
            f"get {PATH}/{submission.id} later"
        ) from error
    return respond(body, status=200 if status == 204 else status, headers=headers)


async def _submit(request: AnyRequest, wanted: SubmitRequest) -> entities.Submission:
    """Submit in the next batch; with inputs, in a transaction of its own."""
    if not wanted.inputs:
        return await submit_batcher_of(request).call(wanted)
    await auth_of(request).require(request, Permission.EDIT)
    submit = services_of(request).inputs.submit
    return await run_apart(request, BulkheadKind.VALUES, partial(submit, wanted.actor, wanted))


@dataclass(frozen=True, kw_only=True, slots=True)
class EntitySubmissionListParams(DatedListParams):
    status: Annotated[
        list[str] | None,
        filter_by(
            SubmissionStatus, "Only with this status, such as COMPLETED or Status.COMPLETED."
        ),
    ] = None
    version: VersionFilter = None

    def read_status(self) -> tuple[SubmissionStatus, ...]:
        return members_of(SubmissionStatus, self.status, "status")


def respond_with_submissions(
    request: AnyRequest, entity_id: str, params: EntitySubmissionListParams
) -> ListResponse:
    """Respond with the list of the submissions of one entity."""
    service, actor = services_of(request).submissions, actor_of(request)
    wanted = SubmissionFilter(
        entity_id=(entity_id,),
        status=params.read_status(),
        version=unique_values(params.version),
        created=params.read_created_range(request),
    )
    return respond_with_list(
        request, partial(service.list_page, actor, wanted), to_schema, params.make_paging()
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionListParams(EntitySubmissionListParams):
    id: IdFilter = None
    entity_id: RepeatedFilter = None
    entity_type: Annotated[list[str] | None, filter_by(EntityType)] = None
    scenario_id: Annotated[
        list[str] | None,
        QueryParameter(
            description="Only submissions of this scenario, its sequences and its tasks. "
            + MAY_BE_REPEATED
        ),
    ] = None


@get(
    PATH,
    opt=READ,
    summary="List submissions",
    tags=["submissions"],
    dependencies=provide_params(SubmissionListParams),
    responses=describe_responses(200, schemas.Results[schemas.Submission], "The submissions.", 400),
)
@run_on_loop_if_short
def list_submissions(request: AnyRequest, params: NamedDependency[SubmissionListParams]) -> ASGIApp:
    """List submissions in the order in which they were accepted."""
    service, actor = services_of(request).submissions, actor_of(request)
    wanted = SubmissionFilter(
        id=unique_values(params.id),
        entity_id=unique_values(params.entity_id),
        entity_type=members_of(EntityType, params.entity_type, "entity_type"),
        scenario_id=unique_values(params.scenario_id),
        status=params.read_status(),
        version=unique_values(params.version),
        created=params.read_created_range(request),
    )
    return respond_with_list(
        request, partial(service.list_page, actor, wanted), to_schema, params.make_paging()
    )


@get(
    PATH + "/{submission_id:str}",
    opt=READ | PREFERS_WAIT,
    summary="Get a submission",
    tags=["submissions"],
    responses=describe_responses(200, schemas.OneSubmission, "The submission.", 400, 404),
)
async def get_submission(request: AnyRequest, submission_id: FromPath[str]) -> JsonResponse:
    """Get a submission; with `Prefer: wait=30`, when it has ended or after this many seconds."""
    services, actor = services_of(request), actor_of(request)
    return await respond_when_ended(
        request, submission_id, lambda: services.submissions.get(actor, submission_id), _to_body
    )


def _to_body(submission: entities.Submission) -> schemas.OneSubmission:
    return schemas.OneSubmission(submission=to_schema(submission))


async def _wait_until_ended(
    request: AnyRequest, submission: entities.Submission, seconds: float
) -> entities.Submission:
    services, actor = services_of(request), actor_of(request)

    def read() -> entities.Submission:
        return services.submissions.get(actor, submission.id)

    return await wait_until_ended(
        request,
        submission.id,
        first=partial(read_on_loop_if_short, request, read),
        again=read,
        seconds=seconds,
    )


def _applied_preferences(is_representation: bool, wait_seconds: float | None) -> str:
    parts = ["return=representation"] if is_representation else []
    if wait_seconds is not None:
        parts.append(f"wait={wait_seconds:g}")
    return ", ".join(parts)


@post(
    PATH + "/cancel/{submission_id:str}",
    status_code=200,
    opt=EXECUTE | PREFERS_BODY,
    summary="Cancel a submission",
    tags=["submissions"],
    responses=describe_responses(204, None, "The submission was cancelled.", 400, 404, 409)
    | describe_responses(
        200, schemas.SubmissionAnswer, "The same, with `Prefer: return=representation`."
    )
    | describe_responses(
        202, schemas.SubmissionAnswer, "Jobs were asked to stop and are still running."
    ),
)
async def cancel_submission(request: AnyRequest, submission_id: FromPath[str]) -> JsonResponse:
    """Cancel all jobs of a submission that have not ended, like cancelling each of them.

    Returns 409 if the submission has already ended in another way, or does so before its jobs can
    be stopped.
    """
    services, actor = services_of(request), actor_of(request)
    submission = await wait_until_ended(
        request,
        submission_id,
        first=partial(sync_to_thread, services.submissions.cancel, actor, submission_id),
        again=lambda: services.submissions.get(actor, submission_id),
    )
    require_not_ended(submission)
    return respond_to_cancel(
        request,
        submission.status is SubmissionStatus.CANCELED,
        lambda message: schemas.SubmissionAnswer(message=message, submission=to_schema(submission)),
        f"Submission {submission_id}",
    )


@post(
    PATH + "/retry/{submission_id:str}",
    status_code=202,
    opt=EXECUTE,
    summary="Retry a submission",
    tags=["submissions"],
    dto=body_of(schemas.Submit),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(
        202, schemas.SubmissionAnswer, "The jobs were accepted.", 400, 404, 409
    ),
)
async def retry_submission(
    request: AnyRequest, submission_id: FromPath[str], data: JSONBody[schemas.Submit] = NO_OPTIONS
) -> JsonResponse:
    """Create a new submission of the jobs that failed, were cancelled or were abandoned.

    Which values they read is decided anew. Headers work as for a sequence.
    """
    services, actor = services_of(request), actor_of(request)
    earlier = await read_on_loop_if_short(
        request, partial(services.submissions.get, actor, submission_id)
    )
    wanted = submit_request_of(request, data, earlier.entity_type, earlier.entity_id)
    return await submit_and_respond(
        request,
        replace(wanted, retry_of=earlier.id),
        lambda submission: schemas.SubmissionAnswer(
            message=f"Submission {submission_id} is retried by {submission.id}.",
            submission=submission,
        ),
        status=202,
    )


@post(
    PATH + "/pause/{submission_id:str}",
    status_code=200,
    opt=EXECUTE,
    summary="Pause a submission",
    tags=["submissions"],
    sync_to_thread=True,
    responses=describe_responses(
        200, schemas.SubmissionAnswer, "The submission is paused.", 404, 409
    ),
)
def pause_submission(request: AnyRequest, submission_id: FromPath[str]) -> JsonResponse:
    """Start no more jobs of a submission until it is resumed; running jobs continue.

    Later submissions that have to run after its jobs wait as well. Returns 409 if the submission
    has ended.
    """
    paused = services_of(request).submissions.pause(actor_of(request), submission_id)
    message = f"Submission {submission_id} is paused."
    return respond(schemas.SubmissionAnswer(message=message, submission=to_schema(paused)))


@post(
    PATH + "/resume/{submission_id:str}",
    status_code=200,
    opt=EXECUTE,
    summary="Resume a submission",
    tags=["submissions"],
    sync_to_thread=True,
    responses=describe_responses(
        200, schemas.SubmissionAnswer, "The submission is resumed.", 404, 409
    ),
)
def resume_submission(request: AnyRequest, submission_id: FromPath[str]) -> JsonResponse:
    """Start the jobs of a paused submission again. Returns 409 if the submission has ended."""
    resumed = services_of(request).submissions.resume(actor_of(request), submission_id)
    message = f"Submission {submission_id} is resumed."
    return respond(schemas.SubmissionAnswer(message=message, submission=to_schema(resumed)))


@delete(
    PATH + "/{submission_id:str}",
    status_code=200,
    opt=EDIT,
    summary="Delete a submission",
    tags=["submissions"],
    sync_to_thread=True,
    responses=describe_responses(
        200, schemas.Message, "The submission was deleted.", 404, 409, 412
    ),
)
def delete_submission(request: AnyRequest, submission_id: FromPath[str]) -> JsonResponse:
    """Delete a submission with its jobs; the values that they wrote stay.

    Returns 409 while the submission is in progress.
    """
    expect = make_if_match_check(request, _to_body)
    services_of(request).submissions.delete(actor_of(request), submission_id, expect=expect)
    return respond(schemas.Message(message=f"Submission {submission_id} was deleted."))


HANDLERS = [
    list_submissions,
    get_submission,
    delete_submission,
    cancel_submission,
    pause_submission,
    resume_submission,
    retry_submission,
]
