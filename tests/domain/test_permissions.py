"""The documented roles: EDITOR and EXECUTOR include READER and not each other."""

import pytest

from scenarist.domain.errors import DeniedError
from scenarist.domain.permissions import ANYONE, Actor, Permission, Role

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
