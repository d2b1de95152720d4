"""Named files that come, change and go by the hand of other programs."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import Clock, Draft
from conftest import FreshUrl
from orchestrator.world import World
from pipelines import mix
from scenarist.db.engine import Database
from scenarist.domain.errors import ConflictError, NotFoundError
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import JobStatus
from scenarist.services.file_watch import FileWatch

BLOCKED, COMPLETED = JobStatus.BLOCKED, JobStatus.COMPLETED
FAILED, SKIPPED = JobStatus.FAILED, JobStatus.SKIPPED


def put(path: Path, value: object) -> None:
    """Replace a file as another program does: by a new one under its name."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(value))
    os.utime(beside, (1_000_000_000, 1_000_000_000))
    beside.replace(path)


@dataclass
class Copying:
    """A skippable task that reads a named file and writes another one."""

    world: World
    source: Path
    copy: Path
    task: TaskId = field(init=False)
    read: DataNodeId = field(init=False)
    written: DataNodeId = field(init=False)

    def __post_init__(self) -> None:
        def build(draft: Draft) -> tuple[TaskId, DataNodeId, DataNodeId]:
            read = draft.node("read", storage_type="json", default_path=str(self.source))
            written = draft.node("written", storage_type="json", default_path=str(self.copy))
            return draft.task("t", "increment", [read], [written], skippable=True), read, written

        self.task, self.read, self.written = self.world.make(build)

    def run(self) -> JobStatus:
        submission = self.world.submit(self.task)
        self.world.run_all()
        return self.world.statuses(submission)[0]


@pytest.fixture
def copying(world: World, tmp_path: Path) -> Copying:
    return Copying(world, tmp_path / "source.json", tmp_path / "copy.json")


@pytest.fixture
def watch(world: World) -> FileWatch:
    return FileWatch(world.database, now=world.clock)


def test_a_task_is_skipped_while_its_files_stay_as_they_are(copying: Copying) -> None:
    put(copying.source, 1)

    assert [copying.run(), copying.run()] == [COMPLETED, SKIPPED]


@pytest.mark.parametrize(
    "change",
    [
        lambda it: put(it.source, 2),
        lambda it: it.source.write_text("1"),
        lambda it: it.copy.unlink(),
        lambda it: put(it.copy, 5),
    ],
    ids=["another input", "the same input anew", "no output", "another output"],
)
def test_a_task_runs_again_once_a_file_of_it_was_changed(
    copying: Copying, change: Callable[[Copying], object]
) -> None:
    put(copying.source, 1)
    copying.run()
    change(copying)

    assert copying.run() is COMPLETED
    assert json.loads(copying.copy.read_text()) == json.loads(copying.source.read_text()) + 1
    assert copying.run() is SKIPPED


def test_a_replaced_file_has_an_edit_of_its_own(copying: Copying) -> None:
    put(copying.source, 1)
    copying.run()
    first = copying.world.data_nodes.read(ANYONE, copying.read).version
    put(copying.source, 22)
    copying.run()

    node = copying.world.node(copying.read)
    edit = copying.world.edit(node)
    assert copying.world.data_nodes.read(ANYONE, copying.read).version != first
    assert edit.comment == f"found at {copying.source}, 2 bytes of 2001-09-09T01:46:40Z"
    assert edit.size == 2


def test_a_file_that_is_replaced_before_the_job_begins_is_what_it_has_read(
    copying: Copying,
) -> None:
    put(copying.source, 1)
    submission = copying.world.submit(copying.task)
    put(copying.source, 7)
    copying.world.run_all()

    assert copying.world.statuses(submission) == [COMPLETED]
    assert json.loads(copying.copy.read_text()) == 8
    assert copying.run() is SKIPPED


def test_a_missing_file_is_named_to_who_reads_and_to_who_waits(copying: Copying) -> None:
    with pytest.raises(NotFoundError, match=f"there is no file at {copying.source}"):
        copying.world.data_nodes.read(ANYONE, copying.read)
    submission = copying.world.submit(copying.task)

    (job,) = copying.world.jobs(submission)
    assert job.waiting_for == (copying.read, f"the file {copying.source}")


def test_a_folder_in_the_place_of_a_file_is_told_of(copying: Copying) -> None:
    copying.source.mkdir()

    with pytest.raises(NotFoundError, match="is a folder, but a json data node needs a file"):
        copying.world.data_nodes.read(ANYONE, copying.read)


def test_a_file_that_was_put_there_later_is_read_and_submitted(copying: Copying) -> None:
    put(copying.source, 3)

    assert copying.world.data_nodes.read(ANYONE, copying.read).show().text == "3"
    assert copying.run() is COMPLETED


