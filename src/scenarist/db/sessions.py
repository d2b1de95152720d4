"""Rows of sessions, and of revoked tokens of external issuers."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from scenarist.db import users as user_rows
from scenarist.db.tables import revoked_tokens, sessions, users
from scenarist.domain.permissions import Role
from scenarist.domain.users import Realm

_FIND = (
    select(users.c.number, users.c.name, users.c.realm, users.c.roles)
    .add_columns(sessions.c.created_at, sessions.c.expires_at)
    .join_from(sessions, users, sessions.c.user_number == users.c.number)
    .where(sessions.c.id_hash == bindparam("id"))
)
_INSERT = insert(sessions)
_DELETE = delete(sessions).where(sessions.c.id_hash == bindparam("id"))
_REVOKE = insert(revoked_tokens)
_FIND_REVOKED = select(revoked_tokens.c.digest).where(
    revoked_tokens.c.digest == bindparam("digest")
)
_EXPIRED = tuple(
    delete(table).where(table.c.expires_at <= bindparam("now"))
    for table in (sessions, revoked_tokens)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Session with its user and the user's present roles."""

    user_number: int
    name: str
    realm: Realm
    roles: frozenset[Role]
    created_at: datetime
    expires_at: datetime


def add(
    connection: Connection, id_hash: str, user_number: int, *, now: datetime, expires_at: datetime
) -> None:
    """Store a session, and delete expired sessions and revoked tokens."""
    for statement in _EXPIRED:
        connection.execute(statement, {"now": now})
    connection.execute(
        _INSERT,
        {
            "id_hash": id_hash,
            "user_number": user_number,
            "created_at": now,
            "expires_at": expires_at,
        },
    )


def find(connection: Connection, id_hash: str) -> Session | None:
    row = connection.execute(_FIND, {"id": id_hash}).first()
    if row is None:
        return None
    return Session(
        user_number=row.number,
        name=row.name,
        realm=Realm(row.realm),
        roles=user_rows.roles_of(row.roles),
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def remove(connection: Connection, id_hash: str) -> None:
    connection.execute(_DELETE, {"id": id_hash})


def remove_all(connection: Connection) -> None:
    connection.execute(delete(sessions))


def revoke(connection: Connection, digest: str, expires_at: datetime) -> None:
    """Record that a token of an external issuer is revoked; repeating it changes nothing."""
    if not is_revoked(connection, digest):
        connection.execute(_REVOKE, {"digest": digest, "expires_at": expires_at})


def is_revoked(connection: Connection, digest: str) -> bool:
    return connection.execute(_FIND_REVOKED, {"digest": digest}).first() is not None
