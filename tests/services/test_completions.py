"""Waiting for the end of what other processes run."""

import asyncio
from pathlib import Path

import pytest

from builders import Clock
from orchestrator.world import World
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import EVERYTHING, Topic
from scenarist.services.completions import CompletionNotifier
from servers import PATIENCE_SECONDS


@pytest.fixture
def world(database: Database, clock: Clock, tmp_path: Path) -> World:
    return World(database, clock, tmp_path / "data")


def test_what_has_ended_elsewhere_is_told_when_another_process_has_committed(
    world: World,
) -> None:
    completions = CompletionNotifier(world.database)
    done = world.submit(world.make(lambda draft: draft.task("done", "nothing")))
    world.run_all()
    waiting = world.submit(world.make(lambda draft: draft.task("waiting", "nothing")))

    async def wait() -> list[bool]:
        ids = [done.id, done.job_ids[0], waiting.id, waiting.job_ids[0]]
        expected = [completions.make_waiter(id) for id in ids]
        for expectation in expected:
            expectation.__enter__()
        completions.on_notification(frozenset({Topic.WORK}))
        await asyncio.sleep(0)
        early = any(expectation._event.is_set() for expectation in expected)
        completions.on_notification(EVERYTHING)
        await expected[0].wait(PATIENCE_SECONDS)
        await expected[1].wait(PATIENCE_SECONDS)
        return [early, *(expectation._event.is_set() for expectation in expected)]

    assert asyncio.run(wait()) == [False, True, True, False, False]
