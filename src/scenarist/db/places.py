"""Last writes to places that several data nodes may share, and whose values they are.

See decision 84.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, or_, select
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from scenarist.db.among import any_of
from scenarist.db.sql import Query
from scenarist.db.tables import data_nodes, edits, places, task_data_nodes
from scenarist.db.tasks import OUTPUT
from scenarist.domain.entities import Edit
from scenarist.domain.identifiers import DataNodeId, EditId
from scenarist.domain.named_files import FileState

_NEW_AT_PLACE = insert_or_ignore(places)
_RECORD_WRITE = _NEW_AT_PLACE.on_conflict_do_update(
    index_elements=[places.c.place],
    set_={
        "edit_id": _NEW_AT_PLACE.excluded.edit_id,
        "data_node_id": _NEW_AT_PLACE.excluded.data_node_id,
        "stamp": _NEW_AT_PLACE.excluded.stamp,
    },
)
_LAST_AT = Query(select(places).where(any_of(places.c.place, "places")))
_DELETE_PLACES = delete(places).where(any_of(places.c.place, "places"))
_made_by = task_data_nodes.alias("made_by")


def is_own(data_node_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that other nodes' writes to a data node's place are not its value.

    It is true where somebody has written the data node, or a task writes it. Elsewhere whatever is
    at the place is its value, as with an input file that scenarios share. The query must include
    the table of edits.
    """
    return or_(
        edits.c.job_id.is_not(None),
        edits.c.actor.is_not(None),
        exists().where(_made_by.c.data_node_id == data_node_id, _made_by.c.direction == OUTPUT),
    )


IS_REPLACED = and_(
    edits.c.kept_as.is_(None),
    places.c.edit_id != data_nodes.c.last_edit_id,
    places.c.data_node_id != data_nodes.c.id,
    is_own(data_nodes.c.id),
)
"""The condition that another data node's write has replaced the value of a node's newest edit."""


@dataclass(frozen=True, slots=True)
class LastWrite:
    """Last write of a data node to a place that others may share.

    Args:
        stamp: The stamp of the file, if it is one: a file with another stamp was written by
            another program.
    """

    edit_id: EditId
    data_node_id: DataNodeId
    stamp: str | None

    def is_of(self, state: FileState) -> bool:
        return self.stamp is None or self.stamp == state.stamp


def record_writes(connection: Connection, new: Sequence[Edit]) -> None:
    """Record the places that edits were written to; the last edit of each place counts."""
    last_at = {edit.written_to: edit for edit in new if edit.written_to is not None}
    if last_at:
        connection.execute(
            _RECORD_WRITE,
            [
                {
                    "place": place,
                    "edit_id": edit.id,
                    "data_node_id": edit.data_node_id,
                    "stamp": edit.stamp,
                }
                for place, edit in last_at.items()
            ],
        )


def find_last_writes(connection: Connection, at: Sequence[str]) -> dict[str, LastWrite]:
    """Return the last write to each place; places without a known write are omitted."""
    return {
        row.place: LastWrite(EditId(row.edit_id), DataNodeId(row.data_node_id), row.stamp)
        for row in _LAST_AT.fetch(connection, {"places": list(at)})
    }


def delete_places(connection: Connection, at: Sequence[str]) -> None:
    """Delete the records of writes to places, because another program has written there."""
    connection.execute(_DELETE_PLACES, {"places": list(at)})
