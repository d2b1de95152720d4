"""Rows of scenarios, with their tags, tasks and data nodes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)

from scenarist.db import sequences as sequence_rows
from scenarist.db import subscribers as subscriber_rows
from scenarist.db.among import any_of, is_one_of
from scenarist.db.paging import Page, apply_filters, created_between, fetch_page, match_any
from scenarist.db.tables import (
    scenario_data_nodes,
    scenario_tags,
    scenario_tasks,
    scenarios,
    task_data_nodes,
)
from scenarist.domain.entities import Scenario
from scenarist.domain.identifiers import CycleId, DataNodeId, ScenarioId, TaskId
from scenarist.domain.listings import CREATION_DATE, NAME, PageRequest, ScenarioFilter

_FIND = select(scenarios).where(scenarios.c.id == bindparam("id"))
_TASKS = (
    select(scenario_tasks.c.scenario_id, scenario_tasks.c.task_id)
    .where(any_of(scenario_tasks.c.scenario_id, "ids"))
    .order_by(scenario_tasks.c.scenario_id, scenario_tasks.c.position)
)
_TASK_NODES = (
    select(scenario_tasks.c.scenario_id, task_data_nodes.c.data_node_id)
    .join(task_data_nodes, task_data_nodes.c.task_id == scenario_tasks.c.task_id)
    .where(any_of(scenario_tasks.c.scenario_id, "ids"))
    .order_by(
        scenario_tasks.c.scenario_id,
        scenario_tasks.c.position,
        task_data_nodes.c.direction,
        task_data_nodes.c.position,
    )
)
_ADDITIONAL = (
    select(scenario_data_nodes.c.scenario_id, scenario_data_nodes.c.data_node_id)
    .where(any_of(scenario_data_nodes.c.scenario_id, "ids"))
    .order_by(scenario_data_nodes.c.scenario_id, scenario_data_nodes.c.position)
)
_TAGS = (
    select(scenario_tags.c.scenario_id, scenario_tags.c.tag)
    .where(any_of(scenario_tags.c.scenario_id, "ids"))
    .order_by(scenario_tags.c.scenario_id, scenario_tags.c.tag)
)
_NAME: ColumnElement[Any] = func.coalesce(scenarios.c.name, literal_column("''"))
_EXISTS = select(scenarios.c.number).where(scenarios.c.id == bindparam("id"))
_CONFIG = select(scenarios.c.config_id).where(scenarios.c.id == bindparam("id"))
_FIND_MANY = select(scenarios).where(any_of(scenarios.c.id, "ids"))
# Literal SQL: SQLite uses the partial index only for exactly its condition.
_PRIMARY = select(scenarios.c.id).where(
    scenarios.c.cycle_id == bindparam("cycle_id"), text("scenarios.is_primary")
)
_SET_PRIMARY = (
    update(scenarios)
    .where(scenarios.c.id == bindparam("of"))
    .values(is_primary=bindparam("is_primary"))
)


def find_primary(connection: Connection, cycle_id: CycleId) -> ScenarioId | None:
    """Return the primary scenario of a cycle; None when the cycle has no scenario."""
    found = connection.execute(_PRIMARY, {"cycle_id": cycle_id}).scalar()
    return None if found is None else ScenarioId(found)


def add(connection: Connection, scenario: Scenario) -> None:
    """Store a scenario with its links to tasks and additional data nodes, which exist already."""
    number = connection.execute(
        insert(scenarios)
        .values(
            id=scenario.id,
            config_id=scenario.config_id,
            name=scenario.name,
            cycle_id=scenario.cycle_id,
            is_primary=scenario.is_primary,
            properties=dict(scenario.properties),
            created_at=scenario.created_at,
            version=scenario.version,
        )
        .returning(scenarios.c.number)
    ).scalar_one()
    _add_tags(connection, scenario.id, scenario.tags, scenario.created_at, number)
    if scenario.task_ids:
        connection.execute(
            insert(scenario_tasks),
            [
                {"scenario_id": scenario.id, "position": position, "task_id": task_id}
                for position, task_id in enumerate(scenario.task_ids)
            ],
        )
    if scenario.additional_data_node_ids:
        connection.execute(
            insert(scenario_data_nodes),
            [
                {"scenario_id": scenario.id, "position": position, "data_node_id": node_id}
                for position, node_id in enumerate(scenario.additional_data_node_ids)
            ],
        )


def set_primary(
    connection: Connection, scenario_id: ScenarioId, *, instead_of: ScenarioId | None
) -> None:
    """Make a scenario the primary one of its cycle, in place of *instead_of*."""
    if instead_of is not None:
        connection.execute(_SET_PRIMARY, {"of": instead_of, "is_primary": False})
    connection.execute(_SET_PRIMARY, {"of": scenario_id, "is_primary": True})


def change(connection: Connection, scenario: Scenario) -> None:
    """Update the name, the properties and the tags of a scenario."""
    connection.execute(
        update(scenarios)
        .where(scenarios.c.id == scenario.id)
        .values(name=scenario.name, properties=dict(scenario.properties))
    )
    _replace_tags(connection, scenario.id, scenario.tags)


def _replace_tags(connection: Connection, scenario_id: str, tags: Iterable[str]) -> None:
    connection.execute(delete(scenario_tags).where(scenario_tags.c.scenario_id == scenario_id))
    created_at, number = connection.execute(
        select(scenarios.c.created_at, scenarios.c.number).where(scenarios.c.id == scenario_id)
    ).one()
    _add_tags(connection, scenario_id, tags, created_at, number)


def _add_tags(
    connection: Connection, scenario_id: str, tags: Iterable[str], created_at: datetime, number: int
) -> None:
    rows = [
        {"scenario_id": scenario_id, "tag": tag, "created_at": created_at, "number": number}
        for tag in dict.fromkeys(tags)
    ]
    if rows:
        connection.execute(insert(scenario_tags), rows)


def exists(connection: Connection, scenario_id: str) -> bool:
    return connection.execute(_EXISTS, {"id": scenario_id}).first() is not None


def config_of(connection: Connection, scenario_id: str) -> str | None:
    """Return the config id of a scenario; None when there is no such scenario."""
    config_id: str | None = connection.execute(_CONFIG, {"id": scenario_id}).scalar()
    return config_id


def find(connection: Connection, scenario_id: str) -> Scenario | None:
    row = connection.execute(_FIND, {"id": scenario_id}).first()
    return None if row is None else _assemble(connection, [row])[0]


def find_many(connection: Connection, scenario_ids: Iterable[str]) -> list[Scenario]:
    """Return scenarios in the order of the given identifiers; unknown ones are omitted."""
    ids = list(scenario_ids)
    rows = connection.execute(_FIND_MANY, {"ids": ids}).fetchall()
    found: dict[str, Scenario] = {item.id: item for item in _assemble(connection, rows)}
    return [found[item] for item in ids if item in found]


def list_page(
    connection: Connection, wanted: ScenarioFilter, request: PageRequest
) -> Page[Scenario]:
    query, branches = apply_filters(
        select(scenarios),
        [
            match_any(scenarios.c.id, wanted.id),
            match_any(_NAME, wanted.name),
            match_any(scenarios.c.cycle_id, wanted.cycle_id),
            match_any(scenarios.c.config_id, wanted.config_id),
        ],
    )
    if wanted.is_primary is not None:
        query = query.where(scenarios.c.is_primary == wanted.is_primary)
    dated: Any = scenarios
    if len(wanted.tag) == 1:
        # The rows of a tag repeat the scenario's date and number, and are indexed in that order.
        dated = scenario_tags
        query = query.join(scenario_tags, scenario_tags.c.scenario_id == scenarios.c.id).where(
            scenario_tags.c.tag == wanted.tag[0]
        )
    elif wanted.tag:
        # A scenario may have several of the tags, and is listed once.
        tagged = select(scenario_tags.c.scenario_id).where(
            is_one_of(scenario_tags.c.tag, wanted.tag)
        )
        query = query.where(scenarios.c.id.in_(tagged))
    query = created_between(query, dated.c.created_at, wanted.created)
    found = fetch_page(
        connection,
        query,
        request,
        number=dated.c.number,
        keys={CREATION_DATE: dated.c.created_at, NAME: _NAME},
        branches=branches,
    )
    return found.to_page(_assemble(connection, found.rows))


def task_ids_of(connection: Connection, scenario_id: str) -> list[TaskId]:
    rows = connection.execute(_TASKS, {"ids": [scenario_id]})
    return [TaskId(row.task_id) for row in rows]


def _assemble(connection: Connection, rows: Sequence[Any]) -> list[Scenario]:
    ids = [row.id for row in rows]
    tasks = _group(connection.execute(_TASKS, {"ids": ids}))
    nodes = _group(connection.execute(_TASK_NODES, {"ids": ids}))
    additional = _group(connection.execute(_ADDITIONAL, {"ids": ids}))
    tags = _group(connection.execute(_TAGS, {"ids": ids}))
    sequences = sequence_rows.of_scenarios(connection, ids)
    subscribers_by_entity = subscriber_rows.of_entities(connection, ids)
    return [
        Scenario(
            id=ScenarioId(row.id),
            config_id=row.config_id,
            name=row.name,
            cycle_id=row.cycle_id,
            is_primary=row.is_primary,
            tags=tuple(tags.get(row.id, ())),
            properties=row.properties,
            task_ids=tuple(TaskId(item) for item in tasks.get(row.id, ())),
            data_node_ids=tuple(
                DataNodeId(item)
                for item in dict.fromkeys((*nodes.get(row.id, ()), *additional.get(row.id, ())))
            ),
            additional_data_node_ids=tuple(DataNodeId(item) for item in additional.get(row.id, ())),
            sequences=tuple(sequences.get(row.id, ())),
            created_at=row.created_at,
            version=row.version,
            subscribers=subscribers_by_entity.get(row.id, ()),
        )
        for row in rows
    ]


def _group(rows: Iterable[Any]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for owner, item in rows:
        groups.setdefault(owner, []).append(item)
    return groups
