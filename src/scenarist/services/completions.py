"""Lets requests wait until a submission or job has ended, without polling."""

import asyncio
import threading
from collections.abc import Iterable

from scenarist.db.engine import Database
from scenarist.db.jobs import rows as job_rows
from scenarist.db.notify.notifications import Topic, Topics


class CompletionNotifier:
    """Wakes coroutines that wait for the end of a job or submission, by its identifier."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: dict[str, list[asyncio.Event]] = {}
        self._loops: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._is_closed = False

    def notify(self, ended: Iterable[str]) -> None:
        """Wake those that wait for one of these jobs or submissions; thread-safe."""
        with self._lock:
            if not self._waiting:
                return
            events = [event for ended_id in ended for event in self._waiting.get(ended_id, ())]
            for event in events:
                self._loops[event].call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Wake all waiting requests because the server stops; they return the present state."""
        with self._lock:
            self._is_closed = True
            for event, loop in self._loops.items():
                loop.call_soon_threadsafe(event.set)

    def on_notification(self, topics: Topics) -> None:
        """Check everything that is waited for after a commit of another process.

        Raises:
            UnavailableError: The database cannot be read.
        """
        if Topic.NEWS not in topics:
            return
        with self._lock:
            waited_for = list(self._waiting)
        if waited_for:
            self.notify(job_rows.find_finished(self._database.reader, waited_for))

    def make_waiter(self, entity_id: str) -> "Waiter":
        """Return a waiter for the end of an entity; enter it, then check the status, then wait."""
        return Waiter(self, entity_id)

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
