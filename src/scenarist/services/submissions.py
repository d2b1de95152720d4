"""Submissions: submit entities, and read, cancel, pause, resume and delete submissions."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from scenarist.db import audit, deletions, event_log, named_files
from scenarist.db import submissions as submission_rows
from scenarist.db.engine import Database
from scenarist.db.jobs import cancel as cancellation
from scenarist.db.jobs import pause as pausing
from scenarist.db.jobs import propagate
from scenarist.db.jobs.cancel import UnfinishedJob
from scenarist.db.jobs.enqueue import NewSubmission, PlannedJob, enqueue
from scenarist.db.paging import Page
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Event, Submission
from scenarist.domain.errors import (
    ConflictError,
    ScenaristError,
    UnavailableError,
)
from scenarist.domain.identifiers import (
    make_job_id,
    make_submission_id,
    make_uuid,
)
from scenarist.domain.listings import PageRequest, SubmissionFilter
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import ChangeType, EntityKind, EntityType, SubmissionStatus
from scenarist.services.cancellation import Canceller
from scenarist.services.deletions import make_deletion_events
from scenarist.services.submit_requests import (
    SubmitBatch,
    SubmitOptions,
    SubmitRequest,
    TaskFinder,
    find_earlier,
    get_submission,
    open_batch,
)
from scenarist.storage.registry import find_file_state


class SubmissionService:
    """Submits sequences, scenarios and tasks: enqueues a job for each of their tasks.

    Args:
        declared: What the application declares now; a submit of tasks that do not match it is
            refused. None to run tasks as recorded.
    """

    def __init__(
        self,
        database: Database,
        canceller: Canceller,
        *,
        now: Callable[[], datetime],
        version: str,
        declared: DeclaredConfigs | None = None,
    ) -> None:
        self._tasks = TaskFinder(declared)
        self._database = database
        self._canceller = canceller
        self._now = now
        self._version = version

    def submit(
        self, actor: Actor, entity_type: EntityType, entity_id: str, options: SubmitOptions
    ) -> Submission:
        """Enqueue the jobs of an entity's tasks; their inputs are decided now.

        Raises:
            NotFoundError: There is no such entity.
            ConflictError: The idempotency key was used for another request.
        """
        (result,) = self.submit_many([SubmitRequest(actor, entity_type, entity_id, options)])
        if isinstance(result, ScenaristError):
            raise result
        return result

    def submit_many(self, requests: Sequence[SubmitRequest]) -> list[Submission | ScenaristError]:
        """Submit for several actors in one transaction; return one result per request, in order.

        A refused request does not affect the others: it is refused before anything is written.
        """
        now = self._now()

        def work(connection: Connection) -> list[Submission | ScenaristError]:
            batch = open_batch(connection, requests, now)
            results = [self._accept_or_refuse(batch, request, now) for request in requests]
            _enqueue_batch(batch, now)
            audit.record_many_allowed(connection, _list_accepted(requests, results), now)
            return results

        return self._database.write(work)

    def submit_after(
        self, actor: Actor, request: SubmitRequest, change: Callable[[Connection], None]
    ) -> Submission:
        """Submit an entity after a change in the same transaction: both are committed, or neither.

        Such a request shares no batch: the jobs of requests that were accepted before it read what
        was there before the change.

        Args:
            change: Not called if the idempotency key returns an earlier submission.

        Raises:
            NotFoundError: There is no such entity.
            ConflictError: It cannot be submitted now, or the key was used for another request.
        """
        actor.require(Permission.EXECUTE)

        def work(connection: Connection) -> Submission:
            now = self._now()
            batch = open_batch(connection, [request], now)
            submission = find_earlier(batch, request)
            if submission is None:
                self._tasks.find(batch, request)  # raises before anything is changed
                change(connection)
                submission = self._accept(batch, request, now)
                _enqueue_batch(batch, now)
            audit.record_many_allowed(connection, [(actor, request.entity_id)], now)
            return submission

        return self._database.write(work)

    def get(self, actor: Actor, submission_id: str) -> Submission:
        actor.require(Permission.READ)
        return get_submission(self._database.reader, submission_id)

    def list_page(
        self, actor: Actor, wanted: SubmissionFilter, request: PageRequest
    ) -> Page[Submission]:
        actor.require(Permission.READ)
        return submission_rows.list_page(self._database.reader, wanted, request)

    def cancel(self, actor: Actor, submission_id: str) -> Submission:
        """Cancel all unfinished jobs of a submission; running jobs are asked to stop.

        Returns:
            The submission as it is now: CANCELED, or unfinished while jobs are being stopped.

        Raises:
            NotFoundError: There is no such submission.
            ConflictError: It has ended with another status.
        """
        actor.require(Permission.EXECUTE)

        def find(connection: Connection) -> Sequence[UnfinishedJob]:
            require_not_ended(get_submission(connection, submission_id))
            return cancellation.find_unfinished(connection, submission_id=submission_id)

        return self._canceller.cancel(
            actor, submission_id, find, lambda within: get_submission(within, submission_id)
        )

    def pause(self, actor: Actor, submission_id: str) -> Submission:
        """Start no more jobs of a submission until it is resumed; running jobs continue.

        Raises:
            NotFoundError: There is no such submission.
            ConflictError: It has ended.
        """
        return self._set_paused(actor, submission_id, is_paused=True)

    def resume(self, actor: Actor, submission_id: str) -> Submission:
        """Start jobs of a paused submission again.

        Raises:
            NotFoundError: There is no such submission.
            ConflictError: It has ended.
        """
        return self._set_paused(actor, submission_id, is_paused=False)

    def _set_paused(self, actor: Actor, submission_id: str, *, is_paused: bool) -> Submission:
        actor.require(Permission.EXECUTE)
        now = self._now()

        def work(connection: Connection) -> Submission:
            submission = get_submission(connection, submission_id)
            if submission.status.is_finished:
                raise ConflictError(
                    f"submission {submission_id} is {submission.status}; only a submission that "
                    "has not ended can be paused or resumed",
                    code="submission_ended",
                )
            if (submission.paused_at is not None) == is_paused:
                return submission
            change = pausing.pause_submission if is_paused else pausing.resume_submission
            change(connection, submission.id, now)
            changed = Event(
                kind=EntityKind.SUBMISSION,
                id=submission.id,
                change=ChangeType.UPDATED,
                actor=actor.ref,
            )
            event_log.add(connection, [changed], now)
            audit.record_allowed(connection, actor, submission_id, now)
            return get_submission(connection, submission_id)

        return self._database.write(work)

    def delete(
        self,
        actor: Actor,
        submission_id: str,
        *,
        expect: Callable[[Submission], None] | None = None,
    ) -> None:
        """Delete a submission that has ended, with its jobs; the values that they wrote stay.

        Raises:
            NotFoundError: There is no such submission.
            ConflictError: It has not ended.
            ChangedError: It is not as expected.
        """
        actor.require(Permission.EDIT)
        now = self._now()

        def work(connection: Connection) -> None:
            submission = get_submission(connection, submission_id)
            if expect is not None:
                expect(submission)
            if not submission.status.is_finished:
                raise ConflictError(
                    f"submission {submission_id} is {submission.status}; cancel it first, or "
                    "delete it when it has ended",
                    code="submission_under_way",
                )
            deletions.delete_submissions(connection, [submission_id])
            cascade = deletions.Cascade(submissions=(submission_id,), jobs=submission.job_ids)
            event_log.add(connection, make_deletion_events(cascade, actor.ref), now)
            audit.record_allowed(connection, actor, submission_id, now)

        self._database.write(work)

    def _accept_or_refuse(
        self, batch: "SubmitBatch", request: SubmitRequest, now: datetime
    ) -> Submission | ScenaristError:
        try:
            request.actor.require(Permission.EXECUTE)
            return find_earlier(batch, request) or self._accept(batch, request, now)
        except UnavailableError:  # no request of the batch can be stored
            raise
        except ScenaristError as error:
            return error

    def _accept(self, batch: "SubmitBatch", request: SubmitRequest, now: datetime) -> Submission:
        options = request.options
        planned = [
            PlannedJob(
                make_job_id(task.config_id, make_uuid(now)), task.id, task.inputs, task.outputs
            )
            for task in self._tasks.find(batch, request)
        ]
        submission = Submission(
            id=make_submission_id(make_uuid(now)),
            entity_id=request.entity_id,
            entity_type=request.entity_type,
            status=SubmissionStatus.SUBMITTED if planned else SubmissionStatus.COMPLETED,
            job_ids=tuple(job.id for job in planned),
            job_counts={},
            properties=options.properties,
            created_at=now,
            run_at=None,
            finished_at=None if planned else now,
            version=self._version,
            retry_of=request.retry_of,
        )
        batch.accepted.append(
            NewSubmission(
                submission,
                planned,
                options.force,
                options.priority,
                request.key,
                request.digest,
                request.actor.ref,
                request.traceparent,
            )
        )
        return submission


def _enqueue_batch(batch: SubmitBatch, now: datetime) -> None:
    connection = batch.connection
    awaited = enqueue(connection, batch.accepted, partial(_find_edits, connection, now))
    if awaited:
        event_log.add(connection, propagate.advance_writers(connection, awaited, now), now)


def _find_edits(
    connection: Connection, now: datetime, data_node_ids: Sequence[str]
) -> Mapping[str, str]:
    """Record named files that other programs created or replaced; return the last edits."""
    found = named_files.record_found_files(connection, data_node_ids, find_file_state, now)
    event_log.add(connection, found.changes, now)
    return {node_id: edit_id for node_id, (edit_id, _) in found.edits.items()}


def _list_accepted(
    requests: Sequence[SubmitRequest], results: Sequence[Submission | ScenaristError]
) -> list[tuple[Actor, str]]:
    """Return the actor and the entity of each accepted request, for the audit log."""
    return [
        (request.actor, request.entity_id)
        for request, result in zip(requests, results, strict=True)
        if isinstance(result, Submission)
    ]


def require_not_ended(submission: Submission) -> None:
    """Refuse to cancel a submission that has ended with a status other than CANCELED.

    Raises:
        ConflictError: It has ended; the message has its status.
    """
    if submission.status.is_finished and submission.status is not SubmissionStatus.CANCELED:
        raise ConflictError(
            f"submission {submission.id} is {submission.status}; only a submission that has not "
            "ended can be cancelled",
            code="submission_ended",
        )
