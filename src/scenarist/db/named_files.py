"""Files that other programs wrote to the place of a data node, recorded as edits (decision 77)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, select, update

from scenarist.db import data_nodes as data_node_rows
from scenarist.db import outcomes as outcome_rows
from scenarist.db.among import any_of
from scenarist.db.data_nodes import WRITE
from scenarist.db.jobs import propagate
from scenarist.db.jobs.enqueue import INPUT, PLACE
from scenarist.db.places import delete_places, find_last_writes, is_own
from scenarist.db.tables import (
    data_nodes,
    edits,
    job_holds,
    job_inputs,
    job_waits,
    jobs,
)
from scenarist.domain.entities import DataNode, Edit, Event
from scenarist.domain.identifiers import DataNodeId, EditId, ensure_later_edit_id, make_uuid
from scenarist.domain.named_files import FileState, FindFile
from scenarist.domain.timestamps import format_timestamp
from scenarist.domain.vocabulary import ChangeType, EntityKind

# The file may come from a job that has started, whose edit is recorded when it ends.
_IS_BEING_WRITTEN = (
    exists()
    .where(
        job_holds.c.place == PLACE,
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
        data_nodes.c.place,
        data_nodes.c.last_edit_id,
        edits.c.stamp,
        and_(edits.c.kept_as.is_(None), is_own(data_nodes.c.id)).label("is_own"),
    )
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .where(any_of(data_nodes.c.id, "ids"), ~_IS_BEING_WRITTEN)
)
_HAS_OWN = (
    select(is_own(data_nodes.c.id))
    .select_from(data_nodes)
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .where(data_nodes.c.id == bindparam("id"))
)
_AWAITED = select(data_nodes.c.id, data_nodes.c.storage_type, data_nodes.c.properties).where(
    data_nodes.c.id.in_(select(job_waits.c.for_data_node).where(job_waits.c.kind == INPUT))
)
_CHANGE_INPUT = (
    update(job_inputs)
    .where(
        job_inputs.c.job_number == bindparam("of"), job_inputs.c.data_node_id == bindparam("node")
    )
    .values(edit_id=bindparam("edit"))
)


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """Result of checking the files of data nodes.

    Args:
        edits: The newest edits of data nodes, with the states of their files.
        replaced: Data nodes, each with the data node whose write has replaced its file.
    """

    edits: Mapping[DataNodeId, tuple[EditId, FileState]] = field(default_factory=dict)
    replaced: Mapping[DataNodeId, DataNodeId] = field(default_factory=dict)
    changes: Sequence[Event] = ()


def record_found_files(
    connection: Connection, data_node_ids: Sequence[str], find_file: FindFile, now: datetime
) -> FoundFiles:
    """Record an edit for each named file that differs from the last edit; release waiting jobs.

    Data nodes that a started job will write are left out, since the file may come from that job.
    A file written for another data node at the same place does not become the value of a data node
    that has its own: see `is_own`.
    """
    newest: dict[DataNodeId, tuple[EditId, FileState]] = {}
    replaced: dict[DataNodeId, DataNodeId] = {}
    new: list[Edit] = []
    outside: list[str] = []
    rows = connection.execute(_KNOWN, {"ids": list(data_node_ids)}).fetchall()
    last = find_last_writes(connection, [row.place for row in rows if row.place is not None])
    for row in rows:
        node_id = DataNodeId(row.id)
        state = find_file(row.storage_type, row.properties)
        if state is None:
            continue
        edit_id = row.last_edit_id
        if edit_id is None or row.stamp != state.stamp:
            write = last.get(row.place)
            if write is not None and not write.is_of(state):
                outside.append(row.place)
            elif write is not None and write.data_node_id != node_id and row.is_own:
                replaced[node_id] = write.data_node_id
                continue
            edit_id = ensure_later_edit_id(row.last_edit_id, EditId(make_uuid(now)))
            new.append(make_file_edit(node_id, edit_id, state, now))
        newest[node_id] = (edit_id, state)
    if not new:
        return FoundFiles(newest, replaced)
    if outside:
        delete_places(connection, outside)
    data_node_rows.add_edits(connection, new)
    outcome_rows.record_found(connection, new)
    written = [edit.data_node_id for edit in new]
    changes = [
        Event(kind=EntityKind.DATA_NODE, id=node, change=ChangeType.UPDATED) for node in written
    ]
    changes += propagate.release_readers(connection, written, now)
    return FoundFiles(newest, replaced, changes)


def find_replacer(connection: Connection, node: DataNode, state: FileState) -> DataNodeId | None:
    """Return the data node for which a file was written, if it is not a value of the given one.

    Nothing is recorded.
    """
    if node.place is None:
        return None
    write = find_last_writes(connection, [node.place]).get(node.place)
    if write is None or write.data_node_id == node.id or not write.is_of(state):
        return None
    has_own = connection.execute(_HAS_OWN, {"id": node.id}).scalar()
    return write.data_node_id if has_own else None


def find_awaited(connection: Connection) -> list[tuple[DataNodeId, str, Mapping[str, Any]]]:
    """Return the data nodes whose first value jobs wait for, with storage type and properties."""
    return [
        (DataNodeId(row.id), row.storage_type, row.properties)
        for row in connection.execute(_AWAITED)
    ]


def change_inputs(connection: Connection, reads: Sequence[tuple[int, DataNodeId, EditId]]) -> None:
    """Record that jobs read other edits of data nodes than was decided at submit.

    Args:
        reads: The number of a job, the data node, and the edit that it reads.
    """
    connection.execute(
        _CHANGE_INPUT, [{"of": number, "node": node, "edit": edit} for number, node, edit in reads]
    )


def make_file_edit(
    data_node_id: DataNodeId, edit_id: EditId, state: FileState, now: datetime
) -> Edit:
    """Return the edit for a file that another program has written."""
    return Edit(
        id=edit_id,
        data_node_id=data_node_id,
        created_at=now,
        job_id=None,
        actor=None,
        comment=f"found at {state.path}, {state.size} bytes of "
        f"{format_timestamp(state.modified_at)}",
        uri=state.path,
        content=None,
        size=state.size,
        digest=None,
        python_type=None,
        rendition=None,
        is_complete=False,
        stamp=state.stamp,
    )
