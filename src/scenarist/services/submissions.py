"""What may be done with submissions: asking for jobs, and following them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db import submissions as submission_rows
from scenarist.db import tasks as task_rows
from scenarist.db.engine import Database
from scenarist.db.pages import Page
from scenarist.db.submissions import PlannedJob
from scenarist.domain.entities import Submission
from scenarist.domain.errors import ConflictError, NotFoundError
from scenarist.domain.identifiers import DataNodeId, TaskId, job_id, new_uuid, submission_id
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.planning import TaskLinks, order_tasks
from scenarist.domain.vocabulary import EntityType, SubmissionStatus

_PLANS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """How to submit: *force* runs skippable tasks too; a *key* makes a repeat return the first."""

    force: bool = False
    priority: int = 0
    properties: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None


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
        *,
        now: Callable[[], datetime],
        wake: Callable[[], None],
        version: str,
    ) -> None:
        self._database = database
        self._now = now
        self._wake = wake
        self._version = version
        self._plans: dict[tuple[TaskId, ...], tuple[_PlannedTask, ...]] = {}

    def submit_sequence(self, actor: Actor, sequence_id: str, options: SubmitOptions) -> Submission:
        """Make the jobs of a sequence's tasks; what each reads is decided now.

        Raises:
            NotFoundError: There is no such sequence.
            ConflictError: The idempotency key was used for something else.
        """

        def tasks_of(connection: Connection) -> Sequence[TaskId]:
            sequence = sequence_rows.find(connection, sequence_id)
            if sequence is None:
                raise NotFoundError(f"no sequence has the identifier {sequence_id}")
            return sequence.task_ids

        return self._submit(actor, sequence_id, EntityType.SEQUENCE, tasks_of, options)

    def submit_scenario(self, actor: Actor, scenario_id: str, options: SubmitOptions) -> Submission:
        """Make the jobs of all tasks of a scenario; see `submit_sequence`."""

        def tasks_of(connection: Connection) -> Sequence[TaskId]:
            if not scenario_rows.exists(connection, scenario_id):
                raise NotFoundError(f"no scenario has the identifier {scenario_id}")
            return scenario_rows.task_ids_of(connection, scenario_id)

        return self._submit(actor, scenario_id, EntityType.SCENARIO, tasks_of, options)

    def submit_task(self, actor: Actor, task_id: str, options: SubmitOptions) -> Submission:
        """Make the job of one task; see `submit_sequence`."""

        def tasks_of(connection: Connection) -> Sequence[TaskId]:
            if task_rows.find(connection, task_id) is None:
                raise NotFoundError(f"no task has the identifier {task_id}")
            return (TaskId(task_id),)

        return self._submit(actor, task_id, EntityType.TASK, tasks_of, options)

    def get(self, actor: Actor, submission_id: str) -> Submission:
        actor.require(Permission.READ)
        found = submission_rows.find(self._database.reader, submission_id)
        if found is None:
            raise NotFoundError(f"no submission has the identifier {submission_id}")
        return found

    def list_page(
        self,
        actor: Actor,
        *,
        entity_id: str | None = None,
        status: SubmissionStatus | None = None,
        after: int = 0,
        limit: int,
    ) -> Page[Submission]:
        actor.require(Permission.READ)
        return submission_rows.page(
            self._database.reader, entity_id=entity_id, status=status, after=after, limit=limit
        )

    def _submit(
        self,
        actor: Actor,
        entity_id: str,
        entity_type: EntityType,
        tasks_of: Callable[[Connection], Sequence[TaskId]],
        options: SubmitOptions,
    ) -> Submission:
        actor.require(Permission.EXECUTE)
        now = self._now()

        def work(connection: Connection) -> Submission:
            if options.idempotency_key is not None:
                earlier = self._find_earlier(connection, entity_id, options.idempotency_key)
                if earlier is not None:
                    return earlier
            planned = [
                PlannedJob(
                    job_id(task.config_id, new_uuid(now)), task.id, task.inputs, task.outputs
                )
                for task in self._plan(connection, tuple(tasks_of(connection)))
            ]
            submission = Submission(
                id=submission_id(new_uuid(now)),
                entity_id=entity_id,
                entity_type=entity_type,
                status=SubmissionStatus.SUBMITTED if planned else SubmissionStatus.COMPLETED,
                job_ids=tuple(job.id for job in planned),
                properties=options.properties,
                created_at=now,
                run_at=None,
                finished_at=None if planned else now,
                version=self._version,
            )
            submission_rows.add(
                connection,
                submission,
                planned,
                force=options.force,
                priority=options.priority,
                idempotency_key=options.idempotency_key,
            )
            return submission

        submission = self._database.write(work)
        self._wake()
        return submission

    def _find_earlier(self, connection: Connection, entity_id: str, key: str) -> Submission | None:
        earlier = submission_rows.find_by_key(connection, key)
        if earlier is None:
            return None
        earlier_id, earlier_entity = earlier
        if earlier_entity != entity_id:
            raise ConflictError(
                f"the idempotency key {key!r} was used to submit {earlier_entity}; "
                "take a new key for each submission",
                code="idempotency_key_reused",
            )
        return submission_rows.find(connection, earlier_id)

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
