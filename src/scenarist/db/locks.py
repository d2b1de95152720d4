"""The locks by which editors keep others from writing data nodes, as rows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from scenarist.db.tables import data_nodes
from scenarist.domain.moments import LONGEST_LOCK
from scenarist.domain.permissions import ActorRef, ref_of

_LOCKS = select(
    data_nodes.c.id,
    data_nodes.c.locked_by,
    data_nodes.c.locked_until,
    data_nodes.c.lock_holder,
    data_nodes.c.lock_holder_id,
).where(
    data_nodes.c.locked_by.is_not(None),
    data_nodes.c.locked_until > bindparam("now"),
    data_nodes.c.locked_until <= bindparam("latest"),
)
_LOCK = (
    update(data_nodes)
    .where(data_nodes.c.id == bindparam("node_id"))
    .values(
        locked_by=bindparam("editor"),
        locked_until=bindparam("until"),
        lock_holder=bindparam("holder"),
        lock_holder_id=bindparam("holder_id"),
    )
)


@dataclass(frozen=True, slots=True)
class Lock:
    """Who keeps others from writing a data node, and until when."""

    editor: str  #: as a client said
    until: datetime
    holder: ActorRef | None


def find_locks(connection: Connection, now: datetime) -> dict[str, Lock]:
    """Return the data nodes that editors have locked."""
    return {
        node_id: Lock(editor, until, ref_of(holder, holder_id))
        for node_id, editor, until, holder, holder_id in connection.execute(
            _LOCKS, {"now": now, "latest": now + LONGEST_LOCK}
        )
    }


def set_lock(
    connection: Connection,
    data_node_id: str,
    editor: str | None,
    until: datetime | None,
    holder: ActorRef | None,
) -> None:
    """Lock a data node until a moment; all three are None to unlock it.

    Args:
        editor: Who edits, as the client says.
        holder: The actor whose lock it is.
    """
    connection.execute(
        _LOCK,
        {
            "node_id": data_node_id,
            "editor": editor,
            "until": until,
            "holder": None if holder is None else holder.name,
            "holder_id": None if holder is None else holder.id,
        },
    )
