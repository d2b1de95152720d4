"""Metrics of one process: counters and histograms of its own work.

Each metric is written by one thread at a time and may be read by others at any time; a read may
lag behind by a moment. Memory use is constant.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from scenarist.domain.vocabulary import JobStatus

REQUEST_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Histogram bounds in seconds, for databases and requests."""

JOB_BOUNDS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0)
"""Histogram bounds in seconds, for jobs, which may wait and run for hours."""

MAX_TASK_LABELS = 100
"""How many task configs have their own metrics in a process."""

OTHER_TASKS_LABEL = "other"
"""The label under which all further task configs are counted together."""

RETRIED = "RETRIED"
LOST = "LOST"
HANDED_BACK = "HANDED_BACK"
"""Outcomes of attempts after which the job is PENDING again; the others are job statuses."""


STALLED_SECONDS = 10.0
"""How long the oldest write may wait before the process reports that it is not ready."""

FAILED_WRITE_SECONDS = 10.0
"""How long after a failed write the process reports that it is not ready."""


class Histogram:
    """Histogram of durations: counts by upper bound, and the sum in seconds."""

    __slots__ = ("bounds", "counts", "seconds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  #: by bound, the last for all that exceed them
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds

    def merge(self, other: "Histogram") -> None:
        """Add the counts of another histogram with the same bounds."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.seconds += other.seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """Amount of unfinished work in the database, whichever process does it."""

    jobs: Mapping[JobStatus, int]  #: unfinished jobs by status
    submissions: int  #: unfinished submissions
    next_job_wait_seconds: float  #: how long the job to be claimed next has waited; 0 without one
    deliveries: int  #: webhook messages not delivered yet
    orchestrators: int  #: orchestrators that claim jobs, as far as is known


class DatabaseMetrics:
    """Metrics of the write transactions of a process."""

    __slots__ = (
        "commit_durations",
        "commits",
        "last_write_error",
        "oldest_write_since",
        "write_lock_waits",
        "writes",
    )

    def __init__(self) -> None:
        self.commits = 0
        self.writes = 0  #: units of work in them; a group commit has several
        self.write_lock_waits = Histogram(REQUEST_BOUNDS)  #: waiting for the write lock
        self.commit_durations = Histogram(REQUEST_BOUNDS)  #: commits alone, with their sync to disk
        self.oldest_write_since: float | None = None  #: start of the oldest unfinished write
        #: If the last write failed: when and why.
        self.last_write_error: tuple[float, str] | None = None

    def add_commit(self, writes: int, seconds: float) -> None:
        self.commits += 1
        self.writes += writes
        self.commit_durations.add(seconds)

    def write_wait_seconds(self) -> float:
        """Return how many seconds the oldest unfinished write has waited; 0 if there is none."""
        since = self.oldest_write_since
        return 0.0 if since is None else max(0.0, monotonic() - since)

    def find_write_fault(self) -> str | None:
        """Return why writes currently fail or hang; None if they do not, as far as is known."""
        waiting = self.write_wait_seconds()
        if waiting > STALLED_SECONDS:
            return f"writes to the database have been waiting for {waiting:.0f} s"
        error = self.last_write_error
        if error is not None and monotonic() - error[0] < FAILED_WRITE_SECONDS:
            return f"the database accepts no writes: {error[1]}"
        return None


class OrchestratorMetrics:
    """Metrics of the jobs that an orchestrator has run."""

    __slots__ = (
        "_labels",
        "attempts",
        "claim_delays",
        "failed_steps",
        "run_durations",
        "run_seconds",
        "start_delays",
    )

    def __init__(self) -> None:
        self.failed_steps = 0  #: steps of the loop that records outcomes and claims jobs
        self.claim_delays = Histogram(JOB_BOUNDS)  #: from when a job may run until it is claimed
        self.start_delays = Histogram(JOB_BOUNDS)  #: from its claim to its start in a worker
        self.run_durations = Histogram(JOB_BOUNDS)  #: of an attempt, including reading and writing
        self.attempts: Counter[tuple[str, str]] = Counter()  #: by task config and outcome
        self.run_seconds: dict[str, float] = {}  #: by task config
        self._labels: set[str] = set()

    def add_attempt(self, task_config_id: str, outcome: str, run_seconds: float | None) -> None:
        """Count an attempt that has ended.

        Args:
            outcome: The status of its job if that has ended, else why it runs again.
            run_seconds: How long it ran; None if it did not start.
        """
        name = self._label_of(task_config_id)
        self.attempts[name, outcome] += 1
        if run_seconds is not None:
            self.run_durations.add(run_seconds)
            self.run_seconds[name] = self.run_seconds.get(name, 0.0) + run_seconds

    def _label_of(self, task_config_id: str) -> str:
        """Return the label of a task config; limits the number of labels in a process."""
        if task_config_id not in self._labels:
            if len(self._labels) >= MAX_TASK_LABELS:
                return OTHER_TASKS_LABEL
            self._labels.add(task_config_id)
        return task_config_id


class MeasuredOrchestrator(Protocol):
    """The metrics that an orchestrator exposes."""

    @property
    def metrics(self) -> OrchestratorMetrics: ...

    @property
    def running(self) -> int:
        """How many attempts the executor has."""

    @property
    def slots(self) -> int:
        """How many jobs the executor can run at the same time."""


class HasListeners(Protocol):
    @property
    def listener_count(self) -> int:
        """How many clients follow the event stream."""


@dataclass(frozen=True, slots=True)
class ProcessMetrics:
    """All metrics of one process."""

    database: DatabaseMetrics
    orchestrator: MeasuredOrchestrator
    notifier: HasListeners
