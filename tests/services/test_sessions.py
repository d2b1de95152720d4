"""Signing in: who is let in, how often anybody may try, and what a try leaves behind."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Literal

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from builders import NOON, Clock
from scenarist.db import users as user_rows
from scenarist.db.engine import Database
from scenarist.db.tables import sessions, tries
from scenarist.domain.errors import (
    ConflictError,
    InvalidError,
    ScenaristError,
    ThrottledError,
    UnauthenticatedError,
)
from scenarist.domain.permissions import Origin, Role
from scenarist.domain.users import Realm, User
from scenarist.services.users import UserChange
from signed_in import ADMIN, CHEAP, HERE, PASSWORDS, SESSION, Entrance

ELSEWHERE = Origin("198.51.100.7", "login")
FIVE_MINUTES = timedelta(minutes=5)
ONE_SECOND = timedelta(seconds=1)
DEARER = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)


class WatchedHasher(PasswordHasher):
    """Counts its work, and lets something happen between a verdict and what comes of it."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0
        self.then: Callable[[], Any] | None = None

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.verified += 1
        try:
            return super().verify(hash, password)
        finally:
            then, self.then = self.then, None
            if then is not None:
                then()


@pytest.fixture
def entrance(database: Database, clock: Clock) -> Entrance:
    entrance = Entrance(database, clock)
    for name in ("rita", "adam"):
        entrance.add(name)
    return entrance


@pytest.fixture
def hasher() -> WatchedHasher:
    return WatchedHasher()


@pytest.fixture
def watched(entrance: Entrance, clock: Clock, hasher: WatchedHasher) -> Entrance:
    """The same users, with a hasher that is watched."""
    return Entrance(entrance.database, clock, hasher=hasher)


def fail(entrance: Entrance, name: str, origin: Origin = HERE) -> ScenaristError:
    with pytest.raises((UnauthenticatedError, ThrottledError)) as refused:
        entrance.signing_in.sign_in(name, "not the right one", origin)
    error: ScenaristError = refused.value
    return error


def tallies(database: Database) -> dict[str, int]:
    return {row.who: row.tally for row in database.reader.execute(select(tries))}


def found(database: Database, name: str) -> User:
    user = user_rows.find(database.reader, name, Realm.LOCAL)
    assert user is not None
    return user


def test_whoever_knows_the_password_is_let_in_with_the_roles(entrance: Entrance) -> None:
    signed_in = entrance.signing_in.sign_in("rita", PASSWORDS["rita"], HERE)

    assert signed_in.name == "rita"
    assert signed_in.roles == {Role.READER}
    assert signed_in.expires_at == NOON + SESSION
    assert entrance.actor(signed_in.token).name == "rita"


@pytest.mark.parametrize("name", ["Rita", "RITA", "rItA"])
def test_a_name_is_the_same_in_any_case(entrance: Entrance, name: str) -> None:
    assert entrance.signing_in.sign_in(name, PASSWORDS["rita"], HERE).name == "rita"


@pytest.mark.parametrize(
    "name",
    ["", " rita", "rita ", "rita\0", "ríta", "rita\n", "ʀita", "x" * 10_000, "rit%", "' OR 1=1 --"],
    ids=ascii,
)
def test_a_name_that_nobody_has_is_refused_as_a_wrong_password_is(
    entrance: Entrance, name: str
) -> None:
    wrong = fail(entrance, "rita")

    unknown = fail(entrance, name)

    assert (unknown.message, unknown.reason) == (wrong.message, wrong.reason)


@pytest.mark.parametrize("name", ["rita", "nobody", "no name at all", "paula"])
def test_each_try_is_as_much_work_as_any_other(
    watched: Entrance, hasher: WatchedHasher, name: str
) -> None:
    watched.users.sync_declared(ADMIN, {"paula": ["reader"]}, {})

    fail(watched, name)

    assert hasher.verified == 1


def test_a_user_without_a_password_cannot_sign_in(entrance: Entrance) -> None:
    entrance.users.sync_declared(ADMIN, {"paula": ["reader"]}, {})

    for password in ("", "nobody has this password", "None"):
        with pytest.raises(UnauthenticatedError):
            entrance.signing_in.sign_in("paula", password, HERE)


