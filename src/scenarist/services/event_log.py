"""The event log: read changes from a cursor on, and be notified of new ones."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scenarist.db import event_log as event_rows
from scenarist.db.engine import Database
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
    def following(self) -> "EventCursor":
        """The cursor after the change at this cursor."""
        if self.position == _END_POSITION:
            return EventCursor(self.number + 1)
        return EventCursor(self.number, self.position + 1)

    @property
    def preceding(self) -> "EventCursor":
        """The cursor whose `following` this one is."""
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

    def fits(self, event: Event) -> bool:
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

    at: EventCursor
    oldest: EventCursor | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedEvent:
    mark: EventCursor
    at: datetime
    event: Event


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPage:
    """A page of the log: the changes that match, and the cursor of the next page."""

    changes: Sequence[LoggedEvent]
    following: EventCursor
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

    def begin(self, actor: Actor, seen: EventCursor | None) -> StreamStart:
        """Return where to start for a client that has read the log up to the change *seen*.

        Without *seen*, start at the end of the log. If not all later changes are kept, or *seen*
        is not from this log, start at the oldest change.
        """
        actor.require(Permission.READ)
        oldest, newest = event_rows.find_bounds(self._database.reader)
        if seen is None:
            return StreamStart(at=EventCursor(newest + 1))
        if oldest <= seen.following.number and seen.number <= newest:
            return StreamStart(at=seen.following)
        first = EventCursor(max(oldest, 1))
        return StreamStart(at=first, oldest=first)

    def read_many(self, wishes: Sequence[EventRequest]) -> list[EventPage | ScenaristError]:
        """Read for several actors; return one result per request, in order.

        Most readers wait at the same cursor, so that each page of the log is read only once.
        """
        parts: dict[int, _Rows] = {}
        answers: list[EventPage | ScenaristError] = []
        for wish in wishes:
            try:
                wish.actor.require(Permission.READ)
            except ScenaristError as refusal:
                answers.append(refusal)
                continue
            number = wish.after.number
            if number not in parts:
                parts[number] = self._rows(number)
            answers.append(_make_page(parts[number], wish.after, wish.wanted))
        return answers

    def _rows(self, first: int) -> _Rows:
        return event_rows.read(self._database.reader, first=first, limit=_TRANSACTIONS_PER_PAGE)


def _make_page(rows: _Rows, after: EventCursor, wanted: EventFilter) -> EventPage:
    changes = [
        LoggedEvent(mark=mark, at=at, event=event)
        for number, at, events in rows
        for position, event in enumerate(events)
        if (mark := EventCursor(number, position)) >= after and wanted.fits(event)
    ]
    following = EventCursor(rows[-1][0] + 1) if rows else after
    return EventPage(
        changes=changes, following=following, is_last=len(rows) < _TRANSACTIONS_PER_PAGE
    )


class ChangeNotifier:
    """Change notifier: wakes coroutines of one event loop after commits in any thread.

    Readers are woken at most once per `_SPACING_SECONDS`, however fast commits come. Without
    readers, a commit does no extra work.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: set[ChangeListener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_told = False
        self._last_ring = 0.0
        self.is_over = False  #: whether the server stops and no notification will follow

    @property
    def listeners(self) -> int:
        return len(self._readers)

    def announce(self) -> None:
        """Wake the readers after a commit; thread-safe."""
        if not self._readers or self._is_told:
            return
        with self._lock:
            # Without readers the loop may be closed already.
            if self._readers and self._loop is not None and not self._is_told:
                self._is_told = True
                self._loop.call_soon_threadsafe(self._ring_soon, self._loop)

    def end(self) -> None:
        """Wake all readers for good because the server stops; call this in the event loop."""
        self.is_over = True
        self._ring(asyncio.get_running_loop())

    def listen(self) -> "ChangeListener":
        """Return a reader; enter it, then read the log, then wait."""
        return ChangeListener(self)

    def _add(self, reader: "ChangeListener") -> None:
        with self._lock:
            if not self._readers:
                self._loop = asyncio.get_running_loop()
                self._is_told = False
            self._readers.add(reader)

    def _remove(self, reader: "ChangeListener") -> None:
        with self._lock:
            self._readers.discard(reader)

    def _ring_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        wait = self._last_ring + _MIN_INTERVAL_SECONDS - loop.time()
        if wait > 0:
            loop.call_later(wait, self._ring, loop)
        else:
            self._ring(loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._is_told = False
            readers = list(self._readers)
        self._last_ring = loop.time()
        for reader in readers:
            reader.ring()


class ChangeListener:
    """Waits for notifications within a ``with`` block."""

    def __init__(self, news: ChangeNotifier) -> None:
        self._news = news
        self._event = asyncio.Event()

    def __enter__(self) -> "ChangeListener":
        self._news._add(self)  # noqa: SLF001 - two halves of one class
        return self

    def __exit__(self, *error: object) -> None:
        self._news._remove(self)  # noqa: SLF001

    @property
    def is_over(self) -> bool:
        return self._news.is_over

    def ring(self) -> None:
        self._event.set()

    def catch_up(self) -> None:
        """Reset the notification; read the log after this."""
        self._event.clear()

    async def wait(self, seconds: float) -> bool:
        """Wait for a notification since the last `catch_up`; return False on timeout."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        return True
