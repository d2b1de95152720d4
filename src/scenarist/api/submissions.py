"""The paths of submissions, and the answer to a submit of whatever can be submitted."""

from collections.abc import Callable

from litestar import get
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath, FromQuery
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.answers import Answer, answer, listed, tagged
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
    idempotency_key_of,
    member_of,
    preferences_of,
    services_of,
    submits_of,
)
from scenarist.domain import entities
from scenarist.domain.listings import SubmissionFilter
from scenarist.domain.vocabulary import EntityType, SubmissionStatus
from scenarist.services.submissions import SubmitOptions, Wish

PATH = "/api/v1/submissions"

NO_OPTIONS = schemas.Submit()


def shown(submission: entities.Submission) -> schemas.Submission:
    return schemas.Submission(
        id=submission.id,
        entity_id=submission.entity_id,
        entity_type=submission.entity_type,
        status=submission.status,
        job_ids=list(submission.job_ids),
        job_counts=dict(submission.job_counts),
        retry_of=submission.retry_of,
        properties=dict(submission.properties),
        creation_date=submission.created_at,
        submitted_at=submission.created_at,
        run_at=submission.run_at,
        finished_at=submission.finished_at,
        version=submission.version,
    )


async def submitted(
    request: AnyRequest,
    data: schemas.Submit,
    entity_type: EntityType,
    entity_id: str,
    represent: Callable[[schemas.Submission], object],
    *,
    status: int,
) -> Answer:
    """Submit an entity, wait as long as the client prefers to, and answer as it prefers.

    Args:
        status: The documented one: 204 goes without a body unless the client asks for it.
    """
    preferences = preferences_of(request)
    options = SubmitOptions(
        force=data.force,
        priority=data.priority,
        properties=data.properties,
        idempotency_key=idempotency_key_of(request),
    )
    submission = await submits_of(request).ask(
        Wish(actor_of(request), entity_type, entity_id, options)
    )
    if preferences.wait_seconds is not None and not submission.status.is_finished:
        submission = await _ended(request, submission, preferences.wait_seconds)
    headers = {"Location": f"{PATH}/{submission.id}"}
    if preferences.wait_seconds is not None or preferences.is_representation:
        headers["Preference-Applied"] = _applied(
            preferences.is_representation, preferences.wait_seconds
        )
    if status == 204 and not preferences.is_representation:
        return Answer(status=204, headers=headers)
    body = await sync_to_thread(represent, shown(submission))
    return answer(body, status=200 if status == 204 else status, headers=headers)


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
    entity_id: FromQuery[str | None] = None,
    entity_type: FromQuery[str | None] = None,
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
    created = window_of(created_after, created_before)
    wanted = SubmissionFilter(
        entity_id=entity_id,
        entity_type=member_of(EntityType, entity_type, "entity_type"),
        status=member_of(SubmissionStatus, status, "status"),
        created=created,
    )
    paging = paging_of(limit=limit, cursor=cursor, count=count, sort=sort, created=created)
    return listed(request, lambda page: service.list_page(actor, wanted, page), shown, paging)


@get(
    PATH + "/{submission_id:str}",
    opt=READ,
    summary="Get a submission",
    tags=["submissions"],
    sync_to_thread=False,
    responses=responses(200, schemas.OneSubmission, "The submission.", 404),
)
def get_submission(request: AnyRequest, submission_id: FromPath[str]) -> Answer:
    submission = services_of(request).submissions.get(actor_of(request), submission_id)
    return tagged(request, schemas.OneSubmission(submission=shown(submission)))


async def _ended(
    request: AnyRequest, submission: entities.Submission, seconds: float
) -> entities.Submission:
    services, actor = services_of(request), actor_of(request)
    with services.completions.expect(submission.id) as expectation:
        now = await sync_to_thread(services.submissions.get, actor, submission.id)
        if now.status.is_finished:
            return now
        await expectation.wait(seconds)
    return await sync_to_thread(services.submissions.get, actor, submission.id)


def _applied(is_representation: bool, wait_seconds: float | None) -> str:
    parts = ["return=representation"] if is_representation else []
    if wait_seconds is not None:
        parts.append(f"wait={wait_seconds:g}")
    return ", ".join(parts)


HANDLERS = [list_submissions, get_submission]
