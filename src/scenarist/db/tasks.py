"""Rows of tasks, with their data nodes in order."""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, insert, literal_column, null, select, union_all
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from scenarist.db.among import any_of, is_one_of
from scenarist.db.paging import EntityList, Page, apply_filters, created_between, match_any
from scenarist.db.sql import Query
from scenarist.db.tables import (
    data_nodes,
    scenario_tasks,
    sequence_tasks,
    task_data_nodes,
    tasks,
)
from scenarist.domain.entities import Task
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.listings import CREATION_DATE, PageRequest, TaskFilter

INPUT = "INPUT"
OUTPUT = "OUTPUT"
_PARENT = "PARENT"

_LIST = EntityList(select(tasks), number=tasks.c.number, keys={CREATION_DATE: tasks.c.created_at})
_FIND = Query(select(tasks).where(tasks.c.id == bindparam("id")))
_IN = select(tasks).where(any_of(tasks.c.id, "ids"))
# The data nodes of tasks in order, and the scenarios and sequences that contain the tasks.
_LINKS = Query(
    union_all(
        select(
            task_data_nodes.c.task_id,
            task_data_nodes.c.direction,
            task_data_nodes.c.position,
            task_data_nodes.c.data_node_id.label("linked_id"),
            data_nodes.c.config_id,
        )
        .join(data_nodes, data_nodes.c.id == task_data_nodes.c.data_node_id)
        .where(any_of(task_data_nodes.c.task_id, "ids")),
        *(
            select(
                link.c.task_id, literal_column(f"'{_PARENT}'"), literal_column("0"), owner, null()
            )
            .select_from(link)
            .where(any_of(link.c.task_id, "ids"))
            for link, owner in (
                (scenario_tasks, scenario_tasks.c.scenario_id),
                (sequence_tasks, sequence_tasks.c.sequence_id),
            )
        ),
    )
)
_POSITION = itemgetter(2)


def find_or_create(connection: Connection, task: Task) -> tuple[TaskId, bool]:
    """Return the stored task with the same config, owner and wiring, and whether it is new."""
    made = connection.execute(
        insert_or_ignore(tasks)
        .values(
            id=task.id,
            config_id=task.config_id,
            owner_id=task.owner_id,
            function=task.function,
            skippable=task.skippable,
            timeout_seconds=task.timeout,
            retries=task.retries,
            retry_delay_seconds=task.retry_delay,
            retry_on=list(task.retry_on),
            retries_after_loss=task.retries_after_loss,
            fresh=task.fresh,
            properties=dict(task.properties),
            created_at=task.created_at,
            version=task.version,
            wiring=task.wiring,
        )
        .on_conflict_do_nothing()
        .returning(tasks.c.number)
    ).first()
    if made is None:
        known = select(tasks.c.id).where(
            tasks.c.config_id == task.config_id,
            tasks.c.owner_id == task.owner_id
            if task.owner_id is not None
            else tasks.c.owner_id.is_(None),
            tasks.c.wiring == task.wiring,
        )
        return TaskId(connection.execute(known).scalar_one()), False
    links = [
        {"task_id": task.id, "direction": direction, "position": position, "data_node_id": node_id}
        for direction, node_ids in ((INPUT, task.input_ids), (OUTPUT, task.output_ids))
        for position, node_id in enumerate(node_ids)
    ]
    if links:
        connection.execute(insert(task_data_nodes), links)
    return task.id, True


def find(connection: Connection, task_id: str) -> Task | None:
    row = _FIND.fetch_first(connection, {"id": task_id})
    return None if row is None else _assemble(connection, [row])[0]


def get_many(connection: Connection, task_ids: Iterable[str]) -> list[Task]:
    """Return tasks in the order of the given identifiers; unknown ones are omitted."""
    ids = list(task_ids)
    rows = connection.execute(_IN, {"ids": ids}).fetchall()
    found = {task.id: task for task in _assemble(connection, rows)}
    return [found[TaskId(item)] for item in ids if item in found]


def list_page(connection: Connection, wanted: TaskFilter, request: PageRequest) -> Page[Task]:
    query, branches = apply_filters(
        _LIST.query,
        [match_any(tasks.c.id, wanted.id), match_any(tasks.c.config_id, wanted.config_id)],
    )
    for link, owner, owner_ids in (
        (scenario_tasks, scenario_tasks.c.scenario_id, wanted.scenario_id),
        (sequence_tasks, sequence_tasks.c.sequence_id, wanted.sequence_id),
    ):
        if owner_ids:
            query = query.where(
                tasks.c.id.in_(select(link.c.task_id).where(is_one_of(owner, owner_ids)))
            )
    query = created_between(query, tasks.c.created_at, wanted.created)
    found = _LIST.fetch_page(connection, request, query, branches)
    return found.to_page(_assemble(connection, found.rows))


def _assemble(connection: Connection, rows: Sequence[Any]) -> list[Task]:
    ids = [row.id for row in rows]
    linked: dict[tuple[str, str], list[str]] = {}
    configs: dict[tuple[str, str], list[str]] = {}
    for task_id, direction, _, linked_id, config_id in sorted(
        _LINKS.fetch(connection, {"ids": ids}), key=_POSITION
    ):
        linked.setdefault((task_id, direction), []).append(linked_id)
        configs.setdefault((task_id, direction), []).append(config_id)
    return [
        Task(
            id=TaskId(row.id),
            config_id=row.config_id,
            owner_id=row.owner_id,
            parent_ids=tuple(linked.get((row.id, _PARENT), ())),
            input_ids=tuple(map(DataNodeId, linked.get((row.id, INPUT), ()))),
            output_ids=tuple(map(DataNodeId, linked.get((row.id, OUTPUT), ()))),
            function=row.function,
            skippable=row.skippable,
            timeout=row.timeout_seconds,
            retries=row.retries,
            retry_delay=row.retry_delay_seconds,
            retry_on=tuple(row.retry_on),
            retries_after_loss=row.retries_after_loss,
            fresh=row.fresh,
            properties=row.properties,
            created_at=row.created_at,
            version=row.version,
            wiring=row.wiring,
            input_configs=tuple(configs.get((row.id, INPUT), ())),
            output_configs=tuple(configs.get((row.id, OUTPUT), ())),
        )
        for row in rows
    ]
