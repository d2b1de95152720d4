"""Scenarios and their cycles as rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_or_ignore

from scenarist.db import sequences as sequence_rows
from scenarist.db.among import among
from scenarist.db.pages import Page, cut
from scenarist.db.tables import (
    cycles,
    scenario_data_nodes,
    scenario_tasks,
    scenarios,
    task_data_nodes,
)
from scenarist.domain.entities import Cycle, Scenario
from scenarist.domain.identifiers import CycleId, DataNodeId, ScenarioId, TaskId
from scenarist.domain.vocabulary import Frequency

_FIND = select(scenarios).where(scenarios.c.id == bindparam("id"))
_TASKS = (
    select(scenario_tasks.c.scenario_id, scenario_tasks.c.task_id)
    .where(among(scenario_tasks.c.scenario_id, "ids"))
    .order_by(scenario_tasks.c.scenario_id, scenario_tasks.c.position)
)
_TASK_NODES = (
    select(scenario_tasks.c.scenario_id, task_data_nodes.c.data_node_id)
    .join(task_data_nodes, task_data_nodes.c.task_id == scenario_tasks.c.task_id)
    .where(among(scenario_tasks.c.scenario_id, "ids"))
    .order_by(
        scenario_tasks.c.scenario_id,
        scenario_tasks.c.position,
        task_data_nodes.c.direction,
        task_data_nodes.c.position,
    )
)
_ADDITIONAL = (
    select(scenario_data_nodes.c.scenario_id, scenario_data_nodes.c.data_node_id)
    .where(among(scenario_data_nodes.c.scenario_id, "ids"))
    .order_by(scenario_data_nodes.c.scenario_id, scenario_data_nodes.c.position)
)
_EXISTS = select(scenarios.c.number).where(scenarios.c.id == bindparam("id"))


def find_or_make_cycle(connection: Connection, cycle: Cycle, now: datetime) -> Cycle:
    """Return the stored cycle of the same frequency and start; store this one if there is none."""
    connection.execute(
        insert_or_ignore(cycles)
        .values(
            id=cycle.id,
            name=cycle.name,
            frequency=cycle.frequency,
            start_at=cycle.start_at,
            end_at=cycle.end_at,
            created_at=now,
        )
        .on_conflict_do_nothing()
    )
    row = connection.execute(
        select(cycles).where(
            cycles.c.frequency == cycle.frequency, cycles.c.start_at == cycle.start_at
        )
    ).one()
    return Cycle(
        id=CycleId(row.id),
        name=row.name,
        frequency=Frequency(row.frequency),
        start_at=row.start_at,
        end_at=row.end_at,
    )


def has_primary(connection: Connection, cycle_id: CycleId) -> bool:
    query = select(scenarios.c.number).where(
        scenarios.c.cycle_id == cycle_id, scenarios.c.is_primary
    )
    return connection.execute(query).first() is not None


def add(connection: Connection, scenario: Scenario) -> None:
    """Store a scenario with its links to tasks and additional data nodes; they exist already."""
    connection.execute(
        insert(scenarios).values(
            id=scenario.id,
            config_id=scenario.config_id,
            name=scenario.name,
            cycle_id=scenario.cycle_id,
            is_primary=scenario.is_primary,
            tags=list(scenario.tags),
            properties=dict(scenario.properties),
            created_at=scenario.created_at,
            version=scenario.version,
        )
    )
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


def exists(connection: Connection, scenario_id: str) -> bool:
    return connection.execute(_EXISTS, {"id": scenario_id}).first() is not None


def find(connection: Connection, scenario_id: str) -> Scenario | None:
    row = connection.execute(_FIND, {"id": scenario_id}).first()
    return None if row is None else _assembled(connection, [row])[0]


def page(
    connection: Connection, *, config_id: str | None = None, after: int = 0, limit: int
) -> Page[Scenario]:
    """Return scenarios in the order of their creation."""
    query: Select[Any] = select(scenarios)
    if config_id is not None:
        query = query.where(scenarios.c.config_id == config_id)
    rows, following = cut(connection, query, scenarios.c.number, after=after, limit=limit)
    return Page(_assembled(connection, rows), following)


def task_ids_of(connection: Connection, scenario_id: str) -> list[TaskId]:
    rows = connection.execute(_TASKS, {"ids": [scenario_id]})
    return [TaskId(row.task_id) for row in rows]


def _assembled(connection: Connection, rows: Sequence[Any]) -> list[Scenario]:
    ids = [row.id for row in rows]
    tasks = _grouped(connection.execute(_TASKS, {"ids": ids}))
    nodes = _grouped(connection.execute(_TASK_NODES, {"ids": ids}))
    additional = _grouped(connection.execute(_ADDITIONAL, {"ids": ids}))
    sequences = sequence_rows.of_scenarios(connection, ids)
    return [
        Scenario(
            id=ScenarioId(row.id),
            config_id=row.config_id,
            name=row.name,
            cycle_id=row.cycle_id,
            is_primary=row.is_primary,
            tags=tuple(row.tags),
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
        )
        for row in rows
    ]


def _grouped(rows: Iterable[Any]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for owner, item in rows:
        groups.setdefault(owner, []).append(item)
    return groups
