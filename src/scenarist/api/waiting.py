"""Responses that wait until a job or submission has ended, and report what really happened.

See docs/decisions/0018 and 0054.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from litestar.concurrency import sync_to_thread

from scenarist.api.middleware.auth import gate_of
from scenarist.api.requests import AnyRequest, preferences_of, services_of
from scenarist.api.responses import Answer, answer, tagged
from scenarist.domain.permissions import Permission
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus
from scenarist.services.completions import Completions

LONGEST_WAIT_SECONDS = 10.0
"""How long a response waits for a process to stop, which is killed after two seconds."""

_LOOK_SECONDS = 15.0  # between two checks of the caller's role while a response waits


class WithStatus(Protocol):
    @property
    def status(self) -> JobStatus | SubmissionStatus: ...


T = TypeVar("T", bound=WithStatus)


async def ended(
    completions: Completions,
    id: str,
    *,
    first: Callable[[], T],
    again: Callable[[], T],
    seconds: float = LONGEST_WAIT_SECONDS,
    require_actor: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """Wait for an entity to end and return it; on timeout, return it as it is.

    Args:
        first: Reads the entity, possibly after a change that should end it.
        again: Reads the entity once more after waiting.
        require_actor: Raises if the client is no longer allowed to see the entity; called every
            15 seconds and before the response. None if the response reports a change that the
            request has made: it must not be a refusal.
    """
    with completions.expect(id) as expectation:
        entity = await sync_to_thread(first)
        if entity.status.is_finished:
            return entity
        has_ended = False
        while seconds > 0 and not has_ended:
            pause = min(seconds, _LOOK_SECONDS)
            has_ended = await expectation.wait(pause)
            seconds -= pause
            if require_actor is not None:
                await require_actor()
    return await sync_to_thread(again)


async def got(
    request: AnyRequest, id: str, look: Callable[[], T], represent: Callable[[T], object]
) -> Answer:
    """Respond to a GET of a job or submission; with ``Prefer: wait``, once it has ended."""
    seconds = preferences_of(request).wait_seconds
    entity = look()
    if seconds is None:
        return tagged(request, represent(entity))
    if not entity.status.is_finished:
        find_actor = gate_of(request).finder(request)

        async def require_actor() -> None:
            (await find_actor()).require(Permission.READ)

        completions = services_of(request).completions
        entity = await ended(
            completions, id, first=look, again=look, seconds=seconds, require_actor=require_actor
        )
    said = tagged(request, represent(entity))
    said.headers.append((b"preference-applied", b"wait=%d" % seconds))
    return said


def cancelled(
    request: AnyRequest,
    is_cancelled: bool,
    represent: Callable[[str], object],
    name: str,
) -> Answer:
    """Respond to a cancellation: 204 or 200 if it is done, 202 if a process is still running."""
    if not is_cancelled:
        return answer(represent(f"{name} was asked to stop and is still running."), status=202)
    if preferences_of(request).is_representation:
        headers = {"Preference-Applied": "return=representation"}
        return answer(represent(f"{name} was cancelled."), headers=headers)
    return Answer(status=204)
