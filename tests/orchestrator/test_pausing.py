"""Stories of submissions that are paused, and of an orchestration that is."""

from datetime import timedelta

import pytest

from builders import Draft
from orchestrator.world import World
from scenarist.db import event_log
from scenarist.domain.entities import Submission
from scenarist.domain.errors import ConflictError, NotFoundError
from scenarist.domain.identifiers import TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.permissions import ANYONE, ActorRef
from scenarist.domain.vocabulary import SubmissionStatus
from scenarist.services.orchestration import OrchestrationService


@pytest.fixture
def chain(world: World) -> list[TaskId]:
    """Two tasks in a row."""

    def build(draft: Draft) -> list[TaskId]:
        nodes = [draft.node("start", 1), draft.node("middle"), draft.node("end")]
        return [
            draft.task(f"task{place}", "increment", [nodes[place]], [nodes[place + 1]])
            for place in range(2)
        ]

    return world.make(build)


@pytest.fixture
def orchestration(world: World) -> OrchestrationService:
    return OrchestrationService(
        world.database, now=world.clock, version="test", find_other_versions=list
    )


def waiting_for(world: World, submission: Submission) -> list[tuple[str, ...]]:
    return [job.waiting_for for job in world.jobs(submission)]


def test_nothing_of_a_paused_submission_is_begun_and_its_jobs_say_so(
    world: World, chain: list[TaskId]
) -> None:
    submission = world.submit(*chain)

    paused = world.submissions.pause(ANYONE, submission.id)
    world.run_all()

    assert paused.paused_at == world.clock.at
    assert world.statuses(submission) == ["PENDING", "BLOCKED"]
    assert waiting_for(world, submission) == [(submission.id,), (submission.job_ids[0],)]


def test_what_runs_goes_on_and_what_follows_waits(world: World, chain: list[TaskId]) -> None:
    submission = world.submit(*chain)
    world.step()

    world.submissions.pause(ANYONE, submission.id)
    world.run_all()

    assert world.statuses(submission) == ["COMPLETED", "PENDING"]
    assert waiting_for(world, submission)[1] == (submission.id,)


def test_a_resumed_submission_goes_on_where_it_was(world: World, chain: list[TaskId]) -> None:
    submission = world.submit(*chain)
    world.submissions.pause(ANYONE, submission.id)
    world.run_all()

    resumed = world.submissions.resume(ANYONE, submission.id)
    world.run_all()

    assert resumed.paused_at is None
    assert world.submission(submission).status is SubmissionStatus.COMPLETED


def test_a_retry_that_was_put_off_is_waited_for_again_after_a_resume(world: World) -> None:
    delay = timedelta(seconds=10)
    submission = world.submit(
        world.make(lambda draft: draft.task("flaky", "fail", retries=1, retry_delay=delay))
    )
    world.step()
    world.executor.run()
    world.step()
    due = world.orchestrator._seconds_to_next_due()

    world.submissions.pause(ANYONE, submission.id)
    world.step()
    while_paused = world.orchestrator._seconds_to_next_due()
    world.submissions.resume(ANYONE, submission.id)
    world.step()

    assert while_paused is None
    assert world.orchestrator._seconds_to_next_due() == due
    assert due is not None


def test_others_go_on_beside_a_paused_submission(world: World, chain: list[TaskId]) -> None:
    apart = world.make(lambda draft: draft.task("apart", "nothing"))
    paused, other = world.submit(*chain), world.submit(apart)

    world.submissions.pause(ANYONE, paused.id)
    world.run_all()

    assert world.statuses(other) == ["COMPLETED"]


def test_a_retry_of_a_paused_submission_waits_too(world: World) -> None:
    task = world.make(lambda draft: draft.task("flaky", "nothing", retries=1))
    submission = world.submit(task)
    world.step()
    world.submissions.pause(ANYONE, submission.id)

    world.executor.end(JobEvent.RAISED, "an accident")
    world.run_all()

    assert world.statuses(submission) == ["PENDING"]


def test_a_paused_submission_can_be_cancelled(world: World, chain: list[TaskId]) -> None:
    submission = world.submit(*chain)
    world.submissions.pause(ANYONE, submission.id)

    world.submissions.cancel(ANYONE, submission.id)

    assert world.submission(submission).status is SubmissionStatus.CANCELED


def test_pausing_twice_is_pausing_once(world: World, chain: list[TaskId]) -> None:
    submission = world.submit(*chain)
    first = world.submissions.pause(ANYONE, submission.id)
    commits = world.database.commits

    assert world.submissions.pause(ANYONE, submission.id) == first
    *_, (_, _, changes) = event_log.read(world.database.reader, first=0, limit=100)
    assert [(change.id, change.actor) for change in changes] == [
        (submission.id, ActorRef("anyone", "anyone"))
    ]
    assert world.database.commits == commits + 1


def test_only_what_has_not_ended_is_paused(world: World, chain: list[TaskId]) -> None:
    submission = world.submit(*chain)
    world.run_all()

    with pytest.raises(
        ConflictError, match="is COMPLETED; only a submission that has not ended can be"
    ):
        world.submissions.pause(ANYONE, submission.id)
    with pytest.raises(NotFoundError, match="no submission has the identifier SUBMISSION_none"):
        world.submissions.resume(ANYONE, "SUBMISSION_none")


def test_nothing_is_begun_while_the_orchestration_is_paused(
    world: World, chain: list[TaskId], orchestration: OrchestrationService
) -> None:
    paused = orchestration.pause(ANYONE)
    submission = world.submit(*chain)
    world.run_all()

    assert (paused.paused_at, paused.paused_by) == (world.clock.at, "anyone")
    assert world.statuses(submission) == ["PENDING", "BLOCKED"]
    assert waiting_for(world, submission)[0] == ("orchestration",)


def test_a_new_start_leaves_the_orchestration_paused_until_it_is_resumed(
    world: World, chain: list[TaskId], orchestration: OrchestrationService
) -> None:
    orchestration.pause(ANYONE)
    submission = world.submit(*chain)
    world.new_orchestrator().recover()
    world.run_all()
    assert world.statuses(submission) == ["PENDING", "BLOCKED"]

    orchestration.resume(ANYONE)
    world.run_all()

    assert world.statuses(submission) == ["COMPLETED", "COMPLETED"]
    assert orchestration.get(ANYONE).paused_by is None