@pytest.mark.parametrize(
    "password", ["  blanks around  ", "naïve Straße 🔑", "nul\0and after", "x" * 1024]
)
def test_a_password_counts_whole(entrance: Entrance, password: str) -> None:
    entrance.users.change(ADMIN, "rita", UserChange(password=password))

    assert entrance.signing_in.sign_in("rita", password, HERE).name == "rita"
    for other in (password.strip(" ")[:-1], f"{password}\0", password.upper()):
        with pytest.raises(UnauthenticatedError):
            entrance.signing_in.sign_in("rita", other, HERE)


def test_a_password_that_begins_with_the_right_one_is_wrong(entrance: Entrance) -> None:
    entrance.users.change(ADMIN, "rita", UserChange(password="x" * 1024))

    for more in ("x", "x" * 1_000_000):
        with pytest.raises(UnauthenticatedError):
            entrance.signing_in.sign_in("rita", "x" * 1024 + more, HERE)


def test_five_wrong_tries_are_judged_and_the_sixth_is_not(
    watched: Entrance, hasher: WatchedHasher
) -> None:
    for _ in range(5):
        assert isinstance(fail(watched, "rita"), UnauthenticatedError)

    with pytest.raises(ThrottledError):
        watched.signing_in.sign_in("rita", PASSWORDS["rita"], HERE)

    assert hasher.verified == 5


def test_the_time_to_wait_shrinks_with_the_clock(entrance: Entrance, clock: Clock) -> None:
    for _ in range(5):
        fail(entrance, "rita")
    waits = []
    for _ in range(3):
        error = fail(entrance, "rita")
        assert isinstance(error, ThrottledError)
        waits.append(error.retry_seconds)
        clock.advance(timedelta(seconds=100))

    first, second, third = waits
    assert 300 <= first <= 301
    assert (first - second, second - third) == (100, 100)


def test_tries_begin_anew_after_five_minutes(entrance: Entrance, clock: Clock) -> None:
    for _ in range(5):
        fail(entrance, "rita")

    clock.advance(FIVE_MINUTES - ONE_SECOND)
    assert isinstance(fail(entrance, "rita"), ThrottledError)
    clock.advance(ONE_SECOND)

    assert entrance.sign_in("rita")


def test_whoever_waits_as_long_as_was_said_is_judged_again(
    entrance: Entrance, clock: Clock
) -> None:
    for _ in range(5):
        fail(entrance, "rita")
        clock.advance(timedelta(milliseconds=777))
    error = fail(entrance, "rita")
    assert isinstance(error, ThrottledError)

    clock.advance(timedelta(seconds=error.retry_seconds))

    assert entrance.sign_in("rita")


def test_a_throttled_try_does_not_make_the_wait_longer(entrance: Entrance, clock: Clock) -> None:
    for _ in range(5):
        fail(entrance, "rita")
    for _ in range(50):
        fail(entrance, "rita")
        clock.advance(timedelta(seconds=6))

    assert entrance.sign_in("rita")


def test_other_names_and_other_addresses_may_go_on(entrance: Entrance) -> None:
    for _ in range(5):
        fail(entrance, "rita")

    assert entrance.sign_in("adam", HERE)
    assert entrance.sign_in("rita", ELSEWHERE)


def test_a_name_in_another_case_is_no_other_name(entrance: Entrance) -> None:
    for name in ("rita", "Rita", "rIta", "riTa", "ritA"):
        fail(entrance, name)

    assert isinstance(fail(entrance, "RITA"), ThrottledError)


def test_an_address_has_thirty_tries_for_all_names(entrance: Entrance) -> None:
    for number in range(30):
        assert isinstance(fail(entrance, f"name{number}"), UnauthenticatedError)

    assert isinstance(fail(entrance, "another"), ThrottledError)
    assert entrance.sign_in("rita", ELSEWHERE)


