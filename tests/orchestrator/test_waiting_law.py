"""Promise 4 as a law: what a job waits for can come, whatever happens in which order."""

import json
import tempfile
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from builders import Clock, Draft
from conftest import FreshUrl
from orchestrator.world import World
from pipelines import mix
from scenarist.db.engine import Database
from scenarist.db.tables import data_nodes, edits, job_holds, job_inputs, job_waits, jobs
from scenarist.domain.entities import Submission
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.permissions import ANYONE
from scenarist.domain.planning import TaskLinks, order_tasks
from scenarist.domain.vocabulary import JobStatus

NODES = 4
SHARED = "in a pickle at one place with others"
KINDS = ("in its edit", "in a named pickle", "in a named JSON file", SHARED)


@dataclass(frozen=True)
class Pipeline:
    """For each data node its kind and whether it has a value; for each task its ends."""

    nodes: list[tuple[str, bool]]
    tasks: list[tuple[list[int], list[int]]]
    submissions: list[list[int]]


def _is_acyclic(tasks: list[tuple[list[int], list[int]]], chosen: list[int]) -> bool:
    with suppress(ValueError):
        order_tasks(
            [
                TaskLinks(str(n), tuple(map(str, tasks[n][0])), tuple(map(str, tasks[n][1])))
                for n in chosen
            ]
        )
        return True
    return False


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """Tasks that may write what others read, and the other way round; only a submission may not."""
    nodes = draw(
        st.lists(st.tuples(st.sampled_from(KINDS), st.booleans()), min_size=NODES, max_size=NODES)
    )
    tasks = []
    for _ in range(draw(st.integers(1, 4))):
        ends = draw(st.permutations(range(NODES)))
        reads, writes = draw(st.integers(0, 2)), draw(st.integers(1, 2))
        tasks.append((ends[:reads], ends[reads : reads + writes]))
    some = st.lists(st.integers(0, len(tasks) - 1), min_size=1, max_size=3, unique=True)
    submissions = draw(
        st.lists(some.filter(lambda chosen: _is_acyclic(tasks, chosen)), min_size=2, max_size=5)
    )
    return Pipeline(nodes, tasks, submissions)


