"""What may be done with submissions: asking for jobs, and following them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import Connection

from scenarist.db import audit, cancellation, deletions, events
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db import submissions as submission_rows
from scenarist.db import tasks as task_rows
from scenarist.db.acceptance import (
    JOBS_LIMIT,
    Lock,
    NewSubmission,
    PlannedJob,
    add_many,
    find_locks,
    tasks_without_success,
)
from scenarist.db.cancellation import Unfinished
from scenarist.db.engine import Database
from scenarist.db.pages import Page
from scenarist.domain.entities import Submission
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError, ScenaristError
from scenarist.domain.identifiers import (
    DataNodeId,
    SubmissionId,
    TaskId,
    job_id,
    new_uuid,
    submission_id,
)
from scenarist.domain.listings import PageRequest, SubmissionFilter
from scenarist.domain.moments import as_text
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.planning import TaskLinks, order_tasks
from scenarist.domain.vocabulary import EntityType, SubmissionStatus
from scenarist.services.cancelling import Canceller
from scenarist.services.deletions import deleted_events

_PLANS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """How to submit: *force* runs skippable tasks too; a *key* makes a repeat return the first."""

    force: bool = False
    priority: int = 0
    properties: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants submitted, and how; or which submission's failed jobs, once more.

    Args:
        traceparent: The span that it is wanted in (W3C Trace Context), which its jobs are under.
    """

    actor: Actor
    entity_type: EntityType
    entity_id: str
    options: SubmitOptions
    retry_of: SubmissionId | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class _PlannedTask:
    id: TaskId
    config_id: str
    inputs: tuple[DataNodeId, ...]
    outputs: tuple[DataNodeId, ...]


