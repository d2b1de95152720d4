"""Jobs: read, cancel and delete them, and read their logs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import audit, deletions, event_log
from scenarist.db.engine import Database
from scenarist.db.jobs import cancel as cancellation
from scenarist.db.jobs import rows as job_rows
from scenarist.db.jobs.cancel import UnfinishedJob
from scenarist.db.paging import Page
from scenarist.domain.entities import Event, Job
from scenarist.domain.errors import ConflictError, require_found
from scenarist.domain.listings import JobFilter, PageRequest
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import ChangeType, EntityKind, JobStatus
from scenarist.services.cancellation import Canceller


class JobService:
    """Reads, cancels and deletes jobs.

    Args:
        executor_fault: Returns why the executor cannot run jobs now, or None. It is shown as what
            PENDING jobs wait for.
    """

    def __init__(
        self,
        database: Database,
        canceller: Canceller,
        *,
        now: Callable[[], datetime],
        executor_fault: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._database = database
        self._canceller = canceller
        self._now = now
        self._executor_fault = executor_fault

    def get(self, actor: Actor, job_id: str) -> Job:
        actor.require(Permission.READ)
        return self._add_fault(_get(self._database.reader, job_id))

    def get_log(self, actor: Actor, job_id: str) -> list[tuple[int, str]]:
        """Return number and output of each attempt; attempts without output are omitted."""
        self.get(actor, job_id)
        return job_rows.find_log(self._database.reader, job_id)

    def list_page(self, actor: Actor, wanted: JobFilter, request: PageRequest) -> Page[Job]:
        actor.require(Permission.READ)
        found = job_rows.list_page(self._database.reader, wanted, request)
        return replace(found, items=[self._add_fault(job) for job in found.items])

    def _add_fault(self, job: Job) -> Job:
        if job.status is not JobStatus.PENDING or job.waiting_for:
            return job
        fault = self._executor_fault()
        return job if fault is None else replace(job, waiting_for=(fault,))

    def cancel(self, actor: Actor, job_id: str) -> Job:
        """Cancel a waiting job and the jobs that need its output; ask a running job to stop.

        A running job ends when its process has stopped, after two seconds at most. If it ends by
        itself before that, its outcome counts.

        Returns:
            The job as it is now: CANCELED, or still RUNNING.

        Raises:
            NotFoundError: There is no such job.
            ConflictError: It has ended with another status.
        """
        actor.require(Permission.EXECUTE)

        def find(connection: Connection) -> Sequence[UnfinishedJob]:
            require_not_ended(_get(connection, job_id))
            return cancellation.find_unfinished(connection, job_id=job_id)

        return self._canceller.cancel(actor, job_id, find, lambda within: _get(within, job_id))

    def delete(
        self, actor: Actor, job_id: str, *, expect: Callable[[Job], None] | None = None
    ) -> None:
        """Delete a job that has ended, with its log; the values that it wrote stay.

        Raises:
            NotFoundError: There is no such job.
            ConflictError: It has not ended.
            ChangedError: It is not as expected.
        """
        actor.require(Permission.EDIT)
        now = self._now()

        def work(connection: Connection) -> None:
            job = _get(connection, job_id)
            if expect is not None:
                expect(job)
            if not job.status.is_finished:
                raise ConflictError(
                    f"job {job_id} is {job.status}; cancel it first, or delete it when it has "
                    "ended",
                    code="job_under_way",
                )
            deletions.delete_jobs(connection, [job_id])
            change = Event(
                kind=EntityKind.JOB, id=job_id, change=ChangeType.DELETED, actor=actor.ref
            )
            event_log.add(connection, [change], now)
            audit.record_allowed(connection, actor, job_id, now)

        self._database.write(work)


def require_not_ended(job: Job) -> None:
    """Refuse to cancel a job that has ended with a status other than CANCELED.

    Raises:
        ConflictError: It has ended; the message has its status.
    """
    if job.status.is_finished and job.status is not JobStatus.CANCELED:
        raise ConflictError(
            f"job {job.id} is {job.status}; only a job that has not ended can be cancelled",
            code="job_ended",
        )


def _get(connection: Connection, job_id: str) -> Job:
    return require_found(job_rows.find(connection, job_id), "job", job_id)
