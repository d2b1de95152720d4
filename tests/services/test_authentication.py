"""Two servers on one database: what one of them ends, the other refuses at the next request."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, Clock
from scenarist.db import audit as audit_rows
from scenarist.db import sessions as session_rows
from scenarist.db.engine import Database
from scenarist.domain.errors import UnauthenticatedError
from scenarist.domain.permissions import Role
from scenarist.identity.secret_keys import SecretKeys, rotate
from scenarist.services.authentication import KEY_PREFIX
from scenarist.services.users import UserChange
from signed_in import ADMIN, PASSWORDS, SESSION, Entrance
from statements import noted


@pytest.fixture
def databases(database_url: str) -> Iterator[list[Database]]:
    """What two servers have open of one database."""
    with Database(database_url) as first, Database(database_url) as second:
        yield [first, second]


@pytest.fixture
def here(databases: list[Database], clock: Clock) -> Entrance:
    entrance = Entrance(databases[0], clock)
    for name in ("rita", "edda", "adam"):
        entrance.add(name)
    return entrance


@pytest.fixture
def there(here: Entrance, databases: list[Database], clock: Clock) -> Entrance:
    return Entrance(databases[1], clock)


@contextmanager
def said_by(database: Database) -> Iterator[list[str]]:
    """Note what this thread's reader is told, by whatever way."""
    if database.file is None:
        with noted(database) as statements:
            yield statements.said
        return
    driver: Any = database.reader.connection.driver_connection
    said: list[str] = []
    driver.set_trace_callback(said.append)
    try:
        yield said
    finally:
        driver.set_trace_callback(None)


def refusal(entrance: Entrance, credential: str) -> str:
    with pytest.raises(UnauthenticatedError) as refused:
        entrance.actor(credential)
    return refused.value.reason


def test_a_session_of_one_server_is_one_of_the_other(here: Entrance, there: Entrance) -> None:
    token = here.sign_in("rita")

    actor = there.actor(token)

    assert (actor.name, actor.key_id) == ("rita", None)
    assert actor.roles == {Role.READER}


Ending = Callable[[Entrance, str], object]


@pytest.mark.parametrize(
    "end",
    [
        lambda here, token: here.signing_in.sign_out(here.actor(token), token),
        lambda here, token: here.users.delete(ADMIN, "edda"),
        lambda here, token: here.users.change(ADMIN, "edda", UserChange(password="another one")),
        lambda here, token: here.signing_in.change_password(
            here.actor(token), PASSWORDS["edda"], "another one"
        ),
        lambda here, token: here.users.sync_declared(ADMIN, {}, {"edda": "$argon2id$another"}),
        lambda here, token: here.database.write(session_rows.remove_all),
    ],
    ids=["signed out", "removed", "reset", "changed", "declared", "all ended"],
)
def test_a_session_that_ends_here_is_refused_there_at_once(
    here: Entrance, there: Entrance, end: Ending
) -> None:
    token = here.sign_in("edda")
    assert here.actor(token) == there.actor(token)

    end(here, token)

    assert refusal(there, token) == "token_revoked"
    assert refusal(here, token) == "token_revoked"


def test_a_session_that_was_refused_stays_refused_when_somebody_of_the_name_comes_again(
    here: Entrance, there: Entrance
) -> None:
    token = here.sign_in("edda")
    there.actor(token)

    here.users.delete(ADMIN, "edda")
    here.add("edda")

    assert refusal(there, token) == "token_revoked"


def test_a_user_who_leaves_a_declaration_is_refused_at_once(
    here: Entrance, there: Entrance
) -> None:
    here.users.sync_declared(ADMIN, {"edda": ["editor"]}, {})
    token = here.sign_in("edda")
    there.actor(token)

    here.users.sync_declared(ADMIN, {}, {})

    assert refusal(there, token) == "token_revoked"


def test_a_role_that_is_taken_away_here_is_gone_there_at_once(
    here: Entrance, there: Entrance
) -> None:
    token = here.sign_in("edda")
    assert there.actor(token).roles == {Role.EDITOR}

    here.users.change(ADMIN, "edda", UserChange(roles=["reader"]))

    assert there.actor(token).roles == {Role.READER}
    assert here.actor(token).roles == {Role.READER}


