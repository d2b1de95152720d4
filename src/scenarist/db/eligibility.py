"""Queries that decide whether a scenario can be submitted, deleted or promoted now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)

from scenarist.db.among import any_of, text_rows
from scenarist.db.json_columns import decoded_list, json_row
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
from scenarist.db.tables.columns import to_timestamp
from scenarist.db.tasks import OUTPUT
from scenarist.domain.identifiers import CycleId, DataNodeId, EditId, ScenarioId, SubmissionId
from scenarist.domain.permissions import ActorRef, ref_of
from scenarist.domain.vocabulary import Scope

_USES_OF_TASK = 2**32
"""More than a task can have."""

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
# Looked for only if anything is unfinished: to collect what belongs to a scenario takes longer.
_UNFINISHED_OF_SCENARIO = case(
    (
        _OLDEST.is_not(None),
        _find_unfinished(
            union_all(
                *_OWNERS.selects,
                select(sequences.c.id).where(sequences.c.scenario_id == bindparam("id")),
                select(tasks.c.id).where(tasks.c.owner_id.in_(_OWNERS)),
            )
        ).scalar_subquery(),
    )
)
# A list for each use of a data node by a task, in their order; tasks without any have one, too.
_USES = (
    select(
        json_row(
            scenario_tasks.c.position,
            tasks.c.config_id,
            task_data_nodes.c.direction,
            data_nodes.c.config_id,
        ).label("item")
    )
    .select_from(scenario_tasks)
    .join(tasks, tasks.c.id == scenario_tasks.c.task_id)
    .outerjoin(task_data_nodes, task_data_nodes.c.task_id == tasks.c.id)
    .outerjoin(data_nodes, data_nodes.c.id == task_data_nodes.c.data_node_id)
    .where(scenario_tasks.c.scenario_id == scenarios.c.id)
    .correlate(scenarios)
    .order_by(scenario_tasks.c.position, task_data_nodes.c.position, task_data_nodes.c.direction)
)
_Use = tuple[int, str, str | None, str | None]

# The uses of data nodes by the tasks of a scenario, in their order.
_USE_NUMBER = (
    cast(scenario_tasks.c.position, BigInteger) * _USES_OF_TASK
    + task_data_nodes.c.position * 2
    + case((task_data_nodes.c.direction == OUTPUT, 1), else_=0)
)
_used = (
    select(
        task_data_nodes.c.data_node_id.label("id"),
        func.max(task_data_nodes.c.direction).label("direction"),  # OUTPUT is after INPUT
        func.min(_USE_NUMBER).label("first"),
    )
    .select_from(scenario_tasks)
    .join(task_data_nodes, task_data_nodes.c.task_id == scenario_tasks.c.task_id)
    .where(scenario_tasks.c.scenario_id == bindparam("id"))
    .group_by(task_data_nodes.c.data_node_id)
    .subquery("used")
)
_IS_MADE = _used.c.direction == OUTPUT
_IS_OBSTACLE = or_(
    and_(~_IS_MADE, or_(data_nodes.c.last_edit_id.is_(None), IS_REPLACED)),
    # Locks and claims do not matter for data nodes that are only read.
    and_(_IS_MADE, data_nodes.c.locked_until.is_not(None)),
    and_(_IS_MADE, data_nodes.c.claimed_until.is_not(None)),
)
_MAY_BE_WRITTEN, _HAS_MOVED, _REPLACED = 1, 2, 4
_STATE = (
    case((or_(_IS_MADE, data_nodes.c.scope != Scope.SCENARIO), _MAY_BE_WRITTEN), else_=0)
    + case((edits.c.kept_as.is_not(None), _HAS_MOVED), else_=0)
    + case(
        (
            and_(
                places.c.place.is_not(None),  # first, so that nothing else is looked at
                places.c.edit_id != data_nodes.c.last_edit_id,
                places.c.data_node_id != data_nodes.c.id,
            ),
            _REPLACED,
        ),
        else_=0,
    )
)
_OBSTACLE = json_row(
    data_nodes.c.id,
    data_nodes.c.storage_type,
    case((and_(~_IS_MADE, data_nodes.c.last_edit_id.is_(None)), data_nodes.c.properties)),
    case((and_(~_IS_MADE, IS_REPLACED), places.c.data_node_id)),
    data_nodes.c.locked_by,
    type_coerce(case((_IS_MADE, data_nodes.c.locked_until)), BigInteger),
    data_nodes.c.lock_holder,
    data_nodes.c.lock_holder_id,
    data_nodes.c.claimed_by,
    type_coerce(case((_IS_MADE, data_nodes.c.claimed_until)), BigInteger),
)
# A list for each data node that the tasks use, in order of the first use.
_IS_USUAL = and_(
    _IS_MADE,
    data_nodes.c.locked_until.is_(None),
    data_nodes.c.claimed_until.is_(None),
    edits.c.kept_as.is_(None),
    places.c.place.is_(None),
)
_NODES = (
    select(
        # Most data nodes are of the first kind, for which little has to be computed.
        case(
            (_IS_USUAL, json_row(data_nodes.c.last_edit_id, literal(_MAY_BE_WRITTEN), null())),
            else_=json_row(
                data_nodes.c.last_edit_id, _STATE, case((_IS_OBSTACLE, _OBSTACLE), else_=null())
            ),
        ).label("item")
    )
    .select_from(_used)
    .join(data_nodes, data_nodes.c.id == _used.c.id)
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .outerjoin(places, places.c.place == data_nodes.c.place)
    .order_by(_used.c.first)
)
_Obstacle = tuple[
    DataNodeId,
    str,
    dict[str, Any] | None,
    str | None,
    str | None,
    int | None,
    str | None,
    str | None,
    str | None,
    int | None,
]
_Node = tuple[EditId | None, int, _Obstacle | None]
_FACTS = Query(
    select(
        _HAS_SIBLINGS.label("has_siblings"),
        _UNFINISHED_OF_SCENARIO.label("unfinished"),
        decoded_list(_USES, _Use).label("uses"),
        decoded_list(_NODES, _Node).label("nodes"),
    ).where(scenarios.c.id == bindparam("id"))
)


@dataclass(slots=True)
class Wiring:
    """Config ids of a task, and of the data nodes that it reads and writes, in order."""

    config_id: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Data node of a scenario that may keep its tasks from being submitted now."""

    id: DataNodeId
    storage_type: str
    missing: Mapping[str, Any] | None  #: its properties, if no task writes it and nobody has yet
    replaced_by: str | None  #: the data node whose write to the same place replaced its value
    locked_by: str | None
    locked_until: datetime | None  #: maybe past; like `claimed_until`, only if a task writes it
    lock_holder: ActorRef | None
    claimed_by: str | None
    claimed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Marks:
    """What changes whenever the value of one of some data nodes does.

    Args:
        edit_ids: The newest edit of each, in order; None without a value.
        states: Flags of each: whether a task may have written it, whether the data node has another
            place since, and whether another data node has written there.
    """

    edit_ids: Sequence[EditId | None] = ()
    states: Sequence[int] = ()

    @property
    def may_be_stale(self) -> bool:
        """Whether there is a value of a data node that a task writes, or other scenarios share."""
        return any(
            state & _MAY_BE_WRITTEN and edit_id is not None
            for edit_id, state in zip(self.edit_ids, self.states, strict=True)
        )


