"""Why each job ran or was skipped, which is kept with the job."""

import pytest
from sqlalchemy import delete, update

from builders import Draft
from orchestrator.plant import WIRING, Plant
from orchestrator.world import World
from scenarist.db.tables import jobs
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Job
from scenarist.domain.freshness import RunReason
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import JobStatus


@pytest.fixture
def plant(world: World) -> Plant:
    return Plant(world, [True] * len(WIRING))


def run(plant: Plant, name: str, *, force: bool = False) -> Job:
    submission = plant.world.submit(plant.tasks[name], force=force)
    plant.world.run_all()
    (job,) = plant.world.jobs(submission)
    return job


def said(job: Job) -> tuple[RunReason | None, str | None]:
    return job.run_reason, job.because


def test_a_job_says_why_it_ran_also_when_it_has_ended(plant: Plant) -> None:
    assert said(run(plant, "t1")) == (RunReason.FIRST_RUN, "data node 'd' has no value")

    plant.write("a")
    at = plant.world.clock().strftime("%H:%M:%S")
    assert said(run(plant, "t1")) == (
        RunReason.INPUT_CHANGED,
        f"data node 'a' was written at 2026-03-01T{at}Z by anyone",
    )
    assert said(run(plant, "t1", force=True)) == (RunReason.FORCED, "the submit is forced")


def test_a_skipped_job_says_why_it_did_not_run(plant: Plant) -> None:
    run(plant, "t1")

    job = run(plant, "t1")

    assert job.status is JobStatus.SKIPPED
    assert said(job) == (None, job.reason)


def test_jobs_of_tasks_that_are_not_skippable_say_so(world: World) -> None:
    job = run(Plant(world), "t1")

    assert said(job) == (RunReason.NOT_SKIPPABLE, "it is not skippable")


def test_a_changed_input_is_named_after_the_earlier_job_is_gone(plant: Plant) -> None:
    run(plant, "t1")
    plant.world.database.write(lambda connection: connection.execute(delete(jobs)))
    plant.write("a")

    job = run(plant, "t1")

    assert job.because is not None
    assert job.because.startswith("data node 'a' was written at")


def test_of_many_changed_inputs_a_job_names_the_first_ones(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, list[DataNodeId]]:
        inputs = [draft.node(name, 1) for name in "abcdef"]
        return draft.task("t", "mix", inputs, [draft.node("end")], skippable=True), inputs

    task, inputs = world.make(build)
    world.submit(task)
    world.run_all()
    for node_id in inputs:
        world.data_nodes.write(ANYONE, node_id, 2)
    submission = world.submit(task)
    world.run_all()

    (job,) = world.jobs(submission)
    assert job.because is not None
    *changes, more = job.because.split("; ")
    assert [change.split()[2] for change in changes] == ["'a'", "'b'", "'c'"]
    assert more == "and more"


def test_a_running_job_says_why_it_runs_and_a_waiting_one_says_nothing(plant: Plant) -> None:
    submission = plant.world.submit(plant.tasks["t1"])
    (waiting,) = plant.world.jobs(submission)

    plant.world.step()

    (running,) = plant.world.jobs(submission)
    assert said(waiting) == (None, None)
    assert running.status is JobStatus.RUNNING
    assert said(running) == (RunReason.FIRST_RUN, "data node 'd' has no value")


def test_another_attempt_tells_why_the_task_has_to_run(plant: Plant) -> None:
    run(plant, "t1")
    plant.write("a")
    submission = plant.world.submit(plant.tasks["t1"])
    plant.world.step()
    (first,) = plant.world.jobs(submission)
    plant.world.executor.end(JobEvent.WORKER_LOST)
    plant.world.run_all()

    (job,) = plant.world.jobs(submission)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
    assert said(job) == said(first)
    assert job.run_reason is RunReason.INPUT_CHANGED


def test_a_job_that_is_refused_when_it_is_claimed_says_nothing(world: World) -> None:
    plant = Plant(world)
    submission = world.submit(plant.tasks["t1"])
    world.another_orchestrator(DeclaredConfigs({}, frozenset()))
    world.run_all()

    (job,) = world.jobs(submission)
    assert job.status is JobStatus.FAILED
    assert said(job) == (None, None)


def test_a_job_that_waits_for_a_machine_says_nothing(world: World) -> None:
    task = world.make(lambda draft: draft.task("first", "one", properties={"cpus": 1000}))
    submission = world.submit(task)
    world.run_all()

    (job,) = world.jobs(submission)
    assert job.status is JobStatus.BLOCKED
    assert said(job) == (None, None)


def test_jobs_from_before_reasons_were_kept_have_none(plant: Plant) -> None:
    job = run(plant, "t1")
    plant.world.database.write(
        lambda connection: connection.execute(update(jobs).values(run_reason=None, because=None))
    )

    assert said(plant.world.job(job.id)) == (None, None)
