"""Drift: how records differ from the present declarations, and how they are updated to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, or_, select, union, update

from scenarist.db.among import any_of
from scenarist.db.tables import (
    cycles,
    data_nodes,
    edits,
    job_holds,
    scenario_data_nodes,
    scenario_tasks,
    scenarios,
    sequence_tasks,
    sequences,
    task_data_nodes,
    tasks,
)
from scenarist.db.tasks import OUTPUT
from scenarist.domain.identifiers import DataNodeId, EditId, ScenarioId
from scenarist.domain.locations import Owner
from scenarist.domain.vocabulary import EntityKind, Scope

_COUNT_DECLARATIONS = select(
    data_nodes.c.config_id, data_nodes.c.scope, data_nodes.c.declaration, func.count()
).group_by(data_nodes.c.config_id, data_nodes.c.scope, data_nodes.c.declaration)
_OUTDATED = (
    select(
        data_nodes.c.id,
        data_nodes.c.owner_id,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        data_nodes.c.validity_seconds,
        data_nodes.c.place,
        data_nodes.c.declaration,
        data_nodes.c.last_edit_id,
        select(task_data_nodes.c.task_id)
        .where(
            task_data_nodes.c.data_node_id == data_nodes.c.id,
            task_data_nodes.c.direction == OUTPUT,
        )
        .exists()
        .label("is_made"),
    )
    .where(
        data_nodes.c.config_id == bindparam("config_id"),
        or_(
            data_nodes.c.declaration.is_(None),
            data_nodes.c.declaration != bindparam("declaration"),
        ),
    )
    .order_by(data_nodes.c.number)
)
_SCENARIO_OWNERS = (
    select(
        scenarios.c.id,
        scenarios.c.name,
        scenarios.c.properties,
        scenarios.c.cycle_id,
        cycles.c.name.label("cycle_name"),
    )
    .outerjoin(cycles, cycles.c.id == scenarios.c.cycle_id)
    .where(any_of(scenarios.c.id, "ids"))
)
_CYCLE_OWNERS = select(cycles.c.id, cycles.c.name).where(any_of(cycles.c.id, "ids"))
_UPDATE_RECORD = (
    update(data_nodes)
    .where(data_nodes.c.id == bindparam("of"))
    .values(
        storage_type=bindparam("storage_type"),
        properties=bindparam("properties"),
        validity_seconds=bindparam("validity_seconds"),
        declaration=bindparam("declaration"),
        place=bindparam("place"),
    )
)
_KEEP = (
    update(edits)
    .where(edits.c.data_node_id == bindparam("of"), edits.c.kept_as.is_(None))
    .values(kept_as=bindparam("kept_as"))
)
_CLEAR_VALUE = update(data_nodes).where(any_of(data_nodes.c.id, "ids")).values(last_edit_id=None)
_MOVE_HOLDS = (
    update(job_holds)
    .where(job_holds.c.data_node_id == bindparam("of"))
    .values(place=bindparam("place"))
)
_COUNT_WIRINGS = select(
    tasks.c.config_id, tasks.c.wiring, func.count(), func.min(tasks.c.id)
).group_by(tasks.c.config_id, tasks.c.wiring)
_SCENARIOS = select(scenarios.c.config_id, func.count()).group_by(scenarios.c.config_id)
_ATTACHED = (
    select(
        scenarios.c.config_id,
        func.count(tasks.c.id.distinct()),
        func.min(scenarios.c.id),
    )
    .select_from(tasks)
    .join(scenario_tasks, scenario_tasks.c.task_id == tasks.c.id)
    .join(scenarios, scenarios.c.id == scenario_tasks.c.scenario_id)
    .where(tasks.c.config_id == bindparam("config_id"), tasks.c.wiring == bindparam("wiring"))
    .group_by(scenarios.c.config_id)
    .order_by(scenarios.c.config_id)
)
_OF_DECLARED_SCOPE = (
    data_nodes.c.config_id == bindparam("config_id"),
    data_nodes.c.scope == bindparam("scope"),
)
_NODES_OF_SCENARIOS = union(
    select(scenarios.c.config_id, data_nodes.c.id)
    .select_from(data_nodes)
    .join(task_data_nodes, task_data_nodes.c.data_node_id == data_nodes.c.id)
    .join(scenario_tasks, scenario_tasks.c.task_id == task_data_nodes.c.task_id)
    .join(scenarios, scenarios.c.id == scenario_tasks.c.scenario_id)
    .where(*_OF_DECLARED_SCOPE),
    select(scenarios.c.config_id, data_nodes.c.id)
    .select_from(data_nodes)
    .join(scenario_data_nodes, scenario_data_nodes.c.data_node_id == data_nodes.c.id)
    .join(scenarios, scenarios.c.id == scenario_data_nodes.c.scenario_id)
    .where(*_OF_DECLARED_SCOPE),
)
_IS_PART = select(
    or_(
        select(scenario_tasks.c.task_id)
        .join(task_data_nodes, task_data_nodes.c.task_id == scenario_tasks.c.task_id)
        .where(task_data_nodes.c.data_node_id == bindparam("of"))
        .exists(),
        select(scenario_data_nodes.c.data_node_id)
        .where(scenario_data_nodes.c.data_node_id == bindparam("of"))
        .exists(),
    )
)
# What the scenarios of each config have, by kind: the id of its config, or the name.
_PARTS = {
    EntityKind.TASK: select(scenarios.c.config_id, tasks.c.config_id, func.count())
    .join(scenario_tasks, scenario_tasks.c.scenario_id == scenarios.c.id)
    .join(tasks, tasks.c.id == scenario_tasks.c.task_id)
    .group_by(scenarios.c.config_id, tasks.c.config_id)
    .order_by(scenarios.c.config_id, tasks.c.config_id),
    EntityKind.DATA_NODE: select(scenarios.c.config_id, data_nodes.c.config_id, func.count())
    .join(scenario_data_nodes, scenario_data_nodes.c.scenario_id == scenarios.c.id)
    .join(data_nodes, data_nodes.c.id == scenario_data_nodes.c.data_node_id)
    .group_by(scenarios.c.config_id, data_nodes.c.config_id)
    .order_by(scenarios.c.config_id, data_nodes.c.config_id),
    EntityKind.SEQUENCE: select(scenarios.c.config_id, sequences.c.name, func.count())
    .join(sequences, sequences.c.scenario_id == scenarios.c.id)
    .group_by(scenarios.c.config_id, sequences.c.name)
    .order_by(scenarios.c.config_id, sequences.c.name),
}


@dataclass(frozen=True, slots=True)
class DataNodeRecord:
    """Data node as it was declared when it was created, or when a server last started.

    Args:
        is_made: Whether a task writes it.
        declaration: None if the data node was created before declarations were recorded.
    """

    id: DataNodeId
    owner_id: str | None
    storage_type: str
    properties: dict[str, Any]
    validity: timedelta | None
    place: str | None
    declaration: str | None
    last_edit_id: EditId | None
    is_made: bool


@dataclass(frozen=True, slots=True)
class RecordUpdate:
    """Update of a data node's record to its present declaration."""

    before: DataNodeRecord
    storage_type: str
    properties: dict[str, Any]
    validity: timedelta | None
    declaration: str
    place: str | None

    @property
    def has_moved(self) -> bool:
        """Whether its value is written and read differently from now on (decision 83)."""
        return (self.storage_type, self.properties) != (
            self.before.storage_type,
            self.before.properties,
        ) or (self.before.declaration is not None and self.place != self.before.place)