def test_an_address_without_tries_is_refused_before_anything_is_done_for_it(
    entrance: Entrance, clock: Clock
) -> None:
    for number in range(31):
        fail(entrance, f"name{number}")

    with pytest.raises(ThrottledError):
        entrance.signing_in.refuse_throttled(HERE.address)
    entrance.signing_in.refuse_throttled("198.51.100.9")
    # Then the count in the database is asked again: it may be another one.
    clock.advance(timedelta(seconds=2))
    entrance.signing_in.refuse_throttled(HERE.address)


def test_a_name_has_a_hundred_tries_from_all_addresses(entrance: Entrance) -> None:
    for number in range(100):
        assert isinstance(
            fail(entrance, "rita", Origin(f"198.51.100.{number}", "login")), UnauthenticatedError
        )

    assert isinstance(fail(entrance, "rita", HERE), ThrottledError)
    assert entrance.sign_in("adam", HERE)


def test_a_success_lets_the_tries_of_that_name_begin_anew(entrance: Entrance) -> None:
    for _ in range(4):
        fail(entrance, "rita")

    entrance.sign_in("rita")

    for _ in range(5):
        assert isinstance(fail(entrance, "rita"), UnauthenticatedError)


def test_a_success_of_one_name_forgives_no_other(entrance: Entrance) -> None:
    for number in range(30):
        assert isinstance(fail(entrance, f"guess{number}"), UnauthenticatedError)
        if number < 29:
            entrance.sign_in("rita")

    assert isinstance(fail(entrance, "one more"), ThrottledError)


def test_successes_keep_nobody_out(entrance: Entrance) -> None:
    for _ in range(120):
        entrance.sign_in("rita")

    assert entrance.sign_in("adam")
    assert [tally for tally in tallies(entrance.database).values() if tally] == []


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:DB8:0001:0002::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "", True),
        ("/run/scenarist.sock", "/run/scenarist.sock", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "192.0.2.1", True),
    ],
)
def test_the_addresses_that_one_may_have_for_oneself_count_together(
    entrance: Entrance, first: str, second: str, is_same: bool
) -> None:
    for _ in range(5):
        fail(entrance, "rita", Origin(first, "login"))

    assert isinstance(fail(entrance, "rita", Origin(second, "login")), ThrottledError) is is_same


def test_tries_at_once_cannot_be_more_than_are_allowed(
    hasher: WatchedHasher, clock: Clock, database_url: str
) -> None:
    together = threading.Barrier(8)
    with (
        Database(database_url) as first,
        Database(database_url) as second,
    ):
        entrances = [Entrance(database, clock, hasher=hasher) for database in (first, second)]
        entrances[0].add("rita")

        def guess(number: int) -> type[Exception]:
            together.wait()
            return type(fail(entrances[number % 2], "rita"))

        with ThreadPoolExecutor(8) as threads:
            outcomes = list(threads.map(guess, range(40)))

    assert outcomes.count(UnauthenticatedError) == 5
    assert outcomes.count(ThrottledError) == 35
    assert hasher.verified == 5


def test_a_hash_of_less_effort_is_replaced_at_the_next_sign_in(
    entrance: Entrance, clock: Clock
) -> None:
    before = found(entrance.database, "rita").password_hash
    dearer = Entrance(entrance.database, clock, hasher=DEARER)

    dearer.sign_in("rita")

    after = found(entrance.database, "rita").password_hash
    assert after != before
    assert after is not None
    assert not DEARER.check_needs_rehash(after)
    dearer.sign_in("rita")
    assert found(entrance.database, "rita").password_hash == after


def test_a_new_hash_of_the_same_password_ends_no_session(entrance: Entrance, clock: Clock) -> None:
    token = entrance.sign_in("rita")

    Entrance(entrance.database, clock, hasher=DEARER).sign_in("rita")

    assert entrance.actor(token).name == "rita"


def test_the_hash_of_a_declared_user_stays_as_it_is_declared(
    entrance: Entrance, clock: Clock
) -> None:
    declared = CHEAP.hash("stands in a file")
    entrance.users.sync_declared(ADMIN, {"paula": ["reader"]}, {"paula": declared})

    Entrance(entrance.database, clock, hasher=DEARER).signing_in.sign_in(
        "paula", "stands in a file", HERE
    )

    assert found(entrance.database, "paula").password_hash == declared


