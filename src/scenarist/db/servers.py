"""Rows of the processes that are connected to a database, with the application version of each."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from scenarist.db.notify.notifications import Topic, publish
from scenarist.db.tables import servers

_LISTED = select(servers.c.id, servers.c.version, servers.c.process).order_by(servers.c.id)
_REMOVE = delete(servers).where(servers.c.id == bindparam("of"))


@dataclass(frozen=True, slots=True)
class ConnectedServer:
    """Server, or process that only runs jobs, as the others see it.

    Args:
        process: Identifies its process, so that others on its machine can tell whether it lives.
    """

    id: str
    version: str
    process: str


def add(connection: Connection, server: ConnectedServer, now: datetime) -> None:
    """Store a server, and notify the others."""
    connection.execute(
        insert(servers),
        {
            "id": server.id,
            "version": server.version,
            "process": server.process,
            "started_at": now,
        },
    )
    publish(connection, Topic.SERVERS)


def replace_all(connection: Connection, server: ConnectedServer, now: datetime) -> None:
    """Store a server that starts as the only one, and notify the others, which add theirs again."""
    connection.execute(delete(servers))
    add(connection, server, now)


def remove(connection: Connection, server_id: str) -> None:
    """Remove a server that stops, and notify the others."""
    connection.execute(_REMOVE, {"of": server_id})
    publish(connection, Topic.SERVERS)


def list_all(connection: Connection) -> list[ConnectedServer]:
    return [ConnectedServer(*row) for row in connection.execute(_LISTED)]
