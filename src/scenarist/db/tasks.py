"""Rows of tasks, with their data nodes in order."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, union_all
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from scenarist.db.among import any_of, is_one_of
from scenarist.db.json_columns import decoded_list, json_row
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

_DATA_NODES = (
    select(
        json_row(
            task_data_nodes.c.direction, task_data_nodes.c.data_node_id, data_nodes.c.config_id
        ).label("item")
    )
    .join(data_nodes, data_nodes.c.id == task_data_nodes.c.data_node_id)
    .where(task_data_nodes.c.task_id == tasks.c.id)
    .correlate(tasks)
    .order_by(task_data_nodes.c.direction, task_data_nodes.c.position)
)
_PARENTS = union_all(
    *(
        select(owner.label("item")).where(link.c.task_id == tasks.c.id).correlate(tasks)
        for link, owner in (
            (scenario_tasks, scenario_tasks.c.scenario_id),
            (sequence_tasks, sequence_tasks.c.sequence_id),
        )
    )
)
_LIST = EntityList(
    select(
        tasks,
        decoded_list(_DATA_NODES, tuple[str, DataNodeId, str]).label("data_nodes"),
        decoded_list(_PARENTS).label("parent_ids"),
    ),
    number=tasks.c.number,
    keys={CREATION_DATE: tasks.c.created_at},
)
_FIND = Query(_LIST.query.where(tasks.c.id == bindparam("id")))
_IN = Query(_LIST.query.where(any_of(tasks.c.id, "ids")))


def find_or_create(connection: Connection, task: Task) -> tuple[TaskId, bool]:
    """Return the stored task with the same config, owner and wiring, and whether it is new."""
    made = connection.execute(
        insert_or_ignore(tasks)
        .values(_task_row(task))
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
    _add_links(connection, [task])
    return task.id, True


def add_many(connection: Connection, new: Sequence[Task]) -> None:
    """Store tasks of which there are none with the same config, owner and wiring."""
    if new:
        connection.execute(insert(tasks), [_task_row(task) for task in new])
        _add_links(connection, new)


def _task_row(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "config_id": task.config_id,
        "owner_id": task.owner_id,
        "function": task.function,
        "skippable": task.skippable,
        "timeout_seconds": task.timeout,
        "retries": task.retries,
        "retry_delay_seconds": task.retry_delay,
        "retry_on": list(task.retry_on),
        "retries_after_loss": task.retries_after_loss,
        "fresh": task.fresh,
        "properties": dict(task.properties),
        "created_at": task.created_at,
        "version": task.version,
        "wiring": task.wiring,
    }


def _add_links(connection: Connection, new: Sequence[Task]) -> None:
    links = [
        {"task_id": task.id, "direction": direction, "position": position, "data_node_id": node_id}
        for task in new
        for direction, node_ids in ((INPUT, task.input_ids), (OUTPUT, task.output_ids))
        for position, node_id in enumerate(node_ids)
    ]
    if links:
        connection.execute(insert(task_data_nodes), links)


def find(connection: Connection, task_id: str) -> Task | None:
    row = _FIND.fetch_first(connection, {"id": task_id})
    return None if row is None else _to_task(row)


def get_many(connection: Connection, task_ids: Iterable[str]) -> list[Task]:
    """Return tasks in the order of the given identifiers; unknown ones are omitted."""
    ids = list(task_ids)
    found = {task.id: task for task in map(_to_task, _IN.fetch(connection, {"ids": ids}))}
    return [found[TaskId(item)] for item in ids if item in found]


def list_page(connection: Connection, wanted: TaskFilter, request: PageRequest) -> Page[Task]:
    query, branches = apply_filters(
        _LIST.query,
        [
            match_any(tasks.c.id, wanted.id),
            match_any(tasks.c.config_id, wanted.config_id),
            match_any(tasks.c.version, wanted.version),
        ],
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
    return found.to_page([_to_task(row) for row in found.rows])


def _to_task(row: Any) -> Task:
    inputs = [node for node in row.data_nodes if node[0] == INPUT]
    outputs = row.data_nodes[len(inputs) :]
    return Task(
        id=TaskId(row.id),
        config_id=row.config_id,
        owner_id=row.owner_id,
        parent_ids=row.parent_ids,
        input_ids=tuple([node_id for _, node_id, _ in inputs]),
        output_ids=tuple([node_id for _, node_id, _ in outputs]),
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
        input_configs=tuple([config_id for *_, config_id in inputs]),
        output_configs=tuple([config_id for *_, config_id in outputs]),
    )
