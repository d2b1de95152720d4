"""Backoff for worker starts that fail, and the fault to report in the meantime."""

import time

import structlog

_SHORTEST_PAUSE_SECONDS = 1.0  # the pause after the first failed start
_LONGEST_PAUSE_SECONDS = 30.0
_START_SECONDS = 60.0  # without a ready worker for longer than this, a fault is reported
_FAULT_LIMIT = 500

_log = structlog.get_logger(__name__)


class StartBackoff:
    """Backoff of worker starts: longer after each failure, reset when a worker is ready.

    Attributes:
        retry_at: When to start workers again, in monotonic seconds; None means at once.
    """

    def __init__(self) -> None:
        self.retry_at: float | None = None
        self._unready_since: float | None = time.monotonic()
        self._fault: str | None = None
        self._pause_seconds = _SHORTEST_PAUSE_SECONDS

    @property
    def fault(self) -> str | None:
        """Why no worker is ready; meaningful only while none is."""
        since = self._unready_since
        if self._fault is None and since is not None and time.monotonic() - since > _START_SECONDS:
            return (
                f"no worker is ready after {_START_SECONDS:g} s: the application is still being "
                "imported"
            )
        return self._fault

    def record_ready(self) -> None:
        self._fault = None
        self._unready_since = None
        self._pause_seconds = _SHORTEST_PAUSE_SECONDS

    def record_none_ready(self) -> None:
        self._unready_since = time.monotonic()

    def record_fault(self, reason: str) -> None:
        """Record why workers cannot be started, and schedule the next attempt."""
        fault = f"no worker can start: {reason.strip()[-_FAULT_LIMIT:]}"
        if fault != self._fault:
            _log.error("workers cannot be started", reason=fault)
        self._fault = fault
        self.retry_at = time.monotonic() + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)

    def clear_if_due(self) -> bool:
        """Return whether workers may be started now; if so, clear the schedule."""
        if self.retry_at is not None and time.monotonic() < self.retry_at:
            return False
        self.retry_at = None
        return True
