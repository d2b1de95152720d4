"""Waiting for the end of what other processes run."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from builders import Clock, Draft
from orchestrator.world import World
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import Notification, Topic
from scenarist.domain.identifiers import TaskId
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
        world.database._notify(Notification(frozenset({Topic.NEWS})))
        await expected[0].wait(PATIENCE_SECONDS)
        await expected[1].wait(PATIENCE_SECONDS)
        return [expectation._event.is_set() for expectation in expected]

    completions.start()
    has_ended = asyncio.run(wait())
    completions.stop()
    assert has_ended == [True, True, False, False]


def test_what_a_commit_of_this_process_has_ended_is_told_without_a_look(world: World) -> None:
    completions = CompletionNotifier(world.database)
    submission = world.submit(world.make(lambda draft: draft.task("free", "nothing")))
    other = world.submit(world.make(lambda draft: draft.task("other", "nothing")))

    async def wait() -> list[bool]:
        ids = [submission.id, submission.job_ids[0], other.id]
        with ExitStack() as stack:
            waiters = [stack.enter_context(completions.make_waiter(id)) for id in ids]
            world.cancel(submission.job_ids[0])
            await waiters[0].wait(PATIENCE_SECONDS)
            return [waiter._event.is_set() for waiter in waiters]

    assert asyncio.run(wait()) == [True, True, False]


def test_who_waits_for_a_job_is_told_that_it_was_abandoned(world: World) -> None:
    completions = CompletionNotifier(world.database)

    def build(draft: Draft) -> list[TaskId]:
        middle = draft.node("middle")
        first = draft.task("first", "increment", [draft.node("start", 1)], [middle])
        return [first, draft.task("second", "increment", [middle], [draft.node("end")])]

    submission = world.submit(*world.make(build))

    async def wait() -> bool:
        with completions.make_waiter(submission.job_ids[1]) as waiter:
            world.cancel(submission.job_ids[0])
            return await waiter.wait(PATIENCE_SECONDS)

    assert asyncio.run(wait())
