"""Signing in with a name and a password, and out again."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn, Protocol

import structlog
from sqlalchemy import Connection

from scenarist.db import audit, tries
from scenarist.db import sessions as session_rows
from scenarist.db import users as user_rows
from scenarist.db.engine import Database
from scenarist.db.tries import Bound
from scenarist.domain.errors import (
    ConflictError,
    InvalidError,
    ThrottledError,
    UnauthenticatedError,
    UnavailableError,
)
from scenarist.domain.moments import is_ahead
from scenarist.domain.permissions import Actor, Identity, Origin, is_reserved
from scenarist.domain.users import (
    LONGEST_PASSWORD,
    AuditEntry,
    Realm,
    User,
    checked_password,
    checked_user_name,
)
from scenarist.identity.passwords import Passwords
from scenarist.identity.tokens import TokenSigner
from scenarist.services.authentication import Authenticator, Kind

_log = structlog.get_logger(__name__)

_REFUSED_KEPT = 10_000
_LOOK_AGAIN = timedelta(seconds=2)

TRIES_STRETCH = timedelta(minutes=5)
TRIES_OF_USER_AT_ADDRESS = 5
TRIES_OF_ADDRESS = 30
TRIES_OF_USER = 100
"""Failed tries within the stretch: of one name from one address, from one address with any names,
and of one name from all addresses. The last bounds guessing from many addresses at once; who does
that can keep the user out for a while, which is the lesser evil."""


class Directory(Protocol):
    """Knows the passwords of users itself."""

    def sign_in(self, name: str, password: str) -> Identity | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    name: str
    roles: frozenset[str]
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Judged:
    """Whose password it is: the record as it was then, and a better hash of the password."""

    user: User
    better_hash: str | None = None


class SigningInService:
    """Opens and ends sessions.

    Args:
        realm: Whose users sign in here; None for nobody's, when an issuer elsewhere does that.
        directory: Asked about passwords instead of the records of users.
        session_length: How long a session lasts.
    """

    def __init__(  # noqa: PLR0913 - all that signing in is made of
        self,
        database: Database,
        authenticator: Authenticator,
        signer: TokenSigner,
        passwords: Passwords,
        *,
        now: Callable[[], datetime],
        realm: Realm | None,
        directory: Directory | None,
        session_length: timedelta,
    ) -> None:
        self._database = database
        self._authenticator = authenticator
        self._signer = signer
        self._passwords = passwords
        self._now = now
        self._realm = realm
        self._directory = directory
        self._session_length = session_length
        # Addresses that have used up their tries: when to look at the count again, and its end.
        self._refused: dict[str, tuple[datetime, datetime]] = {}

    def require_tries(self, address: str) -> None:
        """Refuse an address that has just been refused, from memory: no thread, no database.

        Raises:
            ThrottledError: It has used up its tries; says how long to wait.
        """
        if (refused := self._refused.get(counted_address(address))) is not None:
            look_again_at, until = refused
            now = self._now()
            if is_ahead(look_again_at, now, _LOOK_AGAIN):
                raise _throttled(until - now)

    def sign_in(self, name: str, password: str, origin: Origin) -> SignedIn:
        """Open a session.

        An unknown user, a user without a password and a wrong password look and take the same.

        Raises:
            UnauthenticatedError: The name or the password is wrong, or nobody signs in here.
            ThrottledError: There were too many tries; says how long to wait.
            UnavailableError: The directory cannot be asked.
        """
        if self._realm is None:
            raise UnauthenticatedError(
                "nobody signs in here with a password; send a token of the issuer",
                code="sign_in_elsewhere",
            )
        plain = name.lower()
        taken = self._take_try(plain, origin)
        opened = self._opened(self._right(plain, password, origin), taken, origin)
        if opened is None:
            # The user was changed meanwhile, such as by a hash made anew next to this.
            opened = self._opened(self._right(plain, password, origin), taken, origin)
        if opened is None:
            self._refuse(plain, origin, "the user was just changed; sign in again")
        return opened

    def sign_out(self, actor: Actor, credential: str) -> None:
        """End the session, here and on every server that shares the database.

        Raises:
            ConflictError: It is a key, which is revoked and not signed out.
        """
        verified = self._authenticator.verify(credential)
        if verified.kind is Kind.KEY:
            raise ConflictError(
                "a key is not signed out; an administrator revokes it", code="key_not_signed_out"
            )
        now = self._now()

        def work(connection: Connection) -> None:
            if verified.kind is Kind.SESSION:
                session_rows.end(connection, verified.id)
            elif verified.expires_at is not None:
                session_rows.revoke(connection, verified.id, verified.expires_at)
            audit.add_done(connection, actor, None, now)

        self._database.write(work)

    def change_password(self, actor: Actor, old: str, new: str) -> None:
        """Give oneself another password. All sessions of the user end, this one too.

        Raises:
            InvalidError: The new password cannot be.
            UnauthenticatedError: The old password is wrong.
            ThrottledError: There were too many tries.
            ConflictError: The password is not kept here, or the configuration file has it.
        """
        checked_password(new)
        origin = actor.origin or Origin("", "")
        if self._realm is not Realm.LOCAL or actor.user_number is None or actor.key_id is not None:
            raise ConflictError(
                "there is no password here that could be changed", code="no_password_here"
            )
        taken = self._take_try(actor.name, origin)
        judged = self._judged(actor.name, old)
        if judged is None or judged.user.number != actor.user_number:
            self._refuse(actor.name, origin, "the old password is wrong")
        if judged.user.is_password_declared:
            raise ConflictError(
                "the password stands in the configuration file; have it changed there",
                code="user_declared",
            )
        changed = replace(judged.user, password_hash=self._passwords.hash(new))

        def work(connection: Connection) -> bool:
            # Roles that were taken away meanwhile must not come back.
            if user_rows.find(connection, changed.name, changed.realm) != judged.user:
                return False
            _end_tries(connection, taken)
            user_rows.change(connection, changed)
            user_rows.end_sessions(connection, changed.number)
            audit.add_done(connection, actor, None, self._now())
            return True

        if not self._database.write(work):
            self._refuse(actor.name, origin, "the user was just changed; sign in again")

    def _take_try(self, name: str, origin: Origin) -> tuple[Bound, ...]:
        """Count a try before it is judged; return what it counts for, this name here first."""
        address = counted_address(origin.address)
        # What is typed as a name may be a password.
        blind = self._signer.blind(name)
        of_address = Bound(f"at {address}", TRIES_OF_ADDRESS)
        bounds = (
            Bound(f"{blind} at {address}", TRIES_OF_USER_AT_ADDRESS),
            of_address,
            Bound(f"{blind} anywhere", TRIES_OF_USER),
        )
        now = self._now()
        used_up = self._database.write(
            lambda connection: tries.take(connection, bounds, stretch=TRIES_STRETCH, now=now),
            is_preparation=True,
        )
        if of_address in used_up:
            self._remember_refused(address, used_up[of_address], now)
        if used_up:
            raise _throttled(max(used_up.values()) - now)
        return bounds

    def _remember_refused(self, address: str, until: datetime, now: datetime) -> None:
        if len(self._refused) >= _REFUSED_KEPT:
            self._refused.clear()  # they are all counted in the database
        # Not for the whole stretch: a sign-in under way that succeeds gives its try back.
        self._refused[address] = (min(until, now + _LOOK_AGAIN), until)

    def _right(self, name: str, password: str, origin: Origin) -> _Judged:
        """Refuse whoever does not show the right password."""
        judged = self._judged(name, password)
        if judged is None:
            self._refuse(name, origin, "the name or the password is wrong")
        return judged

    def _judged(self, name: str, password: str) -> _Judged | None:
        """Say whose password this is; None when the name or the password is wrong."""
        tried = password[: LONGEST_PASSWORD + 1]
        if self._directory is not None:
            identity = self._ask(self._directory, name, tried)
            return None if identity is None else self._from_directory(identity)
        found = None
        if _is_name(name):
            found = user_rows.find(self._database.reader, name, Realm.LOCAL)
        verdict = self._passwords.verify(None if found is None else found.password_hash, tried)
        if found is None or not verdict.is_right:
            return None
        return _Judged(found, None if found.is_password_declared else verdict.better_hash)

    def _ask(self, directory: Directory, name: str, password: str) -> Identity | None:
        try:
            return directory.sign_in(name, password)
        except UnavailableError as error:
            # Somebody unknown need not know where the directory is.
            _log.error("directory cannot be asked", reason=error.message)
            raise UnavailableError(
                "the directory of users cannot be asked now; try again later"
            ) from error

    def _from_directory(self, identity: Identity) -> _Judged | None:
        if not _is_name(identity.name) or is_reserved(identity.name):
            _log.warning("ldap name cannot be used", name=identity.name)
            return None
        user = User(
            name=identity.name,
            realm=Realm.LDAP,
            roles=identity.roles,
            password_hash=None,
            is_declared=False,
            created_at=self._now(),
        )
        return _Judged(user)

    def _opened(self, judged: _Judged, taken: tuple[Bound, ...], origin: Origin) -> SignedIn | None:
        """Open a session; None when the user was removed or changed since the verdict."""
        now = self._now()
        expires_at = (now + self._session_length).replace(microsecond=0)
        token = self._signer.make(judged.user.name, expires_at)

        def work(connection: Connection) -> User | None:
            user = _kept(connection, judged)
            if user is None:
                return None
            _end_tries(connection, taken)
            session_rows.add(connection, token.id_hash, user.number, now=now, expires_at=expires_at)
            audit.add_done(connection, _actor(user, origin), None, now)
            return user

        user = self._database.write(work)
        if user is None:
            return None
        return SignedIn(
            name=user.name,
            roles=frozenset(user.roles),
            token=token.text,
            expires_at=expires_at,
        )

    def _refuse(self, name: str, origin: Origin, reason: str) -> NoReturn:
        now = self._now()

        def work(connection: Connection) -> None:
            # A name that nobody has may be a password, typed into the wrong field.
            known = None
            if self._realm is not None and _is_name(name):
                known = user_rows.find(connection, name, self._realm)
            entry = AuditEntry(
                created_at=now,
                actor=None if known is None else name,
                actor_id=None if known is None else _actor(known).id,
                key_id=None,
                address=origin.address,
                operation=origin.operation,
                entity_id=None,
                is_allowed=False,
                reason=reason,
            )
            audit.add(connection, entry)

        self._database.write(work)
        raise UnauthenticatedError(reason, code="sign_in_failed")


def _actor(user: User, origin: Origin | None = None) -> Actor:
    return Actor(user.name, user.roles, user_number=user.number, origin=origin)


def _end_tries(connection: Connection, taken: tuple[Bound, ...]) -> None:
    """Start anew for this name here; for all others, let a try that succeeded not count."""
    tries.forget(connection, taken[0].who)
    tries.give_back(connection, taken[1:])


def _kept(connection: Connection, judged: _Judged) -> User | None:
    """Return the record of a user who has just shown the right password.

    None when the user was removed or changed in the meantime.
    """
    user = judged.user
    found = user_rows.find(connection, user.name, user.realm)
    if user.realm is Realm.LDAP:
        if found is None:
            return user_rows.add(connection, user)
        kept = replace(found, roles=user.roles)
    elif found == user:
        kept = replace(found, password_hash=judged.better_hash or found.password_hash)
    else:
        return None
    if kept != found:
        user_rows.change(connection, kept)
    return kept


def _is_name(name: str) -> bool:
    try:
        return checked_user_name(name) == name
    except InvalidError:
        return False


def _throttled(wait: timedelta) -> ThrottledError:
    seconds = max(1, int(wait.total_seconds()) + 1)
    return ThrottledError(f"too many tries to sign in; wait {seconds} s", retry_seconds=seconds)


def counted_address(address: str) -> str:
    """Return what an address counts as: of IPv6, somebody has at least 64 bits for oneself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)  # how IPv4 looks to whoever listens on both
    return str(ipaddress.IPv6Network((int(found), 64), strict=False))
