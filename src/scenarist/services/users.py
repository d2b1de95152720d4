"""Users: create, read, change and delete them, and apply those of the configuration file."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from scenarist.db import audit
from scenarist.db import keys as key_rows
from scenarist.db import subscribers as subscriber_rows
from scenarist.db import users as user_rows
from scenarist.db.engine import Database
from scenarist.db.paging import Page
from scenarist.domain.errors import ConflictError, NotFoundError
from scenarist.domain.listings import PageRequest
from scenarist.domain.permissions import Actor, Permission, Role, user_id
from scenarist.domain.users import (
    Realm,
    User,
    parse_roles,
    validate_new_user_name,
    validate_password,
)
from scenarist.identity.passwords import Passwords

Expect = Callable[[User], None]
"""Checks the present user in the transaction that changes it; raises to refuse the change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UserChange:
    """Changes to a user; UNSET fields stay as they are."""

    roles: Iterable[str] | UnsetType = UNSET
    password: str | UnsetType = UNSET


class UserService:
    """Reads and changes the records of users.

    Args:
        realm: The realm of the users; a directory's users have a record once they have signed in.
        is_managed_elsewhere: Whether a directory or an identity provider manages the users, so that
            none can be created here.
    """

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        *,
        now: Callable[[], datetime],
        realm: Realm = Realm.LOCAL,
        is_managed_elsewhere: bool = False,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._now = now
        self._realm = realm
        self._is_managed_elsewhere = is_managed_elsewhere

    def list_page(self, actor: Actor, request: PageRequest) -> Page[User]:
        actor.require(Permission.ADMINISTER)
        return user_rows.list_page(self._database.reader, self._realm, request)

    def get(self, actor: Actor, name: str) -> User:
        actor.require(Permission.ADMINISTER)
        return self._get(self._database.reader, name)

    def create(self, actor: Actor, name: str, password: str, roles: Iterable[str]) -> User:
        """Create a user.

        Raises:
            InvalidError: The name, the password or a role is invalid.
            ConflictError: The name is taken, or the users are managed elsewhere.
        """
        actor.require(Permission.ADMINISTER)
        if self._is_managed_elsewhere:
            raise ConflictError(
                "a directory or an identity provider manages the users; add the user there",
                code="users_elsewhere",
            )
        user = User(
            name=validate_new_user_name(name),
            realm=Realm.LOCAL,
            roles=parse_roles(roles),
            password_hash=self._passwords.hash(validate_password(password)),
            is_declared=False,
            created_at=self._now(),
        )

        def work(connection: Connection) -> User:
            if user_rows.find(connection, user.name, Realm.LOCAL) is not None:
                raise ConflictError(
                    f"there is already a user {user.name}; change that one, or choose another name",
                    code="user_exists",
                )
            audit.record_allowed(connection, actor, user.name, user.created_at)
            return user_rows.add(connection, user)

        return self._database.write(work)

    def change(
        self, actor: Actor, name: str, change: UserChange, *, expect: Expect | None = None
    ) -> User:
        """Change the roles or the password of a user; a new password ends all sessions.

        New roles apply from the next request on, also for existing sessions and keys.

        Raises:
            NotFoundError: There is no such user.
            InvalidError: The password or a role is invalid.
            ConflictError: A directory or the configuration file defines the roles or the password,
                or no administrator would be left.
        """
        actor.require(Permission.ADMINISTER)
        roles = None if change.roles is UNSET else parse_roles(change.roles)
        password_hash = None
        if change.password is not UNSET:
            password_hash = self._passwords.hash(validate_password(change.password))

        def work(connection: Connection) -> User:
            user = self._get(connection, name)
            if expect is not None:
                expect(user)
            changed = _apply_change(user, roles, password_hash)
            if Role.ADMIN not in changed.roles:
                _refuse_last_admin(connection, user)
            user_rows.change(connection, changed)
            if password_hash is not None:
                user_rows.remove_sessions(connection, user.number)
            audit.record_allowed(connection, actor, user.name, self._now())
            return changed

        return self._database.write(work)

    def delete(self, actor: Actor, name: str, *, expect: Expect | None = None) -> None:
        """Delete a user with all sessions, and with the keys that the user created.

        Webhooks that the user or one of these keys created become inactive.

        Raises:
            NotFoundError: There is no such user.
            ConflictError: The configuration file declares the user, or no administrator would be
                left.
        """
        actor.require(Permission.ADMINISTER)

        def work(connection: Connection) -> None:
            user = self._get(connection, name)
            if expect is not None:
                expect(user)
            if user.is_declared:
                raise ConflictError(
                    f"the configuration file declares {user.name}; remove the user there",
                    code="user_declared",
                )
            _refuse_last_admin(connection, user)
            self._remove(connection, user)
            audit.record_allowed(connection, actor, user.name, self._now())

        self._database.write(work)

    def sync_declared(
        self, actor: Actor, roles: Mapping[str, Iterable[str]], passwords: Mapping[str, str]
    ) -> None:
        """Update declared users from the configuration file; remove those it no longer declares.

        Args:
            roles: Roles by name.
            passwords: Password hashes by name; without one, a stored password is kept.
        """
        actor.require(Permission.ADMINISTER)
        roles_of = {validate_new_user_name(name): parse_roles(its) for name, its in roles.items()}
        hash_of = {validate_new_user_name(name): its for name, its in passwords.items()}
        wanted = {
            name: (roles_of.get(name, frozenset()), hash_of.get(name))
            for name in {*roles_of, *hash_of}
        }

        def work(connection: Connection) -> None:
            for former in user_rows.list_declared(connection):
                if former.name not in wanted:
                    self._remove(connection, former)
                    audit.record_allowed(connection, actor, former.name, self._now())
            for name, (its_roles, password_hash) in sorted(wanted.items()):
                if self._sync_declared_user(connection, name, its_roles, password_hash):
                    audit.record_allowed(connection, actor, name, self._now())

        self._database.write(work)

    def _sync_declared_user(
        self,
        connection: Connection,
        name: str,
        roles: frozenset[Role],
        password_hash: str | None,
    ) -> bool:
        """Store a declared user; return whether anything changed."""
        found = user_rows.find(connection, name, Realm.LOCAL)
        if found is None:
            user = User(
                name=name,
                realm=Realm.LOCAL,
                roles=roles,
                password_hash=password_hash,
                is_declared=True,
                is_password_declared=password_hash is not None,
                created_at=self._now(),
            )
            user_rows.add(connection, user)
            return True
        kept = password_hash or found.password_hash
        user = replace(
            found,
            roles=roles,
            password_hash=kept,
            is_declared=True,
            is_password_declared=password_hash is not None,
        )
        if user == found:
            return False
        user_rows.change(connection, user)
        if kept != found.password_hash:
            user_rows.remove_sessions(connection, user.number)
        return True

    def _remove(self, connection: Connection, user: User) -> None:
        makers = [user_id(user.number), *key_rows.find_ids_made_by(connection, user.number)]
        user_rows.remove(connection, user.number)
        why = f"the user {user.name}, who created it, was removed"
        subscriber_rows.deactivate_made_by(connection, makers, why, self._now())

    def _get(self, connection: Connection, name: str) -> User:
        found = user_rows.find(connection, name.lower(), self._realm)
        if found is None:
            raise NotFoundError(f"there is no user {name[:128]!r}")
        return found


