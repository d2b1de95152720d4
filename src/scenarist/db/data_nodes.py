"""Rows of data nodes and of their edits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    case,
    exists,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from scenarist.db.among import any_of, is_one_of
from scenarist.db.each import execute_many
from scenarist.db.json_columns import decoded_list
from scenarist.db.outcomes import record_figures
from scenarist.db.paging import EntityList, Page, apply_filters, created_between, match_any
from scenarist.db.places import IS_REPLACED, record_writes
from scenarist.db.sql import Query
from scenarist.db.tables import (
    data_nodes,
    edits,
    job_holds,
    job_waits,
    jobs,
    places,
    scenario_data_nodes,
    scenario_tasks,
    task_data_nodes,
)
from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.identifiers import DataNodeId, EditId, JobId
from scenarist.domain.listings import CREATION_DATE, DataNodeListFilter, PageRequest
from scenarist.domain.permissions import ref_of
from scenarist.domain.vocabulary import JobStatus, Scope

WRITE = "WRITE"
READ = "READ"
MAX_WRITERS = 100
"""Most jobs listed as writers of a data node: the last ones."""

_WRITER = (
    select(jobs.c.id)
    .join(job_holds, job_holds.c.job_number == jobs.c.number)
    .where(job_holds.c.data_node_id == data_nodes.c.id, job_holds.c.mode == WRITE)
    .order_by(job_holds.c.number)
    .limit(1)
    .scalar_subquery()
)
_PARENTS = union_all(
    *(
        select(owner.label("item"))
        .where(link.c.data_node_id == data_nodes.c.id)
        .correlate(data_nodes)
        for link, owner in (
            (task_data_nodes, task_data_nodes.c.task_id),
            (scenario_data_nodes, scenario_data_nodes.c.scenario_id),
        )
    )
)
_edits_of_jobs = edits.alias("edits_of_jobs")
_WRITERS = (
    select(_edits_of_jobs.c.job_id.label("item"))
    .where(_edits_of_jobs.c.data_node_id == data_nodes.c.id, _edits_of_jobs.c.job_id.is_not(None))
    .correlate(data_nodes)
    .order_by(_edits_of_jobs.c.id.desc())
    .limit(literal_column(str(MAX_WRITERS)))
)
_WITHOUT_LINKS = (
    select(
        data_nodes,
        edits.c.created_at.label("last_edited_at"),
        edits.c.stamp,
        _WRITER.label("written_by"),
        case((IS_REPLACED, places.c.data_node_id)).label("replaced_by"),
    )
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .outerjoin(places, places.c.place == data_nodes.c.place)
)
_LIST = EntityList(
    _WITHOUT_LINKS.add_columns(
        decoded_list(_PARENTS).label("parent_ids"),
        decoded_list(_WRITERS, JobId).label("last_writers"),
    ),
    number=data_nodes.c.number,
    keys={CREATION_DATE: data_nodes.c.created_at},
)
_FIND = Query(_LIST.query.where(data_nodes.c.id == bindparam("id")))
_FIND_WITHOUT_LINKS = Query(_WITHOUT_LINKS.where(data_nodes.c.id == bindparam("id")))
_INSERT_EDIT = insert(edits)
_SET_LAST_EDIT = (
    update(data_nodes)
    .where(data_nodes.c.id == bindparam("node_id"))
    .values(last_edit_id=bindparam("last_edit_id"))
)
_BLOCKING_JOB = (
    select(jobs.c.id, jobs.c.status, job_holds.c.mode)
    .join(job_holds, job_holds.c.job_number == jobs.c.number)
    .where(
        or_(
            jobs.c.status == JobStatus.RUNNING,
            ~exists().where(job_waits.c.for_data_node == bindparam("id")),
        ),
    )
    .order_by(job_holds.c.number)
    .limit(1)
)
_LAST_EDITS = Query(
    select(
        data_nodes.c.id,
        edits.c.id,
        edits.c.created_at,
        edits.c.made_of,
        edits.c.stamp,
        edits.c.job_id,
        edits.c.code_digest,
        edits.c.kept_as.is_not(None),
    )
    .join(edits, edits.c.id == data_nodes.c.last_edit_id)
    .where(any_of(data_nodes.c.id, "ids"))
)


@dataclass(frozen=True, slots=True)
class LastEdit:
    """Newest edit of a data node, without its value."""

    id: EditId
    created_at: datetime
    made_of: str | None
    stamp: str | None
    job_id: JobId | None
    code_digest: str | None
    has_moved: bool  #: the data node has another place now; the value has stayed at the old one


@dataclass(frozen=True, slots=True)
class BlockingJob:
    """Unfinished job that blocks writes to a data node."""

    job_id: JobId
    status: JobStatus
    writes: bool  #: whether it writes the data node; otherwise it reads it


def find_or_create(connection: Connection, node: DataNode) -> tuple[DataNodeId, bool]:
    """Return the stored data node with the same config and owner, and whether it is new."""
    made = connection.execute(
        insert_or_ignore(data_nodes)
        .values(_node_row(node))
        .on_conflict_do_nothing()
        .returning(data_nodes.c.number)
    ).first()
    if made is not None:
        return node.id, True
    known = select(data_nodes.c.id).where(
        data_nodes.c.config_id == node.config_id,
        data_nodes.c.owner_id == node.owner_id
        if node.owner_id is not None
        else data_nodes.c.owner_id.is_(None),
    )
    return DataNodeId(connection.execute(known).scalar_one()), False


def add_many(connection: Connection, nodes: Sequence[DataNode]) -> None:
    """Store data nodes of which there are none with the same config and owner.

    The edits that they name as their last ones are stored next, in the same transaction.
    """
    if nodes:
        connection.execute(insert(data_nodes), [_node_row(node) for node in nodes])


def _node_row(node: DataNode) -> dict[str, Any]:
    return {
        "id": node.id,
        "config_id": node.config_id,
        "owner_id": node.owner_id,
        "scope": node.scope,
        "storage_type": node.storage_type,
        "properties": dict(node.properties),
        "validity_seconds": node.validity,
        "created_at": node.created_at,
        "version": node.version,
        "declaration": node.declaration,
        "place": node.place,
        "last_edit_id": node.last_edit_id,
    }


def find(connection: Connection, data_node_id: str) -> DataNode | None:
    row = _FIND.fetch_first(connection, {"id": data_node_id})
    return None if row is None else _to_linked(row)


def find_without_links(connection: Connection, data_node_id: str) -> DataNode | None:
    """Return a data node without the entities that refer to it, and the jobs that wrote it."""
    row = _FIND_WITHOUT_LINKS.fetch_first(connection, {"id": data_node_id})
    return None if row is None else _to_data_node(row)


def list_page(
    connection: Connection, wanted: DataNodeListFilter, request: PageRequest
) -> Page[DataNode]:
    query, branches = apply_filters(
        _LIST.query,
        [
            match_any(data_nodes.c.id, wanted.id),
            match_any(data_nodes.c.owner_id, wanted.owner_id),
            match_any(data_nodes.c.config_id, wanted.config_id),
            match_any(data_nodes.c.storage_type, wanted.storage_type),
            match_any(data_nodes.c.scope, wanted.scope),
            match_any(data_nodes.c.version, wanted.version),
        ],
    )
    if wanted.scenario_id:
        query = query.where(data_nodes.c.id.in_(_nodes_of_scenarios(wanted.scenario_id)))
    if wanted.task_id:
        query = query.where(
            data_nodes.c.id.in_(
                select(task_data_nodes.c.data_node_id).where(
                    is_one_of(task_data_nodes.c.task_id, wanted.task_id)
                )
            )
        )
    query = created_between(query, data_nodes.c.created_at, wanted.created)
    found = _LIST.fetch_page(connection, request, query, branches)
    return found.to_page([_to_linked(row) for row in found.rows])


def add_edits(connection: Connection, new: Sequence[Edit]) -> None:
    """Store edits and make each the value of its data node; of several for a node, the last one."""
    if not new:
        return
    add_edits_only(connection, new)
    set_last_edits(connection, {edit.data_node_id: edit.id for edit in new})
    record_writes(connection, new)
    if any(edit.figures for edit in new):
        record_figures(connection, {edit.data_node_id: (edit.id, edit.figures) for edit in new})


def set_last_edits(connection: Connection, newest: Mapping[DataNodeId, EditId]) -> None:
    """Make edits the values of their data nodes.

    Args:
        newest: The edits by data node.
    """
    execute_many(
        connection,
        _SET_LAST_EDIT,
        [{"node_id": node_id, "last_edit_id": edit_id} for node_id, edit_id in newest.items()],
    )


def add_edits_only(connection: Connection, new: Sequence[Edit]) -> None:
    """Store edits without making them the values of their data nodes."""
    execute_many(connection, _INSERT_EDIT, [_edit_row(edit) for edit in new])


def find_last_edits(connection: Connection, data_node_ids: Sequence[str]) -> dict[str, LastEdit]:
    """Return the newest edits of data nodes, by data node; nodes without edits are omitted."""
    return {
        node_id: LastEdit(*columns)
        for node_id, *columns in _LAST_EDITS.fetch(connection, {"ids": list(data_node_ids)})
    }


def to_edit(row: Any) -> Edit:
    return Edit(
        id=EditId(row.id),
        data_node_id=DataNodeId(row.data_node_id),
        created_at=row.created_at,
        job_id=None if row.job_id is None else JobId(row.job_id),
        actor=row.actor,
        comment=row.comment,
        uri=row.uri,
        content=row.content,
        size=row.size,
        digest=row.digest,
        python_type=row.python_type,
        rendition=row.rendition,
        is_complete=row.is_complete,
        code_digest=row.code_digest,
        kept_as=row.kept_as,
        stamp=row.stamp,
        made_of=row.made_of,
        version=row.version,
        author=ref_of(row.author, row.author_id),
        shared_from=row.shared_from,
        figures=row.figures or {},
    )


def _edit_row(edit: Edit) -> dict[str, Any]:
    return {
        "id": edit.id,
        "data_node_id": edit.data_node_id,
        "created_at": edit.created_at,
        "job_id": edit.job_id,
        "actor": edit.actor,
        "comment": edit.comment,
        "uri": edit.uri,
        "content": edit.content,
        "size": edit.size,
        "digest": edit.digest,
        "python_type": edit.python_type,
        "rendition": edit.rendition,
        "is_complete": edit.is_complete,
        "code_digest": edit.code_digest,
        "stamp": edit.stamp,
        "made_of": edit.made_of,
        "version": edit.version,
        "author": None if edit.author is None else edit.author.name,
        "author_id": None if edit.author is None else edit.author.id,
        "figures": dict(edit.figures) or None,
    }


def _nodes_of_scenarios(scenario_ids: Sequence[str]) -> Any:
    return union_all(
        select(task_data_nodes.c.data_node_id)
        .join(scenario_tasks, scenario_tasks.c.task_id == task_data_nodes.c.task_id)
        .where(is_one_of(scenario_tasks.c.scenario_id, scenario_ids)),
        select(scenario_data_nodes.c.data_node_id).where(
            is_one_of(scenario_data_nodes.c.scenario_id, scenario_ids)
        ),
    )


def _to_linked(row: Any) -> DataNode:
    return _to_data_node(
        row,
        parent_ids=tuple(dict.fromkeys(row.parent_ids)),
        job_ids=tuple(dict.fromkeys(reversed(row.last_writers))),
    )


def _to_data_node(
    row: Any, *, parent_ids: tuple[str, ...] = (), job_ids: tuple[JobId, ...] = ()
) -> DataNode:
    return DataNode(
        id=DataNodeId(row.id),
        config_id=row.config_id,
        scope=Scope(row.scope),
        storage_type=row.storage_type,
        owner_id=row.owner_id,
        parent_ids=parent_ids,
        properties=row.properties,
        validity=row.validity_seconds,
        last_edit_id=row.last_edit_id,
        last_edited_at=row.last_edited_at,
        being_written_by=row.written_by,
        created_at=row.created_at,
        version=row.version,
        job_ids=job_ids,
        locked_by=row.locked_by,
        locked_until=row.locked_until,
        lock_holder=ref_of(row.lock_holder, row.lock_holder_id),
        claimed_by=row.claimed_by,
        claimed_until=row.claimed_until,
        declaration=row.declaration,
        place=row.place,
        replaced_by=row.replaced_by,
        stamp=row.stamp,
    )


def find_blocking_job(
    connection: Connection, data_node_id: str, place: str | None = None
) -> BlockingJob | None:
    """Return the oldest unfinished job that blocks writes to a data node, if any.

    These are jobs that will write it, and jobs that read its value where it is replaced in place.
    While a job waits for the first value, only RUNNING jobs block: a write may provide the value.

    Args:
        place: The place of the data node, so that jobs of other nodes at that place count as well.
    """
    has_hold = (
        job_holds.c.data_node_id == data_node_id if place is None else job_holds.c.place == place
    )
    row = connection.execute(_BLOCKING_JOB.where(has_hold), {"id": data_node_id}).first()
    return (
        None
        if row is None
        else BlockingJob(JobId(row.id), JobStatus(row.status), row.mode == WRITE)
    )
