"""What a plan looks at: the present values of data nodes, what jobs read, how long they took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, func, literal_column, or_, select, type_coerce

from scenarist.db.among import any_of
from scenarist.db.data_nodes import WRITE
from scenarist.db.places import is_own
from scenarist.db.sql import Query
from scenarist.db.tables import data_nodes, edits, job_holds, jobs, places, tasks
from scenarist.domain.identifiers import DataNodeId, EditId, JobId, TaskId
from scenarist.domain.permissions import ActorRef, ref_of
from scenarist.domain.vocabulary import JobStatus

_RUNS = 20
"""How many tasks of a config the estimate is made from: the newest, each with its last run."""

_WRITER = (
    select(jobs.c.id)
    .join(job_holds, job_holds.c.job_number == jobs.c.number)
    .where(
        or_(
            job_holds.c.data_node_id == data_nodes.c.id,
            job_holds.c.place == data_nodes.c.place,
        ),
        job_holds.c.mode == WRITE,
    )
    .order_by(job_holds.c.number.desc())
    .limit(literal_column("1"))
    .correlate(data_nodes)
    .scalar_subquery()
)
_NODES = Query(
    select(
        data_nodes.c.id,
        data_nodes.c.config_id,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        data_nodes.c.place,
        data_nodes.c.last_edit_id,
        edits.c.created_at,
        edits.c.job_id,
        edits.c.actor,
        edits.c.author,
        edits.c.author_id,
        edits.c.stamp,
        edits.c.kept_as.is_not(None).label("is_kept_elsewhere"),
        is_own(data_nodes.c.id).label("is_own"),
        places.c.data_node_id.label("place_written_for"),
        and_(
            places.c.data_node_id != data_nodes.c.id,
            places.c.edit_id != data_nodes.c.last_edit_id,
        ).label("is_place_written_later"),
        places.c.stamp.label("place_stamp"),
        _WRITER.label("writer"),
    )
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .outerjoin(places, places.c.place == data_nodes.c.place)
    .where(any_of(data_nodes.c.id, "ids"))
)
_planned = select(tasks.c.config_id).where(any_of(tasks.c.id, "ids")).distinct().subquery("planned")
_newest = (
    select(tasks.c.id)
    .where(tasks.c.config_id == _planned.c.config_id)
    .order_by(tasks.c.number.desc())
    .limit(literal_column(str(_RUNS)))
    .correlate(_planned)
    .subquery("newest")
)
_LAST_RUN = (
    select(type_coerce(jobs.c.finished_at, BigInteger) - type_coerce(jobs.c.run_at, BigInteger))
    .where(jobs.c.task_id == _newest.c.id, jobs.c.status == JobStatus.COMPLETED)
    .order_by(jobs.c.number.desc())
    .limit(literal_column("1"))
    .correlate(_newest)
    .scalar_subquery()
)
_MEAN_RUN = select(func.avg(_LAST_RUN)).select_from(_newest).correlate(_planned).scalar_subquery()
_ESTIMATES = Query(select(_planned.c.config_id, _MEAN_RUN.label("microseconds")))


@dataclass(frozen=True, slots=True)
class NodeState:
    """Data node with its newest edit, as a job that is submitted now would find it.

    Args:
        is_own: Whether what is written for other data nodes to its place is not its value.
        place_written_for: The data node for which its place was last written; None if that is not
            known, or the place cannot be shared.
        is_place_written_later: Whether that is another one, whose write came after the newest edit.
        place_stamp: The stamp of the file that was written there, if it is one.
        writer: The last unfinished job that writes it, or another data node to the same place.
    """

    id: DataNodeId
    config_id: str
    storage_type: str
    properties: Mapping[str, Any]
    place: str | None
    edit_id: EditId | None
    edited_at: datetime | None
    job_id: JobId | None
    editor: str | None
    author: ActorRef | None
    stamp: str | None
    is_kept_elsewhere: bool
    is_own: bool
    place_written_for: DataNodeId | None
    is_place_written_later: bool
    place_stamp: str | None
    writer: JobId | None


def find_node_states(
    connection: Connection, data_node_ids: Sequence[str]
) -> dict[DataNodeId, NodeState]:
    """Return the states of data nodes, by data node."""
    return {
        row.id: NodeState(
            id=row.id,
            config_id=row.config_id,
            storage_type=row.storage_type,
            properties=row.properties,
            place=row.place,
            edit_id=row.last_edit_id,
            edited_at=row.created_at,
            job_id=row.job_id,
            editor=row.actor,
            author=ref_of(row.author, row.author_id),
            stamp=row.stamp,
            is_kept_elsewhere=bool(row.is_kept_elsewhere),
            is_own=bool(row.is_own),
            place_written_for=row.place_written_for,
            is_place_written_later=bool(row.is_place_written_later),
            place_stamp=row.place_stamp,
            writer=row.writer,
        )
        for row in _NODES.fetch(connection, {"ids": list(data_node_ids)})
    }


def estimate_runs(connection: Connection, task_ids: Sequence[TaskId]) -> dict[str, timedelta]:
    """Return how long tasks take, by config: the mean of the last runs of its newest tasks.

    Configs that have not run yet are omitted.
    """
    return {
        # At least 0: the clocks of two machines may differ.
        config_id: timedelta(microseconds=max(0.0, float(mean)))
        for config_id, mean in _ESTIMATES.fetch(connection, {"ids": list(task_ids)})
        if mean is not None
    }
