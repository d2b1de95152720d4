"""Who may write a data node: nobody while a job or another editor holds it."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import data_nodes as data_node_rows
from scenarist.domain.entities import DataNode
from scenarist.domain.errors import ConflictError, NotFoundError
from scenarist.domain.moments import as_text


def get_data_node(connection: Connection, data_node_id: str, now: datetime) -> DataNode:
    """Return a data node as it is at a moment: without a lock whose time is over.

    Raises:
        NotFoundError: There is no such data node.
    """
    found = data_node_rows.find(connection, data_node_id)
    if found is None:
        raise NotFoundError(f"no data node has the identifier {data_node_id}")
    return seen_at(found, now)


def seen_at(node: DataNode, now: datetime) -> DataNode:
    """Leave out a lock whose time is over."""
    if node.locked_until is None or node.locked_until > now:
        return node
    return replace(node, locked_by=None, locked_until=None)


def check_not_read_only(node: DataNode) -> None:
    if node.properties.get("read_only"):
        raise ConflictError(
            f"data node {node.id} is declared read-only; write another one",
            code="data_node_read_only",
        )


def check_unlocked(node: DataNode, editor: str) -> None:
    """Refuse what only the editor of a lock may do.

    Raises:
        ConflictError: Another editor has locked the data node; names it and the end of the lock.
    """
    if node.locked_by is not None and node.locked_by != editor:
        until = "" if node.locked_until is None else f" until {as_text(node.locked_until)}"
        raise ConflictError(
            f"data node {node.id} is locked by {node.locked_by}{until}; wait for the end of the "
            "lock, or have it unlocked",
            code="data_node_locked",
        )


def check_writable(connection: Connection, node: DataNode, editor: str) -> None:
    """Refuse to write a data node that is not free; call it where the write is recorded.

    Raises:
        ConflictError: It is read-only, a job that has not ended holds it, or another editor has
            locked it.
    """
    check_not_read_only(node)
    holder = data_node_rows.find_holder(connection, node.id, node.place)
    if holder is not None:
        raise ConflictError(
            f"data node {node.id} is used by job {holder}, which has not ended; "
            "write it when the job has ended",
            code="data_node_in_use",
        )
    check_unlocked(node, editor)
