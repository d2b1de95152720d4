"""What the server tells of its work, and at what cost."""

from datetime import timedelta
from pathlib import Path

import pytest

from builders import Clock
from orchestrator.world import World
from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.listings import JobFilter, PageRequest
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import JobStatus
from scenarist.services.health import HealthService
from scenarist.services.jobs import JobService
from statements import noted


@pytest.fixture
def world(database: Database, clock: Clock, tmp_path: Path) -> World:
    return World(database, clock, tmp_path / "data")


def test_only_what_has_not_ended_is_counted(world: World) -> None:
    health = HealthService(world.database, now=world.clock, is_orchestrating=lambda: True)
    ended = world.make(lambda draft: draft.task("ended", "increment", [draft.node("a", 1)], []))
    waiting = world.make(lambda draft: draft.task("waiting", "increment", [draft.node("b")], []))
    world.submit(ended)
    world.run_all()
    world.submit(waiting)
    world.submit(ended)

    work = health.count_backlog()

    assert work.jobs == {JobStatus.BLOCKED: 1, JobStatus.PENDING: 1, JobStatus.RUNNING: 0}
    assert work.submissions == 2
    assert work.orchestrators == 1


def test_a_server_whose_executor_runs_nothing_is_not_ready(world: World) -> None:
    world.executor.fault = "the Ray cluster does not answer"
    health = HealthService(
        world.database,
        now=world.clock,
        is_orchestrating=lambda: True,
        executor_fault=lambda: world.orchestrator.executor_fault,
    )

    with pytest.raises(UnavailableError, match="the Ray cluster does not answer; jobs wait for it"):
        health.check_readiness()
    world.executor.fault = None

    health.check_readiness()


def test_a_job_that_could_run_waits_for_an_executor_that_runs_nothing(world: World) -> None:
    first, second = world.make(
        lambda draft: (
            draft.task("first", "increment", [], [node := draft.node("between")]),
            draft.task("second", "increment", [node], []),
        )
    )
    submission = world.submit(first, second)
    jobs = JobService(
        world.database,
        world.canceller,
        now=world.clock,
        executor_fault=lambda: world.orchestrator.executor_fault,
    )

    world.executor.fault = "no worker can start: there is no licence"

    wanted = JobFilter(submission_id=(submission.id,))
    one, other = jobs.list_page(ANYONE, wanted, PageRequest(limit=10)).items
    assert one.waiting_for == ("no worker can start: there is no licence",)
    assert other.waiting_for == (one.id,)
    assert jobs.get(ANYONE, one.id) == one
    world.executor.fault = None
    assert jobs.get(ANYONE, one.id).waiting_for == ()


def test_the_age_is_that_of_the_job_that_is_claimed_next(world: World) -> None:
    health = HealthService(world.database, now=world.clock, is_orchestrating=lambda: True)
    task = world.make(lambda draft: draft.task("first", "increment", [], []))
    before = health.count_backlog().next_job_wait_seconds

    world.submit(task)
    world.clock.advance(timedelta(seconds=20))

    assert before == 0
    assert health.count_backlog().next_job_wait_seconds == 20


def test_a_job_that_is_put_off_has_no_age(world: World) -> None:
    health = HealthService(world.database, now=world.clock, is_orchestrating=lambda: True)
    task = world.make(lambda draft: draft.task("fails", "fail", [], [], retries=1))
    world.submit(task)
    world.step()
    world.executor.end(JobEvent.RAISED)

    world.step()

    assert health.count_backlog().jobs[JobStatus.PENDING] == 1
    assert health.count_backlog().next_job_wait_seconds == 0


def test_counting_looks_only_at_what_has_not_ended(world: World) -> None:
    health = HealthService(world.database, now=world.clock, is_orchestrating=lambda: True)

    with noted(world.database) as statements:
        health.count_backlog()

    steps = [
        step
        for plan in statements.plans(in_order=True).values()
        for step in plan
        if step.startswith(("SCAN", "SEARCH")) and "holders" not in step  # a row each
    ]
    assert [step.partition("INDEX ")[2].split()[0] for step in steps] == [
        "ix_jobs_pending",
        "ix_jobs_waiting",
        "ix_jobs_running",
        "ix_submissions_under_way",
        "ix_deliveries_due",
    ]
