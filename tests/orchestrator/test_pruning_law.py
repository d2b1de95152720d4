"""Pruning as a law: whatever is pruned and whenever, what is left behaves as if nothing were."""

import shutil
import tempfile
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import Clock, Draft
from conftest import FreshUrl
from orchestrator.test_pruning import EVERYTHING, Killed, age_files, files_in, history, shown
from orchestrator.world import World
from scenarist.db import submissions as submission_rows
from scenarist.db.engine import Database
from scenarist.db.jobs import rows as job_rows
from scenarist.domain.entities import Submission
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.listings import JobFilter, SubmissionFilter
from scenarist.domain.permissions import ANYONE
from scenarist.domain.retention import Retention
from scenarist.services.pruning import PruningService

DAY = timedelta(days=1)
NODES = 3

_days = st.none() | st.integers(1, 3).map(lambda number: number * DAY)
_retentions = st.builds(
    Retention,
    jobs=_days,
    logs=_days,
    events=_days,
    edits=st.none() | st.integers(1, 2),
    leftovers=_days,
)
_steps = st.one_of(
    st.tuples(st.just("write"), st.integers(0, NODES - 1)),
    st.tuples(st.just("submit"), st.integers(0, NODES - 2)),
    st.tuples(st.just("run"), st.integers(0, 3)),
    st.tuples(st.just("lose"), st.none()),
    st.tuples(st.just("wait"), st.integers(0, 2)),
    st.tuples(st.just("prune"), st.tuples(_retentions, st.integers(0, 5))),
)


class Twin:
    """A world in which steps are taken, with or without those that prune."""

    def __init__(self, url: str, folder: Path, stack: ExitStack) -> None:
        self.world = World(stack.enter_context(Database(url)), Clock(), folder)
        self.nodes, self.tasks = self.world.make(chain)
        self.submitted: list[Submission] = []
        self.written = 0

    def write(self, place: int) -> None:
        self.written += 1
        text = f"{self.written:03}" + "." * 70_000
        with suppress(ConflictError):  # an unfinished job will write it
            self.world.data_nodes.write(ANYONE, self.nodes[place], text)

    def submit(self, place: int) -> None:
        self.submitted.append(self.world.submit(self.tasks[place]))
        self.world.step()

    def run(self, position: int) -> None:
        waiting = self.world.executor.waiting
        if waiting:
            self.world.executor.run(position % len(waiting))
            self.world.step()

    def lose(self, _: None) -> None:
        """Stop as a server would that is killed after a job has written its value."""
        for request in list(self.world.executor.waiting):
            self.world.executor.run()
            del request
        self.world.new_orchestrator().recover()
        self.world.step()

    def wait(self, days: int) -> None:
        self.world.clock.advance(days * DAY + timedelta(seconds=1))

    def prune(self, how: tuple[Retention, int]) -> None:
        """Prune, or die at one of the moments between a commit and what follows."""
        retention, survived = how
        pauses = iter(range(survived))

        def pause(seconds: float) -> None:
            if next(pauses, None) is None:
                raise Killed

        world = self.world
        world.folder.mkdir(exist_ok=True)
        if retention.leftovers is not None:
            age_files(world, by=10 * DAY)
        with suppress(Killed):
            PruningService(
                world.database, folder=str(world.folder), now=world.clock, pause=pause
            ).prune(ANYONE, retention)


def chain(draft: Draft) -> tuple[list[DataNodeId], list[TaskId]]:
    nodes = [draft.node(f"node{number}", storage_type="json") for number in range(NODES)]
    tasks = [
        draft.task(f"task{number}", "lengthen", [nodes[number]], [nodes[number + 1]])
        for number in range(NODES - 1)
    ]
    return nodes, tasks


@pytest.mark.timeout(600)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(_steps, min_size=5, max_size=30))
def test_what_is_kept_is_as_if_nothing_had_been_pruned(
    fresh_url: FreshUrl, empty_sqlite: Path, steps: list[tuple[str, object]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pruned = Twin(stack.enter_context(fresh_url()), Path(folder) / "pruned", stack)
        file = shutil.copy(empty_sqlite, Path(folder) / "whole.db")
        whole = Twin(f"sqlite:///{file}", Path(folder) / "whole", stack)
        for name, argument in [("write", 0), *steps]:
            getattr(pruned, name)(argument)
            if name != "prune":
                getattr(whole, name)(argument)
        for twin in (pruned, whole):
            twin.world.run_all()

        assert values(pruned) == values(whole)
        assert is_whole(pruned)
        for mine, other in zip(pruned.submitted, whole.submitted, strict=True):
            if submission_rows.find(pruned.world.database.reader, mine.id) is not None:
                assert pruned.world.statuses(mine) == whole.world.statuses(other)


def values(twin: Twin) -> list[str | None]:
    return [
        shown(twin.world, node)[:40] if history(twin.world, node) else None for node in twin.nodes
    ]


def is_whole(twin: Twin) -> bool:
    """Whether every list can be read, and each edit has its file, and then nothing else is left."""
    world = twin.world
    reader = world.database.reader
    found = submission_rows.list_page(reader, SubmissionFilter(), EVERYTHING).items
    jobs = job_rows.list_page(reader, JobFilter(), EVERYTHING).items
    assert [job.id for job in jobs] == [job_id for item in found for job_id in item.job_ids]
    uris = [str(edit.uri) for node in twin.nodes for edit in history(world, node)]
    assert set(uris) <= set(files_in(world))
    twin.prune((Retention(leftovers=DAY), 0))
    return sorted(uris) == files_in(world)
