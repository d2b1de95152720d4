"""Promise 3 as a law: submissions leave what they would have left one after the other."""

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import Clock, Draft
from conftest import FreshUrl
from orchestrator.world import World
from pipelines import mix
from scenarist.db.engine import Database
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.planning import TaskLinks, order_tasks
from scenarist.domain.vocabulary import JobStatus

NODES = 5
Shape = list[tuple[list[int], list[int]]]  # for each task, the nodes it reads and writes


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Tasks without a cycle: each reads nodes of lower numbers than those it writes."""
    shape = []
    for _ in range(draw(st.integers(1, 4))):
        cut = draw(st.integers(1, NODES - 1))
        reads = draw(st.lists(st.integers(0, cut - 1), max_size=2, unique=True))
        writes = draw(st.lists(st.integers(cut, NODES - 1), min_size=1, max_size=2, unique=True))
        shape.append((reads, writes))
    return shape


def serially(
    shape: Shape,
    submissions: list[list[int]],
    failing: set[tuple[int, int]],
    canceled: set[tuple[int, int]],
) -> tuple[list[int], list[list[JobStatus]]]:
    """Run submissions one after the other: the values of the nodes, the status of each job."""
    values = [100 + node for node in range(NODES)]
    statuses = []
    for number, tasks in enumerate(submissions):
        ended: dict[int, JobStatus] = {}
        writer: dict[int, int] = {}
        for task in tasks:
            reads, writes = shape[task]
            if (number, task) in canceled:
                ended[task] = JobStatus.CANCELED
            elif any(
                ended[writer[node]] != JobStatus.COMPLETED for node in reads if node in writer
            ):
                ended[task] = JobStatus.ABANDONED
            elif (number, task) in failing:
                ended[task] = JobStatus.FAILED
            else:
                ended[task] = JobStatus.COMPLETED
                made = mix(1000 + task, *(values[node] for node in reads))
                for node in writes:
                    values[node] = made
            writer |= dict.fromkeys(writes, task)
        statuses.append([ended[task] for task in tasks])
    return values, statuses


def in_order(shape: Shape, tasks: list[int]) -> list[int]:
    links = [
        TaskLinks(str(task), tuple(map(str, shape[task][0])), tuple(map(str, shape[task][1])))
        for task in tasks
    ]
    return [int(link.id) for link in order_tasks(links)]


# Finding the smallest example of a failure takes its time.
@pytest.mark.timeout(600)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), shape=shapes())
def test_any_interleaving_leaves_what_one_after_the_other_leaves(  # noqa: PLR0915
    fresh_url: FreshUrl, data: st.DataObject, shape: Shape
) -> None:
    every = st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True)
    submissions = [
        in_order(shape, tasks) for tasks in data.draw(st.lists(every, min_size=1, max_size=4))
    ]
    jobs = [(number, task) for number, tasks in enumerate(submissions) for task in tasks]
    failing = set(data.draw(st.lists(st.sampled_from(jobs), max_size=4)))

    with (
        tempfile.TemporaryDirectory() as folder,
        fresh_url() as url,
        Database(url) as database,
    ):
        world = World(database, Clock(), Path(folder))

        def build(draft: Draft) -> tuple[list[DataNodeId], list[TaskId]]:
            nodes = [draft.node(f"node{n}", 100 + n) for n in range(NODES)]
            tasks = []
            for number, (reads, writes) in enumerate(shape):
                salt = draft.node(f"salt{number}", 1000 + number)
                tasks.append(
                    draft.task(
                        f"task{number}",
                        "mix" if len(writes) == 1 else "mix_twice",
                        [salt, *(nodes[node] for node in reads)],
                        [nodes[node] for node in writes],
                    )
                )
            return nodes, tasks

        nodes, tasks = world.make(build)
        made = [world.submit(*(tasks[task] for task in order)) for order in submissions]
        places = [
            (number, place)
            for number, order in enumerate(submissions)
            for place in range(len(order))
        ]
        fails = {
            job_id
            for number, submission in enumerate(made)
            for job_id, task in zip(submission.job_ids, submissions[number], strict=True)
            if (number, task) in failing
        }
        asked = set()
        world.step()
        while world.executor.waiting:
            if data.draw(st.integers(0, 9)) == 0:
                number, place = data.draw(st.sampled_from(places))
                with suppress(ConflictError):
                    world.cancel(made[number].job_ids[place])
                    asked.add((number, submissions[number][place]))
                world.step()
                continue
            position = data.draw(st.integers(0, len(world.executor.waiting) - 1))
            request = world.executor.waiting[position]
            claim, *_ = world.orchestrator._state.running[request.number]
            if claim.id in fails:
                world.executor.end(JobEvent.RAISED, position=position)
            else:
                world.executor.run(position)
            world.clock.advance(timedelta(seconds=1))
            if data.draw(st.booleans()) or not world.executor.waiting:
                world.step()

        statuses = [world.statuses(submission) for submission in made]
        canceled = {
            (number, submissions[number][place])
            for number, place in places
            if statuses[number][place] is JobStatus.CANCELED
        }
        assert canceled <= asked
        expected_values, expected_statuses = serially(shape, submissions, failing, canceled)
        assert statuses == expected_statuses
        assert [world.value(node) for node in nodes] == expected_values