def test_a_job_that_waits_for_a_file_goes_on_when_it_is_there(
    copying: Copying, watch: FileWatch
) -> None:
    submission = copying.world.submit(copying.task)
    watch.step()
    assert watch.is_polling
    put(copying.source, 3)
    assert watch.step()
    copying.world.run_all()

    assert copying.world.statuses(submission) == [COMPLETED]
    watch.step()
    assert not watch.is_polling


def test_a_job_that_waits_goes_on_when_another_submission_finds_the_file(copying: Copying) -> None:
    waiting = copying.world.submit(copying.task)
    put(copying.source, 3)
    copying.world.submit(copying.task)
    copying.world.run_all()
    copying.world.run_all()

    assert copying.world.statuses(waiting) == [COMPLETED]


def test_a_file_that_still_grows_is_not_taken(copying: Copying, watch: FileWatch) -> None:
    copying.world.submit(copying.task)
    growing = copying.world.clock.at.timestamp()
    for text in ("1", "12", "123"):
        copying.source.write_text(text)
        os.utime(copying.source, (growing, growing))
        assert not watch.step()

    assert watch.step()


def test_the_database_is_left_alone_while_no_file_has_come(
    copying: Copying, watch: FileWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying.world.submit(copying.task)
    watch.step()

    monkeypatch.delattr(Database, "reader")
    monkeypatch.delattr(Database, "write")
    assert not watch.step()


def test_a_file_that_a_job_has_put_there_counts_when_the_job_has_ended(
    copying: Copying, watch: FileWatch
) -> None:
    put(copying.source, 1)
    world = copying.world
    reading = world.make(lambda draft: draft.task("r", "increment", [copying.written], []))
    waiting = world.submit(reading)
    writing = world.submit(copying.task)
    world.step()
    put(copying.copy, 2)  # as the worker does before its outcome is recorded

    watch.step()
    assert world.statuses(waiting) == [BLOCKED]
    world.run_all()
    assert world.statuses(writing) == [COMPLETED]
    assert world.statuses(waiting)[0].is_finished


def test_what_a_job_has_made_for_another_data_node_is_no_first_value(
    copying: Copying, watch: FileWatch
) -> None:
    put(copying.source, 1)
    copying.run()
    other = Copying(copying.world, copying.source, copying.copy)
    reading = copying.world.make(lambda draft: draft.task("r", "increment", [other.written], []))
    waiting = copying.world.submit(reading)

    watch.step()
    assert copying.world.statuses(waiting) == [BLOCKED]
    with pytest.raises(NotFoundError, match="was written for data node"):
        copying.world.data_nodes.read(ANYONE, other.written)


def test_a_file_of_another_data_node_is_not_taken_for_what_a_task_wrote(copying: Copying) -> None:
    put(copying.source, 1)
    copying.run()
    put(copying.copy.with_name("other.json"), 5)
    other = Copying(copying.world, copying.copy.with_name("other.json"), copying.copy)
    other.run()
    reading = copying.world.make(lambda draft: draft.task("r", "increment", [copying.written], []))
    submission = copying.world.submit(reading)
    copying.world.run_all()

    (job,) = copying.world.jobs(submission)
    assert job.status is FAILED
    assert str(other.written) in (job.reason or "")
    assert copying.world.node(copying.written).replaced_by == other.written


def test_a_value_that_was_replaced_can_be_written_again(copying: Copying) -> None:
    put(copying.source, 1)
    copying.run()
    Copying(copying.world, copying.source, copying.copy).run()

    copying.world.data_nodes.write(ANYONE, copying.written, 7)

    assert copying.world.data_nodes.read(ANYONE, copying.written).show().text == "7"


def test_a_file_of_another_program_is_the_value_of_all_that_have_its_place(
    copying: Copying,
) -> None:
    put(copying.source, 1)
    copying.run()
    other = Copying(copying.world, copying.source, copying.copy)
    other.run()
    put(copying.copy, 40)
    nodes = (copying.written, other.written)
    readings = copying.world.make(
        lambda draft: [draft.task(f"r_{node}", "increment", [node], []) for node in nodes]
    )
    submissions = [copying.world.submit(reading) for reading in readings]
    copying.world.run_all()

    assert [copying.world.statuses(made) for made in submissions] == [[COMPLETED], [COMPLETED]]
    assert [
        json.loads(copying.world.data_nodes.read(ANYONE, node).show().text) for node in nodes
    ] == [40, 40]


def test_what_is_written_after_a_file_of_another_program_was_found_replaces_it_too(
    copying: Copying,
) -> None:
    put(copying.source, 1)
    copying.run()
    put(copying.copy, 40)
    reading = copying.world.make(lambda draft: draft.task("r", "increment", [copying.written], []))
    copying.world.submit(reading)
    copying.world.run_all()
    other = Copying(copying.world, copying.source, copying.copy)
    other.run()
    submission = copying.world.submit(reading)
    copying.world.run_all()

    assert copying.world.statuses(submission) == [FAILED]
    with pytest.raises(ConflictError, match="was replaced"):
        copying.world.data_nodes.read(ANYONE, copying.written)


def test_an_input_that_is_written_while_the_job_runs_makes_the_task_run_again(
    world: World,
) -> None:
    def build(draft: Draft) -> tuple[TaskId, DataNodeId, DataNodeId]:
        start, end = draft.node("start", 1), draft.node("end")
        return draft.task("t", "increment", [start], [end], skippable=True), start, end

    task, start, end = world.make(build)
    world.submit(task)
    world.step()
    world.data_nodes.write(ANYONE, start, 5)
    world.run_all()
    assert world.value(end) == 2

    again = world.submit(task)
    world.run_all()
    assert world.statuses(again) == [COMPLETED]
    assert world.value(end) == 6


def test_a_result_that_somebody_has_written_over_holds_until_an_input_is_written(
    world: World,
) -> None:
    def build(draft: Draft) -> tuple[TaskId, DataNodeId, DataNodeId]:
        start, end = draft.node("start", 1), draft.node("end")
        return draft.task("t", "increment", [start], [end], skippable=True), start, end

    task, start, end = world.make(build)
    world.data_nodes.write(ANYONE, end, 40)
    submission = world.submit(task)
    world.run_all()
    assert world.statuses(submission) == [SKIPPED]
    assert world.value(end) == 40

    world.data_nodes.write(ANYONE, start, 5)
    submission = world.submit(task)
    world.run_all()
    assert world.statuses(submission) == [COMPLETED]
    assert world.value(end) == 6


@dataclass
class Mixing:
    """A skippable task over values in edits and in named files, and what may happen to them."""

    world: World
    folder: Path
    values: int = 0

    def __post_init__(self) -> None:
        def build(draft: Draft) -> tuple[TaskId, list[DataNodeId]]:
            named = {
                name: draft.node(name, storage_type="json", default_path=str(self.folder / name))
                for name in ("file in", "file out")
            }
            own = [draft.node(name, storage_type="json") for name in ("in", "out")]
            ends = [own[0], named["file in"], own[1], named["file out"]]
            return draft.task("t", "mix_twice", ends[:2], ends[2:], skippable=True), ends

        (self.folder / "file in").write_text("0")
        self.task, self.nodes = self.world.make(build)
        self.write()

    def new_value(self) -> int:
        self.values += 1
        return self.values

    def write(self) -> None:
        self.world.data_nodes.write(ANYONE, self.nodes[0], self.new_value())

    def replace_input(self) -> None:
        put(self.folder / "file in", self.new_value())

    def replace_output(self) -> None:
        put(self.folder / "file out", self.new_value())

    def remove_output(self) -> None:
        (self.folder / "file out").unlink(missing_ok=True)

    def submit(self) -> None:
        submission = self.world.submit(self.task)
        self.world.step()
        if self.world.statuses(submission) == [SKIPPED]:
            inputs = [self.show(node) for node in self.nodes[:2]]
            assert [self.show(node) for node in self.nodes[2:]] == [mix(*inputs)] * 2

    def run(self) -> None:
        if self.world.executor.waiting:
            self.world.executor.run()
        self.world.step()

    def set_clock(self) -> None:
        self.world.clock.advance(timedelta(hours=(-1) ** self.new_value()))

    def show(self, node: DataNodeId) -> int:
        return int(self.world.data_nodes.read(ANYONE, node).show().text)


_ACTIONS = ("write", "replace_input", "replace_output", "remove_output", "submit", "run")


@settings(max_examples=30, deadline=None)
@given(actions=st.lists(st.sampled_from([*_ACTIONS, "set_clock", "submit", "run"]), max_size=20))
def test_what_is_skipped_has_the_result_of_the_values_that_its_inputs_have(
    fresh_url: FreshUrl, tmp_path_factory: pytest.TempPathFactory, actions: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    with fresh_url() as url, Database(url) as database:
        mixing = Mixing(World(database, Clock(), folder / "data"), folder)
        for action in ["submit", "run", *actions, "run", "submit"]:
            getattr(mixing, action)()
