"""Provenance of values that no job wrote: the present inputs of the tasks that write the node."""

from itertools import groupby

from sqlalchemy import Connection, bindparam, select

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
        tasks.c.skippable,
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

    The value counts as the output that each skippable task which writes the data node would make
    from the present values of its inputs, so that such a task can be skipped. None with more than
    100 such tasks: each of them runs.
    """
    rows = connection.execute(_INPUTS, {"node": data_node_id}).fetchall()
    made_of = []
    for task_id, inputs in groupby(rows, key=lambda row: row.task_id):
        edit_ids = [row.last_edit_id for row in inputs if row.data_node_id is not None]
        if None not in edit_ids:
            made_of.append(digest_provenance(task_id, edit_ids))
    return " ".join(made_of) if 0 < len(made_of) <= _TASKS_LIMIT else None
