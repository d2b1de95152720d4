"""How a request to cancel is answered: with what happened, not with what was wished."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from litestar.concurrency import sync_to_thread

from scenarist.api.answers import Answer, answer
from scenarist.api.requests import AnyRequest, preferences_of
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus
from scenarist.services.completions import Completions

LONGEST_WAIT_SECONDS = 10.0
"""How long an answer waits for a process to stop; it is killed after two seconds."""


class WithStatus(Protocol):
    @property
    def status(self) -> JobStatus | SubmissionStatus: ...


T = TypeVar("T", bound=WithStatus)


async def ended(
    completions: Completions, id: str, *, first: Callable[[], T], again: Callable[[], T]
) -> T:
    """Do something that should end an entity, and return the entity when it has ended.

    Args:
        first: Does it, and returns the entity as it is then.
        again: Returns the entity as it is later.
    """
    with completions.expect(id) as expectation:
        entity = await sync_to_thread(first)
        if entity.status.is_finished:
            return entity
        await expectation.wait(LONGEST_WAIT_SECONDS)
    return await sync_to_thread(again)


def cancelled(
    request: AnyRequest,
    is_cancelled: bool,
    represent: Callable[[str], object],
    name: str,
) -> Answer:
    """Answer a cancel: 204 or 200 when it is done, 202 while a process has still to stop."""
    if not is_cancelled:
        return answer(represent(f"{name} was asked to stop, and still runs."), status=202)
    if preferences_of(request).is_representation:
        headers = {"Preference-Applied": "return=representation"}
        return answer(represent(f"{name} was cancelled."), headers=headers)
    return Answer(status=204)
