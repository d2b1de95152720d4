"""Submit requests before they are accepted: idempotency, the tasks to run, refusals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection

from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db import submissions as submission_rows
from scenarist.db import tasks as task_rows
from scenarist.db.jobs.enqueue import JOBS_LIMIT, NewSubmission, find_unsuccessful_tasks
from scenarist.db.locks import WriteLock, find_locks
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Submission, Task
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError, require_found
from scenarist.domain.identifiers import DataNodeId, SubmissionId, TaskId
from scenarist.domain.permissions import Actor
from scenarist.domain.planning import TaskLinks, order_tasks
from scenarist.domain.timestamps import format_timestamp
from scenarist.domain.vocabulary import EntityType
from scenarist.services.declarations import find_task_fault
from scenarist.services.locks import describe_lock

_CACHE_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """How to submit.

    Args:
        force: Run skippable tasks even if nothing changed.
        priority: Jobs of a higher priority are claimed first.
        idempotency_key: A repeated request with this key returns the first submission.
    """

    force: bool = False
    priority: int = 0
    properties: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """A request to submit an entity, or to retry the unsuccessful jobs of a submission.

    Args:
        retry_of: The submission to retry, if any.
        traceparent: The span of the request (W3C Trace Context); the spans of its jobs are its
            children.
        inputs: Values of inputs to write first, by name, in the same transaction.
    """

    actor: Actor
    entity_type: EntityType
    entity_id: str
    options: SubmitOptions
    retry_of: SubmissionId | None = None
    traceparent: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str | None:
        """Stored idempotency key: a digest that includes the actor, as keys are per actor."""
        given = self.options.idempotency_key
        return None if given is None else _digest([self.actor.id, given])

    @property
    def digest(self) -> str | None:
        """A digest that tells a repeated request from another one with the same key."""
        if self.options.idempotency_key is None:
            return None
        options = self.options
        given = [
            self.entity_type,
            self.entity_id,
            self.retry_of,
            options.force,
            options.priority,
            options.properties,
        ]
        # Without inputs, the digest is that of versions that had none.
        return _digest([*given, self.inputs] if self.inputs else given)


@dataclass(frozen=True, slots=True)
class OrderedTask:
    """Task of a submit; they are in the order of the data flow."""

    id: TaskId
    config_id: str
    inputs: tuple[DataNodeId, ...]
    outputs: tuple[DataNodeId, ...]
    fault: str | None  #: why it cannot run as declared now


@dataclass(slots=True)
class SubmitBatch:
    """The submit requests of one transaction, with the submissions accepted so far."""

    connection: Connection
    sequence_tasks: Mapping[str, tuple[TaskId, ...]]
    locks: Mapping[str, WriteLock]
    accepted: list[NewSubmission] = field(default_factory=list)


def open_batch(
    connection: Connection, requests: Sequence[SubmitRequest], now: datetime
) -> SubmitBatch:
    """Load what requests have in common: the tasks of all requested sequences, and the locks."""
    ids = [request.entity_id for request in requests if request.entity_type is EntityType.SEQUENCE]
    tasks = sequence_rows.tasks_of(connection, ids) if ids else {}
    return SubmitBatch(connection, tasks, find_locks(connection, now))


def find_earlier(batch: SubmitBatch, request: SubmitRequest) -> Submission | None:
    """Return the submission that was already made with the idempotency key, if any.

    Raises:
        ConflictError: The key was used for another request.
    """
    key = request.key
    if key is None:
        return None
    found = next(
        ((new.submission, new.request_digest) for new in batch.accepted if new.key == key),
        None,
    ) or submission_rows.find_by_key(batch.connection, key)
    if found is None:
        return None
    submission, digest = found
    if digest != request.digest:
        raise ConflictError(
            f"the idempotency key {request.options.idempotency_key!r} was already used for another "
            f"request, which submitted {submission.entity_id}; use a new key for each submission, "
            "and repeat a request unchanged",
            code="idempotency_key_reused",
        )
    return submission


class TaskFinder:
    """Finds the tasks of submit requests in the order of their data flow, or refuses the request.

    Args:
        declared: What the application declares now; None to take tasks as recorded.
    """

    def __init__(self, declared: DeclaredConfigs | None) -> None:
        self._declared = declared
        self._ordered: dict[tuple[TaskId, ...], tuple[OrderedTask, ...]] = {}

    def find(self, batch: SubmitBatch, request: SubmitRequest) -> tuple[OrderedTask, ...]:
        """Return the tasks to create jobs for.

        Raises:
            NotFoundError: There is no such entity.
            ConflictError: A task does not fit its declaration, would write a locked data node, or
                there is nothing to retry.
            InvalidError: There are more tasks than a submission can have.
        """
        task_ids = (
            _find_task_ids(batch, request, self._declared)
            if request.retry_of is None
            else _find_tasks_to_retry(batch, request)
        )
        tasks = self._order(batch.connection, task_ids)
        faults = [task.fault for task in tasks if task.fault is not None]
        _check_declared(request.entity_id, faults, is_retry=request.retry_of is not None)
        _check_locks(batch.locks, tasks)
        if len(tasks) > JOBS_LIMIT:
            raise InvalidError(
                f"{request.entity_id} has {len(tasks)} tasks; a submission can have {JOBS_LIMIT} "
                "jobs, so submit it in sequences"
            )
        return tasks

    def _order(
        self, connection: Connection, task_ids: tuple[TaskId, ...]
    ) -> tuple[OrderedTask, ...]:
        """Return tasks in the order of their data flow; cached, since tasks are immutable."""
        ordered = self._ordered.get(task_ids)
        if ordered is None:
            tasks = {task.id: task for task in task_rows.get_many(connection, task_ids)}
            links = order_tasks(
                [TaskLinks(task.id, task.input_ids, task.output_ids) for task in tasks.values()]
            )
            ordered = tuple(
                OrderedTask(
                    task.id, task.config_id, task.input_ids, task.output_ids, self._fault_of(task)
                )
                for task in (tasks[TaskId(link.id)] for link in links)
            )
            if len(self._ordered) >= _CACHE_LIMIT:
                self._ordered.clear()
            self._ordered[task_ids] = ordered
        return ordered

    def _fault_of(self, task: Task) -> str | None:
        return None if self._declared is None else find_task_fault(task, self._declared)


def _digest(parts: Sequence[Any]) -> str:
    return blake2b(msgspec.json.encode(parts, order="deterministic"), digest_size=16).hexdigest()


def _check_locks(locks: Mapping[str, WriteLock], tasks: Sequence[OrderedTask]) -> None:
    """Refuse tasks that would write a data node locked by an editor.

    Raises:
        ConflictError: There is such a task; the message names it and the lock.
    """
    if not locks:
        return
    for task in tasks:
        for node_id in task.outputs:
            if (lock := locks.get(node_id)) is not None:
                raise ConflictError(
                    f"data node {node_id} is locked by {describe_lock(lock.editor, lock.holder)} "
                    f"until {format_timestamp(lock.until)}, and task {task.id} writes it; "
                    "submit when it is unlocked",
                    code="data_node_locked",
                )


def _check_declared(entity_id: str, faults: Sequence[str], *, is_retry: bool = False) -> None:
    """Refuse tasks that cannot run because the application has changed their declaration.

    Raises:
        ConflictError: There are such tasks; the message says how to fix the first.
    """
    if faults:
        more = f" (and {len(faults) - 1} more of its tasks)" if len(faults) > 1 else ""
        if is_retry:
            more += "; a retry runs the tasks of the former submission, so submit it anew instead"
        raise ConflictError(
            f"{entity_id} cannot be submitted: {faults[0]}{more}", code="application_changed"
        )


def _find_tasks_to_retry(batch: SubmitBatch, request: SubmitRequest) -> tuple[TaskId, ...]:
    """Return the tasks of the unsuccessful jobs of a submission, in job order.

    Raises:
        NotFoundError: There is no such submission.
        ConflictError: It has not ended, or all its jobs succeeded.
    """
    submission = get_submission(batch.connection, str(request.retry_of))
    if not submission.status.is_finished:
        raise ConflictError(
            f"submission {submission.id} is {submission.status}; retry it when it has ended",
            code="submission_under_way",
        )
    task_ids = find_unsuccessful_tasks(batch.connection, submission.id)
    if not task_ids:
        raise ConflictError(
            f"submission {submission.id} has no job that failed or was cancelled or abandoned; "
            "submit its entity again instead",
            code="nothing_to_retry",
        )
    return tuple(task_ids)


def _find_task_ids(
    batch: SubmitBatch, request: SubmitRequest, declared: DeclaredConfigs | None
) -> tuple[TaskId, ...]:
    """Return the tasks of the entity to submit.

    Raises:
        NotFoundError: There is no such entity.
        ConflictError: The application no longer declares its scenario config.
    """
    entity_id = request.entity_id
    match request.entity_type:
        case EntityType.SEQUENCE:
            if entity_id in batch.sequence_tasks:
                return batch.sequence_tasks[entity_id]
        case EntityType.SCENARIO:
            config_id = scenario_rows.config_of(batch.connection, entity_id)
            if config_id is not None:
                fault = None if declared is None else declared.find_scenario_fault(config_id)
                _check_declared(entity_id, [] if fault is None else [fault])
                return tuple(scenario_rows.task_ids_of(batch.connection, entity_id))
        case EntityType.TASK:
            if task_rows.find(batch.connection, entity_id) is not None:
                return (TaskId(entity_id),)
        case _:
            assert_never(request.entity_type)
    raise NotFoundError(f"no {request.entity_type.lower()} has the identifier {entity_id}")


def get_submission(connection: Connection, submission_id: str) -> Submission:
    return require_found(
        submission_rows.find(connection, submission_id), "submission", submission_id
    )
