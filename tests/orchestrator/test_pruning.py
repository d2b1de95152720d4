"""What goes when it is pruned, what stays, and that dying on the way leaves nothing dangling."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from builders import NOON, Draft
from orchestrator.world import World
from scenarist.db import audit as audit_rows
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import edits as edit_rows
from scenarist.db import event_log as event_rows
from scenarist.db import submissions as submission_rows
from scenarist.db import subscribers as subscriber_rows
from scenarist.db.jobs import rows as job_rows
from scenarist.db.tables import edits, events, job_inputs, job_logs, jobs, submissions
from scenarist.domain.entities import Edit, Subscriber
from scenarist.domain.errors import DeniedError, NotFoundError
from scenarist.domain.identifiers import DataNodeId, SubscriberId, TaskId
from scenarist.domain.listings import AuditFilter, JobFilter, PageRequest, SubmissionFilter
from scenarist.domain.permissions import ANYONE, Actor, Origin, Role
from scenarist.domain.retention import PruneCounts, Retention
from scenarist.domain.vocabulary import EntityType, JobStatus
from scenarist.services.pruning import PruningService
from scenarist.services.submit_requests import SubmitOptions, SubmitRequest

DAY = timedelta(days=1)
LARGE = "x" * 70_000  # lies in a file
A_MONTH = Retention(jobs=30 * DAY)
EVERYTHING = PageRequest(limit=1000)


def pruning(world: World, pause: Callable[[float], Any] = lambda seconds: None) -> PruningService:
    return PruningService(world.database, folder=str(world.folder), now=world.clock, pause=pause)


def prune(world: World, retention: Retention, *, is_dry_run: bool = False) -> PruneCounts:
    return pruning(world).prune(ANYONE, retention, is_dry_run=is_dry_run)


def count(world: World, table: Any) -> int:
    return world.database.reader.execute(select(func.count()).select_from(table)).scalar_one()


def one_task(draft: Draft) -> tuple[TaskId, DataNodeId]:
    end = draft.node("end")
    return draft.task("first", "increment", [draft.node("start", 1)], [end]), end


def noted(draft: Draft) -> DataNodeId:
    """A data node that is written over REST, into files."""
    return draft.node("noted", storage_type="json")


def history(world: World, node_id: str) -> list[Edit]:
    return edit_rows.list_page(world.database.reader, node_id, EVERYTHING).items


def shown(world: World, node_id: str) -> str:
    return world.data_nodes.read(ANYONE, node_id).show().text


def files_in(world: World) -> list[str]:
    return sorted(str(path) for path in world.folder.rglob("*") if path.is_file())


def write_often(world: World, node_id: str, times: int) -> None:
    for number in range(times):
        world.clock.advance(timedelta(seconds=1))
        world.data_nodes.write(ANYONE, node_id, f"{number}{LARGE}")


def test_submissions_that_ended_too_long_ago_go_with_their_jobs(world: World) -> None:
    task, _ = world.make(one_task)
    old = world.submit(task)
    world.run_all()
    world.clock.advance(20 * DAY)
    young = world.submit(task)
    world.run_all()
    world.clock.advance(11 * DAY)

    pruned = prune(world, A_MONTH)

    assert pruned == PruneCounts(submissions=1, jobs=1)
    reader = world.database.reader
    assert submission_rows.find(reader, old.id) is None
    assert [item.id for item in job_rows.list_page(reader, JobFilter(), EVERYTHING).items] == list(
        young.job_ids
    )
    assert count(world, job_inputs) == 1


def test_what_has_not_ended_stays_however_old_it_is(world: World) -> None:
    def waiting(draft: Draft) -> TaskId:
        return draft.task("waits", "increment", [draft.node("given")], [draft.node("end")])

    submission = world.submit(world.make(waiting))
    running = world.submit(world.make(one_task)[0])
    world.step()
    world.clock.advance(1000 * DAY)

    pruned = prune(world, A_MONTH)

    assert pruned == PruneCounts()
    assert world.statuses(submission) == [JobStatus.BLOCKED]
    assert world.statuses(running) == [JobStatus.RUNNING]


def test_a_submission_that_took_long_counts_from_its_end(world: World) -> None:
    submission = world.submit(world.make(one_task)[0])
    world.clock.advance(100 * DAY)
    world.run_all()
    world.clock.advance(29 * DAY)

    assert prune(world, A_MONTH) == PruneCounts()
    world.clock.advance(2 * DAY)
    assert prune(world, A_MONTH) == PruneCounts(submissions=1, jobs=1)
    assert submission_rows.find(world.database.reader, submission.id) is None


def test_a_value_outlives_the_job_that_made_it_and_still_names_it(world: World) -> None:
    task, end = world.make(one_task)
    submission = world.submit(task)
    world.run_all()
    world.clock.advance(31 * DAY)

    prune(world, A_MONTH)

    assert world.value(end) == 2
    assert [edit.job_id for edit in history(world, end)] == list(submission.job_ids)
    node = data_node_rows.find(world.database.reader, end)
    assert node is not None
    assert node.job_ids == submission.job_ids


def test_a_key_is_remembered_as_long_as_its_submission(world: World) -> None:
    task, _ = world.make(one_task)
    options = SubmitOptions(idempotency_key="once")

    def submit() -> str:
        return world.submissions.submit(ANYONE, EntityType.TASK, task, options).id

    first = submit()
    world.run_all()
    world.clock.advance(29 * DAY)
    prune(world, A_MONTH)
    assert submit() == first
    world.clock.advance(2 * DAY)
    prune(world, A_MONTH)

    assert submit() != first


def test_logs_go_before_their_jobs(world: World) -> None:
    speaking = world.make(lambda draft: draft.task("speaks", "speak"))
    submission = world.submit(speaking)
    world.step()
    add_log(world, submission.job_ids[0], "said")
    world.clock.advance(1000 * DAY)
    assert prune(world, Retention(logs=DAY)) == PruneCounts()
    world.new_orchestrator().recover()
    world.run_all()
    world.clock.advance(2 * DAY)

    pruned = prune(world, Retention(logs=DAY))

    assert pruned == PruneCounts(logs=1)
    assert count(world, job_logs) == 0
    assert world.statuses(submission) == [JobStatus.COMPLETED]


def add_log(world: World, job_id: str, text: str) -> None:
    number = select(jobs.c.number).where(jobs.c.id == job_id).scalar_subquery()
    world.database.write(
        lambda connection: connection.execute(
            job_logs.insert().values(job_number=number, attempt=1, text=text)
        )
    )


def test_events_go_by_age_and_those_after_them_stay(world: World) -> None:
    task, _ = world.make(one_task)
    world.submit(task)
    world.run_all()
    old = count(world, events)
    world.clock.advance(2 * DAY)
    world.submit(task)

    pruned = prune(world, Retention(events=DAY))

    assert pruned == PruneCounts(events=old)
    oldest, newest = event_rows.find_bounds(world.database.reader)
    assert (oldest, newest) == (newest, newest)


def test_events_that_webhooks_have_not_read_yet_stay(world: World) -> None:
    def listen(connection: Any) -> None:
        subscriber_rows.add(connection, a_subscriber())

    world.database.write(listen)
    world.submit(world.make(one_task)[0])
    world.run_all()
    world.clock.advance(1000 * DAY)

    assert prune(world, Retention(events=DAY)) == PruneCounts()


def a_subscriber() -> Subscriber:
    return Subscriber(
        id=SubscriberId("SUBSCRIBER_1"),
        entity_id="SCENARIO_1",
        url="https://example.com",
        secret="sealed",
        is_active=True,
        created_at=NOON,
        waiting=0,
        fault=None,
    )


def test_of_each_data_node_the_newest_edits_stay_with_their_files(world: World) -> None:
    first, second = world.make(noted), world.make(noted)
    write_often(world, first, 5)
    write_often(world, second, 2)
    kept = [*history(world, first)[-3:], *history(world, second)]

    pruned = prune(world, Retention(edits=3))

    assert pruned == PruneCounts(edits=2, files=2)
    assert [*history(world, first), *history(world, second)] == kept
    assert files_in(world) == sorted(str(edit.uri) for edit in kept)
    assert shown(world, first) == f'"4{LARGE}"'


def test_an_edit_that_an_unfinished_job_was_promised_stays(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, DataNodeId]:
        start = draft.node("start", storage_type="json")
        return draft.task("copies", "same", [start], [draft.node("end")]), start

    task, start = world.make(build)
    write_often(world, start, 2)
    promised = history(world, start)[-1]
    submission = world.submit(task)
    write_often(world, start, 3)

    pruned = prune(world, Retention(edits=1))
    world.run_all()

    assert pruned == PruneCounts(edits=3, files=3)
    assert promised in history(world, start)
    assert world.statuses(submission) == [JobStatus.COMPLETED]
    assert prune(world, Retention(edits=1)) == PruneCounts(edits=1, files=1)


def test_the_value_stays_also_when_a_later_edit_sorts_before_it(world: World) -> None:
    """As when the clocks of two servers differ."""
    node = world.make(noted)
    write_often(world, node, 3)
    first = history(world, node)[0]

    def point_back(connection: Any) -> None:
        connection.execute(
            data_node_rows._SET_LAST_EDIT, {"node_id": node, "last_edit_id": first.id}
        )

    world.database.write(point_back)

    assert prune(world, Retention(edits=1)) == PruneCounts(edits=1, files=1)
    assert first in history(world, node)


def test_a_file_that_the_user_named_stays(world: World, tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    node = world.make(lambda draft: draft.node("own", storage_type="json", default_path=str(file)))
    write_often(world, node, 3)

    assert prune(world, Retention(edits=1)) == PruneCounts(edits=2)
    assert file.read_text() == f'"2{LARGE}"'


def test_a_dry_run_counts_what_would_go_and_deletes_nothing(world: World) -> None:
    node = world.make(noted)
    write_often(world, node, 3)
    for _ in range(3):
        world.submit(world.make(one_task)[0])
    world.run_all()
    world.clock.advance(31 * DAY)
    retention = Retention(jobs=30 * DAY, events=30 * DAY, edits=1)
    before = [count(world, table) for table in (submissions, jobs, events, edits)]

    would = prune(world, retention, is_dry_run=True)

    assert before == [count(world, table) for table in (submissions, jobs, events, edits)]
    assert len(files_in(world)) == 3
    assert prune(world, retention) == would
    assert (would.submissions, would.jobs, would.edits, would.files) == (3, 3, 2, 2)
    assert would.events > 0
    assert prune(world, retention) == PruneCounts()


def test_many_go_in_small_transactions_between_which_others_write(world: World) -> None:
    """Each pause is one chance for others; here somebody uses it to submit."""
    task = world.make(lambda draft: draft.task("idle", "nothing"))
    wish = SubmitRequest(ANYONE, EntityType.TASK, task, SubmitOptions())
    world.submissions.submit_many([wish] * 600)
    world.run_all()
    world.clock.advance(31 * DAY)
    submitted: list[str] = []

    def submit(seconds: float) -> None:
        submitted.append(world.submit_task(task, priority=0).id)

    pruned = pruning(world, submit).prune(ANYONE, A_MONTH)

    assert pruned == PruneCounts(submissions=600, jobs=600)
    assert len(submitted) == 3
    found = submission_rows.list_page(world.database.reader, SubmissionFilter(), EVERYTHING).items
    assert [item.id for item in found] == submitted


class Killed(BaseException):
    """The end of the process at a moment between two statements."""


@pytest.mark.parametrize("survived", range(4))
def test_whoever_dies_between_a_commit_and_what_follows_leaves_nothing_dangling(
    world: World, survived: int
) -> None:
    nodes = [world.make(noted), world.make(noted)]
    for node in nodes:
        write_often(world, node, 4)
    world.submit(world.make(one_task)[0])
    world.run_all()
    world.clock.advance(31 * DAY)
    everything = Retention(jobs=30 * DAY, events=30 * DAY, edits=1, leftovers=DAY)
    pauses = iter(range(survived))

    def die(seconds: float) -> None:
        if next(pauses, None) is None:
            raise Killed

    with pytest.raises(Killed) if survived < 3 else nullcontext():
        pruning(world, die).prune(ANYONE, everything)

    for node in nodes:
        for edit in history(world, node):
            assert Path(str(edit.uri)).is_file()
        assert shown(world, node) == f'"3{LARGE}"'
    age_files(world)
    prune(world, everything)
    assert files_in(world) == sorted(str(history(world, node)[-1].uri) for node in nodes)
    assert prune(world, everything) == PruneCounts()


def age_files(world: World, by: timedelta = 2 * DAY) -> None:
    """Let all files and folders of values be older than they are, by the clock of the test."""
    at = (world.clock.at - by).timestamp()
    for path in world.folder.rglob("*"):
        os.utime(path, (at, at))


def test_files_that_no_record_points_at_go_when_they_are_old(world: World) -> None:
    node = world.make(noted)
    write_often(world, node, 1)
    (kept,) = files_in(world)
    lost = Path(kept).with_name("01980000-0000-7000-8000-000000000001.json")
    lost.write_text("1")
    age_files(world)
    young = Path(kept).with_name("01980000-0000-7000-8000-000000000002.json")
    young.write_text("2")
    os.utime(young, (world.clock.at.timestamp(), world.clock.at.timestamp()))

    pruned = prune(world, Retention(leftovers=DAY))

    assert pruned == PruneCounts(leftovers=1)
    assert files_in(world) == sorted([kept, str(young)])


@pytest.mark.parametrize("retention", [Retention(leftovers=DAY), Retention(jobs=DAY)])
def test_files_of_requests_go_hours_after_their_server_was_killed(
    world: World, retention: Retention
) -> None:
    world.folder.mkdir(exist_ok=True)
    left = [world.folder / name for name in (".upload-abcd_123", ".answer-zzzzzzzz.json")]
    kept = [world.folder / name for name in (".upload-mine", "answer-zzzzzzzz.json", ".answer-")]
    for file in (*left, *kept):
        file.write_text("1")
    age_files(world, timedelta(hours=7))
    young = world.folder / ".upload-abcd1234"
    young.write_text("2")
    os.utime(young, (world.clock.at.timestamp(), world.clock.at.timestamp()))

    assert prune(world, retention) == PruneCounts(leftovers=2)
    assert files_in(world) == sorted(map(str, [*kept, young]))


@pytest.mark.parametrize("name", ["DATANODE_gone_1", "COMPARISON"])
def test_folders_of_nothing_that_there_is_go_too(world: World, name: str) -> None:
    gone = world.folder / "jsons" / name
    gone.mkdir(parents=True)
    (gone / "01980000-0000-7000-8000-000000000001.json").write_text("1")
    age_files(world)

    assert prune(world, Retention(leftovers=DAY)) == PruneCounts(leftovers=1)
    age_files(world)  # removing the file changed the folder
    assert prune(world, Retention(leftovers=DAY)) == PruneCounts()
    assert not gone.exists()


def test_what_a_running_job_has_written_aside_is_no_leftover(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, DataNodeId]:
        end = draft.node("end", storage_type="json")
        return draft.task("writes", "at_length", [draft.node("start", 1)], [end]), end

    task, end = world.make(build)
    world.submit(task)
    world.step()
    world.executor.run()
    age_files(world)
    assert len(files_in(world)) == 1

    pruned = prune(world, Retention(leftovers=DAY))
    world.step()

    assert pruned == PruneCounts()
    assert files_in(world) == [edit.uri for edit in history(world, end)]


def test_files_that_are_no_values_are_not_looked_at(world: World) -> None:
    own = world.folder / "jsons" / "DATANODE_end_1" / "notes.json"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    other = world.folder / "letters" / "01980000-0000-7000-8000-000000000001.json"
    other.parent.mkdir()
    other.write_text("mine")
    age_files(world)

    assert prune(world, Retention(leftovers=DAY)) == PruneCounts()
    assert own.exists()
    assert other.exists()


def test_values_in_a_folder_that_was_moved_are_no_leftovers(world: World, tmp_path: Path) -> None:
    """The records say where they lay before; it is for people to mend that."""
    write_often(world, world.make(noted), 1)
    age_files(world)
    world.folder = world.folder.rename(tmp_path / "moved")

    assert prune(world, Retention(leftovers=DAY)) == PruneCounts()
    assert len(files_in(world)) == 1


def test_only_administrators_may_prune(world: World) -> None:
    editor = Actor("eve", frozenset({Role.EDITOR, Role.EXECUTOR}))

    with pytest.raises(DeniedError):
        pruning(world).prune(editor, A_MONTH)


def test_pruning_by_hand_stands_in_the_audit(world: World) -> None:
    operator = Actor(
        "(command line)", frozenset({Role.ADMIN}), origin=Origin("login root", "db prune")
    )

    pruning(world).prune(operator, A_MONTH, is_dry_run=True)
    pruning(world).prune(operator, A_MONTH)

    page = audit_rows.list_page(world.database.reader, AuditFilter(), EVERYTHING)
    assert [(entry.actor, entry.operation) for entry in page.items] == [
        ("(command line)", "db prune")
    ]


def test_a_pruned_edit_is_not_found(world: World) -> None:
    node = world.make(noted)
    write_often(world, node, 2)
    old = history(world, node)[0]
    prune(world, Retention(edits=1))

    with pytest.raises(NotFoundError):
        world.data_nodes.read(ANYONE, node, edit_id=old.id)
