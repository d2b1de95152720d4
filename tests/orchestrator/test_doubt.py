"""What the orchestrator does when it cannot know whether a step was stored."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import Clock, Draft
from cutting_proxy import COMMIT, CuttingProxy
from orchestrator.world import World
from postgres_server import PostgresServer
from scenarist.db.engine import Database
from scenarist.domain.errors import InDoubtError
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.vocabulary import JobStatus


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[CuttingProxy]:
    with CuttingProxy(postgres_server.host) as opened:
        yield opened


@pytest.fixture
def world(postgres_url: str, proxy: CuttingProxy, clock: Clock, tmp_path: Path) -> Iterator[World]:
    with Database(postgres_url.partition("?")[0] + f"?host={proxy.host}") as database:
        yield World(database, clock, tmp_path / "data")


def a_task(draft: Draft) -> tuple[TaskId, DataNodeId]:
    node = draft.node("end")
    return draft.task("first", "increment", [draft.node("start", 1)], [node]), node


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_job_whose_claim_is_in_doubt_runs_once(
    world: World, proxy: CuttingProxy, is_stored: bool
) -> None:
    task, node = world.make(a_task)
    submission = world.submit(task)
    (proxy.cut_after if is_stored else proxy.cut_before)(COMMIT)
    with pytest.raises(InDoubtError):
        world.step()
    assert world.executor.waiting == []

    world.run_all()

    (job,) = world.jobs(submission)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2 if is_stored else 1)
    assert world.value(node) == 2


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_job_whose_end_is_in_doubt_ends_once(
    world: World, proxy: CuttingProxy, is_stored: bool
) -> None:
    task, node = world.make(a_task)
    submission, later = world.submit(task), world.submit(task)
    world.step()
    world.executor.run()
    (proxy.cut_after if is_stored else proxy.cut_before)(COMMIT)
    with pytest.raises(InDoubtError):
        world.step()

    world.run_all()

    assert world.statuses(submission) == [JobStatus.COMPLETED]
    assert world.statuses(later) == [JobStatus.COMPLETED]
    assert world.job(submission.job_ids[0]).attempt == 1
    assert world.value(node) == 2
