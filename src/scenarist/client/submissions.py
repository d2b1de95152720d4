"""Submissions: submit, follow, wait, cancel, retry."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from scenarist import schemas
from scenarist.client.data_frames import as_json_of_each
from scenarist.client.entities import AnyOf, Entities, EntityT, Listing, Timestamp
from scenarist.client.errors import WaitTimeoutError
from scenarist.client.transport import Call, Transport, check_header, path_of
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus

PREFERS_BODY: Mapping[str, str] = {"Prefer": "return=representation"}

_WAIT_SECONDS = 60
"""How long one request waits before the next one follows; proxies cut off longer ones."""


class EntityWithStatus(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def status(self) -> SubmissionStatus | JobStatus: ...


WaitedT = TypeVar("WaitedT", bound=EntityWithStatus)


class Submissions(Entities[schemas.Submission]):
    _name = "submissions"
    _results = schemas.Results[schemas.Submission]

    def _read_one(self, body: bytes) -> schemas.Submission:
        return self._transport.read(body, schemas.OneSubmission).submission

    def list(
        self,
        *,
        id: AnyOf | None = None,
        entity_id: AnyOf | None = None,
        entity_type: AnyOf | None = None,
        scenario_id: AnyOf | None = None,
        status: AnyOf | None = None,
        version: AnyOf | None = None,
        created_after: Timestamp | None = None,
        created_before: Timestamp | None = None,
        sort: str | None = None,
    ) -> Listing[schemas.Submission]:
        """List submissions, oldest first unless ``sort`` is ``-creation_date``.

        Args:
            scenario_id: Only those of this scenario, of its sequences and of its tasks.
        """
        return self._list(locals())

    def wait(self, id: str, *, timeout: float | None = None) -> schemas.Submission:
        """Wait until a submission has ended, with whatever status, and return it.

        The server delays its response until then (long polling).

        Args:
            timeout: Seconds, rounded up to whole ones; the default is no limit.

        Raises:
            WaitTimeoutError: It has not ended by then.
        """
        return wait_until_ended(
            lambda seconds: self._fetch(build_wait_call(path_of(self._name, id), seconds)).value,
            timeout,
        )

    def cancel(self, id: str) -> schemas.Submission:
        """Cancel all jobs of a submission that have not ended.

        Returns:
            The submission: CANCELED, or still RUNNING while a process is being stopped.

        Raises:
            ConflictError: It has already ended with another status.
        """
        path = path_of(self._name, "cancel", id)
        call = Call(method="POST", path=path, headers=PREFERS_BODY, may_repeat=True)
        return self._transport.fetch(call, schemas.SubmissionAnswer).submission

    def pause(self, id: str) -> schemas.Submission:
        """Start no more jobs of a submission until it is resumed; running jobs continue.

        Raises:
            ConflictError: It has ended.
        """
        call = Call(method="POST", path=path_of(self._name, "pause", id), may_repeat=True)
        return self._transport.fetch(call, schemas.SubmissionAnswer).submission

    def resume(self, id: str) -> schemas.Submission:
        """Start the jobs of a submission again.

        Raises:
            ConflictError: It has ended.
        """
        call = Call(method="POST", path=path_of(self._name, "resume", id), may_repeat=True)
        return self._transport.fetch(call, schemas.SubmissionAnswer).submission

    def retry(
        self,
        id: str,
        *,
        force: bool = False,
        priority: int = 0,
        properties: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> "Submitted":
        """Submit the jobs that failed, were cancelled or abandoned again."""
        body = schemas.Submit(force=force, priority=priority, properties=dict(properties or {}))
        return submit(self._transport, path_of(self._name, "retry", id), body, idempotency_key)

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        """Delete a submission with its jobs; the values that they wrote are kept."""
        self._delete(id, if_match)


class Submitted:
    """An accepted submission, with its operations."""

    def __init__(self, transport: Transport, accepted: schemas.Submission) -> None:
        self._transport = transport
        self._submissions = Submissions(transport)
        self.submission = accepted
        """The submission as it was when it was accepted."""

    def __repr__(self) -> str:
        return f"<Submitted {self.id}>"

    @property
    def id(self) -> str:
        return self.submission.id

    def get(self) -> schemas.Submission:
        """Return the submission as it is now."""
        return self._submissions.get(self.id)

    def wait(self, timeout: float | None = None) -> schemas.Submission:
        """Wait until the submission has ended, with whatever status, and return it.

        Args:
            timeout: Seconds, rounded up to whole ones; the default is no limit.

        Raises:
            WaitTimeoutError: It has not ended by then; it continues.
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
        """Create a job for each task of an entity; `Submitted.wait` waits for their end.

        Args:
            force: Run skippable tasks even when nothing has changed.
            priority: From -1000 to 1000; higher goes first.
            properties: Stored with the submission.
            idempotency_key: A repeat with the same key returns the first submission. By default,
                the client generates one, so that it can send the request again when the connection
                breaks.
        """
        body = schemas.Submit(force=force, priority=priority, properties=dict(properties or {}))
        return submit(self._transport, path_of(self._name, "submit", id), body, idempotency_key)

    def plan(self, id: str, *, force: bool = False) -> schemas.SubmitPlan:
        """Return what a submit would run now, and why; nothing is changed.

        Raises:
            ConflictError: The submit would be refused.
        """
        return self._plan(id, schemas.PlanOptions(force=force))

    def _plan(self, id: str, body: schemas.PlanOptions) -> schemas.SubmitPlan:
        path = path_of(self._name, id, "plan")
        call = Call(method="POST", path=path, body=body, may_repeat=True)
        return self._transport.fetch(call, schemas.OnePlan).plan


