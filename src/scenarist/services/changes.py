"""Lets clients follow what changes: the log of events, read on and on, and a bell for news."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scenarist.db import events as event_rows
from scenarist.db.engine import Database
from scenarist.domain.entities import Event
from scenarist.domain.errors import ScenaristError
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import Change, Kind

_Rows = list[tuple[int, datetime, list[Event]]]

_TRANSACTIONS = 64  # that are read at a time
_AFTER_ALL = 999_999_999  # the position that stands for all changes of a transaction
_SPACING_SECONDS = 0.02  # between two rings of the bell


@dataclass(frozen=True, order=True, slots=True)
class Mark:
    """A place in the log: a transaction, and how many of its changes are before the place."""

    number: int
    position: int = 0

    @property
    def following(self) -> "Mark":
        """Where the log goes on after the change at this place."""
        if self.position == _AFTER_ALL:
            return Mark(self.number + 1)
        return Mark(self.number, self.position + 1)

    @property
    def preceding(self) -> "Mark":
        """The mark of which this one is the following."""
        if self.position:
            return Mark(self.number, self.position - 1)
        return Mark(self.number - 1, _AFTER_ALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeFilter:
    """Which changes are wanted; an empty set leaves all."""

    kinds: frozenset[Kind] = frozenset()
    entity_ids: frozenset[str] = frozenset()
    changes: frozenset[Change] = frozenset()
    submission_ids: frozenset[str] = frozenset()

    def fits(self, event: Event) -> bool:
        """Whether a change is wanted; a submission is its own submission too."""
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
class Start:
    """Where following begins.

    Args:
        oldest: The oldest change that is kept, when there may have been others before it that
            the client has not seen.
    """

    at: Mark
    oldest: Mark | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedChange:
    mark: Mark
    at: datetime
    event: Event


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangePage:
    """A part of the log: what of it is wanted, and where the next part begins."""

    changes: Sequence[LoggedChange]
    following: Mark
    is_last: bool  #: whether there was no more at that moment


@dataclass(frozen=True, slots=True)
class ChangeWish:
    """Who wants to read on, from where, and what."""

    actor: Actor
    after: Mark
    wanted: ChangeFilter


class ChangeService:
    """Reads the log of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, actor: Actor, seen: Mark | None) -> Start:
        """Return where to read on for a client that has seen the log up to a change.

        Without one that is now: only what happens later. When not all that came after it is
        kept, or it is not of this log, that is the oldest change.
        """
        actor.require(Permission.READ)
        oldest, newest = event_rows.bounds(self._database.reader)
        if seen is None:
            return Start(at=Mark(newest + 1))
        if oldest <= seen.following.number and seen.number <= newest:
            return Start(at=seen.following)
        first = Mark(max(oldest, 1))
        return Start(at=first, oldest=first)

    def read_many(self, wishes: Sequence[ChangeWish]) -> list[ChangePage | ScenaristError]:
        """Read for several actors, each part of the log once; each gets its own answer, in order.

        Those who follow wait for the same news, so that one look serves most of them.
        """
        parts: dict[int, _Rows] = {}
        answers: list[ChangePage | ScenaristError] = []
        for wish in wishes:
            try:
                wish.actor.require(Permission.READ)
            except ScenaristError as refusal:
                answers.append(refusal)
                continue
            number = wish.after.number
            if number not in parts:
                parts[number] = self._rows(number)
            answers.append(_page(parts[number], wish.after, wish.wanted))
        return answers

    def _rows(self, first: int) -> _Rows:
        return event_rows.read(self._database.reader, first=first, limit=_TRANSACTIONS)


def _page(rows: _Rows, after: Mark, wanted: ChangeFilter) -> ChangePage:
    changes = [
        LoggedChange(mark=mark, at=at, event=event)
        for number, at, events in rows
        for position, event in enumerate(events)
        if (mark := Mark(number, position)) >= after and wanted.fits(event)
    ]
    following = Mark(rows[-1][0] + 1) if rows else after
    return ChangePage(changes=changes, following=following, is_last=len(rows) < _TRANSACTIONS)


class News:
    """Wakes coroutines of one event loop when something was committed; told from any thread.

    However fast commits come, those who wait are woken with a spacing, and nothing is done while
    nobody waits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: set[NewsReader] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_told = False
        self._last_ring = 0.0
        self.is_over = False  #: whether there will be no more

    @property
    def listeners(self) -> int:
        return len(self._readers)

    def announce(self) -> None:
        if not self._readers or self._is_told:
            return
        with self._lock:
            # Without readers the loop may be closed already.
            if self._readers and self._loop is not None and not self._is_told:
                self._is_told = True
                self._loop.call_soon_threadsafe(self._ring_soon, self._loop)

    def end(self) -> None:
        """Let nobody wait any more: the server stops. Only for the event loop."""
        self.is_over = True
        self._ring(asyncio.get_running_loop())

    def listen(self) -> "NewsReader":
        """Start listening; look at the log after this and before waiting."""
        return NewsReader(self)

    def _add(self, reader: "NewsReader") -> None:
        with self._lock:
            if not self._readers:
                self._loop = asyncio.get_running_loop()
                self._is_told = False
            self._readers.add(reader)

    def _remove(self, reader: "NewsReader") -> None:
        with self._lock:
            self._readers.discard(reader)

    def _ring_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        wait = self._last_ring + _SPACING_SECONDS - loop.time()
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


class NewsReader:
    """Waits for news within a ``with`` block."""

    def __init__(self, news: News) -> None:
        self._news = news
        self._event = asyncio.Event()

    def __enter__(self) -> "NewsReader":
        self._news._add(self)  # noqa: SLF001 - one class in two
        return self

    def __exit__(self, *error: object) -> None:
        self._news._remove(self)  # noqa: SLF001

    @property
    def is_over(self) -> bool:
        return self._news.is_over

    def ring(self) -> None:
        self._event.set()

    def catch_up(self) -> None:
        """Call what has happened until now known; look at the log after this."""
        self._event.clear()

    async def wait(self, seconds: float) -> bool:
        """Return whether there was news since the last `catch_up` before the time was over."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        return True
