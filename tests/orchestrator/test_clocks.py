"""What is compared with the clock ends in time, wherever the clock is set to meanwhile.

One test for each row of the table in docs/reliability.md; those of webhooks, sign-ins and sessions
are beside their other tests.
"""

from datetime import timedelta

import pytest

from builders import NOON, Draft
from orchestrator.world import World
from scenarist.db.jobs import rows as job_rows
from scenarist.db.locks import WriteLock, add_write_claim, find_locks, set_lock
from scenarist.domain.freshness import CurrentOutput, find_run_reason
from scenarist.domain.identifiers import TaskId
from scenarist.domain.permissions import ANYONE, ActorRef
from scenarist.domain.retention import Retention
from scenarist.domain.timestamps import MAX_WRITE_CLAIM
from scenarist.services.locks import get_data_node
from scenarist.services.maintenance import Maintenance

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
SET_TO = [timedelta(), -SECOND, -timedelta(minutes=1), -timedelta(hours=1), -DAY, -400 * DAY]
SET_TO += [SECOND, timedelta(hours=1), 400 * DAY]


def put_off(world: World) -> None:
    """Have a job fail that is tried again after 10 to 12.5 s."""

    def build(draft: Draft) -> TaskId:
        return draft.task("flaky", "fail", retries=1, retry_delay=10 * SECOND)

    submission = world.submit(world.make(build))
    world.step()
    world.executor.run()
    world.step()
    assert world.statuses(submission) == ["PENDING"]


@pytest.mark.parametrize("passed", [timedelta(), 5 * SECOND])
@pytest.mark.parametrize("set_to", SET_TO)
def test_a_retry_waits_for_twice_its_delay_at_most(
    world: World, set_to: timedelta, passed: timedelta
) -> None:
    put_off(world)
    world.clock.advance(passed)
    world.clock.advance(set_to)

    world.clock.advance(25 * SECOND - passed)
    world.step()

    assert len(world.executor.waiting) == 1


@pytest.mark.parametrize("apart", [-SECOND, SECOND])
def test_a_retry_is_not_tried_at_once_because_clocks_of_servers_differ(
    world: World, apart: timedelta
) -> None:
    put_off(world)

    world.clock.advance(apart)
    world.new_orchestrator().step()

    assert world.executor.waiting == []


def test_a_retry_that_is_due_since_the_clock_was_set_back_counts_as_due(world: World) -> None:
    put_off(world)
    world.clock.advance(-DAY)

    assert job_rows.find_first_due(world.database.reader, world.clock()) is not None


def test_a_job_that_was_handed_back_waits_for_no_delay_of_an_earlier_attempt(world: World) -> None:
    put_off(world)
    world.clock.advance(13 * SECOND)
    world.step()
    assert len(world.executor.waiting) == 1
    world.clock.advance(-DAY)
    world.executor.waiting.clear()

    world.new_orchestrator().recover()
    world.step()

    assert len(world.executor.waiting) == 1


@pytest.mark.parametrize("set_to", SET_TO)
def test_a_lock_holds_for_a_day_at_most(world: World, set_to: timedelta) -> None:
    node_id, _ = world.make(lambda draft: (draft.node("start", 1), None))
    until = NOON + DAY
    holder = ActorRef("anna", "anna")
    world.database.write(lambda connection: set_lock(connection, node_id, "anna", until, holder))
    world.clock.advance(set_to)
    now = world.clock()

    is_locked = get_data_node(world.database.reader, node_id, now).locked_by is not None

    assert is_locked == (NOON <= now < until)
    assert is_locked == (node_id in find_locks(world.database.reader, now))


@pytest.mark.parametrize("set_to", SET_TO)
def test_a_write_that_was_cut_off_keeps_others_away_for_two_minutes_at_most(
    world: World, set_to: timedelta
) -> None:
    node_id, _ = world.make(lambda draft: (draft.node("start", 1), None))
    until = NOON + MAX_WRITE_CLAIM
    world.database.write(
        lambda connection: add_write_claim(connection, node_id, WriteLock("anna", until))
    )
    world.clock.advance(set_to)
    now = world.clock()

    is_claimed = get_data_node(world.database.reader, node_id, now).claimed_by is not None

    assert is_claimed == (NOON <= now < until)
    assert is_claimed == (node_id in find_locks(world.database.reader, now))


@pytest.mark.parametrize("set_to", SET_TO)
def test_an_output_is_valid_for_no_longer_than_its_period_from_when_it_was_written(
    set_to: timedelta,
) -> None:
    output = CurrentOutput(written_at=NOON, made_of="made", validity=timedelta(minutes=30))

    reason = find_run_reason("made", [output], NOON + set_to)

    assert (reason is None) == (abs(set_to) <= timedelta(minutes=30))


def test_a_clock_that_is_set_forward_makes_nothing_old(world: World) -> None:
    elapsed = 0.0
    upkeep = Maintenance(
        world.database,
        Retention(jobs=30 * DAY),
        folder=str(world.folder),
        now=world.clock,
        elapsed=lambda: elapsed,
    )
    submission = world.submit(world.make(lambda draft: draft.task("free", "nothing")))
    world.step()
    world.executor.run()
    world.step()

    world.clock.advance(400 * DAY)
    upkeep.step()
    assert world.submissions.get(ANYONE, submission.id).id == submission.id
    elapsed = timedelta(days=401).total_seconds()
    world.clock.advance(DAY)
    pruned = upkeep.step()

    assert pruned is not None and pruned.submissions == 1


def test_pruning_comes_again_though_it_was_last_done_under_a_clock_that_was_ahead(
    world: World,
) -> None:
    upkeep = Maintenance(
        world.database, Retention(jobs=DAY), folder=str(world.folder), now=world.clock
    )
    world.clock.advance(400 * DAY)
    assert upkeep.step() is not None

    world.clock.advance(-400 * DAY)

    assert upkeep.step() is not None
