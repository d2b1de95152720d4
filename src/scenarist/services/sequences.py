"""What may be done with sequences."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db import submissions as submission_rows
from scenarist.db import tasks as task_rows
from scenarist.db.engine import Database
from scenarist.db.pages import Page
from scenarist.domain import entities
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError
from scenarist.domain.identifiers import ScenarioId, sequence_id, sequence_name_fault
from scenarist.domain.listings import PageRequest, SequenceFilter
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.planning import TaskLinks, connected_groups


class SequenceService:
    def __init__(self, database: Database, *, now: Callable[[], datetime], version: str) -> None:
        self._database = database
        self._now = now
        self._version = version

    def create(
        self,
        actor: Actor,
        scenario_id: str,
        name: str,
        task_ids: Sequence[str],
        *,
        properties: Mapping[str, Any] | None = None,
    ) -> entities.Sequence:
        """Create a sequence of tasks of one scenario; none at all is allowed.

        Raises:
            NotFoundError: There is no such scenario.
            InvalidError: The name or the tasks cannot be; names the offenders.
            ConflictError: The scenario has a sequence of that name already.
        """
        actor.require(Permission.EDIT)
        fault = sequence_name_fault(name)
        if fault is not None:
            raise InvalidError(
                f"{fault}; got {name[:200]!r}",
                errors=[{"field": "sequence_name", "message": fault}],
            )
        created_at = self._now()

        def work(connection: Connection) -> entities.Sequence:
            if not scenario_rows.exists(connection, scenario_id):
                raise NotFoundError(f"no scenario has the identifier {scenario_id}")
            tasks = task_rows.get_many(connection, task_ids)
            _check_tasks(
                scenario_id,
                task_ids,
                tasks,
                set(scenario_rows.task_ids_of(connection, scenario_id)),
            )
            sequence = entities.Sequence(
                id=sequence_id(name, ScenarioId(scenario_id)),
                name=name,
                scenario_id=ScenarioId(scenario_id),
                task_ids=tuple(task.id for task in tasks),
                properties=properties or {},
                created_at=created_at,
                version=self._version,
            )
            sequence_rows.add(connection, sequence)
            return sequence

        return self._database.write(work)

    def get(self, actor: Actor, sequence_id: str) -> entities.Sequence:
        actor.require(Permission.READ)
        found = sequence_rows.find(self._database.reader, sequence_id)
        if found is None:
            raise NotFoundError(f"no sequence has the identifier {sequence_id}")
        return found

    def list_page(
        self, actor: Actor, wanted: SequenceFilter, request: PageRequest
    ) -> Page[entities.Sequence]:
        actor.require(Permission.READ)
        return sequence_rows.page(self._database.reader, wanted, request)

    def delete(self, actor: Actor, sequence_id: str) -> None:
        """Delete a sequence; the jobs it had and their results stay.

        Raises:
            NotFoundError: There is no such sequence.
            ConflictError: A submission of it is under way.
        """
        actor.require(Permission.EDIT)

        def work(connection: Connection) -> None:
            under_way = submission_rows.find_under_way(connection, sequence_id)
            if under_way is not None and sequence_rows.find(connection, sequence_id) is not None:
                raise ConflictError(
                    f"sequence {sequence_id} has a submission under way, {under_way}; "
                    "delete the sequence when it has ended",
                    code="submission_under_way",
                )
            if not sequence_rows.delete_one(connection, sequence_id):
                raise NotFoundError(f"no sequence has the identifier {sequence_id}")

        self._database.write(work)


def _check_tasks(
    scenario_id: str,
    task_ids: Sequence[str],
    tasks: Sequence[entities.Task],
    of_scenario: set[Any],
) -> None:
    """Refuse tasks that do not make a sequence, with one message for each offender."""
    known = {task.id for task in tasks}
    twice = {task_id for task_id, count in Counter(task_ids).items() if count > 1}
    faults = []
    for position, task_id in enumerate(task_ids):
        if task_id not in known:
            problem = f"no task has the identifier {task_id}"
        elif task_id not in of_scenario:
            problem = f"task {task_id} is not of scenario {scenario_id}"
        elif task_id in twice:
            problem = f"task {task_id} is named more than once"
        else:
            continue
        faults.append({"field": f"tasks[{position}]", "message": problem})
    if faults:
        raise InvalidError(_summary(faults), code="tasks_invalid", errors=faults)
    groups = connected_groups(
        [TaskLinks(task.id, task.input_ids, task.output_ids) for task in tasks]
    )
    if len(groups) > 1:
        shown = "; ".join(", ".join(group) for group in groups)
        raise InvalidError(
            "the tasks of a sequence must be connected by data nodes; "
            f"these groups share none: {shown}",
            code="tasks_not_connected",
            errors=[{"field": "tasks", "message": f"not connected: {shown}"}],
        )


def _summary(faults: Sequence[Mapping[str, str]]) -> str:
    messages = list(dict.fromkeys(fault["message"] for fault in faults))
    more = f" (and {len(messages) - 3} more)" if len(messages) > 3 else ""
    return "; ".join(messages[:3]) + more
