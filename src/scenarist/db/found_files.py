"""Files that other programs put in the place of a data node's value, recorded as edits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select, update

from scenarist.db import data_nodes as data_node_rows
from scenarist.db import endings
from scenarist.db.acceptance import INPUT
from scenarist.db.among import among
from scenarist.db.data_nodes import WRITE
from scenarist.db.tables import (
    data_nodes,
    edits,
    job_holds,
    job_inputs,
    job_waits,
    jobs,
    task_data_nodes,
)
from scenarist.db.tasks import OUTPUT
from scenarist.domain.entities import Edit, Event
from scenarist.domain.identifiers import DataNodeId, EditId, later_edit_id, new_uuid
from scenarist.domain.moments import as_text
from scenarist.domain.named_files import FileState
from scenarist.domain.vocabulary import Change, Kind

FindFile = Callable[[str, Mapping[str, Any]], FileState | None]
"""Returns the file at the path that properties name, given the storage type."""

# The file of a job that has begun may be its own, which is recorded when it ends.
_IS_BEING_WRITTEN = (
    exists()
    .where(
        job_holds.c.data_node_id == data_nodes.c.id,
        job_holds.c.mode == WRITE,
        jobs.c.number == job_holds.c.job_number,
        jobs.c.attempt > 0,
    )
    .correlate(data_nodes)
)
_KNOWN = (
    select(
        data_nodes.c.id,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        data_nodes.c.last_edit_id,
        edits.c.stamp,
    )
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .where(among(data_nodes.c.id, "ids"), ~_IS_BEING_WRITTEN)
)
_AWAITED = select(data_nodes.c.id, data_nodes.c.storage_type, data_nodes.c.properties).where(
    data_nodes.c.id.in_(select(job_waits.c.for_data_node).where(job_waits.c.kind == INPUT))
)
_MADE_FOR_ANOTHER = select(
    exists().where(
        edits.c.stamp == bindparam("stamp"),
        edits.c.uri == bindparam("path"),
        edits.c.data_node_id != bindparam("id"),
        edits.c.job_id.is_not(None),
    )
)
_IS_OUTPUT = select(
    exists().where(
        task_data_nodes.c.data_node_id == bindparam("id"), task_data_nodes.c.direction == OUTPUT
    )
)
_READ_INSTEAD = (
    update(job_inputs)
    .where(
        job_inputs.c.job_number == bindparam("of"), job_inputs.c.data_node_id == bindparam("node")
    )
    .values(edit_id=bindparam("edit"))
)


@dataclass(frozen=True, slots=True)
class Noticed:
    """The newest edits of data nodes, with the states of their files, and what has changed."""

    edits: Mapping[DataNodeId, tuple[EditId, FileState]] = field(default_factory=dict)
    changes: Sequence[Event] = ()


def notice(
    connection: Connection, data_node_ids: Sequence[str], find_file: FindFile, now: datetime
) -> Noticed:
    """Make an edit of each named file that is not the one of the last edit; jobs that wait go on.

    Data nodes that a job writes which has begun are left out, and those without a file that is
    theirs.
    """
    newest: dict[DataNodeId, tuple[EditId, FileState]] = {}
    new: list[Edit] = []
    for row in connection.execute(_KNOWN, {"ids": list(data_node_ids)}).fetchall():
        state = find_file(row.storage_type, row.properties)
        if state is None:
            continue
        edit_id = row.last_edit_id
        if edit_id is None and not is_first_value(connection, row.id, state):
            continue
        if edit_id is None or row.stamp != state.stamp:
            edit_id = later_edit_id(row.last_edit_id, EditId(new_uuid(now)))
            new.append(edit_of_file(DataNodeId(row.id), edit_id, state, now))
        newest[DataNodeId(row.id)] = (edit_id, state)
    if not new:
        return Noticed(newest)
    data_node_rows.add_edits(connection, new)
    written = [edit.data_node_id for edit in new]
    changes = [Event(kind=Kind.DATA_NODE, id=node, change=Change.UPDATED) for node in written]
    return Noticed(newest, [*changes, *endings.release_inputs(connection, written, now)])


def is_first_value(connection: Connection, data_node_id: str, state: FileState) -> bool:
    """Whether a file that is there is the value of a data node that has none yet.

    Not where tasks write it, and the file is what a job has made for another data node at the same
    path: that is the value of the other one.
    """
    if not was_made_for_another(connection, data_node_id, state):
        return True
    return not connection.execute(_IS_OUTPUT, {"id": data_node_id}).scalar()


def was_made_for_another(connection: Connection, data_node_id: str, state: FileState) -> bool:
    """Whether a file is the one that a job wrote as the value of another data node."""
    values = {"id": data_node_id, "stamp": state.stamp, "path": state.path}
    return bool(connection.execute(_MADE_FOR_ANOTHER, values).scalar())


def find_awaited(connection: Connection) -> list[tuple[DataNodeId, str, Mapping[str, Any]]]:
    """Return the data nodes whose first value jobs wait for, with storage type and properties."""
    return [
        (DataNodeId(row.id), row.storage_type, row.properties)
        for row in connection.execute(_AWAITED)
    ]


def read_instead(connection: Connection, reads: Sequence[tuple[int, DataNodeId, EditId]]) -> None:
    """Record that jobs read other edits of data nodes than was decided before.

    Args:
        reads: The number of a job, the data node, and the edit that it reads.
    """
    connection.execute(
        _READ_INSTEAD, [{"of": number, "node": node, "edit": edit} for number, node, edit in reads]
    )


def edit_of_file(
    data_node_id: DataNodeId, edit_id: EditId, state: FileState, now: datetime
) -> Edit:
    """Describe a value that another program has written."""
    return Edit(
        id=edit_id,
        data_node_id=data_node_id,
        created_at=now,
        job_id=None,
        actor=None,
        comment=f"found at {state.path}, {state.size} bytes of {as_text(state.modified_at)}",
        uri=state.path,
        content=None,
        size=state.size,
        digest=None,
        python_type=None,
        rendition=None,
        is_complete=False,
        stamp=state.stamp,
    )
