"""What one process counts and times of its own work, for those who watch it.

Each figure is written by one thread at a time and may be read by others: whoever reads sees all
that was counted a moment before. Nothing is kept but numbers, however much happens.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

REQUEST_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds; those of databases and requests."""

JOB_BOUNDS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0)
"""Seconds; those of jobs, which may wait and run for hours."""

TASKS_NAMED = 100
"""How many configs of tasks have figures of their own in a process."""

OTHER_TASKS = "other"
"""Under what the figures of all further configs of tasks are counted together."""

RETRIED = "RETRIED"
LOST = "LOST"
HANDED_BACK = "HANDED_BACK"
"""What became of an attempt after which its job is PENDING again; others have the job's status."""


STALLED_SECONDS = 10.0
"""How long the oldest write may wait before the process counts as not ready."""

REFUSED_SECONDS = 10.0
"""How long a write that failed counts as a sign that the next one would fail too."""


class Times:
    """How often something happened, by how long it took, and how long all of it took."""

    __slots__ = ("bounds", "counts", "seconds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  #: by the first bound that it is within
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds

    def include(self, other: "Times") -> None:
        """Count all of another with this one; both have the same bounds."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.seconds += other.seconds


class DatabaseFigures:
    """The transactions of a process that wrote."""

    __slots__ = (
        *("commit_times", "commits", "refusal", "turn_times"),
        *("write_waits_since", "writes"),
    )

    def __init__(self) -> None:
        self.commits = 0
        self.writes = 0  #: pieces of work in them; several may share a commit
        self.turn_times = Times(REQUEST_BOUNDS)  #: until one may write, as one at a time does
        self.commit_times = Times(REQUEST_BOUNDS)  #: of commits alone, with their sync
        self.write_waits_since: float | None = None  #: the oldest that has not come through
        self.refusal: tuple[float, str] | None = None  #: of the last write: when, and why

    def add_commit(self, writes: int, seconds: float) -> None:
        self.commits += 1
        self.writes += writes
        self.commit_times.add(seconds)

    def write_wait_seconds(self) -> float:
        """Return how long the oldest write under way has waited; 0 when none is."""
        since = self.write_waits_since
        return 0.0 if since is None else max(0.0, monotonic() - since)

    def write_fault(self) -> str | None:
        """Return why writes do not come through at the moment; None when nothing is known of it."""
        waiting = self.write_wait_seconds()
        if waiting > STALLED_SECONDS:
            return f"writes to the database have waited for {waiting:.0f} s"
        refusal = self.refusal
        if refusal is not None and monotonic() - refusal[0] < REFUSED_SECONDS:
            return f"the database takes no writes: {refusal[1]}"
        return None


class JobFigures:
    """What an orchestrator has done with jobs."""

    __slots__ = (
        *("_names", "attempts", "claim_times", "failed_steps", "hand_over_times"),
        *("run_seconds", "run_times"),
    )

    def __init__(self) -> None:
        self.failed_steps = 0  #: of the loop that records outcomes and claims jobs
        self.claim_times = Times(JOB_BOUNDS)  #: from when a job may run to its claim
        self.hand_over_times = Times(JOB_BOUNDS)  #: from its claim to its start in a worker
        self.run_times = Times(JOB_BOUNDS)  #: of an attempt, reading and writing included
        self.attempts: Counter[tuple[str, str]] = Counter()  #: by task config and what became of it
        self.run_seconds: dict[str, float] = {}  #: by task config
        self._names: set[str] = set()

    def add_attempt(self, task_config_id: str, ending: str, run_seconds: float | None) -> None:
        """Count an attempt that has ended.

        Args:
            ending: The status of its job, where that has ended with it.
            run_seconds: How long it ran; None when it did not start.
        """
        name = self._name(task_config_id)
        self.attempts[name, ending] += 1
        if run_seconds is not None:
            self.run_times.add(run_seconds)
            self.run_seconds[name] = self.run_seconds.get(name, 0.0) + run_seconds

    def _name(self, task_config_id: str) -> str:
        """Bound what a watching program has to keep, however many configs there are."""
        if task_config_id not in self._names:
            if len(self._names) >= TASKS_NAMED:
                return OTHER_TASKS
            self._names.add(task_config_id)
        return task_config_id


class RunsJobs(Protocol):
    """What an orchestrator tells of itself."""

    @property
    def figures(self) -> JobFigures: ...

    @property
    def running(self) -> int:
        """How many attempts are with the executor."""

    @property
    def slots(self) -> int:
        """How many jobs the executor can run at the same time."""


class HasListeners(Protocol):
    @property
    def listeners(self) -> int:
        """How many clients follow the events."""


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """Where all figures of one process are."""

    database: DatabaseFigures
    orchestrator: RunsJobs
    news: HasListeners