def _apply_change(user: User, roles: frozenset[Role] | None, password_hash: str | None) -> User:
    if roles is not None and roles != user.roles and user.realm is not Realm.LOCAL:
        raise ConflictError(
            f"the groups of {user.name} in the directory determine the roles; change them there",
            code="user_elsewhere",
        )
    if roles is not None and roles != user.roles and user.is_declared:
        raise ConflictError(
            f"the configuration file declares the roles of {user.name}; change them there",
            code="user_declared",
        )
    if password_hash is not None and user.realm is not Realm.LOCAL:
        raise ConflictError(
            f"the directory stores the password of {user.name}; change it there",
            code="user_elsewhere",
        )
    if password_hash is not None and user.is_password_declared:
        raise ConflictError(
            f"the configuration file declares the password of {user.name}; change it there",
            code="user_declared",
        )
    return replace(
        user,
        roles=user.roles if roles is None else roles,
        password_hash=password_hash or user.password_hash,
    )


def _refuse_last_admin(connection: Connection, user: User) -> None:
    """Refuse to remove the last administrator.

    Raises:
        ConflictError: No other user could manage users, keys and roles.
    """
    if (
        user.realm is Realm.LOCAL
        and Role.ADMIN in user.roles
        and not user_rows.has_other_admin(connection, user.number, user.realm)
    ):
        raise ConflictError(
            f"{user.name} is the last user with {Role.ADMIN}; give that role to another user first",
            code="last_admin",
        )
