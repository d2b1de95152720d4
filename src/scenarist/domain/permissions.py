"""Who may do what: the documented roles, and the one table of their permissions.

Source of the roles: the notes on each path of the documented REST pages.
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
    """Where a request came from, and what it asks for, as the audit keeps it."""

    address: str
    operation: str


@dataclass(frozen=True, slots=True)
class ActorRef:
    """Who did something, as records keep it.

    Args:
        name: For people to read; others may have the same, and it may change.
        id: What to compare: one person or program for ever.
    """

    name: str
    id: str


def user_id(number: int) -> str:
    """Return the identity of a user with a record; a name may be given again, a number is not."""
    return f"USER_{number}"


def ref_of(name: str | None, id: str | None) -> ActorRef | None:
    """Return the actor of two columns of a record; None where nobody was recorded."""
    return None if name is None or id is None else ActorRef(name, id)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a person or a program, with the roles it holds.

    Args:
        name: For people to read; decide by `id` what belongs to an actor.
        user_number: The user behind a session, or who made the key; None when no record is kept.
        key_id: The key that was shown, when it was one.
        origin: What the audit says of the request; without one, nothing is written there.
        subject: Issuer and ``sub`` of a token; None without one.
    """

    name: str
    roles: frozenset[Role] = field(default_factory=frozenset)
    user_number: int | None = None
    key_id: str | None = None
    origin: Origin | None = None
    subject: str | None = None

    @property
    def id(self) -> str:
        """The identity: of a key, of a token's subject, or of the record of a user.

        An actor of the server itself, which has none of these, is told by its name; such names are
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
    """Who somebody is, as a directory or an issuer of tokens says.

    Args:
        name: Of a user of a directory, the identity; beside a subject, for people to read.
        subject: Issuer and ``sub`` of a token: the identity, whatever the name is.
    """

    name: str
    roles: frozenset[Role]
    subject: str | None = None


def roles_of_groups(groups: Iterable[str], roles: Mapping[str, Iterable[Role]]) -> frozenset[Role]:
    """Return the roles of all groups that somebody is in; a group that is not mapped gives none.

    Args:
        roles: By the name of a group, exactly as it is written there.
    """
    return frozenset(role for group in groups for role in roles.get(group, ()))


ANYONE = Actor("anyone", frozenset({Role.ADMIN}))
"""The actor of every request while authorization is off."""

SERVER = Actor("server", frozenset())
"""The server, where it does something that nobody asked for."""

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
"""Names that stand for the server itself, or for nobody: no user and no key has one."""


def is_reserved(name: str) -> bool:
    """Whether a name, in any case and spelling of Unicode, is one of the server's own.

    Those in parentheses, such as ``(command line)``, all are.
    """
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    words = re.sub(r"[-_.\s]+", " ", plain).strip()
    return plain.startswith("(") or words in RESERVED_NAMES
