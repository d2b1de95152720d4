"""Keys of machines: no more than their maker may do, no longer than their maker is there."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from builders import NOON, Clock
from scenarist.db.engine import Database
from scenarist.domain.errors import (
    ConflictError,
    DeniedError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
)
from scenarist.domain.listings import PageRequest
from scenarist.domain.permissions import Actor, Role
from scenarist.services.users import UserChange
from signed_in import ADMIN, HERE, Entrance

ALL = PageRequest(limit=100)
DAY = timedelta(days=1)
EVERYBODY_ELSE = Actor("mallory", frozenset(Role) - {Role.ADMIN}, origin=HERE)


@pytest.fixture
def entrance(database: Database, clock: Clock) -> Entrance:
    entrance = Entrance(database, clock)
    entrance.add("adam")
    entrance.add("nina", "admin")
    return entrance


@pytest.fixture
def adam(entrance: Entrance) -> Actor:
    return entrance.actor(entrance.sign_in("adam"))


def names(entrance: Entrance) -> list[str]:
    return [key.name for key in entrance.keys.list_page(ADMIN, ALL).items]


@pytest.mark.parametrize(
    "call",
    [
        lambda keys, actor: keys.list_page(actor, ALL),
        lambda keys, actor: keys.get(actor, "KEY_nothing"),
        lambda keys, actor: keys.create(actor, "ci", []),
        lambda keys, actor: keys.delete(actor, "KEY_nothing"),
        lambda keys, actor: keys.delete_named(actor, "ci"),
    ],
    ids=["list", "get", "create", "delete", "delete by name"],
)
def test_nobody_but_an_administrator_may(entrance: Entrance, call: Any) -> None:
    with pytest.raises(DeniedError, match="TAIPY_ADMIN"):
        call(entrance.keys, EVERYBODY_ELSE)


def test_a_key_says_who_made_it_and_lives_for_ninety_days(entrance: Entrance, adam: Actor) -> None:
    key = entrance.keys.create(adam, "ci", ["TAIPY_EDITOR", "executor"]).key

    assert (key.made_by, key.maker_number) == ("adam", adam.user_number)
    assert key.roles == {Role.EDITOR, Role.EXECUTOR}
    assert key.expires_at == NOON + timedelta(days=90)
    assert entrance.keys.get(adam, key.id) == key


def test_a_key_that_is_shown_signs_in_as_itself(entrance: Entrance, adam: Actor) -> None:
    made = entrance.keys.create(adam, "ci", ["reader"])

    actor = entrance.actor(made.text)

    assert (actor.name, actor.key_id, actor.user_number) == ("ci", made.key.id, adam.user_number)


def test_no_two_keys_are_alike(entrance: Entrance) -> None:
    texts = {entrance.keys.create(ADMIN, f"key {number}", []).text for number in range(50)}

    assert len(texts) == 50
    assert all(len(text) == 84 for text in texts)


def test_an_administrator_gives_any_role_there_is(entrance: Entrance, adam: Actor) -> None:
    made = entrance.keys.create(adam, "ci", ["reader", "editor", "executor", "admin"])

    assert entrance.actor(made.text).roles == set(Role)
    with pytest.raises(InvalidError):
        entrance.keys.create(adam, "ci 2", ["root"])


@pytest.mark.parametrize(
    "name", ["", " ", " ci", "ci ", "c\ni", "c\0i", "c\u202ei", "x" * 129], ids=ascii
)
def test_a_name_that_cannot_be_is_refused(entrance: Entrance, name: str) -> None:
    with pytest.raises(InvalidError) as refused:
        entrance.keys.create(ADMIN, name, ["reader"])

    assert [error["field"] for error in refused.value.errors] == ["name"]
    assert names(entrance) == []


@pytest.mark.parametrize("name", ["system", "Server", "(command line)", "command_line"])
def test_a_name_of_the_server_itself_is_refused(entrance: Entrance, name: str) -> None:
    with pytest.raises(InvalidError, match="is reserved for the server itself"):
        entrance.keys.create(ADMIN, name, ["reader"])

    assert names(entrance) == []


@pytest.mark.parametrize("name", ["ci", "nightly build", "Schlüssel 🔑", "KEY_ring", "x" * 128])
def test_a_name_of_printable_characters_is_taken(entrance: Entrance, name: str) -> None:
    entrance.keys.create(ADMIN, name, ["reader"])

    assert names(entrance) == [name]


def test_a_name_is_taken_until_its_key_is_revoked(entrance: Entrance) -> None:
    first = entrance.keys.create(ADMIN, "ci", ["reader"])
    with pytest.raises(ConflictError, match=first.key.id):
        entrance.keys.create(ADMIN, "ci", ["reader"])

    entrance.keys.delete(ADMIN, first.key.id)

    assert entrance.keys.create(ADMIN, "ci", ["reader"]).key.id != first.key.id


@pytest.mark.parametrize("days", [0.0001, 1, 400])
def test_a_key_lives_up_to_four_hundred_days(entrance: Entrance, days: float) -> None:
    end = NOON + timedelta(days=days)

    assert entrance.keys.create(ADMIN, "ci", [], expires_at=end).key.expires_at == end


@pytest.mark.parametrize(
    "end",
    [
        NOON,
        NOON - DAY,
        NOON + timedelta(days=400, microseconds=1),
        datetime.max.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=23, minutes=59))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=23, minutes=59))),
    ],
    ids=str,
)
def test_a_key_that_would_end_before_now_or_too_late_is_refused(
    entrance: Entrance, end: datetime
) -> None:
    with pytest.raises(InvalidError, match="2027-04-05T12:00:00Z"):
        entrance.keys.create(ADMIN, "ci", [], expires_at=end)

    assert names(entrance) == []


def test_a_key_makes_no_other_key(entrance: Entrance, adam: Actor) -> None:
    first = entrance.actor(entrance.keys.create(adam, "first", ["admin"]).text)

    with pytest.raises(ConflictError) as refusal:
        entrance.keys.create(first, "second", ["reader"])

    assert refusal.value.reason == "key_makes_no_key"
    assert names(entrance) == ["first"]


def test_a_user_who_was_removed_a_moment_ago_makes_no_key(entrance: Entrance, adam: Actor) -> None:
    entrance.users.delete(ADMIN, "adam")

    with pytest.raises(UnauthenticatedError):
        entrance.keys.create(adam, "ci", ["admin"])

    assert names(entrance) == []


def test_a_key_made_before_a_role_was_lost_is_limited_and_gives_no_more(
    entrance: Entrance, adam: Actor
) -> None:
    text = entrance.keys.create(adam, "first", ["admin"]).text
    entrance.users.change(ADMIN, "adam", UserChange(roles=["editor"]))

    with pytest.raises(DeniedError):
        entrance.keys.create(entrance.actor(text), "second", ["reader"])


def test_a_key_is_revoked_by_its_name_too(entrance: Entrance) -> None:
    entrance.keys.create(ADMIN, "ci", ["reader"])
    entrance.keys.create(ADMIN, "CI", ["reader"])

    entrance.keys.delete_named(ADMIN, "ci")

    assert names(entrance) == ["CI"]


@pytest.mark.parametrize("id", ["", "KEY_", "KEY_nothing", "scn_nothing", "x" * 10_000])
def test_a_key_that_is_not_there_is_not_found(entrance: Entrance, id: str) -> None:
    for call in (entrance.keys.get, entrance.keys.delete, entrance.keys.delete_named):
        with pytest.raises(NotFoundError):
            call(ADMIN, id)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (PageRequest(limit=100), ["b", "c", "a"]),
        (PageRequest(limit=2, is_descending=True), ["a", "c"]),
        (PageRequest(limit=100, sort="name"), ["a", "b", "c"]),
        (PageRequest(limit=100, sort="creation_date", is_descending=True), ["a", "c", "b"]),
    ],
)
def test_keys_are_listed_in_the_order_that_is_wished(
    entrance: Entrance, clock: Clock, request_: PageRequest, expected: list[str]
) -> None:
    for name in ("b", "c", "a"):
        entrance.keys.create(ADMIN, name, [])
        clock.advance(DAY)

    assert [key.name for key in entrance.keys.list_page(ADMIN, request_).items] == expected
