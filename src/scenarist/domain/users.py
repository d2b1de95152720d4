"""Users, API keys and audit entries."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique

from scenarist.domain.errors import InvalidError
from scenarist.domain.identifiers import KeyId
from scenarist.domain.permissions import Role, is_reserved

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 1024

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,127}")


@unique
class Realm(StrEnum):
    """Who verifies the password of a user."""

    LOCAL = "local"  #: this server
    LDAP = "ldap"  #: a directory; each user who signs in gets a record


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A user who can sign in.

    Args:
        is_declared: Whether the configuration file declares the user; roles are then changed there.
        is_password_declared: Whether the configuration file contains the password hash as well.
        number: Unique forever; names may be reused.
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
    """A credential of a program; it never permits more than the user who created it may do.

    Args:
        secret_hash: SHA-256 of the secret part, which has enough entropy to need no salt.
        maker_number: The user who created it, with whom it is deleted; None for the command line.
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
    """An operation that an actor performed or was refused.

    Args:
        actor: None if the actor is unknown.
        actor_id: The identity of the actor; None if only a name was recorded.
        entity_id: The entity that the operation concerned, if there is one.
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


def normalize_user_name(name: str) -> str:
    """Return a user name in lower case; user names are case-insensitive.

    Raises:
        InvalidError: It is too long or contains characters that are not allowed.
    """
    plain = name.lower()
    if not _NAME.fullmatch(plain):
        raise InvalidError(
            f"{name[:128]!r} is not a valid user name; use 1 to 128 letters (a to z), digits and "
            ". _ @ + -, starting with a letter or a digit",
            errors=[{"field": "username", "message": "not a valid user name"}],
        )
    return plain


def validate_new_user_name(name: str) -> str:
    """Return the name of a new user, normalized like `normalize_user_name`.

    Raises:
        InvalidError: It is not a valid user name, or is reserved for the server.
    """
    plain = normalize_user_name(name)
    reject_reserved_name(plain, "username")
    return plain


def reject_reserved_name(name: str, field: str) -> None:
    """Raise an error for a name that records use for the server itself.

    Raises:
        InvalidError: The name is reserved.
    """
    if is_reserved(name):
        raise InvalidError(
            f"the name {name[:128]!r} is reserved for the server itself; choose another",
            errors=[{"field": field, "message": "reserved for the server itself"}],
        )


def validate_password(password: str) -> str:
    """Return a new password if its length is allowed.

    It is never truncated and may contain any characters. The minimum length is that of
    NIST SP 800-63B, section 5.1.1.

    Raises:
        InvalidError: It is too short or too long. The message does not contain it.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise InvalidError(
            f"a password must have {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters; this "
            f"one has {len(password)}",
            errors=[{"field": "password", "message": "too short or too long"}],
        )
    return password


def parse_roles(roles: Iterable[str], field: str = "roles") -> frozenset[Role]:
    """Parse roles, short (``reader``) or in full (``TAIPY_READER``).

    Raises:
        InvalidError: A role is unknown. The message lists the known ones.
    """
    found = set()
    for position, text in enumerate(roles):
        word = text.upper()
        try:
            found.add(Role(word if word.startswith("TAIPY_") else f"TAIPY_{word}"))
        except ValueError:
            known = ", ".join(Role)
            raise InvalidError(
                f"there is no role {text[:100]!r}; use one of {known}",
                errors=[{"field": f"{field}[{position}]", "message": f"not one of {known}"}],
            ) from None
    return frozenset(found)
