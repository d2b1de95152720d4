"""Mistakes in the section [AUTHENTICATION] are found before the start."""

from typing import Any

import pytest

from scenarist.config import ConfigRegistry

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$aGFzaA"


def faults(protocol: str = "local", **given: Any) -> list[str]:
    registry = ConfigRegistry()
    registry.configure_authentication(protocol, **given)
    return [
        f"{problem.where.rpartition('AUTHENTICATION.')[2]}: {problem.message}"
        for problem in registry.check()
    ]


def test_users_with_roles_and_hashes_are_in_order() -> None:
    assert faults("taipy", roles={"ines": ["TAIPY_EDITOR"]}, passwords={"ines": HASH}) == []


def test_what_is_no_hash_is_refused_and_not_shown() -> None:
    assert faults(passwords={"ines": "sesame"}) == [
        "passwords.ines: is not a password hash; create one with `scenarist user hash`"
    ]


def test_a_hash_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASH_OF_INES", HASH)

    assert faults(passwords={"ines": "ENV[HASH_OF_INES]"}) == []


@pytest.mark.parametrize("key", ["roles", "groups"])
def test_a_role_that_there_is_not_is_named(key: str) -> None:
    given: dict[str, Any] = {key: {"planners": ["TAIPY_OWNER"]}}

    (fault,) = faults("local", **given)

    assert fault.startswith(
        f"{key}.planners: 'TAIPY_OWNER' is not a known value; use one of TAIPY_"
    )


def test_a_name_that_no_user_can_have_is_named() -> None:
    (fault,) = faults(roles={"ines o": ["TAIPY_EDITOR"]})

    assert fault.startswith("roles.ines o: 'ines o' is not a valid user name; use 1 to 128 letters")


@pytest.mark.parametrize(
    ("protocol", "missing"), [("ldap", ["server", "base_dn"]), ("oidc", ["issuer", "audience"])]
)
def test_what_a_protocol_cannot_do_without_is_named(protocol: str, missing: list[str]) -> None:
    assert faults(protocol) == [
        f"{name}: is missing; the protocol {protocol} requires it" for name in missing
    ]