def test_two_that_sign_in_at_once_are_both_let_in_while_hashes_are_made_anew(
    entrance: Entrance, clock: Clock, hasher: WatchedHasher
) -> None:
    dearer = Entrance(entrance.database, clock, hasher=DEARER)
    watched = Entrance(entrance.database, clock, hasher=hasher)
    hasher.then = lambda: dearer.sign_in("rita")

    token = watched.sign_in("rita")

    assert watched.actor(token).name == "rita"


def test_a_user_who_is_removed_between_verdict_and_session_is_refused(
    watched: Entrance, hasher: WatchedHasher
) -> None:
    hasher.then = lambda: watched.users.delete(ADMIN, "rita")

    with pytest.raises(UnauthenticatedError):
        watched.sign_in("rita")

    assert watched.database.reader.execute(select(sessions)).all() == []
    assert [entry.is_allowed for entry in watched.entries(operation="login")] == [False]


def test_a_password_that_is_taken_away_between_verdict_and_session_is_refused(
    watched: Entrance, hasher: WatchedHasher
) -> None:
    change = UserChange(password="another password")
    hasher.then = lambda: watched.users.change(ADMIN, "rita", change)

    with pytest.raises(UnauthenticatedError):
        watched.sign_in("rita")

    assert watched.database.reader.execute(select(sessions)).all() == []


def test_somebody_else_of_the_same_name_does_not_get_the_session(
    watched: Entrance, hasher: WatchedHasher
) -> None:
    def replace_rita() -> None:
        watched.users.delete(ADMIN, "rita")
        watched.users.create(ADMIN, "rita", "somebody else altogether", ["admin"])

    hasher.then = replace_rita

    with pytest.raises(UnauthenticatedError):
        watched.sign_in("rita")

    assert watched.database.reader.execute(select(sessions)).all() == []


def test_a_role_that_is_taken_away_meanwhile_is_not_in_the_session(
    watched: Entrance, hasher: WatchedHasher
) -> None:
    watched.add("edda", "admin")
    hasher.then = lambda: watched.users.change(ADMIN, "edda", UserChange(roles=["reader"]))

    signed_in = watched.signing_in.sign_in("edda", PASSWORDS["edda"], HERE)

    assert signed_in.roles == {Role.READER}
    assert watched.actor(signed_in.token).roles == {Role.READER}


def test_a_sign_in_is_in_the_audit_with_who_and_from_where(entrance: Entrance) -> None:
    entrance.sign_in("rita")

    (entry,) = entrance.entries(operation="login")
    assert (entry.actor, entry.address, entry.is_allowed) == ("rita", "192.0.2.1", True)


def test_a_wrong_password_is_in_the_audit_with_the_name_of_the_user(entrance: Entrance) -> None:
    fail(entrance, "RITA")

    (entry,) = entrance.entries(operation="login")
    assert (entry.actor, entry.is_allowed) == ("rita", False)
    assert entry.reason == "the name or the password is wrong"


@pytest.mark.parametrize("name", ["hunter2!", "sup3r-secret", "correct horse battery staple"])
def test_a_name_that_nobody_has_is_not_kept_for_it_may_be_a_password(
    entrance: Entrance, name: str
) -> None:
    fail(entrance, name)

    (entry,) = entrance.entries(operation="login")
    assert entry.actor is None
    assert name not in str(entry)
    assert name not in str(tallies(entrance.database))


def test_a_session_that_is_signed_out_is_over(entrance: Entrance) -> None:
    token = entrance.sign_in("rita")
    other = entrance.sign_in("rita")

    entrance.signing_in.sign_out(entrance.actor(token), token)

    with pytest.raises(UnauthenticatedError):
        entrance.actor(token)
    assert entrance.actor(other).name == "rita"


def test_sessions_that_are_over_are_forgotten_at_the_next_sign_in(
    entrance: Entrance, clock: Clock
) -> None:
    entrance.sign_in("rita")
    clock.advance(SESSION)

    entrance.sign_in("adam")

    assert len(entrance.database.reader.execute(select(sessions)).all()) == 1


