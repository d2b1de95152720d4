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


class BackgroundLoop:
    """Background thread that works when something is due or `wake` is called, and sleeps otherwise.

    It works once at the start, and after each failure.

    Args:
        run_once: Does everything that is due. Returns the seconds until something is due again;
            None if nothing will be before `wake` is called.
        on_error: Called with each exception of `run_once`; logs it, and returns the seconds to
            pause. `wake` does not shorten this pause. Without it, an exception ends the thread,
            which reports that as its fault and begins again.
        wait: Sleeps for some seconds, or until `interrupt` is called if that is earlier.
        interrupt: Called by `wake` and `stop`: makes `wait` return, or what `run_once` waits for.
    """

    def __init__(
        self,
        name: str,
        run_once: Callable[[], float | None],
        *,
        on_error: Callable[[Exception], float] | None = None,
        wait: Callable[[float | None], object] | None = None,
        interrupt: Callable[[], None] | None = None,
    ) -> None:
        self._run_once = run_once
        self._on_error = on_error
        self._wait = wait or self._wait_for_event
        self._interrupt = interrupt
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = BackgroundThread(name, self._run)

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Have `run_once` called soon; may be called from any thread, returns at once."""
        self._woken.set()
        if self._interrupt is not None:
            self._interrupt()

    def stop(self) -> None:
        """Let `run_once` return, do not call it again, and wait for the end of the thread."""
        self.request_stop()
        self.join()

    def request_stop(self) -> None:
        """Stop without waiting for the end of the thread."""
        self._stopping.set()
        self.wake()

    def join(self) -> None:
        """Wait for the end of the thread, if it was started."""
        if self._thread.ident is not None:
            self._thread.join()

    def pause(self, seconds: float) -> bool:
        """Let `run_once` pause, whatever wakes the loop; return True at once if it is to stop."""
        return self._stopping.wait(seconds)

    def _run(self) -> None:
        seconds: float | None = 0.0
        while True:
            if seconds is None or seconds > 0:
                self._wait(seconds)
            self._woken.clear()  # before the check: `stop` sets this event last
            if self._stopping.is_set():
                return
            try:
                seconds = self._run_once()
            except Exception as error:
                if self._on_error is None:
                    raise
                self._stopping.wait(self._on_error(error))
                seconds = 0.0

    def _wait_for_event(self, seconds: float | None) -> None:
        self._woken.wait(seconds)


def find_fault() -> str | None:
    """Return the failure of a thread of this process; None if all work."""
    return next((fault for thread in list(_started) if (fault := thread.fault)), None)