class SubmissionService:
    """Turns sequences, scenarios and tasks into jobs.

    Args:
        wake: Called after each commit that leaves jobs to run.
    """

    def __init__(
        self,
        database: Database,
        canceller: Canceller,
        *,
        now: Callable[[], datetime],
        wake: Callable[[], None],
        version: str,
    ) -> None:
        self._database = database
        self._canceller = canceller
        self._now = now
        self._wake = wake
        self._version = version
        self._plans: dict[tuple[TaskId, ...], tuple[_PlannedTask, ...]] = {}

    def submit(
        self, actor: Actor, entity_type: EntityType, entity_id: str, options: SubmitOptions
    ) -> Submission:
        """Make the jobs of an entity's tasks; what each reads is decided now.

        Raises:
            NotFoundError: There is no such entity.
            ConflictError: The idempotency key was used for something else.
        """
        (answer,) = self.submit_many([Wish(actor, entity_type, entity_id, options)])
        if isinstance(answer, ScenaristError):
            raise answer
        return answer

    def submit_many(self, wishes: Sequence[Wish]) -> list[Submission | ScenaristError]:
        """Submit for several actors in one transaction; each gets its own answer, in order.

        A wish that is refused does not touch the others: refusals come before anything is written.
        """
        now = self._now()

        def work(connection: Connection) -> list[Submission | ScenaristError]:
            batch = _Batch(
                connection, _sequence_tasks(connection, wishes), find_locks(connection, now)
            )
            answers = [self._answer(batch, wish, now) for wish in wishes]
            add_many(connection, batch.accepted)
            audit.add_many_done(connection, _done(wishes, answers), now)
            return answers

        answers = self._database.write(work)
        self._wake()
        return answers

    def get(self, actor: Actor, submission_id: str) -> Submission:
        actor.require(Permission.READ)
        return _get(self._database.reader, submission_id)

    def list_page(
        self, actor: Actor, wanted: SubmissionFilter, request: PageRequest
    ) -> Page[Submission]:
        actor.require(Permission.READ)
        return submission_rows.page(self._database.reader, wanted, request)

    def cancel(self, actor: Actor, submission_id: str) -> Submission:
        """Cancel all jobs of a submission that have not ended; those that run are asked to stop.

        Returns:
            The submission as it is now: CANCELED, or under way while jobs are being stopped.

        Raises:
            NotFoundError: There is no such submission.
            ConflictError: It has ended otherwise.
        """
        actor.require(Permission.EXECUTE)

        def find(connection: Connection) -> Sequence[Unfinished]:
            require_not_ended(_get(connection, submission_id))
            return cancellation.find_unfinished(connection, submission_id=submission_id)

        self._canceller.cancel(actor, submission_id, find)
        return _get(self._database.reader, submission_id)

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
            submission = _get(connection, submission_id)
            if expect is not None:
                expect(submission)
            if not submission.status.is_finished:
                raise ConflictError(
                    f"submission {submission_id} is {submission.status}; cancel it first, or "
                    "delete it when it has ended",
                    code="submission_under_way",
                )
            deletions.delete_submissions(connection, [submission_id])
            gone = deletions.Cascade(submissions=(submission_id,), jobs=submission.job_ids)
            events.add(connection, deleted_events(gone, actor.name), now)
            audit.add_done(connection, actor, submission_id, now)

        self._database.write(work)

    def _answer(self, batch: "_Batch", wish: Wish, now: datetime) -> Submission | ScenaristError:
        try:
            wish.actor.require(Permission.EXECUTE)
            return _earlier(batch, wish) or self._accept(batch, wish, now)
        except ScenaristError as refusal:
            return refusal

    def _accept(self, batch: "_Batch", wish: Wish, now: datetime) -> Submission:
        options = wish.options
        task_ids = _task_ids_of(batch, wish) if wish.retry_of is None else _to_retry(batch, wish)
        planned = [
            PlannedJob(job_id(task.config_id, new_uuid(now)), task.id, task.inputs, task.outputs)
            for task in self._plan(batch.connection, task_ids)
        ]
        _check_locks(batch.locks, planned)
        if len(planned) > JOBS_LIMIT:
            raise InvalidError(
                f"{wish.entity_id} has {len(planned)} tasks; a submission can have {JOBS_LIMIT} "
                "jobs, so submit it in sequences"
            )
        submission = Submission(
            id=submission_id(new_uuid(now)),
            entity_id=wish.entity_id,
            entity_type=wish.entity_type,
            status=SubmissionStatus.SUBMITTED if planned else SubmissionStatus.COMPLETED,
            job_ids=tuple(job.id for job in planned),
            job_counts={},
            properties=options.properties,
            created_at=now,
            run_at=None,
            finished_at=None if planned else now,
            version=self._version,
            retry_of=wish.retry_of,
        )
        batch.accepted.append(
            NewSubmission(
                submission,
                planned,
                options.force,
                options.priority,
                options.idempotency_key,
                wish.actor.name,
                wish.traceparent,
            )
        )
        return submission

    def _plan(
        self, connection: Connection, task_ids: tuple[TaskId, ...]
    ) -> tuple[_PlannedTask, ...]:
        """Return the tasks in the order of their data; tasks never change, so plans are kept."""
        plan = self._plans.get(task_ids)
        if plan is None:
            tasks = {task.id: task for task in task_rows.get_many(connection, task_ids)}
            ordered = order_tasks(
                [TaskLinks(task.id, task.input_ids, task.output_ids) for task in tasks.values()]
            )
            plan = tuple(
                _PlannedTask(task.id, task.config_id, task.input_ids, task.output_ids)
                for task in (tasks[TaskId(links.id)] for links in ordered)
            )
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            self._plans[task_ids] = plan
        return plan


def _done(
    wishes: Sequence[Wish], answers: Sequence[Submission | ScenaristError]
) -> list[tuple[Actor, str]]:
    """Say who has submitted what, of those who were not refused."""
    return [
        (wish.actor, wish.entity_id)
        for wish, answer in zip(wishes, answers, strict=True)
        if isinstance(answer, Submission)
    ]


