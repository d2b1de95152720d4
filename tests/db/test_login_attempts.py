"""Tries are counted in stretches of time, for several bounds at once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from builders import NOON
from scenarist.db import login_attempts as try_rows
from scenarist.db.engine import Database
from scenarist.db.login_attempts import AttemptLimit
from scenarist.db.tables import tries
from statements import GROWING, noted, scanned

STRETCH = timedelta(minutes=5)
PAIR, ADDRESS = AttemptLimit("ann at 192.0.2.1", 2), AttemptLimit("at 192.0.2.1", 3)


def take(
    database: Database, *bounds: AttemptLimit, after: timedelta = timedelta()
) -> timedelta | None:
    """Return how long to wait; None when the try counts."""
    now = NOON + after
    used_up = database.write(
        lambda connection: try_rows.count_attempt(connection, bounds, window=STRETCH, now=now)
    )
    return max(used_up.values()) - now if used_up else None


def tallies(database: Database) -> dict[str, int]:
    return {row.who: row.tally for row in database.reader.execute(select(tries))}


def test_as_many_tries_as_allowed_are_taken(database: Database) -> None:
    assert [take(database, PAIR) for _ in range(3)] == [None, None, STRETCH]


def test_a_try_counts_for_each_bound(database: Database) -> None:
    take(database, PAIR, ADDRESS)

    assert tallies(database) == {PAIR.key: 1, ADDRESS.key: 1}


def test_a_try_that_one_bound_refuses_counts_for_none(database: Database) -> None:
    take(database, PAIR, ADDRESS)
    take(database, PAIR, ADDRESS)

    assert take(database, PAIR, ADDRESS) == STRETCH

    assert tallies(database) == {PAIR.key: 2, ADDRESS.key: 2}


def test_the_wait_is_until_the_last_stretch_ends(database: Database) -> None:
    for _ in range(3):
        take(database, ADDRESS)
    for _ in range(2):
        take(database, PAIR, after=timedelta(minutes=2))

    assert take(database, PAIR, ADDRESS, after=timedelta(minutes=3)) == timedelta(minutes=4)


def test_a_stretch_is_over_at_its_end_and_not_before(database: Database) -> None:
    for _ in range(2):
        take(database, PAIR)
    tick = timedelta(microseconds=1)

    assert take(database, PAIR, after=STRETCH - tick) == tick
    assert take(database, PAIR, after=STRETCH) is None
    assert tallies(database) == {PAIR.key: 1}


def test_what_is_over_is_forgotten_by_the_next_try_of_anybody(database: Database) -> None:
    for number in range(20):
        take(database, AttemptLimit(f"name{number}", 5))

    take(database, PAIR, after=STRETCH)

    assert tallies(database) == {PAIR.key: 1}


def test_a_try_that_is_given_back_can_be_taken_again(database: Database) -> None:
    for _ in range(3):
        take(database, ADDRESS)
    assert take(database, ADDRESS) is not None

    database.write(lambda connection: try_rows.uncount_attempt(connection, (ADDRESS,)))

    assert take(database, ADDRESS) is None
    assert take(database, ADDRESS) is not None


@pytest.mark.parametrize("taken", [0, 1])
def test_more_than_was_taken_cannot_be_given_back(database: Database, taken: int) -> None:
    for _ in range(taken):
        take(database, PAIR)

    for _ in range(5):
        database.write(lambda connection: try_rows.uncount_attempt(connection, (PAIR,)))

    assert tallies(database) == ({PAIR.key: 0} if taken else {})


def test_forgetting_one_forgets_no_other(database: Database) -> None:
    take(database, PAIR, ADDRESS)

    database.write(lambda connection: try_rows.reset(connection, PAIR.key))

    assert tallies(database) == {ADDRESS.key: 1}


def test_no_try_looks_through_all_others(database: Database) -> None:
    with noted(database) as statements:
        take(database, PAIR, ADDRESS)
        take(database, PAIR, ADDRESS)
        database.write(lambda connection: try_rows.uncount_attempt(connection, (ADDRESS,)))
        database.write(lambda connection: try_rows.reset(connection, PAIR.key))

    assert len(set(statements.said)) >= 6
    assert not any(scanned(plan, GROWING) for plan in statements.plans().values())


@pytest.mark.parametrize("set_to", [STRETCH, timedelta(days=400)])
def test_a_clock_that_is_set_back_throttles_nobody_for_longer_than_twice_the_stretch(
    database: Database, set_to: timedelta
) -> None:
    take(database, PAIR)
    take(database, PAIR)
    wait = take(database, PAIR, after=timedelta(seconds=1) - STRETCH)
    assert wait is not None and wait < 2 * STRETCH

    assert take(database, PAIR, after=-set_to) is None
