"""What the orchestrator knows of its jobs, and what it decides: events in, instructions out.

Here is no I/O, no clock and no thread: `loop.py` turns what happens into events and carries out the
instructions, `step.py` writes steps to the database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scenarist.db.jobs.claim import Claim
from scenarist.db.jobs.complete import Completion
from scenarist.db.jobs.recipes import TaskRecipe
from scenarist.db.notify.notifications import Topic, Topics
from scenarist.domain.entities import Event
from scenarist.executors.base import JobOutcome, JobRequest
from scenarist.orchestrator.claiming import JobToRun
from scenarist.orchestrator.outcomes import build_completions

RunningJob = tuple[Claim, TaskRecipe, JobRequest]
"""A job that runs here: its claim, its recipe, and the request that the executor has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteStep:
    """Instruction: record outcomes and claim jobs, in one transaction.

    Args:
        outcomes: The outcomes that the completions are built from; some have no completion.
        slots: How many jobs to claim at most.
        running: All jobs that run here, by number, including those that the step completes.
        requeues_unknown: Whether to requeue the jobs that are claimed and not in *running*: the
            commit that claimed them was in doubt.
        finds_next_due: Whether to find out when the next delayed retry is due.
        releases_machine_waits: Whether the jobs that wait for a machine are to be claimed again.
        machines_version: The version of the executor's machines that this decision is based on.
    """

    outcomes: Sequence[JobOutcome]
    completions: Sequence[Completion]
    slots: int
    running: Mapping[int, RunningJob]
    requeues_unknown: bool
    finds_next_due: bool
    releases_machine_waits: bool
    machines_version: int
    now: datetime


