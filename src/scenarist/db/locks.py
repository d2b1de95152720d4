"""What keeps others from writing data nodes, as rows: locks of editors, and claims of writes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, null, select, union_all, update

from scenarist.db.tables import data_nodes
from scenarist.domain.moments import LONGEST_CLAIM, LONGEST_LOCK
from scenarist.domain.permissions import ActorRef, ref_of

_LOCKS = union_all(
    select(
        data_nodes.c.id,
        data_nodes.c.locked_by,
        data_nodes.c.locked_until,
        data_nodes.c.lock_holder,
        data_nodes.c.lock_holder_id,
    ).where(
        data_nodes.c.locked_by.is_not(None),
        data_nodes.c.locked_until > bindparam("now"),
        data_nodes.c.locked_until <= bindparam("latest_lock"),
    ),
    select(
        data_nodes.c.id, data_nodes.c.claimed_by, data_nodes.c.claimed_until, null(), null()
    ).where(
        data_nodes.c.claimed_by.is_not(None),
        data_nodes.c.claimed_until > bindparam("now"),
        data_nodes.c.claimed_until <= bindparam("latest_claim"),
    ),
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
_CLAIM = (
    update(data_nodes)
    .where(data_nodes.c.id == bindparam("node_id"))
    .values(claimed_by=bindparam("editor"), claimed_until=bindparam("until"))
)
_UNCLAIM = (
    update(data_nodes)
    .where(
        data_nodes.c.id == bindparam("node_id"),
        data_nodes.c.claimed_by == bindparam("editor"),
        data_nodes.c.claimed_until == bindparam("until"),
    )
    .values(claimed_by=None, claimed_until=None)
)


@dataclass(frozen=True, slots=True)
class Lock:
    """Who keeps others from writing a data node, and until when."""

    editor: str  #: as a client said
    until: datetime
    holder: ActorRef | None = None  #: the actor whose lock it is; nobody of a claim


def find_locks(connection: Connection, now: datetime) -> dict[str, Lock]:
    """Return the data nodes that editors have locked, or that workers write for them."""
    bounds = {"now": now, "latest_lock": now + LONGEST_LOCK, "latest_claim": now + LONGEST_CLAIM}
    return {
        node_id: Lock(editor, until, ref_of(holder, holder_id))
        for node_id, editor, until, holder, holder_id in connection.execute(_LOCKS, bounds)
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


def claim(connection: Connection, data_node_id: str, lock: Lock) -> None:
    """Keep everybody from a data node while a worker writes it; the lock of an editor stays."""
    values = {"node_id": data_node_id, "editor": lock.editor, "until": lock.until}
    connection.execute(_CLAIM, values)


def end_claim(connection: Connection, data_node_id: str, lock: Lock) -> bool:
    """End a claim; return False when it was over, and another has followed."""
    values = {"node_id": data_node_id, "editor": lock.editor, "until": lock.until}
    return connection.execute(_UNCLAIM, values).rowcount == 1
