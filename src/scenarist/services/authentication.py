"""Authentication: maps a credential (session token, key, or issuer's token) to an actor."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol

from sqlalchemy import Connection

from scenarist.db import credentials as credential_rows
from scenarist.db import keys as key_rows
from scenarist.db import sessions as session_rows
from scenarist.db.engine import Database
from scenarist.domain.errors import UnauthenticatedError
from scenarist.domain.identifiers import KeyId
from scenarist.domain.permissions import Actor, Identity, limit_roles
from scenarist.domain.timestamps import format_timestamp, is_recent
from scenarist.domain.users import Realm
from scenarist.identity.tokens import TokenSigner

KEY_PREFIX = "scn_"
"""Prefix of the text of a key, by which people and secret scanners recognize it."""

_REVERIFY_AFTER = timedelta(minutes=1)
"""How long an issuer's token counts as verified, before it is verified again."""

_CACHE_LIMIT = 10_000


class IssuerToken(Protocol):
    """The claims of an issuer's token whose signature was verified."""

    @property
    def identity(self) -> Identity: ...

    @property
    def expires_at(self) -> datetime: ...

    @property
    def digest(self) -> str: ...


class Issuer(Protocol):
    """Verifies tokens of an external identity provider."""

    def verify(self, token: str) -> IssuerToken: ...


