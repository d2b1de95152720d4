"""Data nodes that share one place: what a job reads is what was written for its data node."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import Clock, Draft
from conftest import FreshUrl
from orchestrator.world import World
from pipelines import mix
from scenarist.db.engine import Database
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.planning import TaskLinks, order_tasks
from scenarist.domain.vocabulary import JobStatus

SHARED = 4
"""Data nodes: two at each of two places."""
OWN = 2
"""Data nodes at places of their own."""
Task = tuple[list[int], int]
"""The data nodes that it reads, and the one that it writes."""


@st.composite
def tasks(draw: st.DrawFn) -> list[Task]:
    """Tasks without a cycle: each reads data nodes of lower numbers than the one it writes."""
    made = []
    for _ in range(draw(st.integers(2, 5))):
        written = draw(st.integers(0, SHARED + OWN - 1))
        lower = st.lists(st.integers(0, written - 1), max_size=2, unique=True)
        made.append((draw(lower) if written else [], written))
    return made


def place_of(node: int) -> str | None:
    return f"place {node % 2}" if node < SHARED else None


class Model:
    """What submissions leave that run one after the other."""

    def __init__(self) -> None:
        self.values = {node: 100 + node for node in range(SHARED + OWN)}
        self.last_at: dict[str, int] = {}

    def run(self, tasks: list[Task], order: list[int], fails: set[int]) -> list[JobStatus]:
        ended: dict[int, JobStatus] = {}
        writer: dict[int, int] = {}
        for number in order:
            reads, writes = tasks[number]
            needed = [ended[writer[node]] for node in reads if node in writer]
            if any(status is not JobStatus.COMPLETED for status in needed):
                ended[number] = JobStatus.ABANDONED
            elif number in fails or any(self.is_replaced(node) for node in reads):
                ended[number] = JobStatus.FAILED
            else:
                ended[number] = JobStatus.COMPLETED
                self.values[writes] = mix(*(self.values[node] for node in reads))
                place = place_of(writes)
                if place is not None:
                    self.last_at[place] = writes
            writer[writes] = number
        return [ended[number] for number in order]

    def is_replaced(self, node: int) -> bool:
        place = place_of(node)
        return place is not None and self.last_at.get(place, node) != node


def in_order(tasks: list[Task], chosen: list[int]) -> list[int]:
    links = [
        TaskLinks(str(number), tuple(map(str, tasks[number][0])), (str(tasks[number][1]),))
        for number in chosen
    ]
    return [int(link.id) for link in order_tasks(links)]


def go_on(world: World) -> None:
    """Take steps until there is something to run: a job that is refused lets others go on."""
    world.step()
    steps = 1
    while not world.executor.waiting and steps < 20:
        world.step()
        steps += 1


@pytest.mark.timeout(600)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), tasks=tasks())
def test_any_interleaving_at_shared_places_reads_what_one_after_the_other_reads(
    fresh_url: FreshUrl, data: st.DataObject, tasks: list[Task]
) -> None:
    some = st.lists(st.integers(0, len(tasks) - 1), min_size=1, unique=True)
    submissions = [
        in_order(tasks, chosen) for chosen in data.draw(st.lists(some, min_size=1, max_size=4))
    ]
    failing = [data.draw(st.sets(st.sampled_from(order), max_size=1)) for order in submissions]
    model = Model()
    expected = [
        model.run(tasks, order, fails) for order, fails in zip(submissions, failing, strict=True)
    ]

    with tempfile.TemporaryDirectory() as folder, fresh_url() as url, Database(url) as database:
        world = World(database, Clock(), Path(folder))

        def build(draft: Draft) -> tuple[list[DataNodeId], list[TaskId]]:
            nodes = [
                draft.node(
                    f"node{number}",
                    100 + number,
                    **(
                        {}
                        if place_of(number) is None
                        else {"path": f"{folder}/{place_of(number)}.p"}
                    ),
                )
                for number in range(SHARED + OWN)
            ]
            return nodes, [
                draft.task(f"task{number}", "mix", [nodes[node] for node in reads], [nodes[writes]])
                for number, (reads, writes) in enumerate(tasks)
            ]

        nodes, task_ids = world.make(build)
        made = [world.submit(*(task_ids[number] for number in order)) for order in submissions]
        fails = {
            job_id
            for submission, order, bad in zip(made, submissions, failing, strict=True)
            for job_id, number in zip(submission.job_ids, order, strict=True)
            if number in bad
        }
        go_on(world)
        while world.executor.waiting:
            position = data.draw(st.integers(0, len(world.executor.waiting) - 1))
            request = world.executor.waiting[position]
            claim, *_ = world.orchestrator._state.running[request.number]
            if claim.id in fails:
                world.executor.end(JobEvent.RAISED, "no luck", position)
            else:
                world.executor.run(position)
            go_on(world)

        assert [world.statuses(submission) for submission in made] == expected
        assert {
            number: value
            for number, node in enumerate(nodes)
            if (value := world.read(node)) is not None
        } == {
            number: value for number, value in model.values.items() if not model.is_replaced(number)
        }
