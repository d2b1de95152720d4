"""Queries that decide whether a scenario can be submitted, deleted or promoted now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)

from scenarist.db.among import any_of, text_rows
from scenarist.db.places import IS_REPLACED
from scenarist.db.sql import Query
from scenarist.db.tables import (
    data_nodes,
    edits,
    places,
    scenario_tasks,
    scenarios,
    sequences,
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


def _find_unfinished(entity_ids: CompoundSelect[Any]) -> Select[Any]:
    return (
        select(submissions.c.id)
        .where(
            _IS_UNFINISHED,
            submissions.c.number >= _OLDEST,
            submissions.c.entity_id.in_(entity_ids),
        )
        .order_by(submissions.c.number)
        .limit(literal_column("1"))
    )


_UNFINISHED = _find_unfinished(
    union_all(
        select(_GIVEN.c.value),
        select(tasks.c.id).where(any_of(tasks.c.owner_id, "ids")),
    )
)
_SIBLING = (
    select(scenarios.c.id)
    .where(scenarios.c.cycle_id == bindparam("cycle_id"), scenarios.c.id != bindparam("id"))
    .limit(1)
)
# The owners of what is deleted with a scenario: itself, and its cycle if it has no siblings.
_siblings = scenarios.alias("siblings")
_HAS_SIBLINGS = (
    select(_siblings.c.number)
    .join(scenarios, scenarios.c.cycle_id == _siblings.c.cycle_id)
    .where(scenarios.c.id == bindparam("id"), _siblings.c.id != bindparam("id"))
    .limit(literal_column("1"))
    .scalar_subquery()
    .is_not(None)
)
_OWNERS = union_all(
    select(scenarios.c.id).where(scenarios.c.id == bindparam("id")),
    select(scenarios.c.cycle_id).where(scenarios.c.id == bindparam("id"), ~_HAS_SIBLINGS),
)
_UNFINISHED_OF_SCENARIO = _find_unfinished(
    union_all(
        *_OWNERS.selects,
        select(sequences.c.id).where(sequences.c.scenario_id == bindparam("id")),
        select(tasks.c.id).where(tasks.c.owner_id.in_(_OWNERS)),
    )
).scalar_subquery()
# A row for each use of a data node by a task of the scenario, or one row without any.
_FACTS = Query(
    select(
        _HAS_SIBLINGS.label("has_siblings"),
        _UNFINISHED_OF_SCENARIO.label("unfinished"),
        scenario_tasks.c.position,
        tasks.c.config_id.label("task_config"),
        task_data_nodes.c.direction,
        data_nodes.c.id,
        data_nodes.c.config_id,
        data_nodes.c.last_edit_id,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        data_nodes.c.locked_by,
        data_nodes.c.locked_until,
        data_nodes.c.lock_holder,
        data_nodes.c.lock_holder_id,
        data_nodes.c.claimed_by,
        data_nodes.c.claimed_until,
        case((IS_REPLACED, places.c.data_node_id)).label("replaced_by"),
    )
    .select_from(scenarios)
    .outerjoin(scenario_tasks, scenario_tasks.c.scenario_id == scenarios.c.id)
    .outerjoin(tasks, tasks.c.id == scenario_tasks.c.task_id)
    .outerjoin(task_data_nodes, task_data_nodes.c.task_id == tasks.c.id)
    .outerjoin(data_nodes, data_nodes.c.id == task_data_nodes.c.data_node_id)
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .outerjoin(places, places.c.place == data_nodes.c.place)
    .where(scenarios.c.id == bindparam("id"))
    .order_by(scenario_tasks.c.position, task_data_nodes.c.position, task_data_nodes.c.direction)
)


@dataclass(slots=True)
class Wiring:
    """Config ids of a task, and of the data nodes that it reads and writes, in order."""

    config_id: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


@dataclass(slots=True)
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


@dataclass(frozen=True, slots=True)
class ScenarioFacts:
    """What decides whether a scenario can be submitted and deleted now."""

    has_siblings: bool  #: whether its cycle has other scenarios
    unfinished: SubmissionId | None  #: the oldest submission that keeps it from being deleted
    wiring: Sequence[Wiring]  #: of its tasks, in their order
    data_nodes: Sequence[ScenarioDataNode]  #: of its tasks, in order of their first use


def find_facts(connection: Connection, scenario_id: str) -> ScenarioFacts:
    """Return the facts about a scenario, with one statement; none if it was just deleted."""
    rows = _FACTS.fetch(connection, {"id": scenario_id})
    first = rows[0] if rows else None
    wiring: dict[int, Wiring] = {}
    nodes: dict[str, ScenarioDataNode] = {}
    for row in rows:
        if row.position is None:
            continue
        task = wiring.setdefault(row.position, Wiring(row.task_config))
        if row.id is None:
            continue
        (task.outputs if row.direction == OUTPUT else task.inputs).append(row.config_id)
        node = nodes.get(row.id)
        if node is None:
            node = nodes[row.id] = _to_data_node(row)
        node.is_made |= row.direction == OUTPUT
    return ScenarioFacts(
        has_siblings=first is not None and first.has_siblings,
        unfinished=None if first is None else first.unfinished,
        wiring=list(wiring.values()),
        data_nodes=list(nodes.values()),
    )


def _to_data_node(row: Any) -> ScenarioDataNode:
    return ScenarioDataNode(
        id=DataNodeId(row.id),
        is_made=False,
        is_written=row.last_edit_id is not None,
        storage_type=row.storage_type,
        properties=row.properties,
        locked_by=row.locked_by,
        locked_until=row.locked_until,
        lock_holder=ref_of(row.lock_holder, row.lock_holder_id),
        claimed_by=row.claimed_by,
        claimed_until=row.claimed_until,
        replaced_by=row.replaced_by,
    )


def find_unfinished_submission(connection: Connection, ids: Iterable[str]) -> SubmissionId | None:
    """Return the oldest unfinished submission of the entities or of tasks that they own, if any."""
    return connection.execute(_UNFINISHED, {"ids": list(ids)}).scalar()


def has_siblings(connection: Connection, scenario_id: ScenarioId, cycle_id: CycleId) -> bool:
    """Whether a cycle has scenarios other than the given one."""
    found = connection.execute(_SIBLING, {"id": scenario_id, "cycle_id": cycle_id})
    return found.first() is not None
