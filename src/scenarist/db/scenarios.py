"""Rows of scenarios, with their tags, tasks and data nodes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
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
from scenarist.db.json_columns import decoded_list
from scenarist.db.outcomes import has_outcome_within, is_within, match_outcome, outcome_key
from scenarist.db.paging import EntityList, Page, apply_filters, created_between, match_any
from scenarist.db.sql import Query
from scenarist.db.tables import (
    scenario_data_nodes,
    scenario_outcomes,
    scenario_tags,
    scenario_tasks,
    scenarios,
    task_data_nodes,
)
from scenarist.domain.entities import Scenario, Subscriber
from scenarist.domain.identifiers import CycleId, ScenarioId, TaskId
from scenarist.domain.listings import CREATION_DATE, NAME, OUTCOMES, PageRequest, ScenarioFilter
from scenarist.domain.searching import make_searched_text

_TASKS = Query(
    select(scenario_tasks.c.task_id)
    .where(scenario_tasks.c.scenario_id == bindparam("id"))
    .order_by(scenario_tasks.c.position)
)
_TASK_IDS = (
    select(scenario_tasks.c.task_id.label("item"))
    .where(scenario_tasks.c.scenario_id == scenarios.c.id)
    .correlate(scenarios)
    .order_by(scenario_tasks.c.position)
)
_NODES_OF_TASKS = (
    select(task_data_nodes.c.data_node_id.label("item"))
    .select_from(scenario_tasks)
    .join(task_data_nodes, task_data_nodes.c.task_id == scenario_tasks.c.task_id)
    .where(scenario_tasks.c.scenario_id == scenarios.c.id)
    .correlate(scenarios)
    .order_by(scenario_tasks.c.position, task_data_nodes.c.direction, task_data_nodes.c.position)
)
_ADDITIONAL = (
    select(scenario_data_nodes.c.data_node_id.label("item"))
    .where(scenario_data_nodes.c.scenario_id == scenarios.c.id)
    .correlate(scenarios)
    .order_by(scenario_data_nodes.c.position)
)
_TAGS = (
    select(scenario_tags.c.tag.label("item"))
    .where(scenario_tags.c.scenario_id == scenarios.c.id)
    .correlate(scenarios)
    .order_by(scenario_tags.c.tag)
)
_NAME: ColumnElement[Any] = func.coalesce(scenarios.c.name, literal_column("''"))
_LIST = EntityList(
    select(
        *(column for column in scenarios.c if column is not scenarios.c.searched_text),
        decoded_list(_TASK_IDS).label("task_ids"),
        decoded_list(_NODES_OF_TASKS).label("data_node_ids"),
        decoded_list(_ADDITIONAL).label("additional"),
        decoded_list(_TAGS).label("tags"),
        sequence_rows.SEQUENCES,
        subscriber_rows.HAS_ANY,
    ),
    number=scenarios.c.number,
    keys={CREATION_DATE: scenarios.c.created_at, NAME: _NAME},
)
# The rows of a tag repeat the scenario's date and number, and are indexed in that order.
_LIST_OF_TAG = EntityList(
    _LIST.query.join(scenario_tags, scenario_tags.c.scenario_id == scenarios.c.id),
    number=scenario_tags.c.number,
    keys={CREATION_DATE: scenario_tags.c.created_at, NAME: _NAME},
)
_KEY_OF_OUTCOME = "outcome"
# Joined by number, the primary key: one index fewer is searched for each row than by identifier.
_BY_OUTCOME = {
    is_descending: EntityList(
        _LIST.query.join(scenario_outcomes, scenario_outcomes.c.number == scenarios.c.number),
        number=scenario_outcomes.c.number,
        keys={_KEY_OF_OUTCOME: outcome_key(is_descending=is_descending)},
    )
    for is_descending in (False, True)
}
_EXISTS = select(scenarios.c.number).where(scenarios.c.id == bindparam("id"))
_CONFIG = select(scenarios.c.config_id).where(scenarios.c.id == bindparam("id"))
_FIND = Query(_LIST.query.where(scenarios.c.id == bindparam("id")))
_FIND_MANY = Query(_LIST.query.where(any_of(scenarios.c.id, "ids")))
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
            forked_from=scenario.forked_from,
            searched_text=_searched_text_of(scenario),
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
        .values(
            name=scenario.name,
            properties=dict(scenario.properties),
            searched_text=_searched_text_of(scenario),
        )
    )
    _replace_tags(connection, scenario.id, scenario.tags)


def _searched_text_of(scenario: Scenario) -> str:
    return make_searched_text([scenario.name, *sorted(scenario.tags), scenario.id])


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
    row = _FIND.fetch_first(connection, {"id": scenario_id})
    return None if row is None else _assemble(connection, [row])[0]


def find_many(connection: Connection, scenario_ids: Iterable[str]) -> list[Scenario]:
    """Return scenarios in the order of the given identifiers; unknown ones are omitted."""
    ids = list(scenario_ids)
    rows = _FIND_MANY.fetch(connection, {"ids": ids})
    found: dict[str, Scenario] = {item.id: item for item in _assemble(connection, rows)}
    return [found[item] for item in ids if item in found]


def list_page(
    connection: Connection,
    wanted: ScenarioFilter,
    request: PageRequest,
    *,
    configs_of_sort: Sequence[str] = (),
) -> Page[Scenario]:
    """Read a page of scenarios.

    Args:
        configs_of_sort: If the list is sorted by an outcome, the scenario configs that have it,
            at least one; only scenarios of these with a row for the outcome are listed.
    """
    by_outcome = None
    if request.sort is not None and request.sort.startswith(OUTCOMES):
        by_outcome = request.sort.removeprefix(OUTCOMES)
        request = replace(request, sort=_KEY_OF_OUTCOME)
    has_one_tag = len(wanted.tag) == 1 and by_outcome is None
    listed = _LIST_OF_TAG if has_one_tag else _LIST
    if by_outcome is not None:
        listed = _BY_OUTCOME[request.is_descending]
    query, branches = apply_filters(
        listed.query,
        [
            None if by_outcome is None else match_outcome(by_outcome, configs_of_sort),
            match_any(scenarios.c.id, wanted.id),
            match_any(_NAME, wanted.name),
            match_any(scenarios.c.cycle_id, wanted.cycle_id),
            match_any(scenarios.c.config_id, wanted.config_id),
            match_any(scenarios.c.version, wanted.version),
            match_any(scenarios.c.forked_from, wanted.forked_from),
        ],
    )
    if wanted.is_primary is not None:
        query = query.where(scenarios.c.is_primary == wanted.is_primary)
    if has_one_tag:
        query = query.where(scenario_tags.c.tag == wanted.tag[0])
    elif wanted.tag:
        # A scenario may have several of the tags, and is listed once.
        tagged = select(scenario_tags.c.scenario_id).where(
            is_one_of(scenario_tags.c.tag, wanted.tag)
        )
        query = query.where(scenarios.c.id.in_(tagged))
    for name, bounds in wanted.outcomes.items():
        query = query.where(
            is_within(bounds, is_descending=request.is_descending)
            if name == by_outcome
            else has_outcome_within(scenarios.c.id, name, bounds)
        )
    # No index: a search that finds little looks through all scenarios that meet the other filters.
    for word in wanted.search:
        query = query.where(scenarios.c.searched_text.contains(word, autoescape=True))
    created_at = scenario_tags.c.created_at if has_one_tag else scenarios.c.created_at
    query = created_between(query, created_at, wanted.created)
    found = listed.fetch_page(connection, request, query, branches)
    return found.to_page(_assemble(connection, found.rows))


def task_ids_of(connection: Connection, scenario_id: str) -> list[TaskId]:
    return [TaskId(task_id) for (task_id,) in _TASKS.fetch(connection, {"id": scenario_id})]


def _assemble(connection: Connection, rows: Sequence[Any]) -> list[Scenario]:
    subscribers: Mapping[str, tuple[Subscriber, ...]] = {}
    if rows and rows[0].has_any_subscribers:
        sequence_ids = (sequence_id for row in rows for sequence_id, *_ in row.sequences)
        subscribers = subscriber_rows.of_entities(
            connection, [*(row.id for row in rows), *sequence_ids]
        )
    return [
        Scenario(
            id=ScenarioId(row.id),
            config_id=row.config_id,
            name=row.name,
            cycle_id=row.cycle_id,
            is_primary=row.is_primary,
            tags=row.tags,
            properties=row.properties,
            task_ids=row.task_ids,
            data_node_ids=tuple(dict.fromkeys(row.data_node_ids + row.additional)),
            additional_data_node_ids=row.additional,
            sequences=sequence_rows.of_scenario(row, subscribers),
            created_at=row.created_at,
            version=row.version,
            subscribers=subscribers.get(row.id, ()),
            forked_from=row.forked_from,
        )
        for row in rows
    ]
