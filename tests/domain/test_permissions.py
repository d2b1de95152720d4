"""The documented roles: EDITOR and EXECUTOR include READER and not each other."""

from collections.abc import Callable

import pytest

from scenarist.domain.errors import DeniedError
from scenarist.domain.permissions import (
    ANYONE,
    RESERVED_NAMES,
    SERVER,
    Actor,
    Permission,
    Role,
    is_reserved,
)

ALLOWED = {
    Role.READER: {Permission.READ},
    Role.EDITOR: {Permission.READ, Permission.EDIT},
    Role.EXECUTOR: {Permission.READ, Permission.EXECUTE},
    Role.ADMIN: {
        Permission.READ,
        Permission.EDIT,
        Permission.EXECUTE,
        Permission.OPERATE,
        Permission.ADMINISTER,
    },
}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_a_role_has_its_documented_permissions(role: Role, permission: Permission) -> None:
    actor = Actor("somebody", frozenset({role}))

    if permission in ALLOWED[role]:
        actor.require(permission)
    else:
        with pytest.raises(DeniedError, match="somebody lacks the role TAIPY_"):
            actor.require(permission)


def test_several_roles_add_up() -> None:
    actor = Actor("somebody", frozenset({Role.EDITOR, Role.EXECUTOR}))

    actor.require(Permission.EDIT)
    actor.require(Permission.EXECUTE)


def test_without_authorization_anyone_may_do_everything() -> None:
    for permission in Permission:
        ANYONE.require(permission)


ALIASES: list[Callable[[str], str]] = [
    str.upper,
    str.title,
    lambda name: f" {name}.",
    lambda name: name.replace(" ", "_"),
]


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_reserved_name_is_one_in_every_spelling(name: str) -> None:
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter != " " else letter for letter in name)

    assert is_reserved(name)
    assert is_reserved(wide)
    assert all(is_reserved(spelling(name)) for spelling in ALIASES)


def test_what_the_server_calls_itself_is_reserved() -> None:
    assert all(
        is_reserved(name)
        for name in (ANYONE.name, SERVER.name, "(command line)", "(configuration)", "(anything)")
    )


@pytest.mark.parametrize("name", ["ada", "systema", "any one", "schedule-desk", "7", "Omar Ö"])
def test_a_name_of_somebody_is_not(name: str) -> None:
    assert not is_reserved(name)


def test_an_identity_is_of_a_key_before_a_subject_before_a_record_before_a_name() -> None:
    roles = frozenset({Role.READER})
    key = Actor("ed", roles, user_number=3, key_id="KEY_1")

    assert key.id == "KEY_1"
    assert Actor("ed", roles, subject="https://issuer.example#7").id == "https://issuer.example#7"
    assert Actor("ed", roles, user_number=3).id == "USER_3"
    assert Actor("ed", roles).id == "ed"
