"""Stories of jobs that ask for more than any machine has."""

import pytest

from builders import Draft
from orchestrator.world import World
from scenarist.db import event_log
from scenarist.domain.entities import Submission
from scenarist.domain.identifiers import TaskId
from scenarist.domain.resources import Resources
from scenarist.domain.vocabulary import SubmissionStatus


@pytest.fixture
def tasks(world: World) -> list[TaskId]:
    """A task for a large machine, one that reads what it makes, and one for any machine."""

    def build(draft: Draft) -> list[TaskId]:
        start, wide = draft.node("start", 1), draft.node("wide")
        asked = {"properties": {"cpus": 64, "gpus": 1, "memory": "2GiB"}}
        return [
            draft.task("large", "increment", [start], [wide], **asked),
            draft.task("after", "increment", [wide], [draft.node("after")]),
            draft.task("small", "increment", [start], [draft.node("small")]),
        ]

    return world.make(build)


def submit_and_hold(world: World, tasks: list[TaskId]) -> Submission:
    submission = world.submit(*tasks)
    world.step()
    return submission


def test_a_job_that_no_machine_can_run_says_what_it_waits_for(
    world: World, tasks: list[TaskId]
) -> None:
    submission = submit_and_hold(world, tasks[:2])

    large, after = world.jobs(submission)
    assert (large.status, after.status) == ("BLOCKED", "BLOCKED")
    assert large.waiting_for == ("a machine with 64 cpus and 1 gpu and 2,048 MiB of memory",)
    assert after.waiting_for == (large.id,)
    assert (large.attempt, large.run_at) == (0, None)
    assert world.submission(submission).status is SubmissionStatus.BLOCKED


def test_the_jobs_behind_one_that_no_machine_can_run_come_next(
    world: World, tasks: list[TaskId]
) -> None:
    world.executor.slots = 1
    world.submit(tasks[0])
    behind = world.submit(tasks[2])

    world.step()
    world.step()

    assert world.statuses(behind) == ["RUNNING"]


def test_a_job_runs_as_soon_as_there_is_a_machine_for_it(world: World, tasks: list[TaskId]) -> None:
    submission = submit_and_hold(world, tasks[:2])

    world.executor.machines = frozenset({Resources(cpus=64, gpus=2, memory=2**40)})
    world.executor.machines_version += 1
    world.step()

    large, after = world.jobs(submission)
    assert (large.status, large.waiting_for, large.attempt) == ("RUNNING", (), 1)
    assert after.status == "BLOCKED"


def test_a_job_waits_on_when_the_machines_are_others_and_still_too_small(
    world: World, tasks: list[TaskId]
) -> None:
    submission = submit_and_hold(world, tasks[:1])

    world.executor.machines_version += 1
    world.step()

    (large,) = world.jobs(submission)
    assert (large.status, large.attempt, len(large.waiting_for)) == ("BLOCKED", 0, 1)


def test_a_job_that_waits_for_a_machine_can_be_cancelled(world: World, tasks: list[TaskId]) -> None:
    submission = submit_and_hold(world, tasks[:2])

    world.cancel(submission.job_ids[0])

    assert world.statuses(submission) == ["CANCELED", "ABANDONED"]


def test_what_waited_for_a_machine_is_looked_at_anew_after_a_start(
    world: World, tasks: list[TaskId]
) -> None:
    submission = submit_and_hold(world, tasks[:1])

    world.new_orchestrator()
    world.executor.machines = frozenset({Resources(cpus=64, gpus=1, memory=2**40)})
    world.step()

    assert world.statuses(submission) == ["RUNNING"]


def test_waiting_for_a_machine_is_in_the_log_of_events(world: World, tasks: list[TaskId]) -> None:
    submission = submit_and_hold(world, tasks[:1])

    *_, (_, _, changes) = event_log.read(world.database.reader, first=0, limit=100)

    assert [(change.id, change.status) for change in changes] == [
        (submission.job_ids[0], "BLOCKED")
    ]