def count_declarations(connection: Connection) -> list[tuple[str, Scope, str | None, int]]:
    """Return each config id, scope and declaration of data nodes, with the number of such nodes."""
    return [
        (config_id, Scope(scope), declaration, count)
        for config_id, scope, declaration, count in connection.execute(_COUNT_DECLARATIONS)
    ]


def find_outdated(connection: Connection, config_id: str, declaration: str) -> list[DataNodeRecord]:
    """Return the data nodes of a config whose recorded declaration differs or is missing."""
    rows = connection.execute(_OUTDATED, {"config_id": config_id, "declaration": declaration})
    return [DataNodeRecord(*row) for row in rows]


def owners_of(connection: Connection, ids: Sequence[str]) -> dict[str, Owner]:
    """Return the values of the placeholders in places, by owning scenario or cycle."""
    found = {
        row.id: Owner(
            scenario_id=row.id,
            scenario_name=row.name,
            scenario_properties=row.properties,
            cycle_id=row.cycle_id,
            cycle_name=row.cycle_name,
        )
        for row in connection.execute(_SCENARIO_OWNERS, {"ids": list(ids)})
    }
    for cycle_id, name in connection.execute(_CYCLE_OWNERS, {"ids": list(ids)}):
        found[cycle_id] = Owner(cycle_id=cycle_id, cycle_name=name)
    return found


