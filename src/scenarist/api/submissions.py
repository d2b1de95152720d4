"""The paths of submissions, and the answer to a submit of whatever can be submitted."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import structlog
from litestar import delete, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ASGIApp

from scenarist import schemas, tracing
from scenarist.api.answers import Answer, Sent, answer, expectation, listed
from scenarist.api.bodies import body_of
from scenarist.api.cancelling import cancelled, ended, got
from scenarist.api.descriptions import LOCATION, responses
from scenarist.api.paging import (
    Count,
    CreatedAfter,
    CreatedBefore,
    Cursor,
    Limit,
    Paging,
    Sort,
    paging_of,
    window_of,
)
from scenarist.api.requests import (
    EDIT,
    EXECUTE,
    MAY_BE_REPEATED,
    PREFERS_BODY,
    PREFERS_WAIT,
    READ,
    AnyRequest,
    Ids,
    Several,
    Status,
    actor_of,
    idempotency_key_of,
    members_of,
    preferences_of,
    services_of,
    several,
    submits_of,
    traceparent_of,
)
from scenarist.domain import entities
from scenarist.domain.commits import note_commit
from scenarist.domain.errors import InDoubtError, UnavailableError
from scenarist.domain.identifiers import SubmissionId
from scenarist.domain.listings import SubmissionFilter, Window
from scenarist.domain.properties import checked_properties
from scenarist.domain.vocabulary import EntityType, SubmissionStatus
from scenarist.services.submissions import require_not_ended
from scenarist.services.wishes import SubmitOptions, Wish

PATH = "/api/v1/submissions"

NO_OPTIONS = schemas.Submit()

_log = structlog.get_logger(__name__)


def shown(submission: entities.Submission) -> schemas.Submission:
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


async def submitted(  # noqa: PLR0913 - all that a submit is made of
    request: AnyRequest,
    data: schemas.Submit,
    entity_type: EntityType,
    entity_id: str,
    represent: Callable[[schemas.Submission], object],
    *,
    status: int,
    retry_of: SubmissionId | None = None,
) -> Answer:
    """Submit an entity, wait as long as the client prefers to, and answer as it prefers.

    Args:
        status: The documented one: 204 goes without a body unless the client asks for it.
        retry_of: The submission whose failed jobs shall run again, instead of all.
    """
    preferences = preferences_of(request)
    options = SubmitOptions(
        force=data.force,
        priority=data.priority,
        properties=checked_properties(data.properties),
        idempotency_key=idempotency_key_of(request),
    )
    with tracing.span("submit", {"scenarist.entity_id": entity_id}) as span:
        actor, parent = actor_of(request), traceparent_of(request)
        submission = await submits_of(request).ask(
            Wish(actor, entity_type, entity_id, options, retry_of, parent)
        )
        note_commit()  # in no context of this request: it was submitted together with others
        if span is not None:
            span.set_attribute("scenarist.submission_id", submission.id)
    if preferences.wait_seconds is not None and not submission.status.is_finished:
        with suppress(UnavailableError):  # it is accepted, and is shown as that
            submission = await _ended(request, submission, preferences.wait_seconds)
    # What ties the request to its submission: all that follows carries the latter's name.
    _log.info(
        "submitted",
        submission_id=submission.id,
        entity_id=entity_id,
        jobs=len(submission.job_ids),
        actor=actor.name,
    )
    headers = {"Location": f"{PATH}/{submission.id}"}
    if preferences.wait_seconds is not None or preferences.is_representation:
        headers["Preference-Applied"] = _applied(
            preferences.is_representation, preferences.wait_seconds
        )
    if status == 204 and not preferences.is_representation:
        return Answer(status=204, headers=headers)
    try:
        body = await sync_to_thread(represent, shown(submission))
    except UnavailableError as error:
        raise InDoubtError(
            f"submission {submission.id} is accepted, and cannot be shown now ({error.message}); "
            f"look at {PATH}/{submission.id}"
        ) from error
    return answer(body, status=200 if status == 204 else status, headers=headers)


def listed_of(
    request: AnyRequest,
    entity_id: str,
    status: Sequence[str] | None,
    created: Window,
    paging: Paging,
) -> Sent:
    """Answer the list of the submissions of one entity."""
    service, actor = services_of(request).submissions, actor_of(request)
    wanted = SubmissionFilter(
        entity_id=(entity_id,),
        status=members_of(SubmissionStatus, status, "status"),
        created=created,
    )
    return listed(request, lambda page: service.list_page(actor, wanted, page), shown, paging)


@get(
    PATH,
    opt=READ,
    summary="List submissions",
    tags=["submissions"],
    sync_to_thread=True,
    responses=responses(200, schemas.Results[schemas.Submission], "The submissions.", 400),
)
def list_submissions(  # noqa: PLR0913 - query parameters
    request: AnyRequest,
    id_: Ids = None,
    entity_id: Several = None,
    entity_type: Several = None,
    scenario_id: Annotated[
        list[str] | None,
        QueryParameter(
            description="Only of this scenario, its sequences and its tasks. " + MAY_BE_REPEATED
        ),
    ] = None,
    status: Status = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    sort: Sort = None,
    limit: Limit = None,
    cursor: Cursor = None,
    count: Count = False,
) -> ASGIApp:
    """Submissions in the order in which they were accepted."""
    service, actor = services_of(request).submissions, actor_of(request)
    created = window_of(request, created_after, created_before)
    wanted = SubmissionFilter(
        id=several(id_),
        entity_id=several(entity_id),
        entity_type=members_of(EntityType, entity_type, "entity_type"),
        scenario_id=several(scenario_id),
        status=members_of(SubmissionStatus, status, "status"),
        created=created,
    )
    paging = paging_of(limit=limit, cursor=cursor, count=count, sort=sort, created=created)
    return listed(request, lambda page: service.list_page(actor, wanted, page), shown, paging)


@get(
    PATH + "/{submission_id:str}",
    opt=READ | PREFERS_WAIT,
    summary="Get a submission",
    tags=["submissions"],
    responses=responses(200, schemas.OneSubmission, "The submission.", 400, 404),
)
async def get_submission(request: AnyRequest, submission_id: FromPath[str]) -> Answer:
    """With `Prefer: wait=30` the answer comes when it has ended, or after so many seconds."""
    services, actor = services_of(request), actor_of(request)
    return await got(
        request, submission_id, lambda: services.submissions.get(actor, submission_id), _one
    )


def _one(submission: entities.Submission) -> schemas.OneSubmission:
    return schemas.OneSubmission(submission=shown(submission))


async def _ended(
    request: AnyRequest, submission: entities.Submission, seconds: float
) -> entities.Submission:
    services, actor = services_of(request), actor_of(request)

    def look() -> entities.Submission:
        return services.submissions.get(actor, submission.id)

    return await ended(services.completions, submission.id, first=look, again=look, seconds=seconds)


def _applied(is_representation: bool, wait_seconds: float | None) -> str:
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
    responses=responses(204, None, "It is cancelled.", 400, 404, 409)
    | responses(200, schemas.SubmissionAnswer, "The same, with `Prefer: return=representation`.")
    | responses(202, schemas.SubmissionAnswer, "Jobs were asked to stop, and still run."),
)
async def cancel_submission(request: AnyRequest, submission_id: FromPath[str]) -> Answer:
    """Cancels all its jobs that have not ended, as cancelling each of them would.

    409 when it has ended otherwise, or does so before its jobs can be stopped.
    """
    services, actor = services_of(request), actor_of(request)
    submission = await ended(
        services.completions,
        submission_id,
        first=lambda: services.submissions.cancel(actor, submission_id),
        again=lambda: services.submissions.get(actor, submission_id),
    )
    require_not_ended(submission)
    return cancelled(
        request,
        submission.status is SubmissionStatus.CANCELED,
        lambda message: schemas.SubmissionAnswer(message=message, submission=shown(submission)),
        f"Submission {submission_id}",
    )


@post(
    PATH + "/retry/{submission_id:str}",
    status_code=202,
    opt=EXECUTE,
    summary="Retry a submission",
    tags=["submissions"],
    dto=body_of(schemas.Submit),
    response_headers=[LOCATION],
    responses=responses(202, schemas.SubmissionAnswer, "The jobs are accepted.", 400, 404, 409),
)
async def retry_submission(
    request: AnyRequest, submission_id: FromPath[str], data: JSONBody[schemas.Submit] = NO_OPTIONS
) -> Answer:
    """Makes a new submission of its jobs that failed, were cancelled or abandoned.

    What these read is decided now. Headers as for a sequence.
    """
    services, actor = services_of(request), actor_of(request)
    earlier = await sync_to_thread(services.submissions.get, actor, submission_id)
    return await submitted(
        request,
        data,
        earlier.entity_type,
        earlier.entity_id,
        lambda submission: schemas.SubmissionAnswer(
            message=f"Submission {submission_id} is retried by {submission.id}.",
            submission=submission,
        ),
        status=202,
        retry_of=earlier.id,
    )


@post(
    PATH + "/pause/{submission_id:str}",
    status_code=200,
    opt=EXECUTE,
    summary="Pause a submission",
    tags=["submissions"],
    sync_to_thread=True,
    responses=responses(200, schemas.SubmissionAnswer, "It is paused.", 404, 409),
)
def pause_submission(request: AnyRequest, submission_id: FromPath[str]) -> Answer:
    """None of its jobs is begun until it is resumed; those that run go on. 409 when it has ended.

    Submissions after it that need its turn wait as well.
    """
    paused = services_of(request).submissions.pause(actor_of(request), submission_id)
    message = f"Submission {submission_id} is paused."
    return answer(schemas.SubmissionAnswer(message=message, submission=shown(paused)))


@post(
    PATH + "/resume/{submission_id:str}",
    status_code=200,
    opt=EXECUTE,
    summary="Resume a submission",
    tags=["submissions"],
    sync_to_thread=True,
    responses=responses(200, schemas.SubmissionAnswer, "Its jobs are begun again.", 404, 409),
)
def resume_submission(request: AnyRequest, submission_id: FromPath[str]) -> Answer:
    """409 when it has ended."""
    resumed = services_of(request).submissions.resume(actor_of(request), submission_id)
    message = f"Submission {submission_id} goes on."
    return answer(schemas.SubmissionAnswer(message=message, submission=shown(resumed)))


@delete(
    PATH + "/{submission_id:str}",
    status_code=200,
    opt=EDIT,
    summary="Delete a submission",
    tags=["submissions"],
    sync_to_thread=True,
    responses=responses(200, schemas.Message, "It is deleted.", 404, 409, 412),
)
def delete_submission(request: AnyRequest, submission_id: FromPath[str]) -> Answer:
    """Its jobs go with it, the values that they wrote stay. 409 while it is under way."""
    expect = expectation(request, _one)
    services_of(request).submissions.delete(actor_of(request), submission_id, expect=expect)
    return answer(schemas.Message(message=f"Submission {submission_id} was deleted."))


HANDLERS = [
    list_submissions,
    get_submission,
    delete_submission,
    cancel_submission,
    pause_submission,
    resume_submission,
    retry_submission,
]
