"""API keys: create, read and revoke them."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from scenarist.db import audit
from scenarist.db import keys as key_rows
from scenarist.db import subscribers as subscriber_rows
from scenarist.db import users as user_rows
from scenarist.db.engine import Database
from scenarist.db.paging import Page
from scenarist.domain.errors import (
    ConflictError,
    DeniedError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
    require_found,
)
from scenarist.domain.identifiers import KeyId, make_uuid
from scenarist.domain.listings import PageRequest
from scenarist.domain.permissions import Actor, Permission, Role, limit_roles
from scenarist.domain.text import is_label
from scenarist.domain.timestamps import format_timestamp
from scenarist.domain.users import Key, parse_roles, reject_reserved_name
from scenarist.services.authentication import format_key, hash_secret

MAX_LIFETIME = timedelta(days=400)
DEFAULT_LIFETIME = timedelta(days=90)

Expect = Callable[[Key], None]
"""Checks the present key in the transaction that revokes it; raises to refuse the revocation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey:
    """A key with its text, which is not stored and cannot be shown again."""

    key: Key
    text: str


class KeyService:
    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def list_page(self, actor: Actor, request: PageRequest) -> Page[Key]:
        actor.require(Permission.ADMINISTER)
        return key_rows.list_page(self._database.reader, request)

    def get(self, actor: Actor, key_id: str) -> Key:
        actor.require(Permission.ADMINISTER)
        return _get(self._database.reader, key_id)

    def create(
        self,
        actor: Actor,
        name: str,
        roles: Iterable[str],
        *,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Create a key. It is deleted with the user who created it, and never has more permissions.

        Users of an external issuer have no record here: their keys are valid until they are
        revoked or expire, as are keys created on the command line.

        Args:
            expires_at: Defaults to 90 days from now; at most 400 days from now.

        Raises:
            InvalidError: The name, a role or the date is invalid.
            DeniedError: A role has permissions that the actor lacks.
            ConflictError: The name is taken, or the actor is a key: keys cannot create keys, so
                that revoking a key ends all access that came from it.
        """
        actor.require(Permission.ADMINISTER)
        if actor.key_id is not None:
            raise ConflictError(
                "a key cannot create another key; sign in as a user, or use the command line",
                code="key_makes_no_key",
            )
        wanted = _check_roles(actor, roles)
        now = self._now()
        secret = secrets.token_urlsafe(32)
        key = Key(
            id=KeyId(f"KEY_{make_uuid(now)}"),
            name=_check_name(name),
            roles=wanted,
            secret_hash=hash_secret(secret),
            made_by=actor.name,
            made_by_id=actor.id,
            maker_number=actor.user_number,
            created_at=now,
            expires_at=_check_expiry(expires_at, now),
        )

        def work(connection: Connection) -> None:
            taken = key_rows.find_id(connection, key.name)
            if taken is not None:
                raise ConflictError(
                    f"there is already a key named {key.name!r}, {taken}; revoke it, or choose "
                    "another name",
                    code="key_exists",
                )
            if not _exists(connection, actor):
                raise UnauthenticatedError("the user was just removed")
            key_rows.add(connection, key)
            audit.record_allowed(connection, actor, key.id, now)

        self._database.write(work)
        return NewKey(key=key, text=format_key(key.id, secret))

    def delete(self, actor: Actor, key_id: str, *, expect: Expect | None = None) -> None:
        """Revoke a key: every server refuses the next request with it.

        Its streaming responses end, and webhooks that it created become inactive.

        Raises:
            NotFoundError: There is no such key.
        """
        actor.require(Permission.ADMINISTER)

        def work(connection: Connection) -> None:
            key = _get(connection, key_id)
            if expect is not None:
                expect(key)
            now = self._now()
            key_rows.remove(connection, key.id)
            why = f"the key {key.name!r}, which created it, was revoked"
            subscriber_rows.deactivate_made_by(connection, [key.id], why, now)
            audit.record_allowed(connection, actor, key.id, now)

        self._database.write(work)

    def delete_named(self, actor: Actor, name: str) -> None:
        """Revoke the key with a name.

        Raises:
            NotFoundError: There is none.
        """
        actor.require(Permission.ADMINISTER)
        key_id = key_rows.find_id(self._database.reader, name)
        if key_id is None:
            raise NotFoundError(f"there is no key named {name[:128]!r}")
        self.delete(actor, key_id)


def _exists(connection: Connection, actor: Actor) -> bool:
    return actor.user_number is None or user_rows.exists(connection, actor.user_number)


def _get(connection: Connection, key_id: str) -> Key:
    return require_found(key_rows.find(connection, key_id), "key", key_id).key


def _check_roles(actor: Actor, roles: Iterable[str]) -> frozenset[Role]:
    wanted = parse_roles(roles)
    beyond = sorted(wanted - limit_roles(wanted, actor.roles))
    if beyond:
        raise DeniedError(f"{actor.name} lacks the role {beyond[0]}, so cannot give it to a key")
    return wanted


def _check_name(name: str) -> str:
    if not is_label(name):
        fault = "a key's name has 1 to 128 printable characters and no blank at its start or end"
        raise InvalidError(
            f"{fault}; got {name[:128]!r}", errors=[{"field": "name", "message": fault}]
        )
    reject_reserved_name(name, "name")
    return name


def _check_expiry(expires_at: datetime | None, now: datetime) -> datetime:
    end = now + DEFAULT_LIFETIME if expires_at is None else expires_at
    if not now < end <= now + MAX_LIFETIME:
        # Do not repeat the given time: in UTC, it may be out of the range that can be formatted.
        raise InvalidError(
            f"a key must expire in the future and at most {MAX_LIFETIME.days} days from now, so by "
            f"{format_timestamp(now + MAX_LIFETIME)}",
            errors=[{"field": "expires_at", "message": "in the past, or too far in the future"}],
        )
    return end
