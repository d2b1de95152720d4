"""How often a job runs again when what ran it was lost: as often as its task allows."""

import itertools

import pytest

from builders import Draft
from orchestrator.world import World
from scenarist.domain.identifiers import TaskId
from scenarist.domain.lifecycle import JobEvent, decide_attempt_event
from scenarist.domain.vocabulary import JobStatus

AT_MOST_ONCE = "it does not run again, as its task has retries_after_loss = 0: "


def pays_and_posts(draft: Draft, retries_after_loss: int) -> tuple[TaskId, TaskId]:
    paid = draft.node("paid")
    pays = draft.task("pays", "one", [], [paid], retries_after_loss=retries_after_loss)
    return pays, draft.task("posts", "increment", [paid])


@pytest.mark.parametrize("allowed", [0, 1, 2, 3])
def test_a_job_that_loses_its_worker_runs_again_as_often_as_its_task_allows(
    world: World, allowed: int
) -> None:
    submission = world.submit(*world.make(lambda draft: pays_and_posts(draft, allowed)))
    for _ in range(allowed):
        world.step()
        world.executor.end(JobEvent.WORKER_LOST, "its process was killed")
        world.step()
        assert world.statuses(submission)[0] in {JobStatus.PENDING, JobStatus.RUNNING}

    world.step()
    world.executor.end(JobEvent.WORKER_LOST, "its process was killed")
    world.step()

    assert world.statuses(submission) == [JobStatus.FAILED, JobStatus.ABANDONED]


def test_a_job_whose_server_is_gone_does_not_run_again_when_it_may_run_once(world: World) -> None:
    submission = world.submit(*world.make(lambda draft: pays_and_posts(draft, 0)))
    world.step()

    world.new_orchestrator().recover()

    job, _ = world.jobs(submission)
    assert world.statuses(submission) == [JobStatus.FAILED, JobStatus.ABANDONED]
    assert str(job.reason).startswith(AT_MOST_ONCE)
    assert set(world.ended) >= {submission.id, job.id}


def test_a_job_whose_server_is_gone_runs_again_otherwise(world: World) -> None:
    submission = world.submit(*world.make(lambda draft: pays_and_posts(draft, 1)))
    world.step()

    world.new_orchestrator().recover()

    assert world.statuses(submission) == [JobStatus.PENDING, JobStatus.BLOCKED]


def test_a_job_that_was_asked_to_stop_is_cancelled_when_its_server_is_gone(world: World) -> None:
    submission = world.submit(*world.make(lambda draft: pays_and_posts(draft, 0)))
    world.step()
    world.cancel(submission.job_ids[0])

    world.new_orchestrator().recover()

    assert world.statuses(submission) == [JobStatus.CANCELED, JobStatus.ABANDONED]


def test_no_ending_has_a_job_run_again_that_may_run_once() -> None:
    again = {JobEvent.RETRIED, JobEvent.WORKER_LOST, JobEvent.HANDED_BACK}
    outcomes = set(JobEvent) - {JobEvent.RETRIED}
    for event, failures, losses in itertools.product(outcomes, range(3), range(3)):
        ending = decide_attempt_event(
            event, failures=failures, retries=0, losses=losses, losses_allowed=0
        )
        assert ending not in again