@dataclass(frozen=True, slots=True)
class SubmitJobs:
    """Instruction: submit claimed jobs to the executor."""

    jobs: Sequence[JobToRun]
    now: datetime


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Instruction: have the executor stop a job; its outcome arrives as any other."""

    number: int


@dataclass(frozen=True, slots=True)
class FindStopRequests:
    """Instruction: read which of the running jobs were asked to stop."""


@dataclass(frozen=True, slots=True)
class StepAgain:
    """Instruction: take another step, as there may be something to claim."""


Instruction = WriteStep | SubmitJobs | CancelJob | FindStopRequests | StepAgain


@dataclass(frozen=True, slots=True)
class CommitNotified:
    """Event: a commit of this process or of another one was about these topics."""

    topics: Topics
    is_own: bool


@dataclass(frozen=True, slots=True)
class StopRequestsFound:
    """Event: these running jobs were asked to stop."""

    numbers: Sequence[int]


@dataclass(frozen=True, slots=True)
class OutcomesDelivered:
    """Event: the executor has delivered outcomes of jobs."""

    outcomes: Sequence[JobOutcome]


@dataclass(frozen=True, slots=True)
class StepStarted:
    """Event: the loop may take a step now."""

    free_slots: int
    machines_version: int
    now: datetime


@dataclass(slots=True)
class StepResult:
    """Event: a step was committed.

    Args:
        handled: The completions that need no more work: recorded, or dropped because they came
            too late.
        recorded: The completions that were recorded.
        lease_renewed_at: The time to confirm to the lease after the commit; None if it was not
            renewed.
        next_due: When the next delayed retry is due, if the step was to find that out.
        may_claim_more: Whether there may be more to claim, although slots are left.
        is_partial: Whether the step failed as a whole, and was repeated in parts as far as
            possible.
    """

    handled: list[Completion] = field(default_factory=list)
    to_run: list[JobToRun] = field(default_factory=list)
    recorded: list[Completion] = field(default_factory=list)
    changes: list[Event] = field(default_factory=list)
    lease_renewed_at: float | None = None
    next_due: datetime | None = None
    may_claim_more: bool = False
    is_partial: bool = False

    def add(self, other: "StepResult") -> None:
        self.handled += other.handled
        self.to_run += other.to_run
        self.recorded += other.recorded
        self.may_claim_more |= other.may_claim_more


@dataclass(frozen=True, slots=True)
class StepCommitted:
    """Event: a step was committed, as a whole or in parts."""

    step: WriteStep
    result: StepResult


@dataclass(frozen=True, slots=True)
class StepFailed:
    """Event: nothing of a step was stored, or that is in doubt."""

    is_in_doubt: bool


@dataclass(frozen=True, slots=True)
class JobsPrepared:
    """Event: the requests of claimed jobs are built, and are about to be submitted."""

    jobs: Sequence[RunningJob]


@dataclass(frozen=True, slots=True)
class SubmitFailed:
    """Event: not all claimed jobs were submitted."""


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """Event: another holder has ended the lease, and may run the jobs that run here."""


@dataclass(frozen=True, slots=True)
class DrainStarted:
    """Event: no more jobs are to be claimed; those that run may end."""


@dataclass(frozen=True, slots=True)
class ShutdownStarted:
    """Event: the jobs that still run are to be stopped, and run again under another holder."""


OrchestratorEvent = (
    CommitNotified
    | StopRequestsFound
    | OutcomesDelivered
    | StepStarted
    | StepCommitted
    | StepFailed
    | JobsPrepared
    | SubmitFailed
    | LeaseLost
    | DrainStarted
    | ShutdownStarted
)


class OrchestratorState:
    """State machine of the orchestrator: `decide` takes an event, and returns what to do now.

    Only one thread may use it. To decide on an event twice does no harm.
    """

    def __init__(self) -> None:
        self.running: dict[int, RunningJob] = {}
        self.has_unfinished_work = False  #: whether the last step left work that must be retried
        self._outcomes: list[JobOutcome] = []  # not recorded yet, in their order of arrival
        # Attempts that were given up when the lease was lost, and that have not ended yet.
        self._given_up: set[tuple[int, int]] = set()
        self._interrupted: frozenset[int] = frozenset()  # stopped to run again elsewhere
        self._is_draining = False
        self._is_in_doubt = False  # whether jobs may be claimed that are not in `running`
        self._is_due_unknown = True  # whether there may be delayed retries that are not known
        self._next_due: datetime | None = None
        self._stepped_at: datetime | None = None
        # -1: jobs that waited for machines under an earlier server are checked again.
        self._machines_version = -1
        self._decisions: dict[type[OrchestratorEvent], Callable[[Any], list[Instruction]]] = {
            CommitNotified: self._on_commit,
            StopRequestsFound: self._on_stop_requests,
            OutcomesDelivered: self._on_outcomes,
            StepStarted: self._on_step,
            StepCommitted: self._on_step_committed,
            StepFailed: self._on_step_failed,
            JobsPrepared: self._on_jobs_prepared,
            SubmitFailed: self._on_submit_failed,
            LeaseLost: self._on_lease_lost,
            DrainStarted: self._on_drain,
            ShutdownStarted: self._on_shutdown,
        }

    @property
    def has_outcomes(self) -> bool:
        return bool(self._outcomes)

    def seconds_to_next_due(self, now: datetime) -> float | None:
        """Return the seconds until a delayed retry is due; None if there is nothing to wait for.

        A retry that was due at the last step and not claimed waits for a slot.
        """
        due = self._next_due
        if due is None or (self._stepped_at is not None and due <= self._stepped_at):
            return None
        return max(0.0, (due - now).total_seconds())

    def decide(self, event: OrchestratorEvent) -> list[Instruction]:
        """Take note of an event, and return the instructions that follow from it, in order."""
        return self._decisions[type(event)](event)

    def _on_commit(self, event: CommitNotified) -> list[Instruction]:
        # A job that another process has put back may be a retry that is due later.
        if Topic.RETRIES in event.topics or (Topic.WORK in event.topics and not event.is_own):
            self._is_due_unknown = True
        return [FindStopRequests()] if Topic.STOP in event.topics and self.running else []

    def _on_stop_requests(self, event: StopRequestsFound) -> list[Instruction]:
        return [CancelJob(number) for number in event.numbers if number in self.running]

    def _on_outcomes(self, event: OutcomesDelivered) -> list[Instruction]:
        self._outcomes += event.outcomes
        self._given_up.difference_update((item.number, item.attempt) for item in event.outcomes)
        return []

    def _on_step(self, event: StepStarted) -> list[Instruction]:
        self._stepped_at = event.now
        slots = 0 if self._is_draining or self._given_up else event.free_slots
        have_machines_changed = event.machines_version != self._machines_version
        if not self._outcomes and not slots and not have_machines_changed:
            return []
        completions = build_completions(
            self._outcomes, self.running, event.now, interrupted=self._interrupted
        )
        has_delayed_retry = any(item.not_before is not None for item in completions)
        has_suspect = any(item.is_suspect for item in completions)
        return [
            WriteStep(
                outcomes=tuple(self._outcomes),
                completions=completions,
                slots=slots,
                running=self.running,
                requeues_unknown=self._is_in_doubt,
                finds_next_due=has_delayed_retry
                or self._is_due_unknown
                or self._next_due is not None,
                releases_machine_waits=have_machines_changed or has_suspect,
                machines_version=event.machines_version,
                now=event.now,
            )
        ]

    def _on_step_committed(self, event: StepCommitted) -> list[Instruction]:
        step, result = event.step, event.result
        self.has_unfinished_work = self._is_in_doubt = result.is_partial
        if result.is_partial:
            self._is_due_unknown = True
        else:
            self._machines_version = step.machines_version
            if step.finds_next_due:
                self._is_due_unknown, self._next_due = False, result.next_due
        handled = {item.number for item in result.handled}
        left = {item.number for item in step.completions} - handled
        for number in handled:
            self.running.pop(number, None)  # a job that could not be prepared was never there
        kept = [item for item in step.outcomes if item.number in left]
        self._outcomes = kept + self._outcomes[len(step.outcomes) :]
        instructions: list[Instruction] = []
        if result.to_run:
            instructions.append(SubmitJobs(result.to_run, step.now))
        if result.may_claim_more:
            instructions.append(StepAgain())
        return instructions

    def _on_step_failed(self, event: StepFailed) -> list[Instruction]:
        self._is_due_unknown = True
        self._is_in_doubt |= event.is_in_doubt
        return []

    def _on_jobs_prepared(self, event: JobsPrepared) -> list[Instruction]:
        self.running |= {job[0].number: job for job in event.jobs}
        return []

    def _on_submit_failed(self, event: SubmitFailed) -> list[Instruction]:
        self._is_in_doubt = True
        return []

    def _on_lease_lost(self, event: LeaseLost) -> list[Instruction]:
        attempts = {(number, claim.attempt) for number, (claim, _, _) in self.running.items()}
        attempts -= {(item.number, item.attempt) for item in self._outcomes}  # these have ended
        self.running = {}
        self._given_up |= attempts
        # The next step claims under a new lease what this one was to claim.
        return [*(CancelJob(number) for number, _ in sorted(attempts)), StepAgain()]

    def _on_drain(self, event: DrainStarted) -> list[Instruction]:
        self._is_draining = True
        return []

    def _on_shutdown(self, event: ShutdownStarted) -> list[Instruction]:
        self._interrupted = frozenset(self.running)
        return [CancelJob(number) for number in self.running]
