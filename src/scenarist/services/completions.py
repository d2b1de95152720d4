"""Lets requests wait until a submission or job has ended, without polling."""

import asyncio
import threading
from collections.abc import Iterable

import structlog

from scenarist.db.engine import Database
from scenarist.db.jobs import rows as job_rows
from scenarist.db.notify.notifications import Notification, Topic
from scenarist.domain.errors import UnavailableError
from scenarist.system.background import BackgroundLoop

_RETRY_SECONDS = 1.0  # the pause after the database could not be read

_log = structlog.get_logger(__name__)


class CompletionNotifier:
    """Wakes coroutines that wait for the end of a job or submission, by its identifier.

    The commits of this process say what they have ended. After commits of other processes, a thread
    reads which of the entities that are waited for have ended.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: dict[str, list[asyncio.Event]] = {}
        self._loops: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._is_closed = False
        self._reading = BackgroundLoop(
            "completions", self.find_finished, on_error=self._log_failure
        )
        database.subscribe(frozenset({Topic.NEWS}), self._on_commit)

    def start(self) -> None:
        """Start to look at the commits of other processes."""
        self._reading.start()

    def stop(self) -> None:
        self._reading.stop()

    def close(self) -> None:
        """Wake all waiting requests because the server stops; they return the present state."""
        with self._lock:
            self._is_closed = True
            for event, loop in self._loops.items():
                loop.call_soon_threadsafe(event.set)

    def find_finished(self) -> None:
        """Wake those that wait for what has ended, as the database says.

        Raises:
            UnavailableError: The database cannot be read.
        """
        with self._lock:
            waited_for = list(self._waiting)
        if waited_for:
            self._wake(job_rows.find_finished(self._database.reader, waited_for))

    def make_waiter(self, entity_id: str) -> "Waiter":
        """Return a waiter for the end of an entity; enter it, then check the status, then wait."""
        return Waiter(self, entity_id)

    def _on_commit(self, notification: Notification) -> None:
        if not self._waiting:
            return
        if notification.is_own:
            self._wake(notification.ended)
        else:
            self._reading.wake()

    def _wake(self, ended: Iterable[str]) -> None:
        with self._lock:
            events = [event for ended_id in ended for event in self._waiting.get(ended_id, ())]
            for event in events:
                self._loops[event].call_soon_threadsafe(event.set)

    def _log_failure(self, error: Exception) -> float:
        if isinstance(error, UnavailableError):
            _log.warning("other processes are not heard", reason=error.message)
        else:
            _log.exception("a commit of another process was not told")
        return _RETRY_SECONDS

    def _add(self, entity_id: str, event: asyncio.Event) -> None:
        with self._lock:
            self._waiting.setdefault(entity_id, []).append(event)
            self._loops[event] = asyncio.get_running_loop()
            if self._is_closed:
                event.set()

    def _remove(self, entity_id: str, event: asyncio.Event) -> None:
        with self._lock:
            events = self._waiting[entity_id]
            events.remove(event)
            if not events:
                del self._waiting[entity_id]
            del self._loops[event]


class Waiter:
    """Waits for the end of one job or submission within a ``with`` block."""

    def __init__(self, completions: CompletionNotifier, entity_id: str) -> None:
        self._notifier = completions
        self._entity_id = entity_id
        self._event = asyncio.Event()

    def __enter__(self) -> "Waiter":
        self._notifier._add(self._entity_id, self._event)  # noqa: SLF001 - one class in two
        return self

    def __exit__(self, *error: object) -> None:
        self._notifier._remove(self._entity_id, self._event)  # noqa: SLF001

    async def wait(self, seconds: float) -> bool:
        """Return True when it has ended or the server stops, False on timeout."""
        try:
            return await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
