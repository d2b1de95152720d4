"""Submissions: what was submitted, how it goes, waiting for its end."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from scenarist import schemas
from scenarist.client.entities import AnyOf, Entities, EntityT, Listing, Moment
from scenarist.client.errors import WaitTimeoutError
from scenarist.client.transport import Call, Transport, checked_header, path_of
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus

PREFERS_BODY: Mapping[str, str] = {"Prefer": "return=representation"}

_HOLD_SECONDS = 60
"""How long one request waits: the next one follows at once. Proxies cut off longer ones."""


class WithStatus(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def status(self) -> SubmissionStatus | JobStatus: ...


WaitedT = TypeVar("WaitedT", bound=WithStatus)


class Submissions(Entities[schemas.Submission]):
    def __init__(self, transport: Transport) -> None:
        super().__init__(
            transport,
            "submissions",
            schemas.Results[schemas.Submission],
            lambda body: transport.read(body, schemas.OneSubmission).submission,
        )

    def list(  # noqa: PLR0913 - query parameters
        self,
        *,
        id: AnyOf | None = None,
        entity_id: AnyOf | None = None,
        entity_type: AnyOf | None = None,
        scenario_id: AnyOf | None = None,
        status: AnyOf | None = None,
        created_after: Moment | None = None,
        created_before: Moment | None = None,
        sort: str | None = None,
    ) -> Listing[schemas.Submission]:
        """List submissions, the oldest first unless ``sort`` is ``-creation_date``.

        Args:
            scenario_id: Those of this scenario, of its sequences and of its tasks.
        """
        return self._list(
            id=id,
            entity_id=entity_id,
            entity_type=entity_type,
            scenario_id=scenario_id,
            status=status,
            created_after=created_after,
            created_before=created_before,
            sort=sort,
        )

    def wait(self, id: str, *, timeout: float | None = None) -> schemas.Submission:
        """Return a submission when it has ended, however it did.

        The server holds the answer until then; nothing is asked again and again.

        Args:
            timeout: Seconds, rounded up to whole ones; without end, when left out.

        Raises:
            WaitTimeoutError: It has not ended by then.
        """
        return waited(
            lambda seconds: self._got(holding(path_of(self._name, id), seconds)).value, timeout
        )

    def cancel(self, id: str) -> schemas.Submission:
        """Cancel all its jobs that have not ended.

        Returns:
            The submission: CANCELED, or still RUNNING while a process has to stop.

        Raises:
            ConflictError: It has ended otherwise.
        """
        path = path_of(self._name, "cancel", id)
        call = Call(method="POST", path=path, headers=PREFERS_BODY, repeats=True)
        return self._transport.ask(call, schemas.SubmissionAnswer).submission

    def pause(self, id: str) -> schemas.Submission:
        """Begin none of its jobs until it is resumed; those that run go on.

        Raises:
            ConflictError: It has ended.
        """
        call = Call(method="POST", path=path_of(self._name, "pause", id), repeats=True)
        return self._transport.ask(call, schemas.SubmissionAnswer).submission

    def resume(self, id: str) -> schemas.Submission:
        """Begin its jobs again.

        Raises:
            ConflictError: It has ended.
        """
        call = Call(method="POST", path=path_of(self._name, "resume", id), repeats=True)
        return self._transport.ask(call, schemas.SubmissionAnswer).submission

    def retry(
        self,
        id: str,
        *,
        force: bool = False,
        priority: int = 0,
        properties: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> "Submitted":
        """Submit anew those of its jobs that failed, were cancelled or abandoned."""
        wish = schemas.Submit(force=force, priority=priority, properties=dict(properties or {}))
        return submit(self._transport, path_of(self._name, "retry", id), wish, idempotency_key)

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        """Delete a submission with its jobs; the values that they wrote stay."""
        self._delete(id, if_match)


class Submitted:
    """A submission that was accepted, and what can be done with it from here on."""

    def __init__(self, transport: Transport, accepted: schemas.Submission) -> None:
        self._transport = transport
        self._submissions = Submissions(transport)
        self.submission = accepted
        """As it was when it was accepted."""

    def __repr__(self) -> str:
        return f"<Submitted {self.id}>"

    @property
    def id(self) -> str:
        return self.submission.id

    def get(self) -> schemas.Submission:
        """Return it as it is now."""
        return self._submissions.get(self.id)

    def wait(self, timeout: float | None = None) -> schemas.Submission:
        """Return it when it has ended, however it did.

        Args:
            timeout: Seconds, rounded up to whole ones; without end, when left out.

        Raises:
            WaitTimeoutError: It has not ended by then; it goes on.
        """
        return self._submissions.wait(self.id, timeout=timeout)

    def jobs(self) -> Listing[schemas.Job]:
        return Listing(
            self._transport,
            path_of("jobs"),
            schemas.Results[schemas.Job],
            {"submission_id": self.id},
        )

    def cancel(self) -> schemas.Submission:
        return self._submissions.cancel(self.id)

    def retry(self) -> "Submitted":
        return self._submissions.retry(self.id)


class Submittable(Entities[EntityT]):
    """Entities that can be submitted."""

    def submit(
        self,
        id: str,
        *,
        force: bool = False,
        priority: int = 0,
        properties: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """Make a job for each of its tasks; `Submitted.wait` waits for their end.

        Args:
            force: Run skippable tasks even when nothing has changed.
            priority: From -1000 to 1000; higher goes first.
            properties: Kept with the submission.
            idempotency_key: A repeat with the same key returns the first submission. The client
                makes one of its own, so that it can send the request again when the connection
                breaks.
        """
        wish = schemas.Submit(force=force, priority=priority, properties=dict(properties or {}))
        return submit(self._transport, path_of(self._name, "submit", id), wish, idempotency_key)


class _Accepted(schemas.Message, kw_only=True, frozen=True):
    """What the answers to all submits have in common."""

    submission: schemas.Submission


def submit(
    transport: Transport, path: str, wish: schemas.Submit, idempotency_key: str | None
) -> Submitted:
    """Submit something. It may be sent again: its key makes sure that it is accepted once."""
    key = checked_header(idempotency_key or f"client-{uuid4()}", "an idempotency key")
    headers = {**PREFERS_BODY, "Idempotency-Key": key}
    call = Call(method="POST", path=path, body=wish, headers=headers)
    return Submitted(transport, transport.ask(call, _Accepted).submission)


def waited(hold: Callable[[int], WaitedT], timeout: float | None) -> WaitedT:
    """Return what is waited for when it has ended.

    Args:
        hold: Returns it when it has ended or so many seconds are over.

    Raises:
        WaitTimeoutError: It has not ended in time.
    """
    until = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        left = math.ceil(min(max(until - time.monotonic(), 0), _HOLD_SECONDS))
        entity = hold(left)
        if entity.status.is_finished:
            return entity
        if time.monotonic() >= until:
            raise WaitTimeoutError(f"{entity.id} is {entity.status} after {timeout:g} seconds")


def holding(path: str, seconds: int) -> Call:
    """Ask for an entity when it has ended, or as it is after so many seconds."""
    return Call(
        method="GET", path=path, headers={"Prefer": f"wait={seconds}"}, hold_seconds=seconds
    )
