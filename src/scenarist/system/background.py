"""Background threads of this process, which run until they are stopped."""

import threading
import time
from collections.abc import Callable
from weakref import WeakSet

import structlog

_PAUSE_SECONDS = 1.0  # between a failure and the restart
_REPORTED_SECONDS = 10.0  # how long a failure is reported, so that a repeated one is seen

_started: "WeakSet[BackgroundThread]" = WeakSet()

_log = structlog.get_logger(__name__)


class BackgroundThread(threading.Thread):
    """A daemon thread that restarts its work after any failure.

    Args:
        work: Returns once it was told to stop; must be callable again after any failure.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._failed_at: float | None = None  # monotonic

    def start(self) -> None:
        _started.add(self)
        super().start()

    def run(self) -> None:
        while True:
            try:
                self._work()
            except BaseException:  # noqa: BLE001 - nobody else would begin it again
                self._failed_at = time.monotonic()
                _log.exception("a thread failed, and begins again", thread=self.name)
                time.sleep(_PAUSE_SECONDS)
            else:
                _started.discard(self)
                return

    @property
    def fault(self) -> str | None:
        """The current failure; None if the thread works."""
        failed_at = self._failed_at
        if failed_at is not None and time.monotonic() - failed_at < _REPORTED_SECONDS:
            return (
                f"the thread {self.name!r} of the server failed; the server's log has the details"
            )
        return None if self.is_alive() else f"the thread {self.name!r} of the server has ended"


def find_fault() -> str | None:
    """Return the failure of a thread of this process; None if all work."""
    return next((fault for thread in list(_started) if (fault := thread.fault)), None)
