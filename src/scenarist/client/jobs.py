"""Jobs: their status and log, waiting, cancelling."""

from collections.abc import Sequence
from uuid import uuid4

from scenarist import schemas
from scenarist.client.entities import AnyOf, Entities, Listing, Timestamp
from scenarist.client.submissions import PREFERS_BODY, build_wait_call, wait_until_ended
from scenarist.client.transport import Call, check_header, path_of


class Jobs(Entities[schemas.Job]):
    _name = "jobs"
    _results = schemas.Results[schemas.Job]

    def _read_one(self, body: bytes) -> schemas.Job:
        return self._transport.read(body, schemas.OneJob).job

    def log(self, id: str) -> Sequence[schemas.AttemptLog]:
        """Return the log of a job, attempt by attempt."""
        call = Call(method="GET", path=path_of(self._name, id, "log"))
        return self._transport.fetch(call, schemas.JobLog).attempts

    def create(self, task_id: str, *, idempotency_key: str | None = None) -> schemas.Job:
        """Submit one task and return its job.

        Args:
            task_id: The id of a task, or of a task config for the task that no scenario owns.
        """
        key = check_header(idempotency_key or f"client-{uuid4()}", "an idempotency key")
        call = Call(
            method="POST",
            path=path_of(self._name),
            query={"task_id": task_id},
            headers={"Idempotency-Key": key},
        )
        return self._transport.fetch(call, schemas.JobAnswer).job

    def wait(self, id: str, *, timeout: float | None = None) -> schemas.Job:
        """Wait until a job has ended, and return it; see `Submissions.wait`."""
        return wait_until_ended(
            lambda seconds: self._fetch(build_wait_call(path_of(self._name, id), seconds)).value,
            timeout,
        )

    def cancel(self, id: str) -> schemas.Job:
        """Cancel a job; jobs that need its output are abandoned.

        Returns:
            The job: CANCELED, or still RUNNING while its process is being stopped.

        Raises:
            ConflictError: It has already ended with another status.
        """
        path = path_of(self._name, "cancel", id)
        call = Call(method="POST", path=path, headers=PREFERS_BODY, may_repeat=True)
        return self._transport.fetch(call, schemas.JobAnswer).job

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        """Delete a job with its log; the values that it wrote are kept."""
        self._delete(id, if_match)

    def list(
        self,
        *,
        id: AnyOf | None = None,
        submission_id: AnyOf | None = None,
        task_id: AnyOf | None = None,
        entity_id: AnyOf | None = None,
        newest_of: AnyOf | None = None,
        status: AnyOf | None = None,
        version: AnyOf | None = None,
        created_after: Timestamp | None = None,
        created_before: Timestamp | None = None,
        sort: str | None = None,
    ) -> Listing[schemas.Job]:
        """List jobs, oldest first unless ``sort`` is ``-creation_date``.

        Args:
            newest_of: A scenario: only the last accepted job of each of its tasks.
        """
        return self._list(locals())