def update_records(connection: Connection, followed: Sequence[RecordUpdate]) -> None:
    """Update data nodes to their present declarations; their existing values stay readable."""
    if not followed:
        return
    rows = [
        {
            "of": item.before.id,
            "storage_type": item.storage_type,
            "properties": item.properties,
            "validity_seconds": item.validity,
            "declaration": item.declaration,
            "place": item.place,
        }
        for item in followed
    ]
    connection.execute(_UPDATE_RECORD, rows)
    moved = [item.before for item in followed if item.has_moved]
    if moved:
        connection.execute(_KEEP, [{"of": node.id, "kept_as": _kept_as(node)} for node in moved])
    connection.execute(
        _MOVE_HOLDS,
        [{"of": item.before.id, "place": item.place or item.before.id} for item in followed],
    )


def clear_values(connection: Connection, data_node_ids: Sequence[str]) -> None:
    """Clear the values of data nodes; their edits stay."""
    connection.execute(_CLEAR_VALUE, {"ids": list(data_node_ids)})


def count_wirings(connection: Connection) -> list[tuple[str, str, int, str]]:
    """Return each config id and wiring of tasks, the number of such tasks, and one of them."""
    return [tuple(row) for row in connection.execute(_COUNT_WIRINGS)]


def count_scenarios(connection: Connection) -> dict[str, int]:
    """Count the scenarios of each config."""
    return {row[0]: row[1] for row in connection.execute(_SCENARIOS)}


def count_attached(
    connection: Connection, config_id: str, wiring: str
) -> list[tuple[str, int, ScenarioId]]:
    """Count the tasks of a config and wiring that are part of scenarios, by scenario config.

    Each count comes with one of the scenarios. Tasks that an upgrade has detached do not count.
    """
    rows = connection.execute(_ATTACHED, {"config_id": config_id, "wiring": wiring})
    return [tuple(row) for row in rows]


def find_nodes_of_scenarios(
    connection: Connection, config_id: str, scope: Scope
) -> list[tuple[str, DataNodeId]]:
    """Return the data nodes of a config and scope that are part of scenarios.

    Returns:
        Each with the config of the scenarios, once for each such config.
    """
    rows = connection.execute(_NODES_OF_SCENARIOS, {"config_id": config_id, "scope": scope})
    return sorted(tuple(row) for row in rows)


def is_part_of_scenarios(connection: Connection, data_node_id: DataNodeId) -> bool:
    """Return whether a data node is part of a scenario: of a task of it, or additional."""
    return bool(connection.execute(_IS_PART, {"of": data_node_id}).scalar_one())


def count_other_sequences(
    connection: Connection, config_id: str, name: str, task_configs: Sequence[str]
) -> int:
    """Count the sequences of a name that do not consist of tasks of these configs, in order.

    Args:
        config_id: The config of their scenarios.
    """
    is_as_declared = or_(
        False,
        *(
            and_(sequence_tasks.c.position == position, tasks.c.config_id == task_config)
            for position, task_config in enumerate(task_configs)
        ),
    )
    number_as_declared = (
        select(func.coalesce(func.sum(case((is_as_declared, 1), else_=-1)), 0))
        .select_from(sequence_tasks)
        .join(tasks, tasks.c.id == sequence_tasks.c.task_id)
        .where(sequence_tasks.c.sequence_id == sequences.c.id)
        .correlate(sequences)
        .scalar_subquery()
    )
    count = (
        select(func.count())
        .select_from(sequences)
        .join(scenarios, scenarios.c.id == sequences.c.scenario_id)
        .where(
            scenarios.c.config_id == config_id,
            sequences.c.name == name,
            number_as_declared != len(task_configs),
        )
    )
    return connection.execute(count).scalar_one()


def count_parts(connection: Connection) -> dict[tuple[str, EntityKind], dict[str, int]]:
    """Count the scenarios of each config that have a task, an additional data node or a sequence.

    Returns:
        The counts by the config of the scenarios and by kind, then by config id or name.
    """
    found: dict[tuple[str, EntityKind], dict[str, int]] = {}
    for kind, query in _PARTS.items():
        for config_id, name, count in connection.execute(query):
            found.setdefault((config_id, kind), {})[name] = count
    return found


def _kept_as(node: DataNodeRecord) -> dict[str, Any]:
    return {"storage_type": node.storage_type, "properties": node.properties}
