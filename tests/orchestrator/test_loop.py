"""What happens to jobs, told as stories; steps are taken by hand and the clock is moved."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from builders import NOON, Draft
from orchestrator.world import World
from scenarist.domain.errors import ConflictError, UnavailableError
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.permissions import ANYONE
from scenarist.domain.resources import Resources
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus

COMPLETED, FAILED, ABANDONED = JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.ABANDONED
PENDING, BLOCKED, RUNNING = JobStatus.PENDING, JobStatus.BLOCKED, JobStatus.RUNNING


def chain(draft: Draft) -> tuple[TaskId, TaskId, DataNodeId, DataNodeId]:
    """start (1) → first → middle → second → end."""
    start, middle, end = draft.node("start", 1), draft.node("middle"), draft.node("end")
    first = draft.task("first", "increment", [start], [middle])
    second = draft.task("second", "increment", [middle], [end])
    return first, second, middle, end


def test_a_job_starts_when_the_job_before_it_has_completed(world: World) -> None:
    first, second, _, end = world.make(chain)
    submission = world.submit(second, first)
    assert world.statuses(submission) == [PENDING, BLOCKED]

    world.run_all()

    assert world.statuses(submission) == [COMPLETED, COMPLETED]
    assert world.submission(submission).status == SubmissionStatus.COMPLETED
    assert world.value(end) == 3


def test_a_blocked_job_names_the_job_that_it_waits_for(world: World) -> None:
    first, second, *_ = world.make(chain)

    submission = world.submit(first, second)

    assert world.jobs(submission)[1].waiting_for == (submission.job_ids[0],)


def test_the_outputs_of_a_running_job_are_not_to_be_seen(world: World) -> None:
    first, _, middle, _ = world.make(chain)
    world.submit(first)
    world.step()

    world.executor.run()

    assert world.value(middle) is None
    world.step()
    assert world.value(middle) == 2


def test_a_failed_job_abandons_what_needs_it_and_leaves_its_siblings_alone(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, ...]:
        start = draft.node("start", 1)
        bad, worse, good = draft.node("bad"), draft.node("worse"), draft.node("good")
        return (
            draft.task("breaks", "fail", [start], [bad]),
            draft.task("needs_it", "increment", [bad], [worse]),
            draft.task("needs_that", "increment", [worse], [draft.node("worst")]),
            draft.task("sibling", "increment", [start], [good]),
        )

    submission = world.submit(*world.make(build))
    world.run_all()

    assert sorted(world.statuses(submission)) == [ABANDONED, ABANDONED, COMPLETED, FAILED]
    assert world.submission(submission).status == SubmissionStatus.FAILED
    failed = next(job for job in world.jobs(submission) if job.status == FAILED)
    assert failed.reason == "ValueError: no luck with (1,)"
    assert 'raise ValueError(f"no luck' in failed.stacktrace[0]
    assert "runner.py" not in failed.stacktrace[0]
    abandoned = next(job for job in world.jobs(submission) if job.status == ABANDONED)
    assert failed.id in str(abandoned.reason)


def test_a_reason_that_no_database_can_hold_is_told_with_replacements(world: World) -> None:
    submission = world.submit(world.make(lambda draft: draft.task("breaks", "fail_strangely")))
    world.run_all()

    (job,) = world.jobs(submission)
    assert job.status == FAILED
    assert job.reason == "ValueError: nul \ufffd and half \ufffd of a character"


def test_a_submission_is_under_way_until_its_last_job_has_ended(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, TaskId]:
        start = draft.node("start", 1)
        return (
            draft.task("breaks", "fail", [start], [draft.node("bad")]),
            draft.task("sibling", "increment", [start], [draft.node("good")]),
        )

    submission = world.submit(*world.make(build))
    world.step()
    world.executor.run()
    world.step()

    assert world.submission(submission).status == SubmissionStatus.RUNNING
    assert submission.id not in world.ended
    world.run_all()
    assert world.submission(submission).status == SubmissionStatus.FAILED
    assert submission.id in world.ended


def test_a_submission_without_jobs_completes_at_once(world: World) -> None:
    submission = world.submit()

    assert world.submission(submission).status == SubmissionStatus.COMPLETED
    assert world.submission(submission).finished_at == NOON


def test_a_job_waits_for_an_input_that_has_no_value_and_goes_on_when_it_is_written(
    world: World,
) -> None:
    def build(draft: Draft) -> tuple[TaskId, DataNodeId, DataNodeId]:
        given, end = draft.node("given"), draft.node("end")
        return draft.task("first", "increment", [given], [end]), given, end

    task, given, end = world.make(build)
    submission = world.submit(task)
    world.run_all()
    assert world.statuses(submission) == [BLOCKED]
    assert world.jobs(submission)[0].waiting_for == (given,)
    assert world.submission(submission).status == SubmissionStatus.BLOCKED

    world.data_nodes.write(ANYONE, given, 41)
    world.run_all()

    assert world.statuses(submission) == [COMPLETED]
    assert world.value(end) == 42


def test_a_job_reads_what_its_inputs_were_when_it_was_submitted(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, DataNodeId, DataNodeId]:
        given, end = draft.node("given", 1), draft.node("end")
        return draft.task("first", "increment", [given], [end]), given, end

    task, given, end = world.make(build)
    world.submit(task)
    world.data_nodes.write(ANYONE, given, 100)

    world.run_all()

    assert world.value(end) == 2


def test_two_submissions_of_one_task_run_one_after_the_other(world: World) -> None:
    first, _, middle, _ = world.make(chain)
    earlier, later = world.submit(first), world.submit(first)
    world.step()
    assert world.statuses(earlier) == [RUNNING]
    assert world.statuses(later) == [BLOCKED]
    assert world.jobs(later)[0].waiting_for == earlier.job_ids

    world.run_all()

    assert world.statuses(later) == [COMPLETED]
    assert world.value(middle) == 2


def test_a_later_submission_reads_what_an_earlier_one_is_about_to_write(world: World) -> None:
    first, second, _, end = world.make(chain)
    world.submit(first)
    later = world.submit(second)

    world.run_all()

    assert world.statuses(later) == [COMPLETED]
    assert world.value(end) == 3


def test_a_later_submission_falls_back_to_the_old_value_when_the_earlier_one_failed(
    world: World,
) -> None:
    first, second, middle, end = world.make(chain)
    world.data_nodes.write(ANYONE, middle, 10)
    earlier, later = world.submit(first), world.submit(second)
    world.step()

    world.executor.end(JobEvent.RAISED, "an accident")
    world.run_all()

    assert world.statuses(earlier) == [FAILED]
    assert world.statuses(later) == [COMPLETED]
    assert world.value(end) == 11


def test_a_later_submission_waits_for_a_value_when_the_earlier_one_failed_to_make_the_first(
    world: World,
) -> None:
    first, second, middle, end = world.make(chain)
    world.submit(first)
    later = world.submit(second)
    world.step()

    world.executor.end(JobEvent.RAISED, "an accident")
    world.run_all()

    assert world.jobs(later)[0].waiting_for == (middle,)
    world.data_nodes.write(ANYONE, middle, 20)
    world.run_all()
    assert world.value(end) == 21


def abandoned_writer(draft: Draft) -> tuple[dict[str, TaskId], DataNodeId, DataNodeId]:
    """`slow` and `last` write one node, and between them `second`, which needs `breaks`."""
    node, other, end = draft.node("node", 1), draft.node("other"), draft.node("end")
    tasks = {
        "slow": draft.task("slow", "increment", [draft.node("ten", 10)], [node]),
        "breaks": draft.task("breaks", "fail", [], [other]),
        "second": draft.task("second", "increment", [other], [node]),
        "last": draft.task("last", "increment", [draft.node("forty", 40)], [node]),
        "reads": draft.task("reads", "increment", [node], [end]),
    }
    return tasks, node, end


def test_a_writer_that_is_abandoned_hands_its_place_in_the_order_on(world: World) -> None:
    tasks, node, _ = world.make(abandoned_writer)
    earlier = world.submit(tasks["slow"])
    later = world.submit(tasks["breaks"], tasks["second"], tasks["last"])
    world.step()

    world.executor.run(1)
    world.step()

    assert world.statuses(later) == [FAILED, ABANDONED, BLOCKED]
    assert world.jobs(later)[2].waiting_for == earlier.job_ids
    world.run_all()
    assert world.value(node) == 41


def test_a_reader_of_an_abandoned_writer_reads_what_the_writer_before_it_makes(
    world: World,
) -> None:
    tasks, _, end = world.make(abandoned_writer)
    earlier = world.submit(tasks["slow"])
    world.submit(tasks["breaks"], tasks["second"])
    reader = world.submit(tasks["reads"])
    world.step()

    world.executor.run(1)
    world.step()

    assert world.jobs(reader)[0].waiting_for == earlier.job_ids
    world.run_all()
    assert world.value(end) == 12


def test_a_data_node_that_a_job_will_write_cannot_be_written_by_hand(world: World) -> None:
    first, _, middle, _ = world.make(chain)
    submission = world.submit(first)

    with pytest.raises(ConflictError, match=submission.job_ids[0]):
        world.data_nodes.write(ANYONE, middle, 5)

    world.run_all()
    world.data_nodes.write(ANYONE, middle, 5)
    assert world.value(middle) == 5


def as_a_file(folder: Path) -> dict[str, object]:
    return {"default_path": str(folder / "named.p")}


def as_a_table(folder: Path) -> dict[str, object]:
    place = {"sqlite_folder_path": str(folder), "db_name": "outside", "table_name": "named"}
    return {"storage_type": "sql_table", "db_engine": "sqlite", **place}


@pytest.mark.parametrize("somewhere", [as_a_file, as_a_table])
def test_what_has_one_place_is_not_replaced_while_an_earlier_job_has_still_to_read_it(
    world: World, tmp_path: Path, somewhere: Callable[[Path], dict[str, object]]
) -> None:
    def build(draft: Draft) -> tuple[TaskId, TaskId, DataNodeId]:
        start, named = draft.node("start", [{"n": 1}]), draft.node("named", **somewhere(tmp_path))
        end = draft.node("end")
        return (
            draft.task("writes", "same", [start], [named]),
            draft.task("reads", "row_count", [named], [end]),
            end,
        )

    writes, reads, end = world.make(build)
    world.submit(writes)
    world.run_all()
    reader = world.submit(reads)
    writer = world.submit(writes)
    world.step()

    assert world.statuses(writer) == [BLOCKED]
    assert world.jobs(writer)[0].waiting_for == reader.job_ids
    world.run_all()
    assert world.statuses(writer) == [COMPLETED]
    assert world.value(end) == 1


def test_a_late_outcome_of_a_lost_attempt_changes_nothing(world: World) -> None:
    first, _, middle, _ = world.make(chain)
    submission = world.submit(first)
    world.step()
    stale_orchestrator, stale_executor = world.orchestrator, world.executor
    successor = world.new_orchestrator()
    successor.recover()
    world.step()

    stale_executor.end(JobEvent.RAISED, "too late")
    stale_orchestrator.step(claims_too=False)

    assert world.statuses(submission) == [RUNNING]
    world.run_all()
    assert world.statuses(submission) == [COMPLETED]
    assert world.value(middle) == 2


def test_a_new_server_runs_again_what_the_old_one_was_running(world: World) -> None:
    first, second, _, end = world.make(chain)
    submission = world.submit(first, second)
    world.step()

    world.new_orchestrator().recover()
    assert world.statuses(submission) == [PENDING, BLOCKED]
    world.run_all()

    assert world.statuses(submission) == [COMPLETED, COMPLETED]
    assert world.jobs(submission)[0].attempt == 2
    assert world.value(end) == 3


def test_a_job_that_lost_its_worker_runs_again_and_after_the_third_time_is_failed(
    world: World,
) -> None:
    first, *_ = world.make(chain)
    submission = world.submit(first)

    for _ in range(2):
        world.step()
        world.executor.end(JobEvent.WORKER_LOST, "its process was killed by signal 9 (SIGKILL)")
        world.step()
        assert world.statuses(submission) == [RUNNING]
    world.executor.end(JobEvent.WORKER_LOST, "its process was killed by signal 9 (SIGKILL)")
    world.step()

    assert world.statuses(submission) == [FAILED]
    assert world.jobs(submission)[0].reason == (
        "it has lost its worker 3 times; the last time its process was killed by signal 9 (SIGKILL)"
    )


def test_a_job_whose_cluster_is_lost_runs_again_however_often_that_happens(world: World) -> None:
    first, *_ = world.make(chain)
    submission = world.submit(first)

    for _ in range(4):
        world.step()
        world.executor.end(JobEvent.HANDED_BACK, "the cluster was lost")
        world.executor.slots = 0
        world.step()
        assert world.statuses(submission) == [PENDING]
        world.executor.slots = 100
    world.run_all()

    assert world.statuses(submission) == [COMPLETED]


@pytest.mark.parametrize(
    ("properties", "asked"),
    [
        ({}, Resources()),
        ({"cpus": 2, "gpus": 0.5, "memory": "2GiB"}, Resources(cpus=2, gpus=0.5, memory=2**31)),
        ({"memory": "a lot"}, Resources()),
    ],
)
def test_a_request_says_what_its_task_asks_of_a_machine(
    world: World, properties: dict[str, object], asked: Resources
) -> None:
    world.submit(world.make(lambda draft: draft.task("wide", "nothing", properties=properties)))

    world.step()

    assert [request.resources for request in world.executor.waiting] == [asked]


def test_a_task_with_retries_runs_again_after_a_delay_that_doubles(world: World) -> None:
    def build(draft: Draft) -> TaskId:
        return draft.task("flaky", "fail", retries=2, retry_delay=timedelta(seconds=10))

    submission = world.submit(world.make(build))
    world.step()
    world.executor.run()
    world.step()
    assert world.statuses(submission) == [PENDING]

    world.clock.advance(timedelta(seconds=12.5))
    world.step()
    world.executor.run()
    world.step()
    world.clock.advance(timedelta(seconds=19))
    world.step()
    assert world.statuses(submission) == [PENDING]
    world.clock.advance(timedelta(seconds=6))
    world.step()
    world.executor.run()
    world.step()

    assert world.statuses(submission) == [FAILED]
    assert world.jobs(submission)[0].attempt == 3


@pytest.mark.parametrize(
    ("retry_on", "status"),
    [((), PENDING), (("builtins:ValueError",), PENDING), (("builtins:OSError",), FAILED)],
)
def test_a_task_may_say_for_which_exceptions_it_is_tried_again(
    world: World, retry_on: tuple[str, ...], status: str
) -> None:
    task = world.make(lambda draft: draft.task("flaky", "fail", retries=1, retry_on=retry_on))
    submission = world.submit(task)

    world.step()
    world.executor.run()
    world.step()

    assert world.statuses(submission) == [status]


def test_a_stop_of_the_server_uses_up_no_retry(world: World) -> None:
    task = world.make(lambda draft: draft.task("flaky", "fail", retries=1))
    submission = world.submit(task)
    for _ in range(3):
        world.step()
        world.new_orchestrator().recover()

    world.step()
    world.executor.run()
    world.step()

    assert world.statuses(submission) == [PENDING]
    world.clock.advance(timedelta(seconds=2))
    world.step()
    world.executor.run()
    world.step()
    assert world.statuses(submission) == [FAILED]


def test_nothing_more_is_claimed_after_a_second_signal_that_came_before_the_drain(
    world: World,
) -> None:
    submission = world.submit(world.make(lambda draft: draft.task("free", "nothing")))

    world.orchestrator.force_exit()
    world.orchestrator.drain()
    world.step()

    assert world.statuses(submission) == [PENDING]


def test_a_stop_while_the_database_takes_no_writes_ends_all_threads(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit(world.make(lambda draft: draft.task("free", "nothing")))
    world.orchestrator.recover()
    world.step()
    world.orchestrator._lease_keeper.start()

    def refuse(work: Callable[[Connection], object]) -> None:
        raise UnavailableError("the database is away")

    monkeypatch.setattr(world.database, "write", refuse)
    world.executor.end(JobEvent.SUCCEEDED)

    with pytest.raises(UnavailableError, match="away"):
        world.orchestrator.stop()

    keeper = world.orchestrator._lease_keeper._loop
    assert keeper is not None
    assert not keeper.is_running


def test_a_skippable_task_does_not_run_again_while_its_inputs_are_the_same(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, DataNodeId, DataNodeId]:
        start, end = draft.node("start", 1), draft.node("end")
        return draft.task("first", "increment", [start], [end], skippable=True), start, end

    task, start, end = world.make(build)
    world.submit(task)
    world.run_all()

    again = world.submit(task)
    world.run_all()
    assert world.statuses(again) == [JobStatus.SKIPPED]
    assert world.submission(again).status == SubmissionStatus.COMPLETED
    assert world.jobs(again)[0].reason == (
        "its outputs are valid, and were made from the present values of its inputs"
    )

    world.data_nodes.write(ANYONE, start, 5)
    changed = world.submit(task)
    world.run_all()
    assert world.statuses(changed) == [COMPLETED]
    assert world.value(end) == 6


def test_a_forced_submission_runs_skippable_tasks(world: World) -> None:
    def build(draft: Draft) -> TaskId:
        start, end = draft.node("start", 1), draft.node("end")
        return draft.task("first", "increment", [start], [end], skippable=True)

    task = world.make(build)
    world.submit(task)
    world.run_all()

    forced = world.submit(task, force=True)
    world.run_all()

    assert world.statuses(forced) == [COMPLETED]


def test_what_follows_a_skipped_job_runs(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, TaskId, DataNodeId]:
        start, middle, end = draft.node("start", 1), draft.node("middle"), draft.node("end")
        return (
            draft.task("first", "increment", [start], [middle], skippable=True),
            draft.task("second", "increment", [middle], [end]),
            end,
        )

    first, second, end = world.make(build)
    world.submit(first)
    world.run_all()

    submission = world.submit(first, second)
    world.run_all()
    world.run_all()

    assert world.statuses(submission) == [JobStatus.SKIPPED, COMPLETED]
    assert world.value(end) == 3


def test_jobs_of_higher_priority_go_first_and_the_oldest_first_within_one(world: World) -> None:
    tasks = world.make(lambda draft: [draft.task(f"free{n}", "nothing") for n in range(3)])
    world.executor.slots = 1
    submissions = [
        world.submit_task(task, priority=priority)
        for task, priority in zip(tasks, (0, 0, 5), strict=True)
    ]
    order = []

    for _ in range(3):
        world.step()
        order += [
            position
            for position, submission in enumerate(submissions)
            if world.statuses(submission) == [RUNNING]
        ]
        world.executor.run()
    world.step()

    assert order == [2, 0, 1]


def test_no_more_is_claimed_than_the_executor_has_slots_for(world: World) -> None:
    tasks = world.make(lambda draft: [draft.task(f"free{n}", "nothing") for n in range(5)])
    world.executor.slots = 2
    submissions = [world.submit(task) for task in tasks]

    world.step()

    statuses = [world.statuses(submission)[0] for submission in submissions]
    assert statuses == [RUNNING, RUNNING, PENDING, PENDING, PENDING]


def test_an_output_that_is_not_the_right_number_of_values_fails_the_job(world: World) -> None:
    def build(draft: Draft) -> TaskId:
        nodes = [draft.node(name) for name in ("a", "b", "c")]
        return draft.task("splits", "twice", [draft.node("start", 1)], nodes)

    submission = world.submit(world.make(build))
    world.run_all()

    assert world.jobs(submission)[0].reason == (
        "ValueError: the task has 3 outputs, but its function returned 2 values"
    )


def test_a_value_that_cannot_be_stored_fails_the_job_and_leaves_no_output(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, DataNodeId]:
        end = draft.node("end")
        return draft.task("odd", "unstorable", [], [end]), end

    task, end = world.make(build)
    submission = world.submit(task)
    world.run_all()

    assert world.statuses(submission) == [FAILED]
    assert "cannot be" in str(world.jobs(submission)[0].reason)
    assert world.value(end) is None


@pytest.mark.parametrize(("count", "waits_for_more"), [(1, False), (2, True)])
def test_who_knows_that_no_other_job_can_come_back_waits_for_none(
    world: World, count: int, waits_for_more: bool
) -> None:
    tasks = world.make(
        lambda draft: [draft.task(f"free{number}", "nothing") for number in range(count)]
    )
    world.submit(*tasks)
    world.step()

    world.executor.run()

    assert world.orchestrator._last_job_ended.is_set() is not waits_for_more
