"""Rows of users."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from scenarist.db.paging import EntityList, Page
from scenarist.db.tables import sessions, users
from scenarist.domain.listings import CREATION_DATE, NAME, PageRequest
from scenarist.domain.permissions import Role
from scenarist.domain.users import Realm, User

_LIST = EntityList(
    select(users),
    number=users.c.number,
    keys={CREATION_DATE: users.c.created_at, NAME: users.c.name},
)
_FIND = select(users).where(users.c.name == bindparam("name"), users.c.realm == bindparam("realm"))
_IS_THERE = select(users.c.number).where(users.c.number == bindparam("user"))
_INSERT = insert(users).returning(users.c.number)
_DELETE = delete(users).where(users.c.number == bindparam("user"))
_CHANGE = (
    update(users)
    .where(users.c.number == bindparam("user"))
    .values(
        roles=bindparam("new_roles"),
        password_hash=bindparam("new_hash"),
        is_declared=bindparam("declared"),
        is_password_declared=bindparam("password_declared"),
    )
)
_END_SESSIONS = delete(sessions).where(sessions.c.user_number == bindparam("user"))


def find(connection: Connection, name: str, realm: Realm) -> User | None:
    row = connection.execute(_FIND, {"name": name, "realm": realm}).first()
    return None if row is None else _user(row)


def exists(connection: Connection, number: int) -> bool:
    return connection.execute(_IS_THERE, {"user": number}).first() is not None


def list_page(connection: Connection, realm: Realm, request: PageRequest) -> Page[User]:
    query = _LIST.query.where(users.c.realm == realm)
    found = _LIST.fetch_page(connection, request, query)
    return found.to_page([_user(row) for row in found.rows])


def list_declared(connection: Connection) -> list[User]:
    return [_user(row) for row in connection.execute(select(users).where(users.c.is_declared == 1))]


def add(connection: Connection, user: User) -> User:
    number = connection.execute(
        _INSERT,
        {
            "name": user.name,
            "realm": user.realm,
            "roles": sorted(user.roles),
            "password_hash": user.password_hash,
            "is_declared": int(user.is_declared),
            "is_password_declared": int(user.is_password_declared),
            "created_at": user.created_at,
        },
    ).scalar_one()
    return replace(user, number=number)


def change(connection: Connection, user: User) -> None:
    """Update the roles and the password hash of a user, and whether they are declared."""
    connection.execute(
        _CHANGE,
        {
            "user": user.number,
            "new_roles": sorted(user.roles),
            "new_hash": user.password_hash,
            "declared": int(user.is_declared),
            "password_declared": int(user.is_password_declared),
        },
    )


def remove(connection: Connection, number: int) -> None:
    """Delete a user, with the user's sessions and the keys that the user has created."""
    connection.execute(_DELETE, {"user": number})


def remove_sessions(connection: Connection, number: int) -> None:
    connection.execute(_END_SESSIONS, {"user": number})


def has_other_admin(connection: Connection, number: int, realm: Realm) -> bool:
    """Whether another user is an administrator with a password stored here."""
    rows = connection.execute(
        select(users.c.roles).where(
            users.c.realm == realm, users.c.number != number, users.c.password_hash.is_not(None)
        )
    )
    return any(Role.ADMIN in row.roles for row in rows)


def roles_of(names: Iterable[str]) -> frozenset[Role]:
    """Return the roles with these names, as stored in a row."""
    return frozenset(Role(name) for name in names)


def _user(row: Any) -> User:
    return User(
        number=row.number,
        name=row.name,
        realm=Realm(row.realm),
        roles=roles_of(row.roles),
        password_hash=row.password_hash,
        is_declared=bool(row.is_declared),
        is_password_declared=bool(row.is_password_declared),
        created_at=row.created_at,
    )