class SubmittableWithInputs(Submittable[EntityT]):
    """Entities that can be submitted together with values of inputs."""

    def plan(
        self, id: str, *, inputs: Mapping[str, Any] | None = None, force: bool = False
    ) -> schemas.SubmitPlan:
        """Return what a submit would run now, and why; nothing is changed.

        Args:
            inputs: Values of inputs by name, which the submit would write first.

        Raises:
            InvalidError: A name is not that of an input, or a value does not fit; `errors` has all.
            ConflictError: The submit would be refused.
        """
        body = schemas.PlanWithInputs(force=force, inputs=as_json_of_each(inputs))
        return self._plan(id, body)

    def submit(
        self,
        id: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        force: bool = False,
        priority: int = 0,
        properties: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """Create a job for each task of an entity; `Submitted.wait` waits for their end.

        Args:
            inputs: Values of inputs by name, which are written first: both is done, or neither.
                A value is anything that JSON can represent, or a data frame.
            force: Run skippable tasks even when nothing has changed.
            priority: From -1000 to 1000; higher goes first.
            properties: Stored with the submission.
            idempotency_key: A repeat with the same key returns the first submission. By default,
                the client generates one, so that it can send the request again when the connection
                breaks.

        Raises:
            InvalidError: A name is not that of an input, or a value does not fit; `errors` has all.
        """
        body = schemas.SubmitWithInputs(
            force=force,
            priority=priority,
            properties=dict(properties or {}),
            inputs=as_json_of_each(inputs),
        )
        return submit(self._transport, path_of(self._name, "submit", id), body, idempotency_key)


class _Accepted(schemas.Message, kw_only=True, frozen=True):
    """The fields that responses to all submit requests share."""

    submission: schemas.Submission


def submit(
    transport: Transport, path: str, body: schemas.Submit, idempotency_key: str | None
) -> Submitted:
    """Submit something. The request can be repeated: the key makes sure it is accepted once."""
    key = check_header(idempotency_key or f"client-{uuid4()}", "an idempotency key")
    headers = {**PREFERS_BODY, "Idempotency-Key": key}
    call = Call(method="POST", path=path, body=body, headers=headers)
    return Submitted(transport, transport.fetch(call, _Accepted).submission)


def wait_until_ended(hold: Callable[[int], WaitedT], timeout: float | None) -> WaitedT:
    """Wait until an entity has ended, and return it.

    Args:
        hold: Returns the entity once it has ended, or after the given number of seconds.

    Raises:
        WaitTimeoutError: It has not ended in time.
    """
    until = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        left = math.ceil(min(max(until - time.monotonic(), 0), _WAIT_SECONDS))
        entity = hold(left)
        if entity.status.is_finished:
            return entity
        if time.monotonic() >= until:
            raise WaitTimeoutError(f"{entity.id} is {entity.status} after {timeout:g} seconds")


def build_wait_call(path: str, seconds: int) -> Call:
    """Build the request for an entity once it has ended, or after a number of seconds."""
    return Call(
        method="GET", path=path, headers={"Prefer": f"wait={seconds}"}, wait_seconds=seconds
    )
