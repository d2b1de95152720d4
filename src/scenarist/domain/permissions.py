"""Who may do what: the documented roles, and the one table of their permissions.

Source of the roles: the notes on each path of the documented REST pages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from scenarist.domain.errors import DeniedError


@unique
class Role(StrEnum):
    READER = "TAIPY_READER"
    EDITOR = "TAIPY_EDITOR"
    EXECUTOR = "TAIPY_EXECUTOR"
    ADMIN = "TAIPY_ADMIN"


@unique
class Permission(StrEnum):
    READ = "read"
    EDIT = "edit"  #: create, change, delete, write data
    EXECUTE = "execute"  #: submit and cancel
    OPERATE = "operate"  #: pause and resume all jobs
    ADMINISTER = "administer"  #: users, keys and the audit


NEEDED_ROLE = {
    Permission.READ: Role.READER,
    Permission.EDIT: Role.EDITOR,
    Permission.EXECUTE: Role.EXECUTOR,
    Permission.OPERATE: Role.ADMIN,
    Permission.ADMINISTER: Role.ADMIN,
}

_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.READER: frozenset({Permission.READ}),
    Role.EDITOR: frozenset({Permission.READ, Permission.EDIT}),
    Role.EXECUTOR: frozenset({Permission.READ, Permission.EXECUTE}),
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, and what it asks for, as the audit keeps it."""

    address: str
    operation: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a person or a program, with the roles it holds.

    Args:
        user_number: The user behind a session, or who made the key; None when no record is kept.
        key_id: The key that was shown, when it was one.
        origin: What the audit says of the request; without one, nothing is written there.
    """

    name: str
    roles: frozenset[Role] = field(default_factory=frozenset)
    user_number: int | None = None
    key_id: str | None = None
    origin: Origin | None = None

    def require(self, permission: Permission) -> None:
        """Let the actor pass when one of its roles has the permission.

        Raises:
            DeniedError: None has; the message names the role that is missing.
        """
        if not has_permission(self.roles, permission):
            raise DeniedError(f"{self.name} lacks the role {NEEDED_ROLE[permission]}")


def has_permission(roles: Iterable[Role], permission: Permission) -> bool:
    return any(permission in _PERMISSIONS[role] for role in roles)


def limited(roles: Iterable[Role], by: Iterable[Role]) -> frozenset[Role]:
    """Return the roles that give no permission which others do not give."""
    allowed = frozenset[Permission]().union(*(_PERMISSIONS[role] for role in by))
    return frozenset(role for role in roles if _PERMISSIONS[role] <= allowed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who somebody is, as a directory or an issuer of tokens says: a name and roles."""

    name: str
    roles: frozenset[Role]


def roles_of_groups(groups: Iterable[str], roles: Mapping[str, Iterable[Role]]) -> frozenset[Role]:
    """Return the roles of all groups that somebody is in; a group that is not mapped gives none.

    Args:
        roles: By the name of a group, exactly as it is written there.
    """
    return frozenset(role for group in groups for role in roles.get(group, ()))


ANYONE = Actor("anyone", frozenset({Role.ADMIN}))
"""The actor of every request while authorization is off."""