def require_not_ended(submission: Submission) -> None:
    """Refuse a submission that has ended otherwise than by a cancel.

    Raises:
        ConflictError: It has; says how.
    """
    if submission.status.is_finished and submission.status is not SubmissionStatus.CANCELED:
        raise ConflictError(
            f"submission {submission.id} is {submission.status}; only one that has not ended can "
            "be cancelled",
            code="submission_ended",
        )


def _get(connection: Connection, submission_id: str) -> Submission:
    found = submission_rows.find(connection, submission_id)
    if found is None:
        raise NotFoundError(f"no submission has the identifier {submission_id}")
    return found


@dataclass(slots=True)
class _Batch:
    """Wishes that are fulfilled in one transaction, as far as it has come."""

    connection: Connection
    sequence_tasks: Mapping[str, tuple[TaskId, ...]]
    locks: Mapping[str, Lock]
    accepted: list[NewSubmission] = field(default_factory=list)


def _sequence_tasks(
    connection: Connection, wishes: Sequence[Wish]
) -> Mapping[str, tuple[TaskId, ...]]:
    """Return the tasks of all sequences that are wished for and exist, in one look-up."""
    ids = [wish.entity_id for wish in wishes if wish.entity_type is EntityType.SEQUENCE]
    return sequence_rows.tasks_of(connection, ids) if ids else {}


def _earlier(batch: _Batch, wish: Wish) -> Submission | None:
    """Return the submission that the wish's idempotency key has made already, if any.

    Raises:
        ConflictError: The key was used for another entity.
    """
    key = wish.options.idempotency_key
    if key is None:
        return None
    for new in batch.accepted:
        if new.idempotency_key == key:
            found: Submission | None = new.submission
            break
    else:
        found = submission_rows.find_by_key(batch.connection, key)
    if found is not None and (found.entity_id, found.retry_of) != (wish.entity_id, wish.retry_of):
        raise ConflictError(
            f"the idempotency key {key!r} was used to submit {found.entity_id}; "
            "take a new key for each submission",
            code="idempotency_key_reused",
        )
    return found


def _check_locks(locks: Mapping[str, Lock], planned: Sequence[PlannedJob]) -> None:
    """Refuse jobs that would write a data node which an editor has locked."""
    if not locks:
        return
    for job in planned:
        for node_id in job.outputs:
            if (lock := locks.get(node_id)) is not None:
                raise ConflictError(
                    f"data node {node_id} is locked by {lock.editor} until "
                    f"{as_text(lock.until)}, and task {job.task_id} writes it; submit when it "
                    "is unlocked",
                    code="data_node_locked",
                )


def _to_retry(batch: _Batch, wish: Wish) -> tuple[TaskId, ...]:
    """Return the tasks of the jobs that did not succeed, in the order of these jobs.

    Raises:
        NotFoundError: There is no such submission.
        ConflictError: It has not ended, or all its jobs succeeded.
    """
    submission = _get(batch.connection, str(wish.retry_of))
    if not submission.status.is_finished:
        raise ConflictError(
            f"submission {submission.id} is {submission.status}; retry it when it has ended",
            code="submission_under_way",
        )
    task_ids = tasks_without_success(batch.connection, submission.id)
    if not task_ids:
        raise ConflictError(
            f"submission {submission.id} has no job that failed or was cancelled or abandoned; "
            "submit its entity anew instead",
            code="nothing_to_retry",
        )
    return tuple(task_ids)


def _task_ids_of(batch: _Batch, wish: Wish) -> tuple[TaskId, ...]:
    entity_id = wish.entity_id
    match wish.entity_type:
        case EntityType.SEQUENCE:
            if entity_id in batch.sequence_tasks:
                return batch.sequence_tasks[entity_id]
        case EntityType.SCENARIO:
            if scenario_rows.exists(batch.connection, entity_id):
                return tuple(scenario_rows.task_ids_of(batch.connection, entity_id))
        case EntityType.TASK:
            if task_rows.find(batch.connection, entity_id) is not None:
                return (TaskId(entity_id),)
        case _:
            assert_never(wish.entity_type)
    raise NotFoundError(f"no {wish.entity_type.lower()} has the identifier {entity_id}")
