"""Queries that decide whether a scenario can be submitted, deleted or promoted now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, union_all

from scenarist.db.among import any_of, text_rows
from scenarist.db.places import IS_REPLACED
from scenarist.db.tables import (
    data_nodes,
    edits,
    places,
    scenario_tasks,
    scenarios,
    submissions,
    task_data_nodes,
    tasks,
)
from scenarist.db.tasks import OUTPUT
from scenarist.domain.identifiers import CycleId, DataNodeId, ScenarioId, SubmissionId
from scenarist.domain.permissions import ActorRef, ref_of

_IS_UNFINISHED = submissions.c.status.is_(None)
# The number of the oldest unfinished submission bounds the search, so that its cost does not grow
# with the number of finished submissions.
_OLDEST = select(func.min(submissions.c.number)).where(_IS_UNFINISHED).scalar_subquery()
_GIVEN = text_rows("ids")
_UNFINISHED = (
    select(submissions.c.id)
    .where(
        _IS_UNFINISHED,
        submissions.c.number >= _OLDEST,
        submissions.c.entity_id.in_(
            union_all(
                select(_GIVEN.c.value),
                select(tasks.c.id).where(any_of(tasks.c.owner_id, "ids")),
            )
        ),
    )
    .order_by(submissions.c.number)
    .limit(1)
)
_SIBLING = (
    select(scenarios.c.id)
    .where(scenarios.c.cycle_id == bindparam("cycle_id"), scenarios.c.id != bindparam("id"))
    .limit(1)
)
_DATA_NODES = (
    select(
        data_nodes.c.id,
        data_nodes.c.last_edit_id,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        data_nodes.c.locked_by,
        data_nodes.c.locked_until,
        data_nodes.c.lock_holder,
        data_nodes.c.lock_holder_id,
        data_nodes.c.claimed_by,
        data_nodes.c.claimed_until,
        func.max(case((task_data_nodes.c.direction == OUTPUT, 1), else_=0)).label("is_made"),
        func.max(case((IS_REPLACED, places.c.data_node_id))).label("replaced_by"),
    )
    .select_from(scenario_tasks)
    .join(task_data_nodes, task_data_nodes.c.task_id == scenario_tasks.c.task_id)
    .join(data_nodes, data_nodes.c.id == task_data_nodes.c.data_node_id)
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .outerjoin(places, places.c.place == data_nodes.c.place)
    .where(scenario_tasks.c.scenario_id == bindparam("id"))
    .group_by(data_nodes.c.number)
    .order_by(func.min(scenario_tasks.c.position), func.min(task_data_nodes.c.position))
)

_WIRING = (
    select(
        scenario_tasks.c.position,
        tasks.c.config_id,
        task_data_nodes.c.direction,
        data_nodes.c.config_id.label("node"),
    )
    .select_from(scenario_tasks)
    .join(tasks, tasks.c.id == scenario_tasks.c.task_id)
    .outerjoin(task_data_nodes, task_data_nodes.c.task_id == tasks.c.id)
    .outerjoin(data_nodes, data_nodes.c.id == task_data_nodes.c.data_node_id)
    .where(scenario_tasks.c.scenario_id == bindparam("id"))
    .order_by(scenario_tasks.c.position, task_data_nodes.c.position)
)


@dataclass(slots=True)
class Wiring:
    """Config ids of a task, and of the data nodes that it reads and writes, in order."""

    config_id: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ScenarioDataNode:
    """Data node that tasks of a scenario read or write, with what a submit depends on."""

    id: DataNodeId
    is_made: bool  #: whether one of these tasks writes it
    is_written: bool  #: whether it has a value
    storage_type: str
    properties: Mapping[str, Any]
    locked_by: str | None
    locked_until: datetime | None
    lock_holder: ActorRef | None
    claimed_by: str | None
    claimed_until: datetime | None
    replaced_by: str | None  #: the data node whose write to the same place replaced its value


def find_wiring(connection: Connection, scenario_id: str) -> list[Wiring]:
    """Return the wiring of the tasks of a scenario, in their order."""
    found: dict[int, Wiring] = {}
    for position, config_id, direction, node in connection.execute(_WIRING, {"id": scenario_id}):
        task = found.setdefault(position, Wiring(config_id))
        if node is not None:
            (task.outputs if direction == OUTPUT else task.inputs).append(node)
    return list(found.values())


def find_data_nodes(connection: Connection, scenario_id: str) -> list[ScenarioDataNode]:
    """Return the data nodes that the tasks of a scenario read or write, in their order."""
    return [
        ScenarioDataNode(
            DataNodeId(row.id),
            bool(row.is_made),
            row.last_edit_id is not None,
            row.storage_type,
            row.properties,
            row.locked_by,
            row.locked_until,
            ref_of(row.lock_holder, row.lock_holder_id),
            row.claimed_by,
            row.claimed_until,
            row.replaced_by,
        )
        for row in connection.execute(_DATA_NODES, {"id": scenario_id})
    ]


def find_unfinished_submission(connection: Connection, ids: Iterable[str]) -> SubmissionId | None:
    """Return the oldest unfinished submission of the entities or of tasks that they own, if any."""
    return connection.execute(_UNFINISHED, {"ids": list(ids)}).scalar()


def has_siblings(connection: Connection, scenario_id: ScenarioId, cycle_id: CycleId) -> bool:
    """Whether a cycle has scenarios other than the given one."""
    found = connection.execute(_SIBLING, {"id": scenario_id, "cycle_id": cycle_id})
    return found.first() is not None
