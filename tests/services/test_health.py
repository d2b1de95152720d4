"""What the server tells of its work, and at what cost."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from builders import Clock
from orchestrator.world import World
from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError
from scenarist.domain.vocabulary import JobStatus
from scenarist.services.health import HealthService
from statements import plan_of


@pytest.fixture
def world(database: Database, clock: Clock, tmp_path: Path) -> World:
    return World(database, clock, tmp_path / "data")


def test_only_what_has_not_ended_is_counted(world: World) -> None:
    health = HealthService(world.database, is_orchestrating=lambda: True)
    ended = world.make(lambda draft: draft.task("ended", "increment", [draft.node("a", 1)], []))
    waiting = world.make(lambda draft: draft.task("waiting", "increment", [draft.node("b")], []))
    world.submit(ended)
    world.run_all()
    world.submit(waiting)
    world.submit(ended)

    work = health.count_work()

    assert work.jobs == {JobStatus.BLOCKED: 1, JobStatus.PENDING: 1, JobStatus.RUNNING: 0}
    assert work.submissions == 2
    assert work.commits == world.database.commits
    assert work.is_orchestrating


def test_a_server_whose_executor_runs_nothing_is_not_ready(world: World) -> None:
    world.executor.fault = "the Ray cluster does not answer"
    health = HealthService(
        world.database,
        is_orchestrating=lambda: True,
        executor_fault=lambda: world.orchestrator.executor_fault,
    )

    with pytest.raises(UnavailableError, match="the Ray cluster does not answer; jobs wait for it"):
        health.check_readiness()
    world.executor.fault = None

    health.check_readiness()


def test_counting_looks_only_at_what_has_not_ended(world: World) -> None:
    seen: list[str] = []

    def note(_c: Any, _k: Any, statement: str, _p: Any, _x: Any, _m: bool) -> None:
        seen.append(statement)

    event.listen(world.database._engine, "before_cursor_execute", note)
    HealthService(world.database, is_orchestrating=lambda: True).count_work()
    event.remove(world.database._engine, "before_cursor_execute", note)

    plan = [
        step
        for statement in seen
        for step in plan_of(world.database, statement, ())
        if step.startswith(("SCAN", "SEARCH"))
    ]
    assert [step.partition("INDEX ")[2].split()[0] for step in plan] == [
        "ix_jobs_waiting",
        "ix_jobs_running",
        "ix_submissions_under_way",
    ]