class CredentialKind(Enum):
    """Kinds of credentials."""

    SESSION = auto()
    KEY = auto()
    ISSUED = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedCredential:
    """A genuine credential; the database decides whether it is still valid.

    Args:
        id: Hash of a session identifier, identifier of a key, or digest of an issuer's token.
        secret_hash: For a key, the hash that its record must have.
        identity: For an issuer's token, the identity that it states.
        expires_at: For an issuer's token, its expiry.
        valid_until: For an issuer's token, when it must be verified again at the latest.
    """

    kind: CredentialKind
    id: str
    secret_hash: str = ""
    identity: Identity | None = None
    expires_at: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Validity:
    """The period in which a credential is valid, by this server's clock.

    A credential is also invalid if the present time is before the start of its period by more than
    the length of the period: the clock was set back, and the credential would be valid for much
    longer than intended. See decision 91.
    """

    starts_at: datetime
    ends_at: datetime

    def includes(self, now: datetime) -> bool:
        return now < self.ends_at and is_recent(now, self.starts_at, self.ends_at - self.starts_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class _CachedActor:
    verified: VerifiedCredential
    actor: Actor
    validity: _Validity
    generation: int


class Authenticator:
    """Caches the actor of each credential until any session, key or role is revoked or changed.

    A counter in the database invalidates the cache, so that the next request on every server that
    shares the database sees an ended session, a revoked key or a removed role. A cached lookup
    costs almost nothing.

    Args:
        realm: The realm whose users can have sessions; None if there are no sessions.
        issuer: An external identity provider whose tokens are accepted too.
    """

    def __init__(
        self,
        database: Database,
        signer: TokenSigner,
        *,
        now: Callable[[], datetime],
        realm: Realm | None,
        issuer: Issuer | None = None,
    ) -> None:
        self._database = database
        self._signer = signer
        self._now = now
        self._realm = realm
        self._issuer = issuer
        self._cache: dict[str, _CachedActor] = {}

    def find_cached(self, credential: str) -> Actor | None:
        """Return the actor of a credential that was admitted before; None if it must be verified.

        Raises:
            UnauthenticatedError: It is no longer valid; the message says why.
        """
        known = self._cache.get(credential)
        if known is None:
            return None
        generation = credential_rows.read_generation(self._database)
        if not known.validity.includes(self._now()):
            self._cache.pop(credential, None)
            return None
        if known.generation != generation:
            return self.authenticate(credential, known.verified)
        return known.actor

    def needs_network(self, credential: str) -> bool:
        """Return whether `verify` may need the network, and so should not run in the event loop."""
        return self._issuer is not None and not credential.startswith(KEY_PREFIX)

    def verify(self, credential: str) -> VerifiedCredential:
        """Check that a credential is genuine; thread-safe.

        Raises:
            UnauthenticatedError: It is not; the message says why, without the credential.
            UnavailableError: The issuer of the token cannot be reached.
        """
        if credential.startswith(KEY_PREFIX):
            return _parse_key(credential)
        if self._issuer is None:
            return VerifiedCredential(kind=CredentialKind.SESSION, id=self._signer.read(credential))
        token = self._issuer.verify(credential)
        return VerifiedCredential(
            kind=CredentialKind.ISSUED,
            id=token.digest,
            identity=token.identity,
            expires_at=token.expires_at,
            valid_until=min(token.expires_at, self._now() + _REVERIFY_AFTER),
        )

    def authenticate(self, credential: str, verified: VerifiedCredential) -> Actor:
        """Return the actor of a genuine credential, if the credential is still valid.

        Raises:
            UnauthenticatedError: It is no longer valid; the message says why.
        """
        # Read this first: then the next request sees whatever is committed from now on.
        generation = credential_rows.read_generation(self._database)
        self._cache.pop(credential, None)
        actor, validity = self._load(self._database.reader, verified)
        now = self._now()
        if not validity.includes(now):
            why = f"the credential expired at {format_timestamp(validity.ends_at)}"
            if now < validity.ends_at:
                why = "the server's clock was set back after the credential was issued"
            raise UnauthenticatedError(f"{why}; get a new one", code="token_expired")
        if len(self._cache) >= _CACHE_LIMIT:
            self._cache.clear()
        self._cache[credential] = _CachedActor(
            verified=verified, actor=actor, validity=validity, generation=generation
        )
        return actor

    def _load(
        self, connection: Connection, verified: VerifiedCredential
    ) -> tuple[Actor, _Validity]:
        match verified.kind:
            case CredentialKind.SESSION:
                return self._load_session(connection, verified)
            case CredentialKind.KEY:
                return _load_key(connection, verified)
            case CredentialKind.ISSUED:
                return _load_issued(connection, verified)

    def _load_session(
        self, connection: Connection, verified: VerifiedCredential
    ) -> tuple[Actor, _Validity]:
        session = session_rows.find(connection, verified.id)
        if session is None or session.realm is not self._realm:
            raise UnauthenticatedError("the session has ended; sign in again", code="token_revoked")
        actor = Actor(session.name, session.roles, user_number=session.user_number)
        return actor, _Validity(session.created_at, session.expires_at)


def _parse_key(credential: str) -> VerifiedCredential:
    uuid, _, secret = credential.removeprefix(KEY_PREFIX).partition("_")
    return VerifiedCredential(
        kind=CredentialKind.KEY, id=f"KEY_{uuid}", secret_hash=hash_secret(secret)
    )


def _load_key(connection: Connection, verified: VerifiedCredential) -> tuple[Actor, _Validity]:
    known = key_rows.find(connection, verified.id)
    # Compare even without a record, so that the time does not reveal which keys exist.
    stored_hash = "" if known is None else known.key.secret_hash
    if not hmac.compare_digest(stored_hash, verified.secret_hash) or known is None:
        raise UnauthenticatedError("there is no such key, or it was revoked", code="key_invalid")
    key = known.key
    roles = key.roles if known.maker_roles is None else limit_roles(key.roles, known.maker_roles)
    actor = Actor(key.name, roles, user_number=key.maker_number, key_id=key.id)
    return actor, _Validity(key.created_at, key.expires_at)


def _load_issued(connection: Connection, verified: VerifiedCredential) -> tuple[Actor, _Validity]:
    if verified.identity is None or verified.valid_until is None:
        raise UnauthenticatedError("the token does not state an identity")
    if session_rows.is_revoked(connection, verified.id):
        raise UnauthenticatedError(
            "the token was signed out; sign in again with its issuer", code="token_revoked"
        )
    known = verified.identity
    validity = _Validity(verified.valid_until - _REVERIFY_AFTER, verified.valid_until)
    return Actor(known.name, known.roles, subject=known.subject), validity


def hash_secret(secret: str) -> str:
    """Hash the secret part of a key; since it is random, a fast hash is safe."""
    return hashlib.sha256(secret.encode()).hexdigest()


def format_key(key_id: KeyId, secret: str) -> str:
    """Return the text of a key, which is its credential."""
    return f"{KEY_PREFIX}{key_id.removeprefix('KEY_')}_{secret}"
