"""Sequences: create, read, change and delete them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from scenarist.db import audit, deletions, eligibility, event_log
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db import tasks as task_rows
from scenarist.db.engine import Database
from scenarist.db.paging import Page
from scenarist.domain import entities
from scenarist.domain.entities import Event
from scenarist.domain.errors import ConflictError, InvalidError, require_found
from scenarist.domain.identifiers import ScenarioId, TaskId, find_sequence_name_fault
from scenarist.domain.identifiers import make_sequence_id as new_id
from scenarist.domain.listings import PageRequest, SequenceFilter
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.planning import TaskLinks, find_connected_groups
from scenarist.domain.properties import merge_properties, validate_properties
from scenarist.domain.vocabulary import ChangeType, EntityKind

Expect = Callable[[entities.Sequence], None]
"""Checks the present sequence in the transaction that changes it; raises to refuse the change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceChange:
    """Changes to a sequence; UNSET fields stay as they are."""

    name: str | UnsetType = UNSET
    task_ids: Sequence[str] | UnsetType = UNSET
    properties: Mapping[str, Any] | UnsetType = UNSET  #: merged into the existing ones


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
        """Create a sequence of tasks of one scenario; it may be empty.

        Raises:
            NotFoundError: There is no such scenario.
            InvalidError: The name or a task is invalid; the message names each.
            ConflictError: The scenario already has a sequence of that name.
        """
        actor.require(Permission.EDIT)
        _check_name(name, "sequence_name")
        validate_properties(properties or {})
        created_at = self._now()

        def work(connection: Connection) -> entities.Sequence:
            is_there = scenario_rows.exists(connection, scenario_id)
            require_found(is_there, "scenario", scenario_id)
            sequence = entities.Sequence(
                id=new_id(name, ScenarioId(scenario_id)),
                name=name,
                scenario_id=ScenarioId(scenario_id),
                task_ids=_load_tasks(connection, scenario_id, task_ids),
                properties=properties or {},
                created_at=created_at,
                version=self._version,
            )
            sequence_rows.add(connection, sequence)
            event_log.add(
                connection, [_make_event(ChangeType.CREATED, sequence.id, actor)], created_at
            )
            audit.record_allowed(connection, actor, sequence.id, created_at)
            return sequence

        return self._database.write(work)

    def get(self, actor: Actor, sequence_id: str) -> entities.Sequence:
        actor.require(Permission.READ)
        return _get(self._database.reader, sequence_id)

    def list_page(
        self, actor: Actor, wanted: SequenceFilter, request: PageRequest
    ) -> Page[entities.Sequence]:
        actor.require(Permission.READ)
        return sequence_rows.list_page(self._database.reader, wanted, request)

    def change(
        self,
        actor: Actor,
        sequence_id: str,
        change: SequenceChange,
        *,
        expect: Expect | None = None,
    ) -> entities.Sequence:
        """Change the name, the tasks or the properties of a sequence.

        A new name gives it a new identifier; its submissions, jobs and subscribers are kept.

        Raises:
            NotFoundError: There is no such sequence.
            InvalidError: The name, a task or a property is invalid; the message names it.
            ConflictError: The scenario already has a sequence of that name, or a submission of
                the sequence has not ended and more than its properties would change.
        """
        actor.require(Permission.EDIT)
        if change.name is not UNSET:
            _check_name(change.name, "name")
        if change.properties is not UNSET:
            validate_properties(change.properties)

        def work(connection: Connection) -> entities.Sequence:
            sequence = _get(connection, sequence_id)
            if expect is not None:
                expect(sequence)
            changed = _apply_change(connection, sequence, change)
            audit.record_allowed(connection, actor, sequence.id, self._now())
            if changed == sequence and not change.properties:
                return sequence
            if (changed.id, changed.task_ids) != (sequence.id, sequence.task_ids):
                _refuse_unfinished(connection, sequence.id, "change")
            sequence_rows.change(connection, sequence, changed)
            event_log.add(connection, _make_events(sequence, changed, actor), self._now())
            return changed

        return self._database.write(work)

    def delete(self, actor: Actor, sequence_id: str, *, expect: Expect | None = None) -> None:
        """Delete a sequence with its subscribers; its jobs and their results stay.

        Raises:
            NotFoundError: There is no such sequence.
            ConflictError: A submission of it has not ended.
        """
        actor.require(Permission.EDIT)

        def work(connection: Connection) -> None:
            sequence = _get(connection, sequence_id)
            if expect is not None:
                expect(sequence)
            _refuse_unfinished(connection, sequence.id, "delete")
            deletions.delete_sequences(connection, [sequence.id])
            now = self._now()
            event_log.add(connection, [_make_event(ChangeType.DELETED, sequence.id, actor)], now)
            audit.record_allowed(connection, actor, sequence.id, now)

        self._database.write(work)


