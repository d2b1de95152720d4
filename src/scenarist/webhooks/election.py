"""Elects the process that sends webhooks: one per database; another takes over when it ends."""

from collections.abc import Callable

import structlog

from scenarist.db.leader_lock import LeaderLock
from scenarist.db.notify.notifications import Notification
from scenarist.domain.errors import UnavailableError
from scenarist.system.background import BackgroundLoop
from scenarist.webhooks.dispatcher import Dispatcher

_RETRY_SECONDS = 1.0  # after the leader lock was lost or could not be acquired

_log = structlog.get_logger(__name__)


class DispatcherElection:
    """Waits for the leader lock, and runs a dispatcher while this process holds it.

    Args:
        make: Creates a dispatcher, which continues where the previous one stopped.
    """

    def __init__(self, turn: LeaderLock, make: Callable[[], Dispatcher]) -> None:
        self._leader_lock = turn
        self._make = make
        self._dispatcher: Dispatcher | None = None
        self._is_waiting = True
        self._loop = BackgroundLoop("webhook election", self._run_once, on_error=self._log_failure)

    def start(self) -> None:
        self._loop.start()

    def on_commit(self, notification: Notification) -> None:
        """Have the dispatcher read the new events."""
        if (dispatcher := self._dispatcher) is not None:
            dispatcher.wake()

    def stop(self) -> None:
        """Stop sending, and let another process take over."""
        self._loop.request_stop()
        self._leader_lock.stop()
        # A thread that still waits ends without the lock; there is no need to join it.
        if not self._is_waiting:
            self._loop.join()

    def _run_once(self) -> float:
        try:
            self._is_waiting = True
            is_leader = self._leader_lock.acquire()
            self._is_waiting = False
            if is_leader:
                self._dispatch()
        finally:
            self._leader_lock.release()
        return _RETRY_SECONDS

    def _log_failure(self, error: Exception) -> float:
        if isinstance(error, UnavailableError):
            _log.warning("webhooks put off", reason=error.message, seconds=_RETRY_SECONDS)
        else:
            _log.exception("webhooks failed")
        return _RETRY_SECONDS

    def _dispatch(self) -> None:
        if self._loop.is_stopping:
            return
        dispatcher = self._dispatcher = self._make()
        try:
            dispatcher.start()
            self._leader_lock.hold()
        finally:
            dispatcher.stop()
            self._dispatcher = None
