"""The event log: read changes from a cursor on, and be notified of new ones."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scenarist.db import event_log as event_rows
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import Notification
from scenarist.domain.entities import Event
from scenarist.domain.errors import ScenaristError
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import ChangeType, EntityKind

_Rows = list[tuple[int, datetime, list[Event]]]

_TRANSACTIONS_PER_PAGE = 64  # read at a time
_END_POSITION = 999_999_999  # position after all changes of a transaction
_MIN_INTERVAL_SECONDS = 0.02  # minimum time between two wake-ups of readers


@dataclass(frozen=True, order=True, slots=True)
class EventCursor:
    """A cursor into the event log: a transaction number, and an offset within its changes."""

    number: int
    position: int = 0

    @property
    def next(self) -> "EventCursor":
        """The cursor after the change at this cursor."""
        if self.position == _END_POSITION:
            return EventCursor(self.number + 1)
        return EventCursor(self.number, self.position + 1)

    @property
    def previous(self) -> "EventCursor":
        """The cursor whose `next` this one is."""
        if self.position:
            return EventCursor(self.number, self.position - 1)
        return EventCursor(self.number - 1, _END_POSITION)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventFilter:
    """Selects changes; an empty set matches all."""

    kinds: frozenset[EntityKind] = frozenset()
    entity_ids: frozenset[str] = frozenset()
    changes: frozenset[ChangeType] = frozenset()
    submission_ids: frozenset[str] = frozenset()

    def matches(self, event: Event) -> bool:
        """Return whether a change matches; a submission matches its own `submission_ids`."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and (not self.entity_ids or event.id in self.entity_ids)
            and (not self.changes or event.change in self.changes)
            and (
                not self.submission_ids
                or event.submission_id in self.submission_ids
                or event.id in self.submission_ids
            )
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamStart:
    """The cursor at which a client starts to read.

    Args:
        oldest: The oldest change that is kept, if earlier ones that the client has not seen may
            have been deleted.
    """

    cursor: EventCursor
    oldest: EventCursor | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedEvent:
    cursor: EventCursor
    at: datetime
    event: Event


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPage:
    """A page of the log: the changes that match, and the cursor of the next page."""

    events: Sequence[LoggedEvent]
    next_cursor: EventCursor
    is_last: bool  #: whether the end of the log was reached


@dataclass(frozen=True, slots=True)
class EventRequest:
    """A request for the changes after a cursor."""

    actor: Actor
    after: EventCursor
    wanted: EventFilter


class EventLogService:
    """Reads the event log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_start(self, actor: Actor, seen: EventCursor | None) -> StreamStart:
        """Return where to start for a client that has read the log up to the change *seen*.

        Without *seen*, start at the end of the log. If not all later changes are kept, or *seen*
        is not from this log, start at the oldest change.
        """
        actor.require(Permission.READ)
        oldest, newest = event_rows.find_bounds(self._database.reader)
        if seen is None:
            return StreamStart(cursor=EventCursor(newest + 1))
        if oldest <= seen.next.number and seen.number <= newest:
            return StreamStart(cursor=seen.next)
        first = EventCursor(max(oldest, 1))
        return StreamStart(cursor=first, oldest=first)

    def read_many(self, requests: Sequence[EventRequest]) -> list[EventPage | ScenaristError]:
        """Read for several actors; return one result per request, in order.

        Most readers wait at the same cursor, so that each page of the log is read only once.
        """
        pages: dict[int, _Rows] = {}
        results: list[EventPage | ScenaristError] = []
        for request in requests:
            try:
                request.actor.require(Permission.READ)
            except ScenaristError as error:
                results.append(error)
                continue
            number = request.after.number
            if number not in pages:
                pages[number] = self._read_rows(number)
            results.append(_make_page(pages[number], request.after, request.wanted))
        return results

    def _read_rows(self, first: int) -> _Rows:
        return event_rows.read(self._database.reader, first=first, limit=_TRANSACTIONS_PER_PAGE)


def _make_page(rows: _Rows, after: EventCursor, wanted: EventFilter) -> EventPage:
    changes = [
        LoggedEvent(cursor=cursor, at=at, event=event)
        for number, at, events in rows
        for position, event in enumerate(events)
        if (cursor := EventCursor(number, position)) >= after and wanted.matches(event)
    ]
    following = EventCursor(rows[-1][0] + 1) if rows else after
    return EventPage(
        events=changes, next_cursor=following, is_last=len(rows) < _TRANSACTIONS_PER_PAGE
    )


class ChangeNotifier:
    """Change notifier: wakes coroutines of one event loop after commits in any thread.

    Readers are woken at most once per `_MIN_INTERVAL_SECONDS`, however fast commits come. Without
    readers, a commit does no extra work.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[ChangeListener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_scheduled = False
        self._last_wake = 0.0
        self.is_closed = False  #: whether the server stops and no notification will follow

    @property
    def listener_count(self) -> int:
        return len(self._listeners)

    def on_commit(self, notification: Notification) -> None:
        """Wake the readers: the log has new entries."""
        self.notify()

    def notify(self) -> None:
        """Wake the readers after a commit; thread-safe."""
        if not self._listeners or self._is_scheduled:
            return
        with self._lock:
            # Without readers the loop may be closed already.
            if self._listeners and self._loop is not None and not self._is_scheduled:
                self._is_scheduled = True
                self._loop.call_soon_threadsafe(self._schedule_wake, self._loop)

    def close(self) -> None:
        """Wake all readers for good because the server stops; call this in the event loop."""
        self.is_closed = True
        self._wake_all(asyncio.get_running_loop())

    def listen(self) -> "ChangeListener":
        """Return a listener; enter it, then read the log, then wait."""
        return ChangeListener(self)

    def _add(self, listener: "ChangeListener") -> None:
        with self._lock:
            if not self._listeners:
                self._loop = asyncio.get_running_loop()
                self._is_scheduled = False
            self._listeners.add(listener)

    def _remove(self, listener: "ChangeListener") -> None:
        with self._lock:
            self._listeners.discard(listener)

    def _schedule_wake(self, loop: asyncio.AbstractEventLoop) -> None:
        wait = self._last_wake + _MIN_INTERVAL_SECONDS - loop.time()
        if wait > 0:
            loop.call_later(wait, self._wake_all, loop)
        else:
            self._wake_all(loop)

    def _wake_all(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._is_scheduled = False
            listeners = list(self._listeners)
        self._last_wake = loop.time()
        for listener in listeners:
            listener.wake()


class ChangeListener:
    """Waits for notifications within a ``with`` block."""

    def __init__(self, notifier: ChangeNotifier) -> None:
        self._notifier = notifier
        self._event = asyncio.Event()

    def __enter__(self) -> "ChangeListener":
        self._notifier._add(self)  # noqa: SLF001 - two halves of one class
        return self

    def __exit__(self, *error: object) -> None:
        self._notifier._remove(self)  # noqa: SLF001

    @property
    def is_closed(self) -> bool:
        return self._notifier.is_closed

    def wake(self) -> None:
        self._event.set()

    def reset(self) -> None:
        """Reset the notification; read the log after this."""
        self._event.clear()

    async def wait(self, seconds: float) -> bool:
        """Wait for a notification since the last `reset`; return False on timeout."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        return True
