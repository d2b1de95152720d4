"""How many requests an executor takes ahead of its free workers."""

from scenarist.executors.base import JobOutcome

# As many as a worker runs in this time, so that it never waits for the database; longer jobs stay
# queued there, for whichever worker is free.
_AHEAD_SECONDS = 0.02
_AHEAD_LIMIT = 256


class Pace:
    """Learns from outcomes how long jobs take at the moment."""

    __slots__ = ("_mean_seconds",)

    def __init__(self) -> None:
        self._mean_seconds = 1.0

    @property
    def ahead(self) -> int:
        """How many requests to take for each worker, beside the one that it runs."""
        return min(int(_AHEAD_SECONDS / self._mean_seconds), _AHEAD_LIMIT)

    def note(self, outcome: JobOutcome) -> None:
        if outcome.started_at is not None and outcome.finished_at is not None:
            seconds = (outcome.finished_at - outcome.started_at).total_seconds()
            self._mean_seconds += (max(seconds, 1e-5) - self._mean_seconds) / 8
