"""Users: who may look after them, and what keeps somebody able to."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from builders import NOON, Clock
from scenarist.db import users as user_rows
from scenarist.db.engine import Database
from scenarist.domain.errors import (
    ConflictError,
    DeniedError,
    InvalidError,
    NotFoundError,
    ScenaristError,
)
from scenarist.domain.listings import PageRequest
from scenarist.domain.permissions import Actor, Role
from scenarist.domain.users import Realm, User
from scenarist.identity.passwords import Passwords
from scenarist.services.users import UserChange, UserService
from signed_in import ADMIN, CHEAP, HERE, Entrance

ALL = PageRequest(limit=100)
HASH = CHEAP.hash("stands in a file")
OTHER_HASH = CHEAP.hash("stands in the file now")
EVERYBODY_ELSE = Actor("mallory", frozenset(Role) - {Role.ADMIN}, origin=HERE)
PASSWORD = "long enough"


@pytest.fixture
def entrance(database: Database, clock: Clock) -> Entrance:
    return Entrance(database, clock)


@pytest.fixture
def users(entrance: Entrance) -> UserService:
    entrance.add("adam")
    entrance.add("rita")
    return entrance.users


@pytest.fixture
def of_a_directory(database: Database, clock: Clock) -> UserService:
    """The users of a directory, of whom one has signed in."""
    lydia = User(
        name="lydia",
        realm=Realm.LDAP,
        roles=frozenset({Role.ADMIN}),
        password_hash=None,
        is_declared=False,
        created_at=clock(),
    )
    database.write(lambda connection: user_rows.add(connection, lydia))
    return UserService(
        database, Passwords(CHEAP), now=clock, realm=Realm.LDAP, is_managed_elsewhere=True
    )


def refused(kind: type[ScenaristError], call: Any, *given: Any) -> str:
    with pytest.raises(kind) as refusal:
        call(ADMIN, *given)
    return refusal.value.reason


def names(users: UserService) -> dict[str, list[str]]:
    return {user.name: sorted(user.roles) for user in users.list_page(ADMIN, ALL).items}


@pytest.mark.parametrize(
    "call",
    [
        lambda users, actor: users.list_page(actor, ALL),
        lambda users, actor: users.get(actor, "rita"),
        lambda users, actor: users.get(actor, "nobody"),
        lambda users, actor: users.create(actor, "rita", PASSWORD, []),
        lambda users, actor: users.change(actor, "rita", UserChange(roles=["admin"])),
        lambda users, actor: users.delete(actor, "rita"),
        lambda users, actor: users.sync_declared(actor, {}, {}),
    ],
    ids=["list", "get", "get nobody", "create", "change", "delete", "declare"],
)
def test_nobody_but_an_administrator_may(users: UserService, call: Any) -> None:
    with pytest.raises(DeniedError, match="TAIPY_ADMIN"):
        call(users, EVERYBODY_ELSE)


def test_a_new_user_has_the_name_in_lower_case_and_the_roles(users: UserService) -> None:
    made = users.create(ADMIN, "Nina", PASSWORD, ["reader", "TAIPY_EXECUTOR"])

    assert made.name == "nina"
    assert made.roles == {Role.READER, Role.EXECUTOR}
    assert users.get(ADMIN, "NINA") == made
    assert (made.created_at, made.is_declared, made.realm) == (NOON, False, Realm.LOCAL)


@pytest.mark.parametrize("name", ["rita", "Rita", "RITA"])
def test_a_name_that_is_taken_is_refused_in_any_case(users: UserService, name: str) -> None:
    before = users.get(ADMIN, "rita")

    assert refused(ConflictError, users.create, name, PASSWORD, ["admin"]) == "user_exists"

    assert users.get(ADMIN, "rita") == before


@pytest.mark.parametrize(
    ("name", "password", "roles"),
    [("no name", PASSWORD, []), ("nina", "short", []), ("nina", PASSWORD, ["root"])],
)
def test_a_user_that_cannot_be_is_not_made(
    users: UserService, name: str, password: str, roles: list[str]
) -> None:
    refused(InvalidError, users.create, name, password, roles)

    assert list(names(users)) == ["adam", "rita"]


def test_only_one_of_those_who_make_the_same_user_at_once_succeeds(users: UserService) -> None:
    together = threading.Barrier(6)

    def create(number: int) -> str:
        together.wait()
        try:
            return users.create(ADMIN, "Nina" if number % 2 else "nina", PASSWORD, []).name
        except ConflictError as error:
            return error.reason

    with ThreadPoolExecutor(6) as threads:
        outcomes = sorted(threads.map(create, range(6)))

    assert outcomes == ["nina", *["user_exists"] * 5]


def test_what_is_not_given_stays(users: UserService) -> None:
    before = users.get(ADMIN, "rita")

    assert users.change(ADMIN, "rita", UserChange()) == before
    assert users.change(ADMIN, "rita", UserChange(roles=["editor"])).password_hash == (
        before.password_hash
    )


def test_all_roles_can_be_taken_away_but_not_those_of_the_last_administrator(
    users: UserService,
) -> None:
    assert users.change(ADMIN, "rita", UserChange(roles=[])).roles == set()

    assert refused(ConflictError, users.change, "adam", UserChange(roles=[])) == "last_admin"
    assert refused(ConflictError, users.delete, "adam") == "last_admin"
    assert users.get(ADMIN, "adam").roles == {Role.ADMIN}


def test_the_last_administrator_may_get_more_roles_and_another_password(
    users: UserService,
) -> None:
    changed = users.change(
        ADMIN, "adam", UserChange(roles=["admin", "editor"], password="another one")
    )

    assert changed.roles == {Role.ADMIN, Role.EDITOR}


def test_an_administrator_may_go_when_there_is_another(users: UserService) -> None:
    users.change(ADMIN, "rita", UserChange(roles=["admin"]))

    users.delete(ADMIN, "adam")

    assert refused(ConflictError, users.delete, "rita") == "last_admin"


def test_two_administrators_who_remove_each_other_at_once_leave_one(users: UserService) -> None:
    users.change(ADMIN, "rita", UserChange(roles=["admin"]))
    together = threading.Barrier(2)

    def remove(name: str) -> bool:
        together.wait()
        try:
            users.delete(ADMIN, name)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(remove, ["adam", "rita"]))

    assert sorted(outcomes) == [False, True]


def test_an_administrator_who_cannot_sign_in_is_not_counted(users: UserService) -> None:
    users.sync_declared(ADMIN, {"paula": ["admin"]}, {})

    assert refused(ConflictError, users.delete, "adam") == "last_admin"
    users.sync_declared(ADMIN, {"paula": ["admin"]}, {"paula": HASH})

    users.delete(ADMIN, "adam")


def test_an_administrator_of_a_directory_is_not_counted(
    of_a_directory: UserService, users: UserService
) -> None:
    assert refused(ConflictError, users.delete, "adam") == "last_admin"


@pytest.mark.parametrize("name", ["nobody", "", "no name", "x" * 10_000])
def test_nobody_is_not_found(users: UserService, name: str) -> None:
    refused(NotFoundError, users.get, name)
    refused(NotFoundError, users.change, name, UserChange(roles=[]))
    refused(NotFoundError, users.delete, name)


def test_a_name_may_be_given_again_to_somebody_else(users: UserService) -> None:
    first = users.get(ADMIN, "rita")
    users.delete(ADMIN, "rita")

    second = users.create(ADMIN, "rita", PASSWORD, [])

    assert second.number > first.number


def test_an_expectation_that_fails_changes_nothing(users: UserService, entrance: Entrance) -> None:
    def expect(user: User) -> None:
        raise ConflictError(f"{user.name} is not as it was")

    before = entrance.entries()

    for call in (
        lambda: users.change(ADMIN, "rita", UserChange(roles=["admin"]), expect=expect),
        lambda: users.delete(ADMIN, "rita", expect=expect),
    ):
        with pytest.raises(ConflictError, match="not as it was"):
            call()

    assert users.get(ADMIN, "rita").roles == {Role.READER}
    assert entrance.entries() == before


def test_declared_users_are_those_of_the_file_and_no_other(users: UserService) -> None:
    users.sync_declared(ADMIN, {"paula": ["reader"], "pete": ["editor"]}, {"paula": HASH})

    users.sync_declared(ADMIN, {"pete": ["executor"]}, {"pete": HASH})

    assert names(users) == {
        "adam": ["TAIPY_ADMIN"],
        "rita": ["TAIPY_READER"],
        "pete": ["TAIPY_EXECUTOR"],
    }


def test_roles_and_passwords_of_a_name_in_two_cases_are_those_of_one_user(
    users: UserService,
) -> None:
    users.sync_declared(
        ADMIN, {"Paula": ["reader"], "pete": ["editor"]}, {"paula": HASH, "PETE": HASH}
    )

    for name, role in (("paula", Role.READER), ("pete", Role.EDITOR)):
        user = users.get(ADMIN, name)
        assert user.roles == {role}
        assert user.password_hash == HASH


def test_the_same_declaration_once_more_changes_and_writes_nothing(
    users: UserService, entrance: Entrance
) -> None:
    users.sync_declared(ADMIN, {"paula": ["reader"]}, {"paula": HASH})
    token = entrance.signing_in.sign_in("paula", "stands in a file", HERE).token
    before = entrance.entries()

    users.sync_declared(ADMIN, {"paula": ["reader"]}, {"paula": HASH})

    assert entrance.entries() == before
    assert entrance.actor(token).name == "paula"


def test_a_declared_user_without_a_password_keeps_the_one_that_was_given(
    users: UserService,
) -> None:
    users.sync_declared(ADMIN, {"paula": ["reader"]}, {})
    given = users.change(ADMIN, "paula", UserChange(password=PASSWORD))

    users.sync_declared(ADMIN, {"paula": ["editor"]}, {})

    assert users.get(ADMIN, "paula").password_hash == given.password_hash


def test_what_the_file_says_of_a_user_is_not_changed_elsewhere(users: UserService) -> None:
    users.sync_declared(ADMIN, {"paula": ["reader"]}, {"paula": HASH})

    roles = UserChange(roles=["admin"])
    assert refused(ConflictError, users.change, "paula", roles) == "user_declared"
    assert refused(ConflictError, users.delete, "paula") == "user_declared"
    assert users.change(ADMIN, "paula", UserChange(roles=["reader"])).roles == {Role.READER}


def test_a_declared_user_does_not_change_the_password_alone(
    users: UserService, entrance: Entrance
) -> None:
    users.sync_declared(ADMIN, {"paula": ["reader"]}, {"paula": HASH})
    token = entrance.signing_in.sign_in("paula", "stands in a file", HERE).token

    with pytest.raises(ConflictError) as refusal:
        entrance.signing_in.change_password(
            entrance.actor(token), "stands in a file", "another one"
        )

    assert refusal.value.reason == "user_declared"


def test_a_declaration_that_cannot_be_changes_nothing(users: UserService) -> None:
    users.sync_declared(ADMIN, {"paula": ["reader"]}, {})

    for roles in ({"pete": ["root"]}, {"no name": ["reader"]}):
        refused(InvalidError, users.sync_declared, roles, {})

    assert list(names(users)) == ["adam", "rita", "paula"]


def test_users_of_a_directory_and_those_kept_here_do_not_meet(
    of_a_directory: UserService, users: UserService
) -> None:
    assert list(names(of_a_directory)) == ["lydia"]
    assert list(names(users)) == ["adam", "rita"]
    refused(NotFoundError, users.get, "lydia")
    refused(NotFoundError, of_a_directory.get, "adam")


def test_what_a_directory_says_of_a_user_is_not_changed_here(of_a_directory: UserService) -> None:
    service = of_a_directory

    assert refused(ConflictError, service.create, "nina", PASSWORD, []) == "users_elsewhere"
    for change in (UserChange(roles=[]), UserChange(password=PASSWORD)):
        assert refused(ConflictError, service.change, "lydia", change) == "user_elsewhere"
    service.delete(ADMIN, "lydia")
    assert names(service) == {}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (PageRequest(limit=100), ["adam", "rita", "nina", "bert"]),
        (PageRequest(limit=100, is_descending=True), ["bert", "nina", "rita", "adam"]),
        (PageRequest(limit=100, sort="name"), ["adam", "bert", "nina", "rita"]),
        (PageRequest(limit=2, sort="name", is_descending=True), ["rita", "nina"]),
    ],
)
def test_users_are_listed_in_the_order_that_is_wished(
    users: UserService, request_: PageRequest, expected: list[str]
) -> None:
    for name in ("nina", "bert"):
        users.create(ADMIN, name, PASSWORD, [])

    assert [user.name for user in users.list_page(ADMIN, request_).items] == expected