@dataclass
class Course:
    """A pipeline on its way, and what is looked at after each step."""

    world: World
    pipeline: Pipeline
    folder: Path
    nodes: list[DataNodeId] = field(default_factory=list)
    tasks: list[TaskId] = field(default_factory=list)
    made: list[Submission] = field(default_factory=list)
    written: dict[DataNodeId, list[str]] = field(default_factory=lambda: defaultdict(list))
    values: int = 0

    def make(self) -> None:
        def build(draft: Draft) -> None:
            for number, (kind, _) in enumerate(self.pipeline.nodes):
                name = "shared" if kind == SHARED else f"node{number}"
                named = {"default_path": str(self.folder / name)}
                storage_type = "json" if kind == "in a named JSON file" else "pickle"
                properties = {} if kind == "in its edit" else named
                self.nodes.append(
                    draft.node(f"node{number}", storage_type=storage_type, **properties)
                )
            for number, (reads, writes) in enumerate(self.pipeline.tasks):
                salt = draft.node(f"salt{number}", 1000 + number)
                self.tasks.append(
                    draft.task(
                        f"task{number}",
                        "mix" if len(writes) == 1 else "mix_twice",
                        [salt, *(self.nodes[node] for node in reads)],
                        [self.nodes[node] for node in writes],
                    )
                )

        self.world.make(build)
        for node, (_, has_value) in zip(self.nodes, self.pipeline.nodes, strict=True):
            if has_value:
                self.write(node)
        self.look()

    def write(self, node: DataNodeId) -> None:
        self.values += 1
        self.world.data_nodes.write(ANYONE, node, self.values)

    def submit(self) -> None:
        chosen = self.pipeline.submissions[len(self.made)]
        self.made.append(self.world.submit(*(self.tasks[task] for task in chosen)))

    @property
    def job_ids(self) -> list[str]:
        return [job_id for submission in self.made for job_id in submission.job_ids]

    def act(self, data: st.DataObject) -> None:
        """Do one of the things that people and workers do."""
        world = self.world
        may: list[str] = ["write", "step"]
        may += ["submit"] * 2 if len(self.made) < len(self.pipeline.submissions) else []
        may += ["run"] * 3 + ["fail", "lose"] if world.executor.waiting else []
        may += ["cancel", "pause", "resume"] if self.made else []
        what = data.draw(st.sampled_from(may))
        if what == "submit":
            self.submit()
        elif what == "write":
            with suppress(ConflictError):
                self.write(data.draw(st.sampled_from(self.nodes)))
        elif what in {"run", "fail", "lose"}:
            position = data.draw(st.integers(0, len(world.executor.waiting) - 1))
            if what == "run":
                world.executor.run(position)
            else:
                event = JobEvent.RAISED if what == "fail" else JobEvent.WORKER_LOST
                world.executor.end(event, position=position)
        elif what == "cancel":
            with suppress(ConflictError):
                world.cancel(data.draw(st.sampled_from(self.job_ids)))
        elif what in {"pause", "resume"}:
            submission = data.draw(st.sampled_from(self.made))
            with suppress(ConflictError):
                change = getattr(world.submissions, what)
                change(ANYONE, submission.id)
        if what == "step" or data.draw(st.booleans()):
            world.clock.advance(timedelta(seconds=1))
            world.step()
        self.look()

    def finish(self) -> None:
        """Let all go on that can; then bring each first value that something waits for."""
        while len(self.made) < len(self.pipeline.submissions):
            self.submit()
        for submission in self.made:
            with suppress(ConflictError):
                self.world.submissions.resume(ANYONE, submission.id)
        self.go_on()
        while any(not self.world.job(job_id).status.is_finished for job_id in self.job_ids):
            awaited = self.awaited()
            assert awaited, "jobs wait, and nobody can bring anything"
            self.write(awaited[0])
            self.look()
            self.go_on()

    def go_on(self) -> None:
        """Run all that can run; what is refused lets others go on in the next step."""
        before = None
        while self.world.executor.waiting or before != self.statuses():
            before = self.statuses()
            if self.world.executor.waiting:
                self.world.executor.run()
            self.world.step()
            self.look()

    def statuses(self) -> list[JobStatus]:
        return [self.world.job(job_id).status for job_id in self.job_ids]

    def awaited(self) -> list[DataNodeId]:
        query = select(job_waits.c.for_data_node).where(job_waits.c.kind == "INPUT")
        return [DataNodeId(node) for node in self.world.database.reader.execute(query).scalars()]

    def look(self) -> None:
        reader = self.world.database.reader
        waits: dict[int, set[int]] = defaultdict(set)
        query = select(job_waits.c.job_number, job_waits.c.for_job)
        for number, other in reader.execute(query.where(job_waits.c.for_job.is_not(None))):
            waits[number].add(other)
        with_cycle = None
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as error:
            with_cycle = error.args[1]
        assert with_cycle is None
        count = (
            select(func.count()).where(job_waits.c.job_number == jobs.c.number).scalar_subquery()
        )
        for status, waiting, rows in reader.execute(select(jobs.c.status, jobs.c.waiting, count)):
            assert waiting == rows
            assert (status == JobStatus.BLOCKED) == (rows > 0)
        holds_while_it_waits = (
            select(job_waits.c.job_number)
            .join(job_holds, job_holds.c.job_number == job_waits.c.job_number)
            .where(job_waits.c.kind == "INPUT", job_holds.c.mode == "READ")
        )
        assert reader.execute(holds_while_it_waits).first() is None
        for node, edit in reader.execute(select(data_nodes.c.id, data_nodes.c.last_edit_id)):
            known = self.written[node]
            if edit is not None and (not known or known[-1] != edit):
                known.append(edit)

    def check_what_was_read(self) -> None:
        """Each value was made of those whose edits its job is said to have read, in some order."""
        made_by: dict[str, str | None] = {}
        values: dict[str, int | None] = {}
        columns = select(edits.c.id, edits.c.job_id, edits.c.rendition)
        for edit_id, job_id, rendition in self.world.database.reader.execute(columns):
            made_by[edit_id] = job_id
            values[edit_id] = json.loads(rendition) if rendition else None
        read = self.read_by_jobs()
        for edit_id, job_id in made_by.items():
            if job_id is not None:
                salt = 1000 + self.tasks.index(self.world.job(job_id).task_id)
                inputs = [values[other] for other in read[job_id]]
                # Of what lay at a shared place for others, nothing is noted.
                known = [value for value in inputs if value is not None]
                if known == inputs:
                    assert values[edit_id] == mix(salt, *known)
        TopologicalSorter(self.order(made_by, read)).prepare()

    def read_by_jobs(self) -> dict[str, list[str]]:
        """Return the edits that completed jobs read, without that of the salt."""
        query = (
            select(jobs.c.id, job_inputs.c.edit_id)
            .join(job_inputs, job_inputs.c.job_number == jobs.c.number)
            .where(jobs.c.status == JobStatus.COMPLETED, job_inputs.c.position > 0)
            .order_by(job_inputs.c.position)
        )
        read: dict[str, list[str]] = defaultdict(list)
        for job_id, edit_id in self.world.database.reader.execute(query):
            read[job_id].append(edit_id)
        return read

    def order(
        self, made_by: dict[str, str | None], read: dict[str, list[str]]
    ) -> dict[str, set[str]]:
        """Say of each job and write what came before it: the writer of a value, then its readers,
        then the writer of the next one."""
        before: dict[str, set[str]] = defaultdict(set)
        for history in self.written.values():
            earlier: set[str] = set()
            for edit_id in history:
                writer = made_by[edit_id] or edit_id
                before[writer] |= earlier - {writer}
                readers = {job_id for job_id, known in read.items() if edit_id in known}
                for job_id in readers - {writer}:
                    before[job_id].add(writer)
                earlier = {writer, *readers}
        return before


# Finding the smallest example of a failure takes its time.
@pytest.mark.timeout(600)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), pipeline=pipelines())
def test_every_job_ends_or_waits_for_a_value_that_can_be_brought(
    fresh_url: FreshUrl, data: st.DataObject, pipeline: Pipeline
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        fresh_url() as url,
        Database(url) as database,
    ):
        course = Course(World(database, Clock(), Path(folder)), pipeline, Path(folder))
        course.make()
        for _ in range(data.draw(st.integers(0, 20))):
            course.act(data)
        course.finish()
        course.check_what_was_read()
