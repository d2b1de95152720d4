"""Locks of editors on data nodes, and write claims of workers that write for them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, null, select, union_all, update

from scenarist.db.sql import Query
from scenarist.db.tables import data_nodes
from scenarist.domain.permissions import ActorRef, ref_of
from scenarist.domain.timestamps import MAX_LOCK, MAX_WRITE_CLAIM

_LOCKS = Query(
    union_all(
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
class WriteLock:
    """Lock or write claim that keeps others from writing a data node."""

    editor: str  #: as given by the client
    until: datetime
    holder: ActorRef | None = None  #: the actor that has the lock; None for a write claim


def find_locks(connection: Connection, now: datetime) -> dict[str, WriteLock]:
    """Return the locks and write claims in force, by data node."""
    bounds = {"now": now, "latest_lock": now + MAX_LOCK, "latest_claim": now + MAX_WRITE_CLAIM}
    return {
        node_id: WriteLock(editor, until, ref_of(holder, holder_id))
        for node_id, editor, until, holder, holder_id in _LOCKS.fetch(connection, bounds)
    }


def set_lock(
    connection: Connection,
    data_node_id: str,
    editor: str | None,
    until: datetime | None,
    holder: ActorRef | None,
) -> None:
    """Lock a data node until a moment; None for all three unlocks it.

    Args:
        editor: The editor, as given by the client.
        holder: The actor that has the lock.
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


def add_write_claim(connection: Connection, data_node_id: str, lock: WriteLock) -> None:
    """Store a write claim: nobody else writes the node while a worker does. Locks are kept."""
    values = {"node_id": data_node_id, "editor": lock.editor, "until": lock.until}
    connection.execute(_CLAIM, values)


def remove_write_claim(connection: Connection, data_node_id: str, lock: WriteLock) -> bool:
    """End a write claim; return False if it had ended already and another one may have followed."""
    values = {"node_id": data_node_id, "editor": lock.editor, "until": lock.until}
    return connection.execute(_UNCLAIM, values).rowcount == 1
