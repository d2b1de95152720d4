"""Users, the keys of machines, and what is kept of what they did."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique

from scenarist.domain.errors import InvalidError
from scenarist.domain.identifiers import KeyId
from scenarist.domain.permissions import Role, is_reserved

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,127}")


@unique
class Realm(StrEnum):
    """Who knows the password of a user."""

    LOCAL = "local"  #: this server
    LDAP = "ldap"  #: a directory; a record is made of each user who signs in


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """Somebody who can sign in.

    Args:
        is_declared: Whether the configuration file declares the user, so that roles change there.
        is_password_declared: Whether it has the password, too.
        number: Tells users apart for ever: a name may be given again.
    """

    number: int = 0
    name: str
    realm: Realm
    roles: frozenset[Role]
    password_hash: str | None
    is_declared: bool
    created_at: datetime
    is_password_declared: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A credential of a machine; what it may do ends with what its maker may do.

    Args:
        secret_hash: SHA-256 of the secret part, which nobody can guess or look up.
        maker_number: The user who made it, and with whom it goes; None for the command line.
    """

    id: KeyId
    name: str
    roles: frozenset[Role]
    secret_hash: str
    made_by: str
    made_by_id: str | None
    maker_number: int | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """One thing that somebody did or was refused.

    Args:
        actor: None for somebody who is not known.
        actor_id: The identity of the actor; None where only a name was recorded.
        entity_id: What it was done to, where there is one such thing.
        reason: Why it was refused.
    """

    number: int = 0
    created_at: datetime
    actor: str | None
    actor_id: str | None = None
    key_id: str | None
    address: str
    operation: str
    entity_id: str | None
    is_allowed: bool
    reason: str | None = None


def checked_user_name(name: str) -> str:
    """Return a user's name in lower case: names that differ in case alone are one.

    Raises:
        InvalidError: It has characters that no name has.
    """
    plain = name.lower()
    if not _NAME.fullmatch(plain):
        raise InvalidError(
            f"{name[:128]!r} is no user name; it has 1 to 128 letters (a to z), digits and . _ @ + "
            "-, and starts with a letter or a digit",
            errors=[{"field": "username", "message": "has characters that no user name has"}],
        )
    return plain


def checked_new_name(name: str) -> str:
    """Return the name of a user to be, as `checked_user_name`.

    Raises:
        InvalidError: It has characters that no name has, or stands for the server itself.
    """
    plain = checked_user_name(name)
    refuse_reserved(plain, "username")
    return plain


def refuse_reserved(name: str, field: str) -> None:
    """Refuse a name that records use for the server itself.

    Raises:
        InvalidError: It is reserved.
    """
    if is_reserved(name):
        raise InvalidError(
            f"the name {name[:128]!r} stands for the server itself; choose another",
            errors=[{"field": field, "message": "reserved for the server itself"}],
        )


def checked_password(password: str) -> str:
    """Return a new password. All of it counts, and any characters may be in it.

    The shortest length is that of NIST SP 800-63B, section 5.1.1.

    Raises:
        InvalidError: It is too short or too long; the message does not repeat it.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidError(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; this one has "
            f"{len(password)}",
            errors=[{"field": "password", "message": "too short or too long"}],
        )
    return password


def checked_roles(roles: Iterable[str], field: str = "roles") -> frozenset[Role]:
    """Read roles, plain (``reader``) or as documented (``TAIPY_READER``).

    Raises:
        InvalidError: One is unknown; names those there are.
    """
    found = set()
    for position, text in enumerate(roles):
        word = text.upper()
        try:
            found.add(Role(word if word.startswith("TAIPY_") else f"TAIPY_{word}"))
        except ValueError:
            known = ", ".join(Role)
            raise InvalidError(
                f"there is no role {text[:100]!r}; there are {known}",
                errors=[{"field": f"{field}[{position}]", "message": f"not one of {known}"}],
            ) from None
    return frozenset(found)
