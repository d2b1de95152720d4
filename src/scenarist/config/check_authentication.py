"""Checks of the section [AUTHENTICATION]."""

from collections.abc import Mapping

from scenarist.config.check_sections import (
    Findings,
    check_environment,
    check_number,
    check_word,
    values_of,
)
from scenarist.config.entries import AuthenticationConfig
from scenarist.config.values import iter_environment_faults
from scenarist.domain.errors import InvalidError
from scenarist.domain.permissions import Role
from scenarist.domain.users import normalize_user_name

_PROTOCOLS = ("none", "local", "taipy", "ldap", "oidc")
_NEEDED = {"ldap": ("server", "base_dn"), "oidc": ("issuer", "audience")}
_HASH = "$argon2id$"
_TABLES = ("roles", "passwords", "groups")


def check_authentication(authentication: AuthenticationConfig) -> Findings:
    yield from check_environment(values_of(authentication))
    yield from check_word("protocol", authentication.protocol, _PROTOCOLS)
    yield from check_number("auth_session_duration", authentication.auth_session_duration)
    for name in _NEEDED.get(str(authentication.protocol), ()):
        if not getattr(authentication, name):
            yield name, f"is missing; the protocol {authentication.protocol} requires it"
    for key in _TABLES:
        table = getattr(authentication, key)
        if not isinstance(table, Mapping | None):
            yield key, f"is not a table; write it as [AUTHENTICATION.{key}]"
        elif table is not None:
            yield from _check_table(key, table)


def _check_table(key: str, table: Mapping[str, object]) -> Findings:
    for name, value in table.items():
        if key != "groups":
            yield from _check_name(f"{key}.{name}", name)
        if key == "passwords":
            yield from _check_hash(f"{key}.{name}", value)
        else:
            yield from _check_roles(f"{key}.{name}", value)


def _check_name(key: str, name: str) -> Findings:
    try:
        normalize_user_name(name)
    except InvalidError as error:
        yield key, error.message


def _check_hash(key: str, value: object) -> Findings:
    if any(iter_environment_faults(value)) or (isinstance(value, str) and "ENV[" in value):
        return
    if not isinstance(value, str) or not value.startswith(_HASH):
        # The value is not shown: it may be a password.
        yield key, "is not a password hash; create one with `scenarist user hash`"


def _check_roles(key: str, roles: object) -> Findings:
    if not isinstance(roles, list):
        yield key, f"{roles!r} is not a list of roles; write it in brackets"
        return
    for role in roles:
        yield from check_word(key, role, tuple(Role))
