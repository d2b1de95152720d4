"""Stories of jobs that are cancelled, and of submissions that are tried again."""

from datetime import timedelta

import pytest

from builders import Draft
from orchestrator.world import World
from scenarist.db import event_log
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import Notification, Topic
from scenarist.domain.entities import Submission
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.permissions import ANYONE, ActorRef
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus
from scenarist.executors.base import JobOutcome
from scenarist.services.cancellation import Canceller
from scenarist.services.jobs import JobService


@pytest.fixture
def chain(world: World) -> list[TaskId]:
    """Three tasks in a row."""

    def build(draft: Draft) -> list[TaskId]:
        nodes = [draft.node("start", 1), *(draft.node(name) for name in ("one", "two", "three"))]
        return [
            draft.task(f"task{place}", "increment", [nodes[place]], [nodes[place + 1]])
            for place in range(3)
        ]

    return world.make(build)


def test_a_pending_job_is_cancelled_at_once_and_those_that_need_it_are_abandoned(
    world: World, chain: list[TaskId]
) -> None:
    submission = world.submit(*chain)

    cancelled = world.cancel(submission.job_ids[0])

    assert cancelled.status is JobStatus.CANCELED
    assert cancelled.reason == "cancelled by anyone"
    assert world.statuses(submission) == ["CANCELED", "ABANDONED", "ABANDONED"]
    assert world.submission(submission).status is SubmissionStatus.CANCELED
    assert submission.id in world.ended
    world.step()
    assert world.executor.waiting == []


def test_the_log_of_events_says_who_cancelled_and_what_followed_by_itself(
    world: World, chain: list[TaskId]
) -> None:
    submission = world.submit(*chain)
    world.cancel(submission.job_ids[0])

    *_, (_, _, changes) = event_log.read(world.database.reader, first=0, limit=100)

    assert [(change.id, change.status, change.actor) for change in changes] == [
        (submission.job_ids[0], "CANCELED", ActorRef("anyone", "anyone")),
        (submission.job_ids[1], "ABANDONED", None),
        (submission.job_ids[2], "ABANDONED", None),
        (submission.id, "CANCELED", None),
    ]


def test_a_blocked_job_is_cancelled_and_those_before_it_run(
    world: World, chain: list[TaskId]
) -> None:
    submission = world.submit(*chain)

    world.cancel(submission.job_ids[1])
    world.run_all()

    assert world.statuses(submission) == ["COMPLETED", "CANCELED", "ABANDONED"]
    assert world.submission(submission).status is SubmissionStatus.CANCELED


def test_a_running_job_is_cancelled_when_its_process_has_stopped(
    world: World, chain: list[TaskId]
) -> None:
    submission = world.submit(*chain)
    world.step()

    asked = world.cancel(submission.job_ids[0])
    assert asked.status is JobStatus.RUNNING
    assert asked.cancel_requested_at == world.clock.at

    world.step()

    assert world.statuses(submission) == ["CANCELED", "ABANDONED", "ABANDONED"]
    assert submission.job_ids[0] in world.ended


def test_a_job_that_another_process_wants_stopped_is_stopped(
    world: World, chain: list[TaskId], database_url: str
) -> None:
    submission = world.submit(*chain)
    world.step()
    with Database(database_url) as elsewhere:
        canceller = Canceller(elsewhere, now=world.clock)
        JobService(elsewhere, canceller, now=world.clock).cancel(ANYONE, submission.job_ids[0])

    world.step()
    before = world.statuses(submission)
    world.orchestrator.on_commit(Notification(frozenset({Topic.STOP})))
    world.step()
    world.step()

    assert before[0] is JobStatus.RUNNING
    assert world.statuses(submission) == ["CANCELED", "ABANDONED", "ABANDONED"]


def test_a_job_that_ends_before_it_is_stopped_keeps_what_it_did(
    world: World, chain: list[TaskId]
) -> None:
    submission = world.submit(*chain)
    world.step()
    world.cancel(submission.job_ids[0])

    world.executor.run()
    world.run_all()

    assert world.statuses(submission) == ["COMPLETED", "COMPLETED", "COMPLETED"]


@pytest.mark.parametrize("event", [JobEvent.RAISED, JobEvent.WORKER_LOST, JobEvent.TIMED_OUT])
def test_what_goes_wrong_after_the_request_to_stop_is_the_stop(
    world: World, chain: list[TaskId], event: JobEvent
) -> None:
    submission = world.submit(*chain)
    world.step()
    world.cancel(submission.job_ids[0])

    world.executor.end(event, "an accident")
    world.step()

    assert world.statuses(submission) == ["CANCELED", "ABANDONED", "ABANDONED"]
    assert world.executor.waiting == []


@pytest.mark.parametrize(("before", "status"), [(1, "FAILED"), (-1, "CANCELED")])
def test_a_job_that_is_cancelled_while_its_time_is_over_is_what_came_first(
    world: World, before: int, status: str
) -> None:
    task = world.make(lambda draft: draft.task("slow", "increment", [], [], retries=3))
    submission = world.submit(task)
    world.step()
    asked = world.cancel(submission.job_ids[0])
    assert asked.cancel_requested_at is not None
    (request,) = world.executor.waiting
    late = "it ran longer than its timeout of 1 s"
    outcome = JobOutcome(
        number=request.number,
        attempt=request.attempt,
        event=JobEvent.TIMED_OUT,
        reason=late,
        stopped_at=asked.cancel_requested_at - timedelta(seconds=before),
    )

    world.executor.slots = 0
    world.executor.waiting.clear()
    world.orchestrator.deliver([outcome])
    world.step()

    job = world.job(submission.job_ids[0])
    reason = late if status == "FAILED" else "cancelled by anyone"
    assert (job.status, job.reason) == (status, reason)


