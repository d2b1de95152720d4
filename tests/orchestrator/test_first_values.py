"""Jobs that wait for the first value of a data node keep nobody from bringing it."""

from pathlib import Path
from typing import Any

import pytest

from builders import Draft
from orchestrator.world import World
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES, JobStatus

BLOCKED, COMPLETED, FAILED = JobStatus.BLOCKED, JobStatus.COMPLETED, JobStatus.FAILED


@pytest.fixture
def named(tmp_path: Path) -> dict[str, Any]:
    return {"default_path": str(tmp_path / "middle"), "storage_type": "json"}


def chain(world: World, properties: dict[str, Any]) -> tuple[TaskId, TaskId, DataNodeId]:
    """Make a task that writes a data node without a value, and one that reads it."""

    def build(draft: Draft) -> tuple[TaskId, TaskId, DataNodeId]:
        start, end = draft.node("start", 1), draft.node("end")
        middle = draft.node("middle", **properties)
        return (
            draft.task("first", "increment", [start], [middle]),
            draft.task("second", "increment", [middle], [end]),
            middle,
        )

    return world.make(build)


def test_a_submission_brings_what_an_earlier_one_waits_for(
    world: World, named: dict[str, Any]
) -> None:
    first, second, _ = chain(world, named)
    reading = world.submit(second)
    writing = world.submit(first)
    world.run_all()

    assert world.statuses(writing) == [COMPLETED]
    assert world.statuses(reading) == [COMPLETED]


def test_a_write_brings_what_a_job_waits_for(world: World, named: dict[str, Any]) -> None:
    _, second, middle = chain(world, named)
    reading = world.submit(second)

    world.data_nodes.write(ANYONE, middle, 5)
    world.run_all()

    assert world.statuses(reading) == [COMPLETED]


def test_a_job_whose_writer_failed_goes_on_waiting_and_keeps_no_later_writer(
    world: World, named: dict[str, Any]
) -> None:
    first, second, middle = chain(world, named)
    world.submit(first)
    reading = world.submit(second)
    later = world.submit(first)
    world.step()
    world.executor.end(JobEvent.RAISED)
    world.step()

    assert world.jobs(reading)[0].waiting_for[0] == middle
    world.run_all()
    assert world.statuses(later) == [COMPLETED]
    assert world.statuses(reading) == [COMPLETED]


def test_a_job_reads_the_first_value_that_is_brought_and_the_next_writer_waits_for_it(
    world: World, named: dict[str, Any]
) -> None:
    first, second, _ = chain(world, named)
    reading = world.submit(second)
    world.submit(first)
    later = world.submit(first)
    world.step()
    world.executor.run()
    world.step()

    assert [request.number for request in world.executor.waiting] == [
        claim.number
        for claim, *_ in world.orchestrator._state.running.values()
        if claim.id == reading.job_ids[0]
    ]
    assert world.jobs(later)[0].waiting_for == (reading.job_ids[0],)


def test_a_write_is_refused_while_the_job_that_brings_the_first_value_runs(
    world: World, named: dict[str, Any]
) -> None:
    first, second, middle = chain(world, named)
    world.submit(second)
    writing = world.submit(first)
    world.step()

    with pytest.raises(ConflictError) as refusal:
        world.data_nodes.write(ANYONE, middle, 5)

    assert f"will be written by job {writing.job_ids[0]}" in refusal.value.message
    assert "which is RUNNING" in refusal.value.message
    assert "or cancel the job" in refusal.value.message


def test_a_value_is_written_though_the_job_that_makes_it_waits_for_it_itself(world: World) -> None:
    """Each of two submissions reads what the other writes."""

    def build(draft: Draft) -> tuple[TaskId, TaskId, DataNodeId]:
        left, right = draft.node("left"), draft.node("right")
        return (
            draft.task("there", "increment", [left], [right]),
            draft.task("back", "increment", [right], [left]),
            left,
        )

    there, back, left = world.make(build)
    submissions = [world.submit(there), world.submit(back)]

    world.data_nodes.write(ANYONE, left, 1)
    world.run_all()

    assert [world.statuses(submission) for submission in submissions] == [[COMPLETED]] * 2
    assert world.value(left) == 3


@pytest.mark.parametrize("is_named", [False, True])
def test_a_job_that_brings_a_value_goes_before_the_one_that_waits_though_both_write_another(
    world: World, tmp_path: Path, is_named: bool
) -> None:
    shared = {"storage_type": "json", "default_path": str(tmp_path / "end")} if is_named else {}

    def build(draft: Draft) -> tuple[TaskId, TaskId, TaskId, DataNodeId]:
        start, middle, end = (
            draft.node("start", 1),
            draft.node("middle"),
            draft.node("end", **shared),
        )
        last = draft.node("last")
        return (
            draft.task("both", "twice", [start], [middle, end]),
            draft.task("second", "increment", [middle], [end]),
            draft.task("third", "increment", [end], [last]),
            last,
        )

    both, second, third, last = world.make(build)
    waiting = world.submit(second, third)
    bringing = world.submit(both)
    world.run_all()

    assert world.statuses(bringing) == [COMPLETED]
    assert world.statuses(waiting) == [COMPLETED, COMPLETED]
    assert world.value(last) == 3


@pytest.mark.parametrize("storage_type", sorted(EXTERNAL_STORAGE_TYPES))
def test_a_job_that_waits_for_a_value_outside_holds_nothing(
    world: World, storage_type: str
) -> None:
    first, second, middle = chain(world, {"storage_type": storage_type})
    world.submit(second)
    writing = world.submit(first)

    assert world.jobs(writing)[0].waiting_for == ()
    world.step()
    assert [request.outputs[0].data_node_id for request in world.executor.waiting] == [middle]
