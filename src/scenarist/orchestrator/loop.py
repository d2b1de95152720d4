"""The thread of the orchestrator: it claims jobs, submits them, and records their outcomes."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from queue import Empty, SimpleQueue

import structlog

from scenarist.db.engine import Database
from scenarist.db.jobs import cancel as cancellation
from scenarist.db.jobs.recipes import RecipeCache
from scenarist.db.notify.notifications import Notification, Topic
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.errors import InDoubtError, UnavailableError
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.redaction import redact
from scenarist.domain.text import sanitize_text
from scenarist.executors.base import GRACE_SECONDS, Executor, JobOutcome, JobRequest
from scenarist.executors.outcomes import build_outcome
from scenarist.orchestrator.claiming import JobToRun
from scenarist.orchestrator.job_requests import build_request
from scenarist.orchestrator.lease_keeper import LeaseKeeper
from scenarist.orchestrator.leases import Lease, LeaseLostError, LeaseOptions
from scenarist.orchestrator.metrics import JobMetrics
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
    StepStarted,
    StopRequestsFound,
    SubmitFailed,
    SubmitJobs,
    WriteStep,
)
from scenarist.orchestrator.step import StepWriter
from scenarist.orchestrator.worker_calls import WorkerCalls
from scenarist.system.background import BackgroundLoop

_KILL_SECONDS = 1.0  # the longest time from a kill to its outcome
_RETRY_SECONDS = 1.0  # the pause after the database rejected a step
_REASON_LIMIT = 1_000
# After a step that moved jobs, the loop waits twice as long as that step took, within these bounds,
# before it starts the next: under load, one commit carries many jobs. If only one job is running,
# its outcome ends the wait (docs/decisions/0004).
_SHORTEST_GATHER_SECONDS = 0.001
_LONGEST_GATHER_SECONDS = 0.01
_UNBOUNDED_SECONDS = 1e8  # years
# Those of this process's own commits that need more than another step.
_DECIDED_ON = frozenset({Topic.STOP, Topic.RETRIES})


_log = structlog.get_logger(__name__)


class Orchestrator:
    """Scheduler that runs the jobs of one database on one executor.

    What happens in other threads is appended to a queue of events and wakes the thread of the
    orchestrator: outcomes, commits of this process and others, a stop. `OrchestratorState` decides
    what follows from them, and the thread carries that out. One step is one transaction for
    everything that has happened since the previous step. Between steps the thread sleeps.

    Args:
        folder: The folder for values whose path the system chooses.
        grace_seconds: How long a job has to end after it was asked to stop, before it is killed.
        drain_seconds: How long running jobs may continue after the orchestrator starts to drain.
        lease_options: Settings of its own lease, and of how it checks the leases of others.
        declared: What tasks do according to the application as it is now. If None, tasks do what
            their records say.
    """

    def __init__(  # noqa: PLR0913 - its collaborators and settings
        self,
        database: Database,
        *,
        folder: str,
        now: Callable[[], datetime],
        grace_seconds: float = GRACE_SECONDS,
        drain_seconds: float = 0.0,
        lease_options: LeaseOptions = LeaseOptions(),  # noqa: B008 - frozen
        declared: DeclaredConfigs | None = None,
    ) -> None:
        self._database = database
        self._folder = folder
        self._now = now
        self._grace_seconds = grace_seconds
        self._drain_seconds = drain_seconds
        self._state = OrchestratorState()
        self._events: deque[OrchestratorEvent] = deque()  # from other threads, not handled yet
        self._lease = Lease(lease_options, now)
        self._job_metrics = JobMetrics()
        self.metrics = self._job_metrics.counters
        self._loop = BackgroundLoop("orchestrator", self._run_once, on_error=self._log_failure)
        self._lease_keeper = LeaseKeeper(
            database,
            self._lease,
            self._job_metrics,
            has_running_jobs=lambda: bool(self._state.running),
            on_lost=self._loop.wake,
        )
        self._executor: Executor | None = None
        self._steps = StepWriter(database, self._lease, RecipeCache(declared), self._job_metrics)
        self.worker_calls = WorkerCalls(lambda: self._executor)
        # The only running job has ended: do not wait for more.
        self._last_job_ended = threading.Event()
        self._drain_until: float | None = None  # monotonic: when running jobs are stopped too
        # An item means that no job is running, or that `stop` must not wait any longer.
        self._idle_signals: SimpleQueue[None] = SimpleQueue()
        database.subscribe(frozenset({Topic.WORK, Topic.STOP}), self.on_commit)

    @property
    def is_running(self) -> bool:
        return self._loop.is_running and self._drain_until is None

    @property
    def running(self) -> int:
        return len(self._state.running)

    @property
    def slots(self) -> int:
        return 0 if self._executor is None else self._executor.slots

    @property
    def executor_fault(self) -> str | None:
        """Why no job can run at the moment; None if jobs can run."""
        fault = None if self._executor is None else self._executor.fault
        return None if fault is None else redact(fault)

    @property
    def step_fault(self) -> str | None:
        """Why outcomes are not recorded and jobs are not claimed; None if steps succeed."""
        return self._steps.fault

    def start(self, executor: Executor) -> None:
        """Take over the jobs of holders that are gone, and run until `stop` is called.

        Raises:
            UnavailableError: The database cannot be written.
        """
        self._executor = executor
        self.recover()
        self._lease_keeper.start()
        self._loop.start()

    def attach(self, executor: Executor) -> None:
        """Use an executor without starting the thread, for tests that call `step` themselves."""
        self._executor = executor

    def recover(self) -> None:
        """Begin the lease, and put the jobs of holders that are certainly gone back to PENDING."""
        self._lease_keeper.recover()

    def drain(self) -> None:
        """Stop claiming jobs and accepting worker calls; running jobs continue until `stop`."""
        if self._drain_until is None:
            self._drain_until = time.monotonic() + self._drain_seconds
            self._events.append(DrainStarted())
            if self.running:
                _log.info("draining", jobs=self.running, seconds=self._drain_seconds)
        self.worker_calls.stop_accepting()

    def retire(self) -> None:
        """Stop claiming jobs, since another process does; running jobs continue without a bound.

        Worker calls are accepted until `drain`.
        """
        if self._drain_until is None:
            self._drain_until = time.monotonic() + _UNBOUNDED_SECONDS
            self._events.append(DrainStarted())
            if self.running:
                _log.info("running jobs continue here until they have ended", jobs=self.running)

    def force_exit(self) -> None:
        """Make `stop` wait no longer for running jobs; safe to call in a signal handler."""
        self._grace_seconds = 0.0
        self._events.append(DrainStarted())  # `drain` may not have been called yet
        self._drain_until = time.monotonic()
        self._idle_signals.put(None)

    def stop(self) -> None:
        """Drain, then stop the jobs that are still running and put them back to PENDING.

        Running jobs may continue for `drain_seconds`, counted from the call of `drain`. Those that
        have not ended by then are stopped, with their grace period.
        """
        self.drain()
        self._wait_until_idle()
        if self.running:
            self._events.append(ShutdownStarted())
            self._loop.wake()
            self._drain_until = time.monotonic() + self._grace_seconds + _KILL_SECONDS
            self._wait_until_idle()
        self._loop.stop()
        try:
            if self._executor is not None:
                self._executor.close()
                self._take_events(self._executor)
                if self._state.has_outcomes:
                    self.step(claims_too=False)
            self._lease_keeper.release()
        finally:
            self._lease_keeper.stop()

    def _wait_until_idle(self) -> None:
        """Wait until no job is running, or until the time in ``_drain_until``."""
        while self.running and self._loop.is_running:
            left = (self._drain_until or 0.0) - time.monotonic()
            if left <= 0:
                return
            with contextlib.suppress(Empty):
                self._idle_signals.get(timeout=left)

    def on_commit(self, notification: Notification) -> None:
        """Have a step look for jobs that can run, or that were asked to stop."""
        if not notification.is_own or not _DECIDED_ON.isdisjoint(notification.topics):
            self._events.append(CommitNotified(notification.topics, notification.is_own))
        self._loop.wake()

    def deliver(self, outcomes: Sequence[JobOutcome]) -> None:
        """Accept outcomes from the executor; an empty list means that it has free slots."""
        self.worker_calls.deliver(outcomes)
        of_jobs = [outcome for outcome in outcomes if outcome.number >= 0]
        if of_jobs:
            self._events.append(OutcomesDelivered(of_jobs))
            if self.running == 1:
                self._last_job_ended.set()
        self._loop.wake()

    def step(self, *, claims_too: bool = True) -> bool:
        """Record outcomes, release waiting jobs and claim jobs in one transaction, then submit.

        Returns:
            Whether anything was completed or claimed.

        Raises:
            UnavailableError: The database rejected the transaction. After this and any other
                error nothing was recorded, and the outcomes are kept for the next step.
        """
        executor = self._executor
        if executor is None:
            raise RuntimeError("attach an executor first")
        if self._lease.is_lost:
            self._give_up_lease(executor)
        self._take_events(executor)
        slots = executor.free_slots if claims_too else 0
        return self._react(StepStarted(slots, executor.machines_version, self._now()), executor)

    def _take_events(self, executor: Executor) -> None:
        """Handle what has happened in other threads."""
        while self._events:
            self._react(self._events[0], executor)
            self._events.popleft()  # only now, so that an error cannot lose it

    def _react(self, event: OrchestratorEvent, executor: Executor) -> bool:
        """Carry out what follows from an event; return whether jobs were completed or claimed."""
        has_moved = False
        for instruction in self._state.decide(event):
            has_moved |= self._carry_out(instruction, executor)
        return has_moved

    def _carry_out(self, instruction: Instruction, executor: Executor) -> bool:
        match instruction:
            case WriteStep():
                return self._write(instruction, executor)
            case SubmitJobs(jobs, now):
                self._submit_or_requeue(jobs, now, executor)
            case CancelJob(number):
                executor.cancel(number)
            case FindStopRequests():
                found = cancellation.find_cancel_requested(
                    self._database.reader, self._lease.holder_id
                )
                self._react(StopRequestsFound(found), executor)
            case StepAgain():
                self._loop.wake()
        return False

    def _write(self, plan: WriteStep, executor: Executor) -> bool:
        """Write a step, and carry out what follows from it."""
        try:
            result = self._steps.write(plan, executor)
        except LeaseLostError:
            self._give_up_lease(executor)  # these attempts have ended
            return True
        except BaseException as error:
            is_rejected = isinstance(error, UnavailableError)
            is_in_doubt = not is_rejected or isinstance(error, InDoubtError)
            self._react(StepFailed(is_in_doubt), executor)
            raise
        self._lease.confirm(result.lease_renewed_at)
        self._react(StepCommitted(plan, result), executor)
        self._job_metrics.record_completed(result.recorded, plan.completions, plan.now)
        return bool(result.handled or result.to_run)

    def _submit_or_requeue(
        self, to_run: Sequence[JobToRun], now: datetime, executor: Executor
    ) -> None:
        """Submit claimed jobs; if that fails, the next step requeues those not in `running`."""
        try:
            self._submit(to_run, now, executor)
        except BaseException:
            self._react(SubmitFailed(), executor)
            raise

    def _submit(self, to_run: Sequence[JobToRun], now: datetime, executor: Executor) -> None:
        """Submit claimed jobs to the executor; fail those whose request cannot be built."""
        requests: list[JobRequest] = []
        prepared: list[JobToRun] = []
        failures: list[tuple[JobRequest, str]] = []
        running: list[RunningJob] = []
        for claim, recipe, inputs in to_run:
            try:
                request = build_request(
                    claim,
                    recipe,
                    inputs,
                    folder=self._folder,
                    grace_seconds=self._grace_seconds,
                    now=now,
                )
            except Exception as error:  # noqa: BLE001 - only this job fails
                _log.exception("a job cannot be handed out", job_id=claim.id)
                request = JobRequest(
                    number=claim.number, attempt=claim.attempt, function=recipe.function
                )
                failures.append((request, f"{type(error).__name__}: {error}"))
            else:
                requests.append(request)
                prepared.append((claim, recipe, inputs))
            running.append((claim, recipe, request))
        self._react(JobsPrepared(running), executor)
        if failures:
            self.deliver([_build_failure(request, reason) for request, reason in failures])
        executor.submit(self._job_metrics.record_claimed(prepared, requests))
        self._lease_keeper.start_renewing()

    def _give_up_lease(self, executor: Executor) -> None:
        """Stop the jobs of a lease that another holder has ended, and begin a new lease."""
        _log.error("lease lost", holder_id=self._lease.holder_id, jobs=self.running)
        self._lease.start_over()
        self._react(LeaseLost(), executor)

    def _run_once(self) -> float | None:
        self._last_job_ended.clear()
        started = time.monotonic()
        has_moved = self.step()
        if not self.running and self._drain_until is not None:
            self._idle_signals.put(None)
        if has_moved:
            took = time.monotonic() - started
            gather = max(2 * took, _SHORTEST_GATHER_SECONDS)
            self._last_job_ended.wait(min(gather, _LONGEST_GATHER_SECONDS))
        if self._state.has_unfinished_work:
            self._loop.pause(_RETRY_SECONDS)
            return 0.0
        return self._seconds_to_next_due()

    def _seconds_to_next_due(self) -> float | None:
        return self._state.seconds_to_next_due(self._now())

    def _log_failure(self, error: Exception) -> float:
        if isinstance(error, UnavailableError):
            _log.error("step put off", reason=error.message, seconds=_RETRY_SECONDS)
        else:
            self._steps.fault = "steps of the orchestrator fail; the log says why"
            _log.exception("step failed")
        return _RETRY_SECONDS


def _build_failure(request: JobRequest, reason: str) -> JobOutcome:
    """Build the outcome of a job that was claimed and cannot be submitted to the executor."""
    return build_outcome(request, JobEvent.RAISED, sanitize_text(reason)[:_REASON_LIMIT])