def test_a_running_job_that_is_cancelled_says_by_whom(world: World, chain: list[TaskId]) -> None:
    submission = world.submit(*chain)
    world.step()
    world.cancel(submission.job_ids[0])
    world.step()

    job = world.job(submission.job_ids[0])
    assert (job.status, job.reason) == (JobStatus.CANCELED, "cancelled by anyone")


def test_a_job_that_succeeds_although_it_was_asked_to_stop_has_no_reason(
    world: World, chain: list[TaskId]
) -> None:
    submission = world.submit(*chain)
    world.step()
    world.cancel(submission.job_ids[0])

    world.executor.run()
    world.run_all()

    job = world.job(submission.job_ids[0])
    assert (job.status, job.reason) == (JobStatus.COMPLETED, None)


def test_a_job_that_was_asked_to_stop_does_not_run_again_after_a_crash(
    world: World, chain: list[TaskId]
) -> None:
    submission = world.submit(*chain)
    world.step()
    world.cancel(submission.job_ids[0])

    world.new_orchestrator().recover()
    world.step()

    assert world.statuses(submission) == ["CANCELED", "ABANDONED", "ABANDONED"]
    assert world.job(submission.job_ids[0]).reason == "cancelled by anyone"
    assert world.executor.waiting == []


def test_a_cancelled_job_cannot_be_cancelled_away_from_what_it_is(
    world: World, chain: list[TaskId]
) -> None:
    submission = world.submit(*chain)
    first = world.cancel(submission.job_ids[0])

    assert world.cancel(submission.job_ids[0]) == first
    with pytest.raises(ConflictError, match="is ABANDONED; only a job that has not ended"):
        world.cancel(submission.job_ids[1])


def test_a_writer_that_is_cancelled_hands_its_place_in_the_order_on(world: World) -> None:
    def build(draft: Draft) -> TaskId:
        return draft.task("count", "increment", [draft.node("start", 1)], [draft.node("end")])

    task = world.make(build)
    first, second, third = (world.submit(task) for _ in range(3))
    world.step()

    world.cancel(second.job_ids[0])
    world.step()

    assert len(world.executor.waiting) == 1
    assert world.job(third.job_ids[0]).waiting_for == first.job_ids
    world.run_all()
    assert world.statuses(third) == ["COMPLETED"]


def test_a_cancelled_submission_ends_all_its_jobs(world: World, chain: list[TaskId]) -> None:
    submission = world.submit(*chain)
    world.step()

    world.submissions.cancel(ANYONE, submission.id)
    assert world.statuses(submission) == ["RUNNING", "CANCELED", "CANCELED"]
    world.step()

    assert world.statuses(submission) == ["CANCELED", "CANCELED", "CANCELED"]
    assert world.submission(submission).status is SubmissionStatus.CANCELED


def failed(world: World, chain: list[TaskId]) -> Submission:
    """A submission whose second job went wrong."""
    submission = world.submit(*chain)
    world.step()
    world.executor.run()
    world.step()
    world.executor.end(JobEvent.RAISED, "an accident")
    world.step()
    return submission


def test_a_retry_runs_what_did_not_succeed_and_nothing_else(
    world: World, chain: list[TaskId]
) -> None:
    submission = failed(world, chain)

    again = world.retry(submission)
    world.run_all()

    assert [job.task_id for job in world.jobs(again)] == chain[1:]
    assert again.retry_of == submission.id
    assert again.entity_id == submission.entity_id
    assert world.submission(again).status is SubmissionStatus.COMPLETED
    assert world.submission(submission).status is SubmissionStatus.FAILED


def test_what_is_under_way_or_succeeded_is_not_retried(world: World, chain: list[TaskId]) -> None:
    submission = world.submit(*chain)

    with pytest.raises(ConflictError, match="is PENDING; retry it when it has ended"):
        world.retry(submission)
    world.run_all()
    with pytest.raises(ConflictError, match="no job that failed"):
        world.retry(submission)


def test_only_what_has_ended_is_deleted(world: World, chain: list[TaskId]) -> None:
    submission = world.submit(*chain)

    with pytest.raises(ConflictError, match="cancel it first"):
        world.submissions.delete(ANYONE, submission.id)
    with pytest.raises(ConflictError, match="cancel it first"):
        world.job_service.delete(ANYONE, submission.job_ids[0])
    world.run_all()
    world.job_service.delete(ANYONE, submission.job_ids[0])

    left = world.submission(submission)
    assert left.job_ids == submission.job_ids[1:]
    assert left.status is SubmissionStatus.COMPLETED
    world.submissions.delete(ANYONE, submission.id)
    assert world.database.reader.exec_driver_sql("SELECT count(*) FROM jobs").scalar() == 0