def _get(connection: Connection, sequence_id: str) -> entities.Sequence:
    return require_found(sequence_rows.find(connection, sequence_id), "sequence", sequence_id)


def _apply_change(
    connection: Connection, sequence: entities.Sequence, change: SequenceChange
) -> entities.Sequence:
    name, task_ids, properties = sequence.name, sequence.task_ids, sequence.properties
    if change.name is not UNSET:
        name = change.name
    if change.task_ids is not UNSET:
        task_ids = _load_tasks(connection, sequence.scenario_id, change.task_ids)
    if change.properties is not UNSET:
        properties = merge_properties(properties, change.properties)
    return replace(
        sequence,
        id=sequence.id if name == sequence.name else new_id(name, sequence.scenario_id),
        name=name,
        task_ids=task_ids,
        properties=properties,
    )


def _make_events(
    former: entities.Sequence, changed: entities.Sequence, actor: Actor
) -> list[Event]:
    """Return the events of a change; a rename is a deletion and a creation."""
    if former.id == changed.id:
        return [_make_event(ChangeType.UPDATED, changed.id, actor)]
    return [
        _make_event(ChangeType.DELETED, former.id, actor),
        _make_event(ChangeType.CREATED, changed.id, actor),
    ]


def _make_event(change: ChangeType, sequence_id: str, actor: Actor) -> Event:
    return Event(kind=EntityKind.SEQUENCE, id=sequence_id, change=change, actor=actor.ref)


def _refuse_unfinished(connection: Connection, sequence_id: str, verb: str) -> None:
    under_way = eligibility.find_unfinished_submission(connection, [sequence_id])
    if under_way is not None:
        raise ConflictError(
            f"sequence {sequence_id} has a submission under way, {under_way}; "
            f"{verb} the sequence when the submission has ended",
            code="submission_under_way",
        )


def _check_name(name: str, field: str) -> None:
    fault = find_sequence_name_fault(name)
    if fault is not None:
        raise InvalidError(
            f"{fault}; got {name[:200]!r}", errors=[{"field": field, "message": fault}]
        )


def _load_tasks(
    connection: Connection, scenario_id: str, task_ids: Sequence[str]
) -> tuple[TaskId, ...]:
    """Return the tasks of a sequence in their order.

    Raises:
        InvalidError: They cannot form a sequence; the message names each invalid task.
    """
    tasks = task_rows.get_many(connection, task_ids)
    of_scenario = set(scenario_rows.task_ids_of(connection, scenario_id))
    _check_tasks(scenario_id, task_ids, tasks, of_scenario)
    return tuple(task.id for task in tasks)


def _check_tasks(
    scenario_id: str,
    task_ids: Sequence[str],
    tasks: Sequence[entities.Task],
    of_scenario: set[Any],
) -> None:
    """Refuse tasks that cannot form a sequence, with one error for each invalid task."""
    known = {task.id for task in tasks}
    twice = {task_id for task_id, count in Counter(task_ids).items() if count > 1}
    faults = []
    for position, task_id in enumerate(task_ids):
        if task_id not in known:
            problem = f"no task has the identifier {task_id}"
        elif task_id not in of_scenario:
            problem = f"task {task_id} does not belong to scenario {scenario_id}"
        elif task_id in twice:
            problem = f"task {task_id} is named more than once"
        else:
            continue
        faults.append({"field": f"tasks[{position}]", "message": problem})
    if faults:
        raise InvalidError(_summarize(faults), code="tasks_invalid", errors=faults)
    groups = find_connected_groups(
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


def _summarize(faults: Sequence[Mapping[str, str]]) -> str:
    messages = list(dict.fromkeys(fault["message"] for fault in faults))
    more = f" (and {len(messages) - 3} more)" if len(messages) > 3 else ""
    return "; ".join(messages[:3]) + more
