"""Actors, roles and permissions, with the single table of which role grants what.

The roles are those that Taipy documents for each REST path.
"""

import re
import unicodedata
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
    """Where a request came from and which operation it requests, for the audit."""

    address: str
    operation: str


@dataclass(frozen=True, slots=True)
class ActorRef:
    """A reference to an actor, as stored in records.

    Args:
        name: For display; it is not unique and may change.
        id: For comparison; it belongs to one person or program forever.
    """

    name: str
    id: str


def user_id(number: int) -> str:
    """Return the identity of a user with a record. Names may be reused, numbers are not."""
    return f"USER_{number}"


def ref_of(name: str | None, id: str | None) -> ActorRef | None:
    """Return the actor from two columns of a record; None if none was recorded."""
    return None if name is None or id is None else ActorRef(name, id)


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or program that makes a request, with its roles.

    Args:
        name: For display; use `id` to decide what belongs to an actor.
        user_number: The user of the session, or who created the key; None without a user record.
        key_id: The key that was presented, if any.
        origin: What the audit records about the request; without it nothing is recorded.
        subject: Issuer and ``sub`` of the token, if any.
    """

    name: str
    roles: frozenset[Role] = field(default_factory=frozenset)
    user_number: int | None = None
    key_id: str | None = None
    origin: Origin | None = None
    subject: str | None = None

    @property
    def id(self) -> str:
        """The identity: that of the key, of the token's subject, or of the user's record.

        Actors of the server itself have none of these and are identified by name; such names are
        reserved (`RESERVED_NAMES`).
        """
        if self.key_id is not None:
            return self.key_id
        if self.subject is not None:
            return self.subject
        return self.name if self.user_number is None else user_id(self.user_number)

    @property
    def ref(self) -> ActorRef:
        return ActorRef(self.name, self.id)

    def require(self, permission: Permission) -> None:
        """Raise an error unless one of the actor's roles grants the permission.

        Raises:
            DeniedError: No role grants it. The message names the role that is missing.
        """
        if not has_permission(self.roles, permission):
            raise DeniedError(f"{self.name} lacks the role {NEEDED_ROLE[permission]}")


def has_permission(roles: Iterable[Role], permission: Permission) -> bool:
    return any(permission in _PERMISSIONS[role] for role in roles)


def limit_roles(roles: Iterable[Role], by: Iterable[Role]) -> frozenset[Role]:
    """Return those of the roles whose permissions the roles *by* grant as well."""
    allowed = frozenset[Permission]().union(*(_PERMISSIONS[role] for role in by))
    return frozenset(role for role in roles if _PERMISSIONS[role] <= allowed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """A person or program as a directory or a token issuer describes it.

    Args:
        name: The identity of a user of a directory; for display only if there is a subject.
        subject: Issuer and ``sub`` of a token: the identity, whatever the name.
    """

    name: str
    roles: frozenset[Role]
    subject: str | None = None


def roles_of_groups(groups: Iterable[str], roles: Mapping[str, Iterable[Role]]) -> frozenset[Role]:
    """Return the roles of all given groups; a group that is not mapped grants none.

    Args:
        roles: Roles by group name, which must match exactly.
    """
    return frozenset(role for group in groups for role in roles.get(group, ()))


ANYONE = Actor("anyone", frozenset({Role.ADMIN}))
"""The actor of every request while authorization is off."""

SERVER = Actor("server", frozenset())
"""The server itself, for actions that nobody requested."""

RESERVED_NAMES = frozenset(
    {
        ANYONE.name,
        SERVER.name,
        "anonymous",
        "cli",
        "command line",
        "configuration",
        "nobody",
        "scenarist",
        "schedule",
        "schedules",
        "scheduler",
        "system",
    }
)
"""Names of the server itself or of nobody, which no user or key may have."""


def is_reserved(name: str) -> bool:
    """Whether a name is reserved for the server, in any case and Unicode form.

    All names that start with a parenthesis, such as ``(command line)``, are reserved.
    """
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    words = re.sub(r"[-_.\s]+", " ", plain).strip()
    return plain.startswith("(") or words in RESERVED_NAMES
