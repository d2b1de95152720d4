"""Provenance of values that no job wrote: the present inputs of the tasks that write the node."""

from itertools import groupby

from sqlalchemy import Boolean, Connection, bindparam, or_, select

from scenarist.db.tables import data_nodes, task_data_nodes, tasks
from scenarist.db.tasks import INPUT, OUTPUT
from scenarist.domain.freshness import digest_provenance

_TASKS_LIMIT = 100

_written = task_data_nodes.alias("written")
_read = task_data_nodes.alias("read")
_TASKS = (
    select(_written.c.task_id)
    .join(tasks, tasks.c.id == _written.c.task_id)
    .where(
        _written.c.data_node_id == bindparam("node"),
        _written.c.direction == OUTPUT,
        or_(tasks.c.skippable, bindparam("are_all", type_=Boolean)),
    )
    .limit(_TASKS_LIMIT + 1)
    .cte("of_node")
)
_INPUTS = (
    select(_TASKS.c.task_id, _read.c.data_node_id, data_nodes.c.last_edit_id)
    .outerjoin(_read, (_read.c.task_id == _TASKS.c.task_id) & (_read.c.direction == INPUT))
    .outerjoin(data_nodes, data_nodes.c.id == _read.c.data_node_id)
    .order_by(_TASKS.c.task_id, _read.c.position)
)


def find_provenance(connection: Connection, data_node_id: str) -> str | None:
    """Return the provenance of a value that is written now by something other than a job.

    The value counts as the output that each task which writes the data node would make from the
    present values of its inputs, so that it is not stale, and such a task can be skipped. With more
    than 100 such tasks only the skippable ones count; with more than 100 of these, each of them
    runs, and the return value is None.
    """
    for are_all in (True, False):
        made_of, count = _digest_inputs(connection, data_node_id, are_all=are_all)
        if count <= _TASKS_LIMIT:
            return " ".join(made_of) if made_of else None
    return None


def _digest_inputs(
    connection: Connection, data_node_id: str, *, are_all: bool
) -> tuple[list[str], int]:
    """Return the provenance of each task that writes a data node, and the number of these tasks."""
    rows = connection.execute(_INPUTS, {"node": data_node_id, "are_all": are_all}).fetchall()
    made_of, count = [], 0
    for task_id, inputs in groupby(rows, key=lambda row: row.task_id):
        count += 1
        edit_ids = [row.last_edit_id for row in inputs if row.data_node_id is not None]
        if None not in edit_ids:
            made_of.append(digest_provenance(task_id, edit_ids))
    return made_of, count
