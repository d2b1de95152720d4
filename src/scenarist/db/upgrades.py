"""What an upgrade of a scenario finds in the records, and how it changes their links."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text

from scenarist.db.among import any_of
from scenarist.db.sql import Query
from scenarist.db.tables import data_nodes, scenario_data_nodes, scenario_tasks, tasks
from scenarist.domain.identifiers import DataNodeId, EditId, TaskId

# As in the unique indexes of the tables.
_NODE_OWNER = func.coalesce(data_nodes.c.owner_id, text("''"))
_TASK_OWNER = func.coalesce(tasks.c.owner_id, text("''"))
_NODES = Query(
    select(data_nodes.c.config_id, data_nodes.c.owner_id, data_nodes.c.id).where(
        any_of(data_nodes.c.config_id, "config_ids"), any_of(_NODE_OWNER, "owners")
    )
)
_TASKS = Query(
    select(tasks.c.config_id, tasks.c.owner_id, tasks.c.wiring, tasks.c.id).where(
        any_of(tasks.c.config_id, "config_ids"), any_of(_TASK_OWNER, "owners")
    )
)
_LAST_EDITS = Query(
    select(data_nodes.c.id, data_nodes.c.last_edit_id).where(any_of(data_nodes.c.id, "ids"))
)
_DELETE_TASKS = delete(scenario_tasks).where(scenario_tasks.c.scenario_id == bindparam("of"))
_DELETE_NODES = delete(scenario_data_nodes).where(
    scenario_data_nodes.c.scenario_id == bindparam("of")
)


@dataclass(frozen=True, slots=True)
class FoundEntities:
    """Data nodes and tasks of some owners.

    Args:
        nodes: By config id and owner.
        tasks: By config id, owner and wiring.
    """

    nodes: dict[tuple[str, str | None], DataNodeId]
    tasks: dict[tuple[str, str | None, str], TaskId]


def find_entities(
    connection: Connection,
    node_configs: Sequence[str],
    task_configs: Sequence[str],
    owners: Iterable[str | None],
) -> FoundEntities:
    """Return the data nodes and tasks of these configs that these owners have.

    Args:
        owners: None for what has no owner.
    """
    names = [owner or "" for owner in owners]
    nodes = _NODES.fetch(connection, {"config_ids": list(node_configs), "owners": names})
    found = _TASKS.fetch(connection, {"config_ids": list(task_configs), "owners": names})
    return FoundEntities(
        {(config_id, owner): DataNodeId(id) for config_id, owner, id in nodes},
        {(config_id, owner, wiring): TaskId(id) for config_id, owner, wiring, id in found},
    )


def find_last_edits(connection: Connection, ids: Sequence[str]) -> dict[str, EditId | None]:
    """Return the newest edit of each data node; None for one without a value."""
    return dict(map(tuple, _LAST_EDITS.fetch(connection, {"ids": list(ids)})))


def replace_structure(
    connection: Connection,
    scenario_id: str,
    task_ids: Sequence[TaskId],
    additional_data_node_ids: Sequence[DataNodeId],
) -> None:
    """Replace the tasks and the additional data nodes of a scenario; those before stay stored."""
    for statement in (_DELETE_TASKS, _DELETE_NODES):
        connection.execute(statement, {"of": scenario_id})
    for table, key, ids in (
        (scenario_tasks, "task_id", task_ids),
        (scenario_data_nodes, "data_node_id", additional_data_node_ids),
    ):
        rows = [
            {"scenario_id": scenario_id, "position": position, key: id}
            for position, id in enumerate(ids)
        ]
        if rows:
            connection.execute(insert(table), rows)
