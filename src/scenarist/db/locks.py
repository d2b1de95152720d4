"""The locks by which editors keep others from writing data nodes, as rows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from scenarist.db.tables import data_nodes
from scenarist.domain.moments import LONGEST_LOCK

_LOCKS = select(data_nodes.c.id, data_nodes.c.locked_by, data_nodes.c.locked_until).where(
    data_nodes.c.locked_by.is_not(None),
    data_nodes.c.locked_until > bindparam("now"),
    data_nodes.c.locked_until <= bindparam("latest"),
)
_LOCK = (
    update(data_nodes)
    .where(data_nodes.c.id == bindparam("node_id"))
    .values(locked_by=bindparam("editor"), locked_until=bindparam("until"))
)


@dataclass(frozen=True, slots=True)
class Lock:
    """Who keeps others from writing a data node, and until when."""

    editor: str
    until: datetime


def find_locks(connection: Connection, now: datetime) -> dict[str, Lock]:
    """Return the data nodes that editors have locked."""
    return {
        node_id: Lock(editor, until)
        for node_id, editor, until in connection.execute(
            _LOCKS, {"now": now, "latest": now + LONGEST_LOCK}
        )
    }


def set_lock(
    connection: Connection, data_node_id: str, editor: str | None, until: datetime | None
) -> None:
    """Lock a data node for an editor until a moment; for nobody, when both are None."""
    connection.execute(_LOCK, {"node_id": data_node_id, "editor": editor, "until": until})
