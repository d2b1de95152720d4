"""Stories of orchestrators that are gone, or seem to be, while others go on.

The first one runs a job; what its keeper does, and that of the second, is done by hand.
"""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from builders import Draft
from orchestrator.world import LEASE_SECONDS, HandExecutor, World
from scenarist.db import leases
from scenarist.db.notify.notifications import Notification, Topic
from scenarist.domain.entities import Submission
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.vocabulary import JobStatus
from scenarist.orchestrator.loop import Orchestrator
from servers import PATIENCE_SECONDS

THIRD = timedelta(seconds=LEASE_SECONDS / 3)
RUNNING, PENDING, COMPLETED = JobStatus.RUNNING, JobStatus.PENDING, JobStatus.COMPLETED


class Pair:
    """Two orchestrators, the first of which runs a job; the second one has looked at it once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.first, self.first_executor = world.orchestrator, world.executor
        self.first.recover()
        self.second = world.another_orchestrator()
        self.second_executor = world.executor
        self.second.recover()
        task, self.node = world.make(_a_task)
        self.submission = world.submit(task)
        self.first.step()
        self.second._lease_keeper.check_holders()

    @property
    def statuses(self) -> list[JobStatus]:
        return self.world.statuses(self.submission)

    def attempts(self) -> int:
        return self.world.jobs(self.submission)[0].attempt

    def pass_thirds(self, count: int, *keepers: Orchestrator) -> None:
        """Let time pass; the keepers of some orchestrators do what is due."""
        for _ in range(count):
            self.world.clock.advance(THIRD)
            for orchestrator in keepers:
                orchestrator._lease_keeper.run_once()


def _a_task(draft: Draft) -> tuple[TaskId, DataNodeId]:
    node = draft.node("end")
    return draft.task("first", "increment", [draft.node("start", 1)], [node]), node


@pytest.fixture
def pair(world: World) -> Pair:
    return Pair(world)


def test_a_holder_that_renews_keeps_its_jobs_however_long_they_run(pair: Pair) -> None:
    pair.pass_thirds(30, pair.first, pair.second)

    assert pair.statuses == [RUNNING]
    pair.first_executor.run()
    pair.first.step()
    assert pair.statuses == [COMPLETED]
    assert pair.attempts() == 1


def test_the_jobs_of_a_holder_that_does_not_renew_are_taken_over_when_its_lease_has_ended(
    pair: Pair,
) -> None:
    pair.pass_thirds(2, pair.second)
    before = pair.statuses
    pair.pass_thirds(1, pair.second)

    assert before == [RUNNING]
    assert pair.statuses == [PENDING]
    pair.second.step()
    pair.second_executor.run()
    pair.second.step()
    assert pair.statuses == [COMPLETED]
    assert pair.attempts() == 2


def test_the_jobs_of_a_process_that_has_ended_are_taken_over_at_once(pair: Pair) -> None:
    pair.world.gone.add("process 1")

    pair.second._lease_keeper.check_holders()

    assert pair.statuses == [PENDING]


def test_a_start_takes_over_from_those_whose_process_has_ended_and_from_no_others(
    pair: Pair,
) -> None:
    pair.world.another_orchestrator().recover()
    living = pair.statuses
    pair.world.gone.add("process 1")
    pair.world.another_orchestrator().recover()

    assert living == [RUNNING]
    assert pair.statuses == [PENDING]


def test_a_late_outcome_of_a_lost_lease_changes_nothing(pair: Pair) -> None:
    pair.pass_thirds(3, pair.second)
    pair.second.step()

    pair.first_executor.run()
    pair.first.step()

    assert pair.statuses == [RUNNING]
    assert pair.world.value(pair.node) is None
    pair.second_executor.run()
    pair.second.step()
    assert pair.world.value(pair.node) == 2


def test_who_has_lost_the_lease_stops_what_ran_and_goes_on_under_another_name(pair: Pair) -> None:
    pair.pass_thirds(3, pair.second)
    name = pair.first._lease.holder_id

    pair.first.step()
    first_left = list(pair.first_executor.waiting)
    pair.first.step()
    pair.first_executor.run()
    pair.first.step()

    assert first_left == []
    assert pair.first._lease.holder_id != name
    assert pair.statuses == [COMPLETED]
    assert pair.attempts() == 2


def test_nothing_is_claimed_until_what_was_given_up_has_stopped(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.pass_thirds(3, pair.second)
    # A process that takes its time to end.
    monkeypatch.setattr(HandExecutor, "cancel", lambda executor, number: True)

    pair.first.step()
    pair.first.step()

    assert pair.statuses == [PENDING]
    pair.first_executor.run()
    pair.first.step()
    assert pair.statuses == [RUNNING]
    assert pair.attempts() == 2


def test_what_had_ended_before_the_loss_was_found_holds_up_no_new_claims(pair: Pair) -> None:
    pair.pass_thirds(3, pair.second)
    pair.first_executor.run()

    pair.first.step()
    pair.first.step()

    assert [request.attempt for request in pair.first_executor.waiting] == [2]


def test_a_keeper_that_finds_the_lease_ended_has_the_jobs_stopped(pair: Pair) -> None:
    pair.pass_thirds(3, pair.second)

    pair.first._lease_keeper.run_once()
    pair.first.step()

    # The job was free, and is claimed once more.
    assert [request.attempt for request in pair.first_executor.waiting] == [2]


def test_an_observer_that_was_stopped_itself_gives_others_their_time(pair: Pair) -> None:
    pair.world.clock.advance(timedelta(hours=1))

    pair.second._lease_keeper.run_once()

    assert pair.statuses == [RUNNING]


def test_a_clock_that_jumps_ends_no_lease(world: World) -> None:
    elapsed = 0.0

    def on_its_own_clock(orchestrator: Orchestrator) -> Orchestrator:
        options = orchestrator._lease.options
        for part in (orchestrator._lease, orchestrator._lease_keeper._monitor):
            for name in ("options", "_options"):
                if hasattr(part, name):
                    setattr(part, name, options.__class__(elapsed=lambda: elapsed))
        return orchestrator

    first = on_its_own_clock(world.orchestrator)
    first.recover()
    second = on_its_own_clock(world.another_orchestrator())
    second.recover()
    submission = world.submit(world.make(lambda draft: draft.task("free", "nothing")))
    first.step()
    second._lease_keeper.check_holders()

    world.clock.advance(timedelta(days=365))
    second._lease_keeper.check_holders()

    assert world.statuses(submission) == [RUNNING]


def test_only_one_of_two_observers_takes_over(pair: Pair) -> None:
    third = pair.world.another_orchestrator()
    third.recover()
    seen = leases.list_running(pair.world.database.reader, exclude=third._lease.holder_id)
    pair.pass_thirds(3, pair.second)
    pair.second.step()

    for holder in seen:
        third._lease_keeper._take_over(holder)

    assert pair.statuses == [RUNNING]


def test_a_holder_that_has_renewed_meanwhile_is_not_taken_over(pair: Pair) -> None:
    (seen,) = leases.list_running(pair.world.database.reader, exclude=pair.second._lease.holder_id)
    pair.pass_thirds(1, pair.first)

    pair.second._lease_keeper._take_over(seen)

    assert pair.statuses == [RUNNING]


def test_jobs_that_nobody_answers_for_are_taken_over(world: World) -> None:
    submission = world.submit(world.make(lambda draft: draft.task("free", "nothing")))
    world.step()
    lost = world.orchestrator._lease.holder_id
    world.database.write(lambda connection: leases.release(connection, lost))

    world.another_orchestrator().recover()

    assert world.statuses(submission) == [PENDING]


def test_a_job_that_was_asked_to_stop_is_cancelled_by_who_takes_over(pair: Pair) -> None:
    pair.world.cancel(pair.submission.job_ids[0])

    pair.pass_thirds(3, pair.second)

    assert pair.statuses == [JobStatus.CANCELED]
    assert set(pair.world.ended) >= {pair.submission.id, pair.submission.job_ids[0]}


def test_who_stops_hands_back_and_leaves_no_lease(pair: Pair) -> None:
    pair.first.stop()

    assert pair.statuses == [PENDING]
    left = leases.list_all(pair.world.database.reader)
    assert [holder.process for holder in left] == ["process 2"]


@pytest.fixture
def commits(world: World) -> Callable[[], int]:
    return lambda: world.database.commits


def test_an_idle_orchestrator_renews_nothing(world: World, commits: Callable[[], int]) -> None:
    world.orchestrator.recover()
    world.submit(world.make(lambda draft: draft.task("free", "nothing")))
    world.run_all()
    world.clock.advance(THIRD)
    world.orchestrator._lease_keeper.run_once()  # for the job that it had
    before = commits()

    for _ in range(100):
        world.clock.advance(THIRD)
        world.orchestrator._lease_keeper.run_once()

    assert commits() == before
    assert world.orchestrator._lease_keeper._seconds_to_next() is None


def test_who_hears_of_others_looks_once_and_not_again_while_they_run_nothing(
    world: World,
) -> None:
    keeper = world.orchestrator._lease_keeper
    world.orchestrator.recover()

    keeper.on_commit(Notification(frozenset({Topic.NEWS})))
    due = keeper._seconds_to_next()
    world.clock.advance(THIRD)
    keeper.run_once()

    assert due == 5.0
    assert keeper._seconds_to_next() is None


def test_an_orchestrator_that_was_idle_for_long_claims_under_a_lease_that_is_fresh(
    world: World,
) -> None:
    world.orchestrator.recover()
    world.clock.advance(timedelta(days=2))
    world.another_orchestrator().recover()  # it forgets those that were idle for a day
    first = world.orchestrator
    submission: Submission = world.submit(world.make(lambda draft: draft.task("free", "nothing")))

    while not world.executor.waiting:
        first.step()

    assert world.statuses(submission) == [RUNNING]
    (holder,) = leases.list_all(world.database.reader)
    assert holder.id == first._lease.holder_id


def test_the_first_job_after_a_long_idle_time_is_claimed_though_nothing_more_is_committed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    orchestrator, task = world.orchestrator, world.make(lambda draft: draft.task("free", "nothing"))
    has_stepped, has_submitted = threading.Event(), threading.Event()
    step = orchestrator.step

    def step_and_tell() -> bool:
        has_moved = step()
        has_stepped.set()
        if world.executor.waiting:
            has_submitted.set()
        return has_moved

    monkeypatch.setattr(orchestrator, "step", step_and_tell)
    orchestrator.start(world.executor)
    try:
        assert has_stepped.wait(PATIENCE_SECONDS)
        world.clock.advance(timedelta(days=2))
        world.database.write(lambda writer: leases.delete_idle(writer, before=world.clock()))

        world.submit(task)

        assert has_submitted.wait(PATIENCE_SECONDS)
    finally:
        monkeypatch.undo()
        orchestrator.stop()
