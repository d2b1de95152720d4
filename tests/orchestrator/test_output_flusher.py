"""What jobs write is kept while they run, and their ends have the last word."""

import pytest

from builders import Draft
from orchestrator.world import World
from scenarist.db.jobs import outputs as output_rows
from scenarist.db.jobs import rows as job_rows
from scenarist.domain.entities import Submission
from scenarist.domain.identifiers import TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.orchestrator.output_flusher import OutputFlusher


def a_task(draft: Draft) -> TaskId:
    return draft.task("first", "increment", [draft.node("start", 1)], [draft.node("end")])


@pytest.fixture
def running(world: World) -> Submission:
    """A submission whose one job runs, in its first attempt."""
    submission = world.submit(world.make(a_task))
    world.step()
    return submission


def number_of(world: World) -> int:
    return world.executor.waiting[0].number


def keep(world: World, number: int, attempt: int, text: str) -> None:
    world.database.write(
        lambda connection: output_rows.store_logs(connection, {(number, attempt): text})
    )


def log_of(world: World, submission: Submission) -> list[tuple[int, str]]:
    return job_rows.find_log(world.database.reader, submission.job_ids[0])


def test_what_is_kept_is_replaced_by_more(world: World, running: Submission) -> None:
    number = number_of(world)

    keep(world, number, 1, "one\n")
    keep(world, number, 1, "one\ntwo\n")

    assert log_of(world, running) == [(1, "one\ntwo\n")]


def test_the_end_of_a_job_brings_its_whole_log(world: World, running: Submission) -> None:
    keep(world, number_of(world), 1, "one\n")

    world.executor.end(JobEvent.RAISED, "an accident", log="one\ntwo\n")
    world.step()

    assert log_of(world, running) == [(1, "one\ntwo\n")]


@pytest.mark.parametrize("attempt", [1, 2])
def test_what_comes_after_the_end_or_of_another_attempt_changes_nothing(
    world: World, running: Submission, attempt: int
) -> None:
    number = number_of(world)
    if attempt == 1:
        world.executor.end(JobEvent.RAISED, "an accident")
        world.step()

    keep(world, number, attempt, "too late")

    assert log_of(world, running) == []


def test_computations_on_behalf_of_requests_leave_no_log(world: World, running: Submission) -> None:
    read = {(-1, 1): "a computation\n", (number_of(world), 1): "a job\n"}

    OutputFlusher(world.database, lambda: read).flush()

    assert log_of(world, running) == [(1, "a job\n")]