def test_a_role_that_is_given_here_is_there_at_once(here: Entrance, there: Entrance) -> None:
    token = here.sign_in("rita")
    there.actor(token)

    here.users.change(ADMIN, "rita", UserChange(roles=["reader", "executor"]))

    assert there.actor(token).roles == {Role.READER, Role.EXECUTOR}


def test_a_key_that_is_revoked_here_is_refused_there_at_once(
    here: Entrance, there: Entrance
) -> None:
    made = here.keys.create(ADMIN, "ci", ["reader"])
    assert there.actor(made.text).key_id == made.key.id

    here.keys.delete(ADMIN, made.key.id)

    assert refusal(there, made.text) == "key_invalid"


def test_a_key_goes_with_its_maker(here: Entrance, there: Entrance) -> None:
    adam = here.actor(here.sign_in("adam"))
    key = here.keys.create(adam, "ci", ["editor"]).text
    there.actor(key)
    here.add("nina", "admin")

    here.users.delete(ADMIN, "adam")

    assert refusal(there, key) == "key_invalid"


def test_a_key_does_at_each_moment_what_its_maker_may_do(here: Entrance, there: Entrance) -> None:
    adam = here.actor(here.sign_in("adam"))
    key = here.keys.create(adam, "ci", ["editor", "admin"]).text
    here.add("nina", "admin")
    assert there.actor(key).roles == {Role.EDITOR, Role.ADMIN}

    here.users.change(ADMIN, "adam", UserChange(roles=["editor"]))
    assert there.actor(key).roles == {Role.EDITOR}
    here.users.change(ADMIN, "adam", UserChange(roles=["executor"]))
    assert there.actor(key).roles == set()
    here.users.change(ADMIN, "adam", UserChange(roles=["admin"]))

    assert there.actor(key).roles == {Role.EDITOR, Role.ADMIN}


def test_a_key_of_the_command_line_goes_with_nobody(here: Entrance, there: Entrance) -> None:
    key = here.keys.create(ADMIN, "ci", ["admin"]).text
    here.add("nina", "admin")

    here.users.delete(ADMIN, "adam")

    assert there.actor(key).roles == {Role.ADMIN}


@pytest.mark.parametrize("change", ["first", "last", "cut", "longer", "other id", "no secret"])
def test_a_key_that_is_not_quite_right_is_refused(here: Entrance, change: str) -> None:
    text = here.keys.create(ADMIN, "ci", ["reader"]).text
    other = here.keys.create(ADMIN, "other", ["reader"]).text
    head, secret = text[:41], text[41:]
    wrong = {
        "first": head + ("A" if secret[0] != "A" else "B") + secret[1:],
        "last": text[:-1] + ("A" if text[-1] != "A" else "B"),
        "cut": text[:-1],
        "longer": f"{text}A",
        "other id": other[:41] + secret,
        "no secret": head,
    }[change]

    assert head.endswith("_")
    assert refusal(here, wrong) == "key_invalid"
    assert here.actor(text).name == "ci"


@pytest.mark.parametrize(
    "rest", ["", "_", "__", "%", "é", "KEY_", "x" * 20_000, "\0_\0"], ids=ascii
)
def test_what_only_begins_as_a_key_is_refused(here: Entrance, rest: str) -> None:
    assert refusal(here, f"{KEY_PREFIX}{rest}") == "key_invalid"


def test_what_is_kept_of_a_key_is_no_key(here: Entrance) -> None:
    made = here.keys.create(ADMIN, "ci", ["reader"])
    uuid = made.key.id.removeprefix("KEY_")

    assert refusal(here, f"{KEY_PREFIX}{uuid}_{made.key.secret_hash}") == "key_invalid"


def test_a_session_is_over_at_its_end_though_it_was_just_used(here: Entrance, clock: Clock) -> None:
    token = here.sign_in("rita")
    clock.advance(SESSION - timedelta(seconds=1))
    assert here.actor(token).name == "rita"

    clock.advance(timedelta(seconds=1))

    assert refusal(here, token) == "token_expired"


