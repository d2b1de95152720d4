"""Prefetch: how many requests an executor accepts beyond its free workers."""

from scenarist.executors.base import JobOutcome

# As many as a worker runs in this time, so that it never waits for the database. Longer jobs stay
# queued in the database, for the next free worker of any server.
_PREFETCH_SECONDS = 0.02
_PREFETCH_LIMIT = 256


class Prefetch:
    """Moving average of the run time of jobs, and the prefetch that follows from it."""

    __slots__ = ("_mean_seconds",)

    def __init__(self) -> None:
        self._mean_seconds = 1.0

    @property
    def per_worker(self) -> int:
        """How many requests to accept per worker, in addition to the one that it runs."""
        return min(int(_PREFETCH_SECONDS / self._mean_seconds), _PREFETCH_LIMIT)

    def record(self, outcome: JobOutcome) -> None:
        if outcome.started_at is not None and outcome.finished_at is not None:
            seconds = (outcome.finished_at - outcome.started_at).total_seconds()
            self._mean_seconds += (max(seconds, 1e-5) - self._mean_seconds) / 8
