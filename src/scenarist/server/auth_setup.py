"""Wires authentication and authorization from settings and the section [AUTHENTICATION]."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from scenarist.api.middleware.auth import AuthMiddleware
from scenarist.config import AuthenticationConfig, resolve
from scenarist.db.engine import Database
from scenarist.domain.addresses import ANY_ORIGIN
from scenarist.domain.errors import InvalidError
from scenarist.domain.permissions import Actor, Origin, Role
from scenarist.domain.users import Realm, parse_roles
from scenarist.identity.encryption import SecretCipher
from scenarist.identity.passwords import Passwords
from scenarist.identity.tokens import TokenSigner
from scenarist.server.http_protocol import PeerCheck
from scenarist.server.http_server import loopback_hosts, require_loopback
from scenarist.server.paths import open_secret_keys
from scenarist.server.peer_users import make_peer_check, open_peer_user_lookup
from scenarist.server.settings import Settings
from scenarist.services.audit import AuditService
from scenarist.services.authentication import Authenticator, Issuer
from scenarist.services.keys import KeyService
from scenarist.services.refused_requests import RefusalCounter
from scenarist.services.sessions import Directory, SessionService
from scenarist.services.users import UserService

_REALMS = {"local": Realm.LOCAL, "ldap": Realm.LDAP}
_MANAGE_USERS = frozenset({"ldap", "oidc"})
_DIRECTORY_OPTIONS = ("bind_dn", "bind_password", "user_filter", "ca_file")
_ISSUER_OPTIONS = ("roles_claim", "name_claim")


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthComponents:
    """The parts of authentication and authorization.

    Args:
        authenticator: None while authorization is off.
        refusals: None while authorization is off.
    """

    authenticator: Authenticator | None
    sessions: SessionService
    users: UserService
    keys: KeyService
    audit: AuditService
    refusals: RefusalCounter | None
    cipher: SecretCipher


def build_auth(
    database: Database,
    settings: Settings,
    declared: AuthenticationConfig,
    now: Callable[[], datetime],
) -> AuthComponents:
    """Build the parts, and update the declared users to those of the configuration file.

    Raises:
        InvalidError: A required declaration is missing or not valid; says which.
        UnavailableError: The secret keys cannot be read or created.
    """
    realm = _REALMS.get(settings.auth)
    passwords = Passwords()
    keys = open_secret_keys(settings, database)
    signer = TokenSigner(keys, now=now)
    authenticator = Authenticator(
        database, signer, now=now, realm=realm, issuer=_build_issuer(settings, declared, now)
    )
    users = UserService(
        database,
        passwords,
        now=now,
        realm=realm or Realm.LOCAL,
        is_managed_elsewhere=settings.auth in _MANAGE_USERS,
    )
    if realm is Realm.LOCAL:
        users.sync_declared(
            _build_configuration_actor(),
            _resolve_table(declared.roles),
            _resolve_table(declared.passwords),
        )
    return AuthComponents(
        authenticator=None if settings.auth == "none" else authenticator,
        sessions=SessionService(
            database,
            authenticator,
            signer,
            passwords,
            now=now,
            realm=realm,
            directory=_build_directory(settings, declared),
            session_length=timedelta(seconds=settings.session_seconds),
        ),
        users=users,
        keys=KeyService(database, now=now),
        audit=AuditService(database, now=now, refusals_per_second=settings.audit_refusals),
        refusals=None if settings.auth == "none" else RefusalCounter(database, now=now),
        cipher=SecretCipher(keys),
    )


def build_auth_middleware(
    settings: Settings, authorization: AuthComponents, database: Database
) -> AuthMiddleware:
    switches = ("open_metrics", "open_description")
    opened = frozenset(name for name in switches if getattr(settings, name))
    return AuthMiddleware(
        authorization.authenticator,
        authorization.audit,
        refusals=authorization.refusals,
        opened=opened,
        looks_up_in_threads=database.file is None,
    )


def get_allowed_hosts(settings: Settings) -> Sequence[str]:
    """Return the accepted host names: without authorization, this stops DNS rebinding."""
    if settings.hosts or settings.auth != "none" or settings.insecure:
        return settings.hosts
    return loopback_hosts(settings.host)


def require_safe_settings(settings: Settings) -> None:
    """Refuse settings that let others reach a server without authorization.

    Raises:
        InvalidError: Others could reach it; says what to do.
    """
    if _is_own_user_only(settings):
        require_loopback(settings.host)
        require_named_origins(settings.cors_origins)


def require_named_origins(cors_origins: Collection[str]) -> None:
    """Refuse to let pages of all origins call a server without authorization.

    Raises:
        InvalidError: They could call it; says what to do.
    """
    if ANY_ORIGIN in cors_origins:
        raise InvalidError(
            f"with cors_origins {ANY_ORIGIN}, every page that somebody opens could do anything "
            "here, because authorization is off; name the origins, switch authorization on "
            "(docs/security.md), or use --insecure"
        )


def open_peer_check(settings: Settings, stack: ExitStack) -> PeerCheck | None:
    """Return the check for users whom a server without authorization does not serve.

    None if everybody is served. If the operating system does not report the users of connections,
    log a warning.
    """
    if not _is_own_user_only(settings):
        return None
    lookup = open_peer_user_lookup()
    if lookup is None:
        structlog.get_logger(__name__).warning(
            "other users of this machine may do anything here: authorization is off, and the "
            "system does not report the users of connections; switch authorization on "
            "(docs/security.md)"
        )
        return None
    stack.callback(lookup.close)
    return make_peer_check(lookup)


def _is_own_user_only(settings: Settings) -> bool:
    return settings.auth == "none" and not settings.insecure


def _build_configuration_actor() -> Actor:
    # The name is not valid for users.
    name = "(configuration)"
    return Actor(name, frozenset({Role.ADMIN}), origin=Origin("", "declare"))


def _build_directory(settings: Settings, declared: AuthenticationConfig) -> Directory | None:
    if settings.auth != "ldap":
        return None
    from scenarist.identity.ldap import LdapDirectory

    return LdapDirectory(
        server=_require(declared.server, "server"),
        base_dn=_require(declared.base_dn, "base_dn"),
        roles=_read_group_roles(declared),
        **_read_options(declared, _DIRECTORY_OPTIONS),
    )


def _build_issuer(
    settings: Settings, declared: AuthenticationConfig, now: Callable[[], datetime]
) -> Issuer | None:
    if settings.auth != "oidc":
        return None
    from scenarist.identity.oidc import OidcIssuer

    return OidcIssuer(
        issuer=_require(declared.issuer, "issuer"),
        audience=_require(declared.audience, "audience"),
        roles=_read_group_roles(declared),
        now=now,
        **_read_options(declared, _ISSUER_OPTIONS),
    )


def _read_group_roles(declared: AuthenticationConfig) -> Mapping[str, Collection[Role]]:
    """Read the map of groups to roles; without one, groups with the names of roles grant them."""
    groups = _resolve_table(declared.groups)
    if not groups:
        return {role.value: frozenset({role}) for role in Role}
    return {
        name: parse_roles(roles, f"[AUTHENTICATION.groups] {name}")
        for name, roles in groups.items()
    }


def _read_options(declared: AuthenticationConfig, names: Collection[str]) -> dict[str, Any]:
    return {
        name: resolve(declared.properties[name]) for name in names if name in declared.properties
    }


def _require(value: str | None, name: str) -> str:
    if not value:
        raise InvalidError(f"[AUTHENTICATION] {name} is missing; this protocol requires it")
    return str(resolve(value))


def _resolve_table(value: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: resolve(item) for name, item in (value or {}).items()}
