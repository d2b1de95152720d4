"""Finds out who shows a credential: a session's token, a key, or a token of an issuer elsewhere."""

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
from scenarist.domain.moments import as_text, is_within
from scenarist.domain.permissions import Actor, Identity, limited
from scenarist.domain.users import Realm
from scenarist.identity.tokens import TokenSigner

KEY_PREFIX = "scn_"
"""How the text of a key begins, so that people and scanners of secrets know it."""

_TRUSTED = timedelta(minutes=1)
"""How long an issuer is believed about a token before its keys are asked again."""

_KNOWN_LIMIT = 10_000


class VerifiedToken(Protocol):
    """What an issuer's token says, once its signature is known to fit."""

    @property
    def identity(self) -> Identity: ...

    @property
    def expires_at(self) -> datetime: ...

    @property
    def digest(self) -> str: ...


class Issuer(Protocol):
    """Verifies tokens that were made elsewhere."""

    def verify(self, token: str) -> VerifiedToken: ...


class Kind(Enum):
    SESSION = auto()
    KEY = auto()
    ISSUED = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """A credential that is genuine; whether it is still good, the database says.

    Args:
        id: The hash of a session's identifier, the identifier of a key, the digest of a token.
        secret_hash: Of a key: what its record must hold.
        identity: Of an issuer's token: who it is.
        expires_at: Of an issuer's token: the end of its time.
        good_until: When it must be verified anew, at the latest.
    """

    kind: Kind
    id: str
    secret_hash: str = ""
    identity: Identity | None = None
    expires_at: datetime | None = None
    good_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Life:
    """How long a credential is good, by this server's clock.

    It is over, too, when the clock shows a time as long before its start as its end is after it:
    the clock was set back since, and the credential would be good for much longer than was meant.
    """

    starts_at: datetime
    ends_at: datetime

    def includes(self, now: datetime) -> bool:
        return now < self.ends_at and is_within(now, self.starts_at, self.ends_at - self.starts_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    verified: Verified
    actor: Actor
    life: _Life
    generation: int


class Authenticator:
    """Remembers who showed a credential, and looks again whenever any credential lost something.

    So a session that is ended, a key that is revoked and a role that is taken away are seen by the
    next request, on every server that shares the database, and a request in between costs next to
    nothing.

    Args:
        realm: Whose users can have sessions; None for nobody's.
        issuer: Whose tokens are taken, besides.
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
        self._known: dict[str, _Known] = {}

    def recall(self, credential: str) -> Actor | None:
        """Return who shows a credential that was admitted before; None when it must be verified.

        Raises:
            UnauthenticatedError: It is good no more; says why.
        """
        known = self._known.get(credential)
        if known is None:
            return None
        generation = credential_rows.generation(self._database)
        if not known.life.includes(self._now()):
            self._known.pop(credential, None)
            return None
        if known.generation != generation:
            return self.admit(credential, known.verified)
        return known.actor

    def needs_network(self, credential: str) -> bool:
        """Whether `verify` may have to ask somebody else, and so should not hold up others."""
        return self._issuer is not None and not credential.startswith(KEY_PREFIX)

    def verify(self, credential: str) -> Verified:
        """Check that a credential is genuine; for any thread.

        Raises:
            UnauthenticatedError: It is not; says why, and does not repeat it.
            UnavailableError: The issuer of the token cannot be asked.
        """
        if credential.startswith(KEY_PREFIX):
            return _verified_key(credential)
        if self._issuer is None:
            return Verified(kind=Kind.SESSION, id=self._signer.read(credential))
        token = self._issuer.verify(credential)
        return Verified(
            kind=Kind.ISSUED,
            id=token.digest,
            identity=token.identity,
            expires_at=token.expires_at,
            good_until=min(token.expires_at, self._now() + _TRUSTED),
        )

    def admit(self, credential: str, verified: Verified) -> Actor:
        """Return who shows a genuine credential, when it is still good.

        Raises:
            UnauthenticatedError: It is good no more; says why.
        """
        # Read first: what is committed after this is looked at by the next request.
        generation = credential_rows.generation(self._database)
        self._known.pop(credential, None)
        actor, life = self._look(self._database.reader, verified)
        now = self._now()
        if not life.includes(now):
            why = f"this expired at {as_text(life.ends_at)}"
            if now < life.ends_at:
                why = "the server's clock was set back since this was made"
            raise UnauthenticatedError(f"{why}; get a new one", code="token_expired")
        if len(self._known) >= _KNOWN_LIMIT:
            self._known.clear()
        self._known[credential] = _Known(
            verified=verified, actor=actor, life=life, generation=generation
        )
        return actor

    def _look(self, connection: Connection, verified: Verified) -> tuple[Actor, _Life]:
        match verified.kind:
            case Kind.SESSION:
                return self._session(connection, verified)
            case Kind.KEY:
                return _key(connection, verified)
            case Kind.ISSUED:
                return _issued(connection, verified)

    def _session(self, connection: Connection, verified: Verified) -> tuple[Actor, _Life]:
        session = session_rows.find(connection, verified.id)
        if session is None or session.realm is not self._realm:
            raise UnauthenticatedError("the session has ended; sign in again", code="token_revoked")
        actor = Actor(session.name, session.roles, user_number=session.user_number)
        return actor, _Life(session.created_at, session.expires_at)


def _verified_key(credential: str) -> Verified:
    uuid, _, secret = credential.removeprefix(KEY_PREFIX).partition("_")
    return Verified(kind=Kind.KEY, id=f"KEY_{uuid}", secret_hash=hash_of_secret(secret))


def _key(connection: Connection, verified: Verified) -> tuple[Actor, _Life]:
    known = key_rows.find(connection, verified.id)
    # Compared even when there is none, so that the time does not tell which keys there are.
    kept = "" if known is None else known.key.secret_hash
    if not hmac.compare_digest(kept, verified.secret_hash) or known is None:
        raise UnauthenticatedError("there is no such key, or it was revoked", code="key_invalid")
    key = known.key
    roles = key.roles if known.maker_roles is None else limited(key.roles, known.maker_roles)
    actor = Actor(key.name, roles, user_number=key.maker_number, key_id=key.id)
    return actor, _Life(key.created_at, key.expires_at)


def _issued(connection: Connection, verified: Verified) -> tuple[Actor, _Life]:
    if verified.identity is None or verified.good_until is None:
        raise UnauthenticatedError("the token says nobody's name")
    if session_rows.is_revoked(connection, verified.id):
        raise UnauthenticatedError(
            "the token was signed out; sign in again at its issuer", code="token_revoked"
        )
    known = verified.identity
    life = _Life(verified.good_until - _TRUSTED, verified.good_until)
    return Actor(known.name, known.roles, subject=known.subject), life


def hash_of_secret(secret: str) -> str:
    """Hash the secret part of a key; it is random, so a fast hash keeps it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def text_of_key(key_id: KeyId, secret: str) -> str:
    return f"{KEY_PREFIX}{key_id.removeprefix('KEY_')}_{secret}"
