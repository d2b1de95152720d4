"""What the orchestrator tells those who watch: figures that tell waiting from running, and lines.

The clock of these tests moves only where they say so; each figure is the sum of what was counted.
"""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from builders import Draft
from orchestrator.world import World
from scenarist.domain.identifiers import TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.permissions import ANYONE
from scenarist.executors.base import JobOutcome
from scenarist.observability.metrics import Histogram, OrchestratorMetrics


@pytest.fixture
def task(world: World) -> TaskId:
    return world.make(lambda draft: draft.task("alone", "nothing", retries=1))


def figures(world: World) -> OrchestratorMetrics:
    return world.orchestrator.metrics


def counted(times: Histogram) -> tuple[int, float]:
    return sum(times.counts), times.seconds


def wait(world: World, seconds: float) -> None:
    world.clock.advance(timedelta(seconds=seconds))


def test_a_job_waits_for_its_claim_from_its_submit(world: World, task: TaskId) -> None:
    world.submit(task)
    wait(world, 20)

    world.step()

    assert counted(figures(world).claim_delays) == (1, 20.0)


def test_a_job_that_needs_another_waits_from_the_end_of_that(world: World) -> None:
    def build(draft: Draft) -> list[TaskId]:
        middle = draft.node("middle")
        return [
            draft.task("first", "increment", [draft.node("start", 1)], [middle]),
            draft.task("second", "increment", [middle], [draft.node("end")]),
        ]

    world.submit(*world.make(build))
    world.step()
    wait(world, 60)
    world.executor.run()
    world.executor.slots = 0
    world.step()
    wait(world, 5)
    world.executor.slots = 1

    world.step()

    assert counted(figures(world).claim_delays) == (2, 5.0)


def test_a_job_that_needs_a_value_waits_from_its_writing(world: World) -> None:
    def build(draft: Draft) -> tuple[str, TaskId]:
        given = draft.node("given")
        return given, draft.task("reads", "increment", [given], [draft.node("end")])

    given, reads = world.make(build)
    world.submit(reads)
    wait(world, 60)
    world.data_nodes.write(ANYONE, given, 1)
    wait(world, 3)

    world.step()

    assert counted(figures(world).claim_delays) == (1, 3.0)


def test_a_retry_waits_from_the_end_of_its_delay(world: World, task: TaskId) -> None:
    world.submit(task)
    world.step()
    world.executor.end(JobEvent.RAISED)
    world.step()
    wait(world, 4)  # the delay is one second, and up to a quarter more

    world.step()

    claims, seconds = counted(figures(world).claim_delays)
    assert claims == 2
    assert 2.75 <= seconds <= 3.0


def test_a_job_that_was_handed_back_waits_from_then_on(world: World, task: TaskId) -> None:
    world.submit(task)
    world.step()
    wait(world, 60)
    world.new_orchestrator()
    world.orchestrator.recover()
    wait(world, 2)

    world.step()

    assert counted(figures(world).claim_delays) == (1, 2.0)


def test_running_is_told_from_coming_to_run(world: World, task: TaskId) -> None:
    world.submit(task)
    world.step()
    request = world.executor.waiting[0]
    claimed_at = world.clock()
    world.orchestrator.deliver(
        [
            JobOutcome(
                number=request.number,
                attempt=request.attempt,
                event=JobEvent.SUCCEEDED,
                started_at=claimed_at + timedelta(seconds=7),
                finished_at=claimed_at + timedelta(seconds=19),
            )
        ]
    )

    world.step()

    assert counted(figures(world).start_delays) == (1, 7.0)
    assert counted(figures(world).run_durations) == (1, 12.0)
    assert figures(world).run_seconds == {"alone": 12.0}


def test_what_is_with_the_executor_is_told(world: World, task: TaskId) -> None:
    world.submit(task)

    world.step()

    assert (world.orchestrator.running, world.orchestrator.slots) == (1, 100)
    world.run_all()
    assert world.orchestrator.running == 0


def test_every_ending_of_an_attempt_is_counted_by_its_task(world: World, task: TaskId) -> None:
    world.submit(task)
    for event, seconds in (
        (JobEvent.WORKER_LOST, 0),
        (JobEvent.HANDED_BACK, 0),
        (JobEvent.RAISED, 2),
        (JobEvent.RAISED, 0),
    ):
        world.step()
        world.executor.end(event)
        world.step()
        wait(world, seconds)

    assert figures(world).attempts == {
        ("alone", "LOST"): 1,
        ("alone", "HANDED_BACK"): 1,
        ("alone", "RETRIED"): 1,
        ("alone", "FAILED"): 1,
    }


def test_a_job_that_need_not_run_is_counted_and_has_no_time(world: World) -> None:
    def build(draft: Draft) -> TaskId:
        return draft.task(
            "kept", "increment", [draft.node("a", 1)], [draft.node("b")], skippable=True
        )

    kept = world.make(build)
    for _ in range(2):
        wait(world, 1)
        world.submit(kept)
        world.run_all()

    assert figures(world).attempts == {("kept", "COMPLETED"): 1, ("kept", "SKIPPED"): 1}
    assert counted(figures(world).run_durations)[0] == 1


def test_a_late_outcome_of_a_lost_attempt_is_not_counted(world: World, task: TaskId) -> None:
    world.submit(task)
    world.step()
    first, executor = world.orchestrator, world.executor
    world.new_orchestrator().recover()
    world.run_all()
    executor.run()

    with capture_logs() as lines:
        first.step()

    assert figures(world).attempts == {("alone", "COMPLETED"): 1}
    assert first.metrics.attempts == {}
    assert lines == []


def test_a_line_names_the_job_its_submission_its_task_and_its_attempt(
    world: World, task: TaskId
) -> None:
    submission = world.submit(task)
    world.step()
    world.executor.end(JobEvent.RAISED, "the password is sesame")

    with capture_logs() as lines:
        world.step()

    assert lines == [
        {
            "event": "attempt ended",
            "log_level": "warning",
            "job_id": submission.job_ids[0],
            "submission_id": submission.id,
            "task": "alone",
            "attempt": 1,
            "ending": "RETRIED",
            "seconds": None,
        }
    ]


def test_what_goes_well_is_told_to_those_who_look_closely(world: World, task: TaskId) -> None:
    world.submit(task)
    world.step()
    world.executor.run()

    with capture_logs() as lines:
        world.step()

    assert [(line["ending"], line["log_level"]) for line in lines] == [("COMPLETED", "debug")]


def test_a_job_that_is_handed_back_is_told_of(world: World, task: TaskId) -> None:
    submission = world.submit(task)
    world.step()
    world.new_orchestrator()

    with capture_logs() as lines:
        world.orchestrator.recover()

    assert [line for line in lines if "job_id" in line] == [
        {
            "event": "job handed back",
            "log_level": "info",
            "job_id": submission.job_ids[0],
            "submission_id": submission.id,
        }
    ]
