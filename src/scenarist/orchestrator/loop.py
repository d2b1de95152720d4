"""The orchestrator's loop: record outcomes, claim jobs that can run, submit them for execution."""

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
from scenarist.db.jobs.claim import Claim, TaskRecipe
from scenarist.db.jobs.complete import Completion
from scenarist.db.notify.notifications import Notification, Topic
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.errors import UnavailableError
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.text import sanitize_text
from scenarist.executors.base import GRACE_SECONDS, Executor, JobOutcome, JobRequest
from scenarist.executors.outcomes import build_outcome
from scenarist.orchestrator.claiming import JobToRun
from scenarist.orchestrator.job_requests import RecipeCache, build_request
from scenarist.orchestrator.lease_keeper import LeaseKeeper
from scenarist.orchestrator.leases import Lease, LeaseLostError, LeaseOptions
from scenarist.orchestrator.metrics import JobMetrics
from scenarist.orchestrator.outcomes import build_completions
from scenarist.orchestrator.step import StepResult, StepWriter
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

_log = structlog.get_logger(__name__)


class Orchestrator:
    """Scheduler that runs the jobs of one database on one executor.

    `deliver` may be called from any thread. One step is one transaction for everything that has
    happened since the previous step. Between steps the thread sleeps; outcomes and the commits of
    this process and others wake it.

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
        self._lease = Lease(lease_options, now)
        self._job_metrics = JobMetrics()
        self.metrics = self._job_metrics.counters
        self._loop = BackgroundLoop("orchestrator", self._run_once, on_error=self._log_failure)
        self._lease_keeper = LeaseKeeper(
            database,
            self._lease,
            self._job_metrics,
            has_running_jobs=lambda: bool(self._running),
            on_lost=self._loop.wake,
        )
        self._executor: Executor | None = None
        self._steps = StepWriter(database, self._lease, RecipeCache(declared), self._job_metrics)
        # Attempts that were given up when the lease was lost, and that have not ended yet.
        self._given_up: set[tuple[int, int]] = set()
        self._running: dict[int, tuple[Claim, TaskRecipe, JobRequest]] = {}
        self._outcomes: deque[JobOutcome] = deque()
        self._to_stop: deque[int] = deque()
        self.worker_calls = WorkerCalls(lambda: self._executor)
        # The only running job has ended: do not wait for more.
        self._last_job_ended = threading.Event()
        self._drain_until: float | None = None  # monotonic: when running jobs are stopped too
        self._interrupted: frozenset[int] = frozenset()  # stopped by `stop`, to run again later
        # An item means that no job is running, or that `stop` must not wait any longer.
        self._idle_signals: SimpleQueue[None] = SimpleQueue()
        self._may_have_stop_requests = True  # whether running jobs may have been asked to stop
        database.subscribe(frozenset({Topic.WORK, Topic.STOP}), self.on_commit)

    @property
    def is_running(self) -> bool:
        return self._loop.is_running and self._drain_until is None

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def slots(self) -> int:
        return 0 if self._executor is None else self._executor.slots

    @property
    def executor_fault(self) -> str | None:
        """Why no job can run at the moment; None if jobs can run."""
        return None if self._executor is None else self._executor.fault

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
            if self._running:
                _log.info("draining", jobs=len(self._running), seconds=self._drain_seconds)
        self.worker_calls.stop_accepting()

    def force_exit(self) -> None:
        """Make `stop` wait no longer for running jobs; safe to call in a signal handler."""
        self._grace_seconds = 0.0
        self._drain_until = time.monotonic()
        self._idle_signals.put(None)

    def stop(self) -> None:
        """Drain, then stop the jobs that are still running and put them back to PENDING.

        Running jobs may continue for `drain_seconds`, counted from the call of `drain`. Those that
        have not ended by then are stopped, with their grace period.
        """
        self.drain()
        self._wait_until_idle()
        if self._running:
            self._interrupted = frozenset(self._running)
            self._to_stop.extend(self._interrupted)
            self._loop.wake()
            self._drain_until = time.monotonic() + self._grace_seconds + _KILL_SECONDS
            self._wait_until_idle()
        self._loop.stop()
        if self._executor is not None:
            self._executor.close()
        if self._outcomes:
            self.step(claims_too=False)
        try:
            self._lease_keeper.release()
        finally:
            self._lease_keeper.stop()

    def _wait_until_idle(self) -> None:
        """Wait until no job is running, or until the time in ``_drain_until``."""
        while self._running and self._loop.is_running:
            left = (self._drain_until or 0.0) - time.monotonic()
            if left <= 0:
                return
            with contextlib.suppress(Empty):
                self._idle_signals.get(timeout=left)

    def on_commit(self, notification: Notification) -> None:
        """Have a step look for jobs that can run, or that were asked to stop."""
        if Topic.STOP in notification.topics:
            self._may_have_stop_requests = True
        if Topic.WORK in notification.topics and not notification.is_own:
            self._steps.is_due_unknown = True  # the job may be a retry that is due later
        self._loop.wake()

    def deliver(self, outcomes: Sequence[JobOutcome]) -> None:
        """Accept outcomes from the executor; an empty list means that it has free slots."""
        self.worker_calls.deliver(outcomes)
        self._outcomes.extend(outcome for outcome in outcomes if outcome.number >= 0)
        if len(self._running) == len(self._outcomes) == 1:
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
        self._stop_requested(executor)  # does not concern the jobs that this step claims
        # Outcomes stay in the queue until they are recorded, so an error cannot lose them.
        outcomes = [self._outcomes[index] for index in range(len(self._outcomes))]
        self._given_up.difference_update((item.number, item.attempt) for item in outcomes)
        slots = self._free_slots(executor) if claims_too else 0
        if not outcomes and not slots and not self._steps.have_machines_changed(executor):
            return False
        now = self._now()
        completions = build_completions(outcomes, self._running, now, interrupted=self._interrupted)
        try:
            step = self._steps.write(executor, completions, slots, now, running=self._running)
        except LeaseLostError:
            self._give_up_lease(executor)  # these attempts have ended
            return True
        self._lease.confirm(step.lease_renewed_at)
        self._apply_step(executor, step, completions, outcomes, now)
        return bool(step.handled or step.to_run)

    def _apply_step(
        self,
        executor: Executor,
        step: StepResult,
        completions: Sequence[Completion],
        outcomes: Sequence[JobOutcome],
        now: datetime,
    ) -> None:
        """Apply the effects of a committed step: forget completed jobs, submit claimed ones."""
        handled = {item.number for item in step.handled}
        for number in handled:
            self._running.pop(number, None)  # a job that could not be prepared was never there
        left = {item.number for item in completions} - handled
        for _ in outcomes:
            self._outcomes.popleft()
        self._outcomes.extendleft(reversed([item for item in outcomes if item.number in left]))
        try:
            self._submit(executor, step.to_run, now)
        except BaseException:
            self._steps.is_in_doubt = True  # jobs may be claimed that were never submitted
            raise
        self._job_metrics.record_completed(step.recorded, completions, now)
        if step.may_claim_more:
            self._loop.wake()

    def _free_slots(self, executor: Executor) -> int:
        """Return how many jobs may be claimed: none while draining or while given-up jobs end."""
        return 0 if self._drain_until is not None or self._given_up else executor.free_slots

    def _submit(self, executor: Executor, to_run: Sequence[JobToRun], now: datetime) -> None:
        requests = []
        prepared = []
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
                self._fail(claim, recipe, f"{type(error).__name__}: {error}")
                continue
            self._running[claim.number] = (claim, recipe, request)
            requests.append(request)
            prepared.append((claim, recipe, inputs))
        executor.submit(self._job_metrics.record_claimed(prepared, requests))
        if to_run:
            self._lease_keeper.start_renewing()

    def _fail(self, claim: Claim, recipe: TaskRecipe, reason: str) -> None:
        """Fail a job that was claimed and cannot be submitted to the executor."""
        request = JobRequest(number=claim.number, attempt=claim.attempt, function=recipe.function)
        self._running[claim.number] = (claim, recipe, request)
        self.deliver(
            [build_outcome(request, JobEvent.RAISED, sanitize_text(reason)[:_REASON_LIMIT])]
        )

    def _stop_requested(self, executor: Executor) -> None:
        """Stop the jobs that were asked to stop."""
        if self._may_have_stop_requests:
            self._may_have_stop_requests = False
            try:
                self._to_stop += self._find_stop_requests()
            except BaseException:
                self._may_have_stop_requests = True
                raise
        while self._to_stop:
            executor.cancel(self._to_stop.popleft())

    def _find_stop_requests(self) -> list[int]:
        find = cancellation.find_cancel_requested
        return find(self._database.reader, self._lease.holder_id) if self._running else []

    def _give_up_lease(self, executor: Executor) -> None:
        """Stop the jobs of a lease that another holder has ended, and begin a new lease."""
        _log.error("lease lost", holder_id=self._lease.holder_id, jobs=len(self._running))
        self._lease.start_over()
        given_up, self._running = self._running, {}
        for number, (claim, _, _) in given_up.items():
            self._given_up.add((number, claim.attempt))
            executor.cancel(number)

    def _run_once(self) -> float | None:
        self._last_job_ended.clear()
        started = time.monotonic()
        has_moved = self.step()
        if not self._running and self._drain_until is not None:
            self._idle_signals.put(None)
        if has_moved:
            took = time.monotonic() - started
            gather = max(2 * took, _SHORTEST_GATHER_SECONDS)
            self._last_job_ended.wait(min(gather, _LONGEST_GATHER_SECONDS))
        if self._steps.has_unfinished_work:
            self._loop.pause(_RETRY_SECONDS)
            return 0.0
        return self._seconds_to_next_due()

    def _log_failure(self, error: Exception) -> float:
        if isinstance(error, UnavailableError):
            _log.error("step put off", reason=error.message, seconds=_RETRY_SECONDS)
        else:
            self._steps.fault = "steps of the orchestrator fail; the log says why"
            _log.exception("step failed")
        return _RETRY_SECONDS

    def _seconds_to_next_due(self) -> float | None:
        if self._steps.next_due is None:
            return None
        return max(0.0, (self._steps.next_due - self._now()).total_seconds())
