"""Sessions: sign in with a name and a password, sign out, change the password."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn, Protocol

import structlog
from sqlalchemy import Connection

from scenarist.db import audit, login_attempts
from scenarist.db import sessions as session_rows
from scenarist.db import users as user_rows
from scenarist.db.engine import Database
from scenarist.db.login_attempts import AttemptLimit
from scenarist.domain.errors import (
    ConflictError,
    InvalidError,
    ThrottledError,
    UnauthenticatedError,
    UnavailableError,
)
from scenarist.domain.permissions import Actor, Identity, Origin, is_reserved
from scenarist.domain.timestamps import is_unexpired
from scenarist.domain.users import (
    MAX_PASSWORD_LENGTH,
    AuditEntry,
    Realm,
    User,
    normalize_user_name,
    validate_password,
)
from scenarist.identity.passwords import Passwords
from scenarist.identity.tokens import TokenSigner
from scenarist.services.authentication import Authenticator, CredentialKind

_log = structlog.get_logger(__name__)

_THROTTLED_CACHE_LIMIT = 10_000
_RECHECK_AFTER = timedelta(seconds=2)

LOGIN_WINDOW = timedelta(minutes=5)
LOGIN_LIMIT_OF_USER_AT_ADDRESS = 5
LOGIN_LIMIT_OF_ADDRESS = 30
LOGIN_LIMIT_OF_USER = 100
"""Limits of failed sign-ins within the time window: of one name from one address, of all names
from one address, and of one name from all addresses. The last one limits guessing from many
addresses at once; an attacker can use it to lock a user out for a while, which is the lesser
evil."""


class Directory(Protocol):
    """A user directory that verifies passwords itself."""

    def sign_in(self, name: str, password: str) -> Identity | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSession:
    """A new session with its token."""

    name: str
    roles: frozenset[str]
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _VerifiedUser:
    """A verified user: the record as read, and a stronger hash of the password, if needed."""

    user: User
    better_hash: str | None = None


class SessionService:
    """Opens and ends sessions.

    Args:
        realm: The realm whose users sign in here; None if only an external issuer signs users in.
        directory: Verifies passwords instead of the records of users.
        session_length: How long a session lasts.
    """

    def __init__(  # noqa: PLR0913 - its dependencies
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
        # Throttled addresses: when to read their count again, and the end of the time window.
        self._throttled: dict[str, tuple[datetime, datetime]] = {}

    def refuse_throttled(self, address: str) -> None:
        """Refuse an address that was throttled a moment ago, without a thread or the database.

        Raises:
            ThrottledError: It has reached its limit of failed sign-ins; says how long to wait.
        """
        if (throttled := self._throttled.get(rate_limit_key(address))) is not None:
            recheck_at, until = throttled
            now = self._now()
            if is_unexpired(recheck_at, now, _RECHECK_AFTER):
                raise _make_throttled_error(until - now)

    def sign_in(self, name: str, password: str, origin: Origin) -> NewSession:
        """Open a session.

        An unknown user, a user without a password and a wrong password give the same response, in
        the same time.

        Raises:
            UnauthenticatedError: The name or the password is wrong, or passwords are not accepted.
            ThrottledError: There were too many failed sign-ins; says how long to wait.
            UnavailableError: The directory cannot be reached.
        """
        if self._realm is None:
            raise UnauthenticatedError(
                "this server does not accept passwords; send a token of the issuer",
                code="sign_in_elsewhere",
            )
        plain = name.lower()
        taken = self._count_attempt(plain, origin)
        opened = self._open(self._require_verified(plain, password, origin), taken, origin)
        if opened is None:
            # The user was changed in the meantime, such as by a concurrent rehash of the password.
            opened = self._open(self._require_verified(plain, password, origin), taken, origin)
        if opened is None:
            self._refuse(plain, origin, "the user was changed at the same time; sign in again")
        return opened

    def sign_out(self, actor: Actor, credential: str) -> None:
        """End the session of a credential on every server that shares the database.

        Raises:
            ConflictError: The credential is a key; keys are revoked instead.
        """
        verified = self._authenticator.verify(credential)
        if verified.kind is CredentialKind.KEY:
            raise ConflictError(
                "a key cannot be signed out; ask an administrator to revoke it",
                code="key_not_signed_out",
            )
        now = self._now()

        def work(connection: Connection) -> None:
            if verified.kind is CredentialKind.SESSION:
                session_rows.remove(connection, verified.id)
            elif verified.expires_at is not None:
                session_rows.revoke(connection, verified.id, verified.expires_at)
            audit.record_allowed(connection, actor, None, now)

        self._database.write(work)

    def change_password(self, actor: Actor, old: str, new: str) -> None:
        """Change the password of the actor, and end all sessions of the user, also this one.

        Raises:
            InvalidError: The new password is invalid.
            UnauthenticatedError: The old password is wrong.
            ThrottledError: There were too many attempts.
            ConflictError: This server does not store the password, or the configuration file
                declares it.
        """
        validate_password(new)
        origin = actor.origin or Origin("", "")
        if self._realm is not Realm.LOCAL or actor.user_number is None or actor.key_id is not None:
            raise ConflictError("this server stores no password for you", code="no_password_here")
        taken = self._count_attempt(actor.name, origin)
        verified = self._verify(actor.name, old)
        if verified is None or verified.user.number != actor.user_number:
            self._refuse(actor.name, origin, "the old password is wrong")
        if verified.user.is_password_declared:
            raise ConflictError(
                "the configuration file declares the password; change it there",
                code="user_declared",
            )
        changed = replace(verified.user, password_hash=self._passwords.hash(new))

        def work(connection: Connection) -> bool:
            # Do not restore roles that were removed in the meantime.
            if user_rows.find(connection, changed.name, changed.realm) != verified.user:
                return False
            _reset_attempts(connection, taken)
            user_rows.change(connection, changed)
            user_rows.remove_sessions(connection, changed.number)
            audit.record_allowed(connection, actor, None, self._now())
            return True

        if not self._database.write(work):
            self._refuse(actor.name, origin, "the user was changed at the same time; sign in again")

    def _count_attempt(self, name: str, origin: Origin) -> tuple[AttemptLimit, ...]:
        """Count an attempt before verifying it; return its limits, the narrowest first."""
        address = rate_limit_key(origin.address)
        # The name may be a password typed into the wrong field.
        blind = self._signer.blind(name)
        of_address = AttemptLimit(f"at {address}", LOGIN_LIMIT_OF_ADDRESS)
        bounds = (
            AttemptLimit(f"{blind} at {address}", LOGIN_LIMIT_OF_USER_AT_ADDRESS),
            of_address,
            AttemptLimit(f"{blind} anywhere", LOGIN_LIMIT_OF_USER),
        )
        now = self._now()
        used_up = self._database.write(
            lambda connection: login_attempts.count_attempt(
                connection, bounds, window=LOGIN_WINDOW, now=now
            ),
            is_preparation=True,
        )
        if of_address in used_up:
            self._cache_throttled(address, used_up[of_address], now)
        if used_up:
            raise _make_throttled_error(max(used_up.values()) - now)
        return bounds

    def _cache_throttled(self, address: str, until: datetime, now: datetime) -> None:
        if len(self._throttled) >= _THROTTLED_CACHE_LIMIT:
            self._throttled.clear()  # the database has all counts
        # Not for the whole time window: a concurrent sign-in that succeeds is not counted.
        self._throttled[address] = (min(until, now + _RECHECK_AFTER), until)

    def _require_verified(self, name: str, password: str, origin: Origin) -> _VerifiedUser:
        """Return the user of a right password; refuse a wrong one."""
        verified = self._verify(name, password)
        if verified is None:
            self._refuse(name, origin, "the name or the password is wrong")
        return verified

    def _verify(self, name: str, password: str) -> _VerifiedUser | None:
        """Return the user of a password; None if the name or the password is wrong."""
        tried = password[: MAX_PASSWORD_LENGTH + 1]
        if self._directory is not None:
            identity = self._ask_directory(self._directory, name, tried)
            return None if identity is None else self._make_directory_user(identity)
        found = None
        if _is_name(name):
            found = user_rows.find(self._database.reader, name, Realm.LOCAL)
        check = self._passwords.verify(None if found is None else found.password_hash, tried)
        if found is None or not check.is_right:
            return None
        return _VerifiedUser(found, None if found.is_password_declared else check.better_hash)

    def _ask_directory(self, directory: Directory, name: str, password: str) -> Identity | None:
        try:
            return directory.sign_in(name, password)
        except UnavailableError as error:
            # Do not reveal the location of the directory to unauthenticated clients.
            _log.error("directory cannot be asked", reason=error.message)
            raise UnavailableError(
                "the user directory cannot be reached; try again later"
            ) from error

    def _make_directory_user(self, identity: Identity) -> _VerifiedUser | None:
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
        return _VerifiedUser(user)

    def _open(
        self, verified: _VerifiedUser, taken: tuple[AttemptLimit, ...], origin: Origin
    ) -> NewSession | None:
        """Open a session; None if the user was removed or changed since the verification."""
        now = self._now()
        expires_at = (now + self._session_length).replace(microsecond=0)
        token = self._signer.issue(verified.user.name, expires_at)

        def work(connection: Connection) -> User | None:
            user = _update_record(connection, verified)
            if user is None:
                return None
            _reset_attempts(connection, taken)
            session_rows.add(connection, token.id_hash, user.number, now=now, expires_at=expires_at)
            audit.record_allowed(connection, _actor(user, origin), None, now)
            return user

        user = self._database.write(work)
        if user is None:
            return None
        return NewSession(
            name=user.name,
            roles=frozenset(user.roles),
            token=token.text,
            expires_at=expires_at,
        )

    def _refuse(self, name: str, origin: Origin, reason: str) -> NoReturn:
        now = self._now()

        def work(connection: Connection) -> None:
            # An unknown name may be a password typed into the wrong field: do not record it.
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


def _reset_attempts(connection: Connection, taken: tuple[AttemptLimit, ...]) -> None:
    """Reset the count of this name and address; do not count the success for the other limits."""
    login_attempts.reset(connection, taken[0].key)
    login_attempts.uncount_attempt(connection, taken[1:])


def _update_record(connection: Connection, verified: _VerifiedUser) -> User | None:
    """Return the record of a user whose password was verified, updated if necessary.

    None if the user was removed or changed in the meantime.
    """
    user = verified.user
    found = user_rows.find(connection, user.name, user.realm)
    if user.realm is Realm.LDAP:
        if found is None:
            return user_rows.add(connection, user)
        kept = replace(found, roles=user.roles)
    elif found == user:
        kept = replace(found, password_hash=verified.better_hash or found.password_hash)
    else:
        return None
    if kept != found:
        user_rows.change(connection, kept)
    return kept


def _is_name(name: str) -> bool:
    try:
        return normalize_user_name(name) == name
    except InvalidError:
        return False


def _make_throttled_error(wait: timedelta) -> ThrottledError:
    seconds = max(1, int(wait.total_seconds()) + 1)
    return ThrottledError(f"too many sign-in attempts; wait {seconds} s", retry_seconds=seconds)


def rate_limit_key(address: str) -> str:
    """Return the address or network to limit: for IPv6 its /64, which one client controls."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)  # an IPv4 address on a dual-stack socket
    return str(ipaddress.IPv6Network((int(found), 64), strict=False))
