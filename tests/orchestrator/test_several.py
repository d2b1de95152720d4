"""Stories of several orchestrators on one database; each has a connection of its own."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from builders import Clock
from listening import Listener
from orchestrator.world import World
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import EVERYTHING, Notification, Topic
from scenarist.domain.vocabulary import JobStatus


@pytest.fixture
def other(world: World, database_url: str) -> Iterator[Listener]:
    """Another process, which hears what this one commits."""
    world.database.listen()
    with Database(database_url) as database:
        listener = Listener(database)
        database.listen()
        listener.get_to_know()
        yield listener


def test_a_step_that_finds_nothing_to_do_rings_for_nobody(world: World, other: Listener) -> None:
    world.step()
    world.step()

    assert other.hear_all_of(world.database) == {frozenset()}


def test_others_are_told_of_jobs_that_may_run(world: World, other: Listener) -> None:
    world.submit(world.make(lambda draft: draft.task("free", "nothing")))

    assert other.hear() == {Topic.NEWS, Topic.WORK}


def test_a_step_that_leaves_nothing_to_claim_tells_only_what_happened(
    world: World, other: Listener
) -> None:
    world.submit(world.make(lambda draft: draft.task("free", "nothing")))
    assert other.hear() == {Topic.NEWS, Topic.WORK}

    world.run_all()

    assert Topic.WORK not in frozenset().union(*other.hear_all_of(world.database))


def test_a_retry_that_another_orchestrator_put_off_is_waited_for(world: World) -> None:
    submission = world.submit(
        world.make(
            lambda draft: draft.task("flaky", "fail", retries=1, retry_delay=timedelta(seconds=10))
        )
    )
    first, executor = world.orchestrator, world.executor
    second = world.another_orchestrator()
    first.step()
    executor.run()
    first.step()

    second.on_commit(Notification(EVERYTHING))
    second.step()

    assert world.statuses(submission) == [JobStatus.PENDING]
    due = first._seconds_to_next_due()
    assert due is not None
    assert due >= 10.0
    assert second._seconds_to_next_due() == due


def test_of_two_that_race_for_a_job_one_claims_it_a_thousand_times(
    world: World, database_url: str, clock: Clock, tmp_path: Path
) -> None:
    task = world.make(lambda draft: draft.task("free", "nothing"))
    start = threading.Barrier(2)

    def step_at_once(racer: World) -> None:
        start.wait()
        racer.step()

    with Database(database_url) as database, ThreadPoolExecutor(2) as threads:
        racers = [world, World(database, clock, tmp_path / "data")]
        winners = set()
        for _ in range(1_000):
            world.submit_task(task, priority=0)
            list(threads.map(step_at_once, racers))
            (winner,) = (racer for racer in racers if racer.executor.waiting)
            winner.executor.run()
            winner.step()
            winners.add(winner)

    counted = "SELECT status, count(*), min(attempt), max(attempt) FROM jobs GROUP BY status"
    ended = [tuple(row) for row in world.database.reader.execute(text(counted))]
    assert ended == [("COMPLETED", 1_000, 1, 1)]
    assert winners == set(racers)
