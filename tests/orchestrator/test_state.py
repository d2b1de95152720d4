"""What the orchestrator decides: events in, instructions out, without a database or a clock."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders import NOON
from scenarist.db.jobs.claim import Claim
from scenarist.db.jobs.recipes import TaskRecipe
from scenarist.db.notify.notifications import EVERYTHING, Topic
from scenarist.domain.identifiers import JobId, SubmissionId, TaskId
from scenarist.domain.lifecycle import SUSPECT_FROM, JobEvent
from scenarist.domain.vocabulary import JobStatus
from scenarist.executors.base import JobOutcome, JobRequest
from scenarist.orchestrator.claiming import JobToRun
from scenarist.orchestrator.state import (
    CancelJob,
    CommitNotified,
    DrainStarted,
    FindStopRequests,
    Instruction,
    JobsPrepared,
    LeaseLost,
    OrchestratorEvent,
    OrchestratorState,
    OutcomesDelivered,
    RunningJob,
    ShutdownStarted,
    StepAgain,
    StepCommitted,
    StepFailed,
    StepResult,
    StepStarted,
    StopRequestsFound,
    SubmitFailed,
    SubmitJobs,
    WriteStep,
)

MINUTE = timedelta(minutes=1)
MACHINES = 0
RECIPE = TaskRecipe(
    config_id="bake",
    function="kitchen:bake",
    skippable=False,
    timeout=None,
    retries=1,
    retry_delay=MINUTE,
    retry_on=(),
    retries_after_loss=3,
    fresh=False,
    properties={},
    inputs=(),
    outputs=(),
)


def claim(number: int, *, lost_together: int = 0) -> Claim:
    return Claim(
        number=number,
        id=JobId(f"JOB_{number}"),
        task_id=TaskId("TASK_bake"),
        submission_id=SubmissionId("SUBMISSION_1"),
        attempt=1,
        failures=0,
        lost=0,
        lost_together=lost_together,
        force=False,
        pending_since=NOON,
        claimed_at=NOON,
        version="test",
    )


def to_run(number: int) -> JobToRun:
    return claim(number), RECIPE, []


def running(number: int, **known: int) -> RunningJob:
    request = JobRequest(number=number, attempt=1, function=RECIPE.function)
    return claim(number, **known), RECIPE, request


def outcome(number: int, event: JobEvent = JobEvent.SUCCEEDED, attempt: int = 1) -> JobOutcome:
    return JobOutcome(number=number, attempt=attempt, event=event)


def delivered(*outcomes: JobOutcome) -> OutcomesDelivered:
    return OutcomesDelivered(outcomes)


def prepared(*numbers: int) -> JobsPrepared:
    return JobsPrepared([running(number) for number in numbers])


def started(free_slots: int = 1, *, machines_version: int = MACHINES) -> StepStarted:
    return StepStarted(free_slots, machines_version, NOON)


def after(*events: OrchestratorEvent) -> OrchestratorState:
    """A state that has seen some events, after a first step that found nothing."""
    state = OrchestratorState()
    commit(state, started())
    for event in events:
        state.decide(event)
    return state


def plan(state: OrchestratorState, event: StepStarted) -> WriteStep | None:
    """Return the step that a state decides to write, if any."""
    instructions = state.decide(event)
    assert len(instructions) <= 1
    step = instructions[0] if instructions else None
    assert step is None or isinstance(step, WriteStep)
    return step


def commit(state: OrchestratorState, event: StepStarted, **result: Any) -> list[Instruction]:
    """Have the step that a state decides to write be stored; return what follows from it."""
    step = plan(state, event)
    assert step is not None
    result = {"handled": list(step.completions)} | result
    return state.decide(StepCommitted(step, StepResult(**result)))


@pytest.mark.parametrize(
    ("before", "event", "instructions"),
    [
        pytest.param(
            [prepared(1)],
            CommitNotified(frozenset({Topic.STOP}), is_own=True),
            [FindStopRequests()],
            id="a request to stop is looked up while a job runs",
        ),
        pytest.param(
            [],
            CommitNotified(frozenset({Topic.STOP}), is_own=True),
            [],
            id="nobody looks for requests to stop while no job runs",
        ),
        pytest.param(
            [prepared(1)],
            CommitNotified(EVERYTHING, is_own=False),
            [FindStopRequests()],
            id="what may have been missed is looked up",
        ),
        pytest.param(
            [prepared(1)],
            CommitNotified(frozenset({Topic.NEWS, Topic.WORK}), is_own=False),
            [],
            id="new jobs stop nothing",
        ),
        pytest.param(
            [prepared(1, 2)],
            StopRequestsFound([2, 3]),
            [CancelJob(2)],
            id="only a job that runs here is stopped",
        ),
        pytest.param(
            [prepared(1, 2)],
            LeaseLost(),
            [CancelJob(1), CancelJob(2), StepAgain()],
            id="with the lease, all jobs are given up",
        ),
        pytest.param(
            [prepared(1, 2), delivered(outcome(1))],
            LeaseLost(),
            [CancelJob(2), StepAgain()],
            id="a job that has ended need not be given up",
        ),
        pytest.param(
            [],
            LeaseLost(),
            [StepAgain()],
            id="what was to be claimed under a lost lease is claimed under the next one",
        ),
        pytest.param(
            [prepared(1, 2)],
            ShutdownStarted(),
            [CancelJob(1), CancelJob(2)],
            id="a shutdown stops all jobs",
        ),
        pytest.param([prepared(1)], DrainStarted(), [], id="draining stops no job"),
        pytest.param([], delivered(outcome(1)), [], id="an outcome waits for the next step"),
        pytest.param([], started(0), [], id="without outcomes and slots no step is written"),
        pytest.param(
            [DrainStarted()], started(5), [], id="while draining, free slots are not used"
        ),
        pytest.param(
            [prepared(1), LeaseLost()],
            started(5),
            [],
            id="no job is claimed before those that were given up have ended",
        ),
    ],
)
def test_what_follows_from_an_event(
    before: list[OrchestratorEvent], event: OrchestratorEvent, instructions: list[Instruction]
) -> None:
    assert after(*before).decide(event) == instructions


@pytest.mark.parametrize(
    ("before", "event", "expected"),
    [
        pytest.param(
            [],
            started(3),
            {"slots": 3, "completions": [], "requeues_unknown": False, "finds_next_due": False},
            id="free slots are used",
        ),
        pytest.param(
            [DrainStarted(), prepared(1), delivered(outcome(1))],
            started(3),
            {"slots": 0, "outcomes": (outcome(1),)},
            id="outcomes are recorded while draining",
        ),
        pytest.param(
            [],
            started(0, machines_version=MACHINES + 1),
            {"slots": 0, "releases_machine_waits": True},
            id="a new machine releases the jobs that wait for one",
        ),
        pytest.param(
            [CommitNotified(frozenset({Topic.WORK}), is_own=False)],
            started(),
            {"finds_next_due": True},
            id="another process may have scheduled a retry",
        ),
        pytest.param(
            [CommitNotified(frozenset({Topic.WORK}), is_own=True)],
            started(),
            {"finds_next_due": False},
            id="the retries of this process are known",
        ),
        pytest.param(
            [CommitNotified(frozenset({Topic.WORK, Topic.RETRIES}), is_own=True)],
            started(),
            {"finds_next_due": True},
            id="a submission that goes on may have retries",
        ),
        pytest.param(
            [prepared(1), delivered(outcome(1, JobEvent.RAISED))],
            started(),
            {"finds_next_due": True},
            id="a retry that comes later is due at some time",
        ),
        pytest.param(
            [JobsPrepared([running(1, lost_together=SUSPECT_FROM)]), delivered(outcome(1))],
            started(),
            {"releases_machine_waits": True},
            id="the end of a suspect lets the next one run",
        ),
        pytest.param(
            [StepFailed(is_in_doubt=True)],
            started(),
            {"requeues_unknown": True, "finds_next_due": True},
            id="after a commit in doubt, unknown claims are requeued",
        ),
        pytest.param(
            [StepFailed(is_in_doubt=False)],
            started(),
            {"requeues_unknown": False, "finds_next_due": True},
            id="after a rejected step, all claims are known",
        ),
        pytest.param(
            [SubmitFailed()],
            started(),
            {"requeues_unknown": True},
            id="claims that were not submitted are requeued",
        ),
        pytest.param(
            [prepared(1), LeaseLost(), delivered(outcome(1))],
            started(3),
            {"slots": 3, "completions": []},
            id="the end of a job that was given up is not recorded, and frees the slots",
        ),
        pytest.param(
            [prepared(1), delivered(outcome(1, attempt=2))],
            started(),
            {"completions": []},
            id="an outcome of another attempt is not recorded",
        ),
    ],
)
def test_what_a_step_writes(
    before: list[OrchestratorEvent], event: StepStarted, expected: dict[str, object]
) -> None:
    step = plan(after(*before), event)

    assert step is not None
    assert {name: getattr(step, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("before", "status"),
    [
        pytest.param([], JobStatus.COMPLETED, id="a success"),
        pytest.param([ShutdownStarted()], JobStatus.COMPLETED, id="a success despite the shutdown"),
    ],
)
def test_the_completion_of_a_job_that_succeeded(
    before: list[OrchestratorEvent], status: JobStatus
) -> None:
    step = plan(after(prepared(1), *before, delivered(outcome(1))), started())

    assert step is not None
    assert [(item.number, item.status) for item in step.completions] == [(1, status)]


def test_a_job_that_a_shutdown_has_stopped_runs_again() -> None:
    state = after(prepared(1), ShutdownStarted())
    state.decide(delivered(outcome(1, JobEvent.CANCEL_REQUESTED)))

    step = plan(state, started(0))

    assert step is not None
    assert [item.status for item in step.completions] == [JobStatus.PENDING]


def test_only_the_first_outcome_of_an_attempt_counts() -> None:
    state = after(prepared(1), delivered(outcome(1), outcome(1, JobEvent.RAISED)))

    step = plan(state, started())

    assert step is not None
    assert [item.status for item in step.completions] == [JobStatus.COMPLETED]


def test_claimed_jobs_are_submitted_after_the_commit() -> None:
    assert commit(after(), started(), to_run=[to_run(1)]) == [SubmitJobs([to_run(1)], NOON)]


def test_what_came_behind_jobs_that_do_not_run_is_claimed_by_another_step() -> None:
    assert commit(after(), started(), may_claim_more=True) == [StepAgain()]


def test_a_job_whose_end_is_recorded_does_not_run_any_more() -> None:
    state = after(prepared(1, 2), delivered(outcome(1)))

    commit(state, started())

    assert list(state.running) == [2]
    assert not state.has_outcomes


def test_an_outcome_is_kept_until_it_is_recorded() -> None:
    state = after(prepared(1), delivered(outcome(1)))
    first = plan(state, started())
    state.decide(StepFailed(is_in_doubt=False))

    second = plan(state, started())

    assert first is not None and second is not None
    assert second.completions == first.completions
    assert list(state.running) == [1]


def test_of_a_step_in_parts_what_was_not_recorded_is_tried_again() -> None:
    state = after(prepared(1, 2), delivered(outcome(1), outcome(2)))
    whole = plan(state, started())
    assert whole is not None
    done = StepResult(handled=[whole.completions[0]], is_partial=True)
    state.decide(StepCommitted(whole, done))

    rest = plan(state, started())

    assert state.has_unfinished_work
    assert list(state.running) == [2]
    assert rest is not None
    assert (rest.outcomes, rest.requeues_unknown) == ((outcome(2),), True)


def test_a_step_that_succeeds_as_a_whole_ends_all_doubt() -> None:
    state = after(StepFailed(is_in_doubt=True))
    commit(state, started(), is_partial=True)
    commit(state, started())

    step = plan(state, started())

    assert step is not None
    assert not step.requeues_unknown
    assert not state.has_unfinished_work


def test_the_loop_sleeps_until_the_next_retry_is_due() -> None:
    state = after(CommitNotified(EVERYTHING, is_own=False))
    commit(state, started(), next_due=NOON + 2 * MINUTE)

    assert state.seconds_to_next_due(NOON + MINUTE) == 60.0
    assert state.seconds_to_next_due(NOON + 3 * MINUTE) == 0.0


def test_a_retry_that_is_due_while_no_slot_is_free_waits_for_a_slot_and_not_for_the_clock() -> None:
    state = after(CommitNotified(EVERYTHING, is_own=False))
    commit(state, started(), next_due=NOON + MINUTE)
    late = NOON + 2 * MINUTE

    assert state.decide(replace(started(0), now=late)) == []

    assert state.seconds_to_next_due(late) is None
    step = plan(state, replace(started(), now=late))
    assert step is not None
    assert step.finds_next_due