@dataclass(frozen=True, slots=True)
class ScenarioFacts:
    """What decides whether a scenario can be submitted and deleted now."""

    has_siblings: bool  #: whether its cycle has other scenarios
    unfinished: SubmissionId | None  #: the oldest submission that keeps it from being deleted
    wiring: Sequence[Wiring]  #: of its tasks, in their order
    obstacles: Sequence[Obstacle]  #: in order of their first use
    marks: Marks  #: of all data nodes that its tasks use, in the same order


def find_facts(connection: Connection, scenario_id: str) -> ScenarioFacts:
    """Return the facts about a scenario, with one statement; none if it was just deleted."""
    row = _FACTS.fetch_first(connection, {"id": scenario_id})
    if row is None:
        return ScenarioFacts(
            has_siblings=False, unfinished=None, wiring=(), obstacles=(), marks=Marks()
        )
    return ScenarioFacts(
        has_siblings=row.has_siblings,
        unfinished=row.unfinished,
        wiring=_to_wiring(row.uses),
        obstacles=[_to_obstacle(item) for _, _, item in row.nodes if item is not None],
        marks=Marks(*list(zip(*row.nodes, strict=True))[:2]),
    )


def _to_wiring(uses: Iterable[_Use]) -> list[Wiring]:
    wiring: dict[int, Wiring] = {}
    for position, task_config_id, direction, config_id in uses:
        task = wiring.get(position)
        if task is None:
            task = wiring[position] = Wiring(task_config_id)
        if config_id is not None:
            (task.outputs if direction == OUTPUT else task.inputs).append(config_id)
    return list(wiring.values())


def _to_obstacle(item: _Obstacle) -> Obstacle:
    (
        node_id,
        storage_type,
        missing,
        replaced_by,
        locked_by,
        locked_until,
        lock_holder,
        lock_holder_id,
        claimed_by,
        claimed_until,
    ) = item
    return Obstacle(
        id=node_id,
        storage_type=storage_type,
        missing=missing,
        replaced_by=replaced_by,
        locked_by=locked_by,
        locked_until=None if locked_until is None else to_timestamp(locked_until),
        lock_holder=ref_of(lock_holder, lock_holder_id),
        claimed_by=claimed_by,
        claimed_until=None if claimed_until is None else to_timestamp(claimed_until),
    )


def find_unfinished_submission(connection: Connection, ids: Iterable[str]) -> SubmissionId | None:
    """Return the oldest unfinished submission of the entities or of tasks that they own, if any."""
    return connection.execute(_UNFINISHED, {"ids": list(ids)}).scalar()


def has_siblings(connection: Connection, scenario_id: ScenarioId, cycle_id: CycleId) -> bool:
    """Whether a cycle has scenarios other than the given one."""
    found = connection.execute(_SIBLING, {"id": scenario_id, "cycle_id": cycle_id})
    return found.first() is not None
