"""The loop that settles what came back, claims what may run, and hands it to the executor."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from queue import Empty, SimpleQueue

import structlog

from scenarist.background import Background
from scenarist.db import cancellation
from scenarist.db.bells import Topic, Topics
from scenarist.db.claims import Claim, TaskRecipe
from scenarist.db.engine import Database
from scenarist.db.settlements import Settlement
from scenarist.domain.behaviours import Declared
from scenarist.domain.errors import UnavailableError
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.texts import storable
from scenarist.executors.base import GRACE_SECONDS, Executor, JobOutcome, JobRequest
from scenarist.executors.endings import ended
from scenarist.orchestrator.asking import Asking
from scenarist.orchestrator.keeper import HandedBack, Keeper
from scenarist.orchestrator.leases import Lease, LeaseLostError, LeaseTerms
from scenarist.orchestrator.outcomes import settlements_of
from scenarist.orchestrator.requests import Recipes, request_for
from scenarist.orchestrator.steps import Step, Steps
from scenarist.orchestrator.taking import Taken
from scenarist.orchestrator.watch import Watch

_KILL_SECONDS = 1.0  # from a kill to its outcome, at most
_RETRY_SECONDS = 1.0  # after the database refused a step
_REASON_LIMIT = 1_000
# After a step that moved jobs, the next one waits twice as long as that took, within these bounds,
# for more to happen: under load a commit carries many jobs. A job alone waits for nothing.
_SHORTEST_GATHER_SECONDS = 0.001
_LONGEST_GATHER_SECONDS = 0.01

Announce = Callable[[Sequence[str]], None]
"""Takes the identifiers of the jobs and submissions that a step has ended, after its commit."""


_log = structlog.get_logger(__name__)


class Orchestrator:
    """Runs the jobs of one database on one executor.

    `wake` and `deliver` may be called from any thread. One step is one transaction for everything
    that happened since the last, and nothing happens between steps: an idle orchestrator sleeps.

    Args:
        folder: Where values go whose place the system names.
        grace_seconds: How long a job that is stopped may take to end until it is killed.
        drain_seconds: How long running jobs may go on when the orchestrator stops.
        terms: How its lease is kept, and that of others looked at.
        declared: What tasks do now; None to do as recorded.
    """

    def __init__(  # noqa: PLR0913 - all that it is made of
        self,
        database: Database,
        *,
        folder: str,
        now: Callable[[], datetime],
        announce: Announce,
        grace_seconds: float = GRACE_SECONDS,
        drain_seconds: float = 0.0,
        terms: LeaseTerms = LeaseTerms(),  # noqa: B008 - frozen
        declared: Declared | None = None,
    ) -> None:
        self._database = database
        self._folder = folder
        self._now = now
        self._announce = announce
        self._grace_seconds = grace_seconds
        self._drain_seconds = drain_seconds
        self._lease = Lease(terms, now)
        self._keeper = Keeper(
            database,
            self._lease,
            is_at_work=lambda: bool(self._running),
            finish=self._finish,
            wake=self.wake,
        )
        self._executor: Executor | None = None
        self._watch = Watch()
        self.figures = self._watch.figures
        self._steps = Steps(database, self._lease, Recipes(declared), self._watch, wake=self.wake)
        # Attempts that were given up with the lease, until they have ended.
        self._given_up: set[tuple[int, int]] = set()
        self._running: dict[int, tuple[Claim, TaskRecipe, JobRequest]] = {}
        self._outcomes: deque[JobOutcome] = deque()
        self._to_stop: deque[int] = deque()
        self.asking = Asking(lambda: self._executor)
        self._something = threading.Event()
        self._gathered = threading.Event()  # the only job that ran has come back
        self._is_stopping = False
        self._drain_until: float | None = None  # monotonic: when what runs is stopped as well
        self._interrupted: frozenset[int] = frozenset()  # stopped so that it runs again later
        self._quiet: SimpleQueue[None] = SimpleQueue()  # a word that nothing runs, or not to wait
        self._thread: Background | None = None
        self._is_stop_asked = True  # whether others may have asked jobs to stop

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive() and self._drain_until is None

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def slots(self) -> int:
        return 0 if self._executor is None else self._executor.slots

    @property
    def executor_fault(self) -> str | None:
        """Why no jobs can be run at the moment; None when they can."""
        return None if self._executor is None else self._executor.fault

    @property
    def step_fault(self) -> str | None:
        """Why outcomes are not recorded and jobs not claimed; None when they are."""
        return self._steps.fault

    def start(self, executor: Executor) -> None:
        """Take over what those who are gone left, and run until `stop`.

        Raises:
            UnavailableError: The database cannot be written.
        """
        self._executor = executor
        self.recover()
        self._keeper.start()
        self._something.set()
        self._thread = Background("orchestrator", self._loop)
        self._thread.start()

    def attach(self, executor: Executor) -> None:
        """Use an executor without a thread: a test calls `step` by hand."""
        self._executor = executor

    def recover(self) -> None:
        """Begin the lease, and put back to PENDING what those ran who are surely gone."""
        self._keeper.recover()

    def drain(self) -> None:
        """Claim no more, and let nobody wait for a worker; jobs run on until `stop`."""
        if self._drain_until is None:
            self._drain_until = time.monotonic() + self._drain_seconds
            if self._running:
                _log.info("draining", jobs=len(self._running), seconds=self._drain_seconds)
        self.asking.hang_up()

    def hurry(self) -> None:
        """Wait no longer for running jobs; safe in a signal handler."""
        self._grace_seconds = 0.0
        self._drain_until = time.monotonic()
        self._quiet.put(None)

    def stop(self) -> None:
        """Claim no more; stop what still runs when its time from `drain` on is over, and its grace.

        It goes back to PENDING.
        """
        self.drain()
        self._wait_for_quiet()
        if self._running:
            self._interrupted = frozenset(self._running)
            self.cancel(list(self._interrupted))
            self._drain_until = time.monotonic() + self._grace_seconds + _KILL_SECONDS
            self._wait_for_quiet()
        self._is_stopping = True
        self._something.set()
        if self._thread is not None:
            self._thread.join()
        if self._executor is not None:
            self._executor.close()
        if self._outcomes:
            self.step(claims_too=False)
        try:
            self._keeper.leave()
        finally:
            self._keeper.stop()

    def _wait_for_quiet(self) -> None:
        """Wait until nothing runs any more, or until there is no more time."""
        while self._running and self._thread is not None:
            left = (self._drain_until or 0.0) - time.monotonic()
            if left <= 0:
                return
            with contextlib.suppress(Empty):
                self._quiet.get(timeout=left)

    def wake(self) -> None:
        """Look for jobs that may run: something was submitted or written."""
        self._something.set()

    def hear(self, topics: Topics) -> None:
        """Take notice of what another process has committed."""
        if Topic.STOP in topics:
            self._is_stop_asked = True
        if Topic.WORK in topics:
            self._steps.is_due_unknown = True
        if topics & {Topic.STOP, Topic.WORK}:
            self._something.set()
        self._keeper.hear(topics)

    def cancel(self, numbers: Sequence[int]) -> None:
        """Stop running jobs that were asked to stop; those that do not run here are passed over."""
        self._to_stop.extend(numbers)
        self._something.set()

    def deliver(self, outcomes: Sequence[JobOutcome]) -> None:
        """Take what came back from the executor; an empty list says that it has free slots."""
        self.asking.deliver(outcomes)
        self._outcomes.extend(outcome for outcome in outcomes if outcome.number >= 0)
        if len(self._running) == len(self._outcomes) == 1:
            self._gathered.set()
        self._something.set()

    def step(self, *, claims_too: bool = True) -> bool:
        """Settle, release and claim in one transaction, then hand out what was claimed.

        Returns:
            Whether anything was settled or claimed.

        Raises:
            UnavailableError: The database refused. After this and any other error nothing was
                recorded, and the outcomes are kept for the next step.
        """
        executor = self._executor
        if executor is None:
            raise RuntimeError("attach an executor first")
        if self._lease.is_lost:
            self._give_up(executor)
        self._stop_asked(executor)  # what this step claims is not among them
        # They leave the queue when they are done with; until then nothing can lose them.
        outcomes = [self._outcomes[place] for place in range(len(self._outcomes))]
        self._given_up.difference_update((item.number, item.attempt) for item in outcomes)
        slots = self._free_slots(executor) if claims_too else 0
        if not outcomes and not slots and not self._steps.has_other_machines(executor):
            return False
        now = self._now()
        ending = settlements_of(outcomes, self._running, now, interrupted=self._interrupted)
        try:
            step = self._steps.write(executor, ending, slots, now, running=self._running)
        except LeaseLostError:
            self._give_up(executor)  # these attempts have ended
            return True
        self._lease.confirm(step.held)
        self._follow(executor, step, ending, outcomes, now)
        return bool(step.settled or step.taken)

    def _follow(
        self,
        executor: Executor,
        step: Step,
        ending: Sequence[Settlement],
        outcomes: Sequence[JobOutcome],
        now: datetime,
    ) -> None:
        """Do what follows from a step that is stored."""
        settled = {item.number for item in step.settled}
        for number in settled:
            self._running.pop(number, None)  # one that could not be taken up was never there
        left = {item.number for item in ending} - settled
        for _ in outcomes:
            self._outcomes.popleft()
        self._outcomes.extendleft(reversed([item for item in outcomes if item.number in left]))
        try:
            self._hand_out(executor, step.taken, now)
        except BaseException:
            self._steps.is_in_doubt = True  # what was claimed and not handed out
            raise
        self._watch.settled(step.recorded, ending, now)
        if step.ended:
            self._announce(step.ended)

    def _free_slots(self, executor: Executor) -> int:
        """Return how many jobs may be claimed; none while others are being stopped for good."""
        return 0 if self._drain_until is not None or self._given_up else executor.free_slots

    def _hand_out(self, executor: Executor, taken: Sequence[Taken], now: datetime) -> None:
        requests = []
        handed_out = []
        for claim, recipe, inputs in taken:
            try:
                request = request_for(
                    claim,
                    recipe,
                    inputs,
                    folder=self._folder,
                    grace_seconds=self._grace_seconds,
                    now=now,
                )
            except Exception as error:  # noqa: BLE001 - it is this job's fault alone
                _log.exception("a job cannot be handed out", job_id=claim.id)
                self._fail(claim, recipe, f"{type(error).__name__}: {error}")
                continue
            self._running[claim.number] = (claim, recipe, request)
            requests.append(request)
            handed_out.append((claim, recipe, inputs))
        executor.submit(self._watch.claimed(handed_out, requests))
        if taken:
            self._keeper.claimed()

    def _fail(self, claim: Claim, recipe: TaskRecipe, reason: str) -> None:
        """End a job that was claimed and cannot be handed to the executor."""
        request = JobRequest(number=claim.number, attempt=claim.attempt, function=recipe.function)
        self._running[claim.number] = (claim, recipe, request)
        self.deliver([ended(request, JobEvent.RAISED, storable(reason)[:_REASON_LIMIT])])

    def _stop_asked(self, executor: Executor) -> None:
        """Stop the jobs that were asked to stop, here or by another process."""
        if self._is_stop_asked:
            self._is_stop_asked = False
            try:
                self._to_stop += self._asked_elsewhere()
            except BaseException:
                self._is_stop_asked = True
                raise
        while self._to_stop:
            executor.cancel(self._to_stop.popleft())

    def _asked_elsewhere(self) -> list[int]:
        asked = cancellation.asked_to_stop
        return asked(self._database.reader, self._lease.holder_id) if self._running else []

    def _give_up(self, executor: Executor) -> None:
        """Stop what ran under a lease that others have ended, and go on under another name."""
        _log.error("lease lost", holder_id=self._lease.holder_id, jobs=len(self._running))
        self._lease.give_up()
        given_up, self._running = self._running, {}
        for number, (claim, _, _) in given_up.items():
            self._given_up.add((number, claim.attempt))
            executor.cancel(number)

    def _finish(self, back: HandedBack) -> None:
        """Do what follows when jobs were put back, and that is stored."""
        self._watch.handed_back(back.jobs, self._now())
        if back.ended:
            self._announce(back.ended)
        self.wake()

    def _loop(self) -> None:
        while not self._is_stopping:
            self._something.wait(self._seconds_to_next_due())
            self._something.clear()
            self._gathered.clear()
            try:
                started = time.monotonic()
                has_moved = self.step()
                if not self._running and self._drain_until is not None:
                    self._quiet.put(None)
                if has_moved:
                    took = time.monotonic() - started
                    gather = max(2 * took, _SHORTEST_GATHER_SECONDS)
                    self._gathered.wait(min(gather, _LONGEST_GATHER_SECONDS))
                if not self._steps.has_left:
                    continue
            except UnavailableError as error:
                _log.error("step put off", reason=error.message, seconds=_RETRY_SECONDS)
            except Exception:  # noqa: BLE001 - the loop outlives whatever a step trips over
                self._steps.fault = "steps of the orchestrator fail; the log says why"
                _log.exception("step failed")
            time.sleep(_RETRY_SECONDS)
            self._something.set()

    def _seconds_to_next_due(self) -> float | None:
        if self._steps.next_due is None:
            return None
        return max(0.0, (self._steps.next_due - self._now()).total_seconds())
