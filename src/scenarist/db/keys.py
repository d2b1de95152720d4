"""Rows of keys, the credentials of machines."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from scenarist.db import users as user_rows
from scenarist.db.paging import EntityList, Page
from scenarist.db.tables import keys, users
from scenarist.domain.identifiers import KeyId
from scenarist.domain.listings import CREATION_DATE, NAME, PageRequest
from scenarist.domain.permissions import Role
from scenarist.domain.users import Key

_LIST = EntityList(
    select(keys), number=keys.c.number, keys={CREATION_DATE: keys.c.created_at, NAME: keys.c.name}
)
_WITH_MAKER = (
    select(keys, users.c.roles.label("maker_roles"))
    .outerjoin_from(keys, users, keys.c.maker_number == users.c.number)
    .where(keys.c.id == bindparam("id"))
)
_BY_NAME = select(keys.c.id).where(keys.c.name == bindparam("name"))
_INSERT = insert(keys)
_MADE_BY = select(keys.c.id).where(keys.c.maker_number == bindparam("user"))
_DELETE = delete(keys).where(keys.c.id == bindparam("id"))


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownKey:
    """Key, and the present roles of the user who created it; None if no user did."""

    key: Key
    maker_roles: frozenset[Role] | None


def find(connection: Connection, key_id: str) -> KnownKey | None:
    row = connection.execute(_WITH_MAKER, {"id": key_id}).first()
    if row is None:
        return None
    maker = None if row.maker_number is None else user_rows.roles_of(row.maker_roles)
    return KnownKey(key=_key(row), maker_roles=maker)


def find_id(connection: Connection, name: str) -> str | None:
    """Return the identifier of the key with a name; None if there is none."""
    found: str | None = connection.execute(_BY_NAME, {"name": name}).scalar()
    return found


def list_page(connection: Connection, request: PageRequest) -> Page[Key]:
    found = _LIST.fetch_page(connection, request)
    return found.to_page([_key(row) for row in found.rows])


def add(connection: Connection, key: Key) -> None:
    connection.execute(
        _INSERT,
        {
            "id": key.id,
            "name": key.name,
            "roles": sorted(key.roles),
            "secret_hash": key.secret_hash,
            "made_by": key.made_by,
            "made_by_id": key.made_by_id,
            "maker_number": key.maker_number,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        },
    )


def remove(connection: Connection, key_id: str) -> None:
    connection.execute(_DELETE, {"id": key_id})


def find_ids_made_by(connection: Connection, user_number: int) -> list[str]:
    """Return the identifiers of the keys that a user has created."""
    return list(connection.execute(_MADE_BY, {"user": user_number}).scalars())


def _key(row: Any) -> Key:
    return Key(
        id=KeyId(row.id),
        name=row.name,
        roles=user_rows.roles_of(row.roles),
        secret_hash=row.secret_hash,
        made_by=row.made_by,
        made_by_id=row.made_by_id,
        maker_number=row.maker_number,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