def test_a_key_is_over_at_its_end_though_it_was_just_used(here: Entrance, clock: Clock) -> None:
    end = NOON + timedelta(days=1)
    key = here.keys.create(ADMIN, "ci", ["reader"], expires_at=end).text
    clock.advance(timedelta(days=1, seconds=-1))
    assert here.actor(key).name == "ci"

    clock.advance(timedelta(seconds=1))

    assert refusal(here, key) == "token_expired"


def test_a_session_of_another_realm_is_refused(here: Entrance, clock: Clock) -> None:
    token = here.sign_in("rita")
    with here.database.connect() as connection:
        connection.exec_driver_sql("UPDATE users SET realm = 'ldap' WHERE name = 'rita'")

    assert refusal(Entrance(here.database, clock), token) == "token_revoked"


def test_a_rotated_key_ends_no_session_here_or_there(
    databases: list[Database], clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "secret.key"
    here, there = (Entrance(each, clock, keys=SecretKeys.from_file(file)) for each in databases)
    here.add("rita")
    old = here.sign_in("rita")

    rotate(file)
    new = here.sign_in("rita")

    assert {there.actor(token).name for token in (old, new)} == {"rita"}


def test_whoever_is_known_costs_one_look_while_nothing_is_committed(
    here: Entrance, there: Entrance
) -> None:
    token = here.sign_in("rita")
    there.actor(token)

    with said_by(there.database) as said:
        for _ in range(3):
            there.actor(token)

    assert len(said) == 3
    assert len(set(said)) == 1
    assert "sessions" not in said[0]


def test_whoever_is_known_costs_one_look_while_others_work(here: Entrance, there: Entrance) -> None:
    token = here.sign_in("rita")
    there.actor(token)
    here.database.write(
        lambda connection: audit_rows.record_allowed(
            connection, ADMIN, "SCENARIO_of_somebody", NOON
        )
    )
    here.sign_in("edda")

    with said_by(there.database) as said:
        there.actor(token)

    assert len(said) == 1


def test_whoever_is_not_known_yet_costs_two_looks(here: Entrance, there: Entrance) -> None:
    token = here.sign_in("rita")
    key = here.keys.create(ADMIN, "ci", ["reader"]).text

    for credential in (token, key):
        with said_by(there.database) as said:
            there.actor(credential)
        assert len(said) == 2


def test_a_refusal_is_not_remembered(here: Entrance, there: Entrance, clock: Clock) -> None:
    later = there.signer.issue("rita", clock.at + SESSION)
    assert refusal(here, later.text) == "token_revoked"

    here.database.write(
        lambda connection: session_rows.add(
            connection, later.id_hash, 1, now=clock.at, expires_at=clock.at + SESSION
        )
    )

    assert here.actor(later.text).name == "rita"


def test_more_credentials_than_are_remembered_are_all_known(
    here: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenarist.services.authentication._CACHE_LIMIT", 2)
    tokens = [here.sign_in(name) for name in ("rita", "edda", "adam")]

    names = [here.actor(token).name for token in tokens * 2]

    assert names == ["rita", "edda", "adam"] * 2


@pytest.mark.parametrize("is_known", [True, False])
def test_a_session_is_over_when_the_clock_is_set_back_by_more_than_its_length(
    here: Entrance, there: Entrance, clock: Clock, is_known: bool
) -> None:
    token = here.sign_in("rita")
    if is_known:
        here.actor(token)

    clock.advance(timedelta(seconds=1) - SESSION)
    assert (here if is_known else there).actor(token).name == "rita"
    clock.advance(timedelta(seconds=-1))

    assert refusal(here, token) == "token_expired"


def test_a_key_is_over_when_the_clock_is_set_back_by_more_than_it_was_to_last(
    here: Entrance, clock: Clock
) -> None:
    key = here.keys.create(ADMIN, "ci", ["reader"], expires_at=NOON + timedelta(days=1)).text
    assert here.actor(key).name == "ci"

    clock.advance(timedelta(days=-1))

    assert refusal(here, key) == "token_expired"
