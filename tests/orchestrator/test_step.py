"""What one job's outcome, claim or server does to all others: nothing."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import select

from builders import Draft
from orchestrator.world import World
from scenarist.db.jobs import complete
from scenarist.db.jobs.complete import Completion
from scenarist.db.jobs.recipes import RecipeCache
from scenarist.db.tables import jobs
from scenarist.domain.entities import Submission
from scenarist.domain.identifiers import TaskId
from scenarist.domain.lifecycle import LOST_TOGETHER_LIMIT, SUSPECT_FROM, JobEvent
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus
from scenarist.executors.base import JobOutcome
from scenarist.executors.runner import run_request
from scenarist.orchestrator import job_requests


def submit_one(world: World, name: str) -> Submission:
    def build(draft: Draft) -> TaskId:
        return draft.task(name, "increment", [draft.node(f"{name} in", 1)], [draft.node(name)])

    return world.submit(world.make(build))


def outcomes_of_all(world: World) -> list[JobOutcome]:
    outcomes = [run_request(request) for request in world.executor.waiting]
    world.executor.waiting.clear()
    return outcomes


def test_the_first_outcome_of_an_attempt_counts_and_a_second_one_is_dropped(world: World) -> None:
    submissions = [submit_one(world, name) for name in ("twice", "once")]
    world.step()
    outcomes = outcomes_of_all(world)

    failed = replace(outcomes[0], event=JobEvent.RAISED, written=(), reason="a child said so")
    world.orchestrator.deliver([outcomes[0], failed, outcomes[0], *outcomes[1:]])
    world.step()

    assert [world.statuses(item) for item in submissions] == [["COMPLETED"], ["COMPLETED"]]
    assert world.orchestrator.step_fault is None


def test_an_outcome_that_the_database_does_not_take_fails_its_job_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    submissions = [submit_one(world, name) for name in ("too large", "other", "third")]
    world.step()
    poisoned = submissions[0].job_ids[0]
    settle = complete.complete_attempts

    def refuse(connection: object, some: Sequence[Completion], **more: object) -> object:
        if any(item.job_id == poisoned and item.edits for item in some):
            raise sqlite3.DataError("string or blob too big")
        return settle(connection, some, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(complete, "complete_attempts", refuse)
    world.orchestrator.deliver(outcomes_of_all(world))
    world.step()

    assert [world.statuses(item) for item in submissions] == [
        ["FAILED"],
        ["COMPLETED"],
        ["COMPLETED"],
    ]
    assert world.submission(submissions[0]).status is SubmissionStatus.FAILED
    assert world.job(poisoned).reason == (
        "it ended as COMPLETED, which could not be recorded: string or blob too big"
    )
    assert world.orchestrator.step_fault == (
        "steps of the orchestrator fail: string or blob too big"
    )
    assert world.orchestrator.metrics.failed_steps == 1
    world.step()
    assert world.orchestrator.step_fault is None


def test_a_job_that_cannot_be_taken_up_fails_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    submissions = [submit_one(world, name) for name in ("strange", "other")]
    strange = world.job(submissions[0].job_ids[0]).task_id
    get = RecipeCache.get

    def trip(self: RecipeCache, task_id: TaskId) -> object:
        if task_id == strange:
            raise ValueError("it is recorded strangely")
        return get(self, task_id)

    monkeypatch.setattr(RecipeCache, "get", trip)
    world.run_all()

    assert [world.statuses(item) for item in submissions] == [["FAILED"], ["COMPLETED"]]
    assert (
        world.job(submissions[0].job_ids[0]).reason
        == "it could not be prepared: it is recorded strangely"
    )


def test_a_job_that_cannot_be_handed_out_fails_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    submissions = [submit_one(world, name) for name in ("strange", "other")]
    strange = world.job(submissions[0].job_ids[0]).id
    make = job_requests.build_request

    def trip(claim: object, *rest: object, **more: object) -> object:
        if getattr(claim, "id", None) == strange:
            raise ValueError("no place for its output")
        return make(claim, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("scenarist.orchestrator.loop.build_request", trip)
    world.run_all()

    assert [world.statuses(item) for item in submissions] == [["FAILED"], ["COMPLETED"]]


def crash(world: World) -> None:
    """End the server as a kill does, and start another."""
    world.new_orchestrator().recover()
    world.step()


def test_a_job_under_which_the_server_dies_again_and_again_ends(world: World) -> None:
    killer = submit_one(world, "killer")
    world.step()
    for _ in range(LOST_TOGETHER_LIMIT - 1):
        assert world.statuses(killer) == ["RUNNING"]
        crash(world)

    crash(world)

    (job,) = world.jobs(killer)
    assert (job.status, job.attempt) == (JobStatus.FAILED, LOST_TOGETHER_LIMIT)
    assert str(job.reason).startswith("its server was lost while it ran, for the 5th time")


def test_those_that_run_beside_a_job_that_kills_its_server_are_not_blamed(world: World) -> None:
    beside = [submit_one(world, f"before {place}") for place in range(3)]
    killer = submit_one(world, "killer")
    beside += [submit_one(world, f"after {place}") for place in range(3)]
    is_killer = jobs.c.id == killer.job_ids[0]
    number = world.database.reader.execute(select(jobs.c.number).where(is_killer)).scalar_one()
    world.step()
    for _ in range(50):
        running = [request.number for request in world.executor.waiting]
        if number in running:
            crash(world)
        elif running:
            world.executor.run()
            world.step()
        else:
            break

    assert world.statuses(killer) == ["FAILED"]
    assert [world.statuses(item) for item in beside] == [["COMPLETED"]] * 6


def test_one_suspect_runs_at_a_time_and_others_run_beside_it(world: World) -> None:
    suspects = [submit_one(world, f"suspect {place}") for place in range(2)]
    world.step()
    for _ in range(SUSPECT_FROM):
        crash(world)
    other = submit_one(world, "other")
    world.step()

    assert [world.statuses(item) for item in suspects] == [["RUNNING"], ["BLOCKED"]]
    assert world.statuses(other) == ["RUNNING"]
    waiting_for = world.job(suspects[1].job_ids[0]).waiting_for
    assert waiting_for == (
        "a machine that runs no other job under which servers were lost more than once",
    )
    world.run_all()
    assert [world.statuses(item) for item in suspects] == [["COMPLETED"], ["COMPLETED"]]