def test_a_key_is_revoked_and_not_signed_out(entrance: Entrance) -> None:
    key = entrance.keys.create(ADMIN, "ci", ["reader"]).text

    with pytest.raises(ConflictError):
        entrance.signing_in.sign_out(entrance.actor(key), key)

    assert entrance.actor(key).name == "ci"


def test_another_password_of_oneself_ends_all_sessions(entrance: Entrance) -> None:
    tokens = [entrance.sign_in("rita") for _ in range(3)]
    rita = entrance.actor(tokens[0])

    entrance.signing_in.change_password(rita, PASSWORDS["rita"], "another password")

    for token in tokens:
        with pytest.raises(UnauthenticatedError):
            entrance.actor(token)
    assert entrance.signing_in.sign_in("rita", "another password", HERE).token
    with pytest.raises(UnauthenticatedError):
        entrance.sign_in("rita")


def test_the_old_password_is_needed_for_another_one(entrance: Entrance) -> None:
    rita = entrance.actor(entrance.sign_in("rita"))

    with pytest.raises(UnauthenticatedError, match="the old password is wrong"):
        entrance.signing_in.change_password(rita, PASSWORDS["adam"], "another password")

    assert entrance.sign_in("rita")


def test_a_stolen_session_cannot_guess_the_password_for_ever(entrance: Entrance) -> None:
    rita = entrance.actor(entrance.sign_in("rita"))
    for _ in range(5):
        with pytest.raises(UnauthenticatedError):
            entrance.signing_in.change_password(rita, "not the right one", "another password")

    with pytest.raises(ThrottledError):
        entrance.signing_in.change_password(rita, PASSWORDS["rita"], "another password")


@pytest.mark.parametrize("new", ["", "seven77", "x" * 1025])
def test_a_new_password_that_cannot_be_changes_nothing(entrance: Entrance, new: str) -> None:
    token = entrance.sign_in("rita")

    with pytest.raises(InvalidError):
        entrance.signing_in.change_password(entrance.actor(token), PASSWORDS["rita"], new)

    assert entrance.actor(token).name == "rita"


def test_a_key_changes_no_password(entrance: Entrance) -> None:
    adam = entrance.actor(entrance.sign_in("adam"))
    key = entrance.actor(entrance.keys.create(adam, "ci", ["admin"]).text)

    with pytest.raises(ConflictError, match="stores no password for you"):
        entrance.signing_in.change_password(key, PASSWORDS["adam"], "another password")


def test_a_role_that_is_taken_away_does_not_come_back_with_another_password(
    watched: Entrance, hasher: WatchedHasher
) -> None:
    watched.add("edda", "admin")
    edda = watched.actor(watched.sign_in("edda"))
    hasher.then = lambda: watched.users.change(ADMIN, "edda", UserChange(roles=["reader"]))

    with pytest.raises(UnauthenticatedError):
        watched.signing_in.change_password(edda, PASSWORDS["edda"], "another password")

    assert found(watched.database, "edda").roles == {Role.READER}


def test_a_password_that_an_administrator_gives_is_not_changed_by_the_old_one(
    watched: Entrance, hasher: WatchedHasher
) -> None:
    rita = watched.actor(watched.sign_in("rita"))
    given = UserChange(password="given by the chief")
    hasher.then = lambda: watched.users.change(ADMIN, "rita", given)

    with pytest.raises(UnauthenticatedError):
        watched.signing_in.change_password(rita, PASSWORDS["rita"], "that of a thief")

    assert watched.signing_in.sign_in("rita", "given by the chief", HERE).token


def test_a_user_who_is_removed_meanwhile_changes_no_password_and_leaves_no_trace_of_it(
    watched: Entrance, hasher: WatchedHasher
) -> None:
    rita = watched.actor(watched.sign_in("rita"))
    hasher.then = lambda: watched.users.delete(ADMIN, "rita")

    with pytest.raises(UnauthenticatedError):
        watched.signing_in.change_password(rita, PASSWORDS["rita"], "another password")

    assert user_rows.find(watched.database.reader, "rita", Realm.LOCAL) is None
    assert [entry.is_allowed for entry in watched.entries(operation="")] == [False]
