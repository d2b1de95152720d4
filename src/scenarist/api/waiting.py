"""Responses that wait until a job or submission has ended, and report what really happened.

See docs/decisions/0018 and 0054.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

from scenarist.api.middleware.auth import auth_of
from scenarist.api.requests import AnyRequest, preferences_of, services_of
from scenarist.api.responses import JsonResponse, respond, respond_if_modified
from scenarist.api.short_reads import read_on_loop_if_short
from scenarist.domain.permissions import Permission
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus

LONGEST_STOP_SECONDS = 10.0
"""How long a response waits for a process to stop, which is killed after two seconds."""

_ROLE_CHECK_SECONDS = 15.0  # between two checks of the caller's role while a response waits


class HasStatus(Protocol):
    @property
    def status(self) -> JobStatus | SubmissionStatus: ...


T = TypeVar("T", bound=HasStatus)


async def wait_until_ended(
    request: AnyRequest,
    id: str,
    *,
    first: Callable[[], Awaitable[T]],
    again: Callable[[], T],
    seconds: float = LONGEST_STOP_SECONDS,
    require_actor: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """Wait for an entity to end and return it; on timeout, return it as it is.

    Args:
        first: Returns the entity, possibly after a change that should end it.
        again: Reads the entity once more after waiting.
        require_actor: Raises if the client is no longer allowed to see the entity; called every
            15 seconds and before the response. None if the response reports a change that the
            request has made: it must not be a refusal.
    """
    with services_of(request).completions.make_waiter(id) as waiter:
        entity = await first()
        if entity.status.is_finished:
            return entity
        has_ended = False
        while seconds > 0 and not has_ended:
            pause = min(seconds, _ROLE_CHECK_SECONDS)
            has_ended = await waiter.wait(pause)
            seconds -= pause
            if require_actor is not None:
                await require_actor()
    return await read_on_loop_if_short(request, again)


async def respond_when_ended(
    request: AnyRequest, id: str, read: Callable[[], T], represent: Callable[[T], object]
) -> JsonResponse:
    """Respond to a GET of a job or submission; with ``Prefer: wait``, once it has ended."""
    seconds = preferences_of(request).wait_seconds
    entity = await read_on_loop_if_short(request, read)
    if seconds is None:
        return respond_if_modified(request, represent(entity))
    if not entity.status.is_finished:
        find_actor = auth_of(request).make_find_actor(request)

        async def require_actor() -> None:
            (await find_actor()).require(Permission.READ)

        entity = await wait_until_ended(
            request,
            id,
            first=partial(read_on_loop_if_short, request, read),
            again=read,
            seconds=seconds,
            require_actor=require_actor,
        )
    response = respond_if_modified(request, represent(entity))
    response.headers.append((b"preference-applied", b"wait=%d" % seconds))
    return response


def respond_to_cancel(
    request: AnyRequest,
    is_cancelled: bool,
    represent: Callable[[str], object],
    name: str,
) -> JsonResponse:
    """Respond to a cancellation: 204 or 200 if it is done, 202 if a process is still running."""
    if not is_cancelled:
        return respond(represent(f"{name} was asked to stop and is still running."), status=202)
    if preferences_of(request).is_representation:
        headers = {"Preference-Applied": "return=representation"}
        return respond(represent(f"{name} was cancelled."), headers=headers)
    return JsonResponse(status=204)
