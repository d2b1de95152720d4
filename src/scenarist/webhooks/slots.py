"""Limits on messages in progress, so that a slow receiver delays only its own messages."""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from enum import IntEnum, auto, unique

import httpx

from scenarist.db.deliveries import Delivery

PROMPT_SECONDS = 2.0
"""A receiver is prompt if its last attempt took at most this time, whatever the result."""

_RECEIVERS_KEPT = 10_000


@unique
class Pace(IntEnum):
    """Speed class of a receiver, fastest first."""

    PROMPT = auto()
    NEW = auto()
    SLOW = auto()


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits on messages in progress: in total, per owner, and per receiver of an owner."""

    in_all: int
    of_owner: int
    of_receiver: int


BOUNDS = {
    Pace.PROMPT: Bounds(64, 8, 8),
    Pace.NEW: Bounds(32, 4, 2),
    Pace.SLOW: Bounds(16, 2, 1),
}
"""Each limit counts messages of its class and slower ones: slow ones never use all slots."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """An address to which an owner has messages sent.

    The same address counts separately for each owner, so that nobody can slow down another's
    messages.

    Args:
        owner: The identity of the actor that created the subscriber.
    """

    owner: str
    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class _Seen:
    pace: Pace
    was_silent: bool  #: its last attempt timed out


_UNSEEN = _Seen(Pace.NEW, was_silent=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A slot for a message in progress, to be given back.

    Args:
        is_short: Whether the receiver has timed out before, and gets less time.
    """

    receiver: Receiver
    pace: Pace
    is_short: bool


class Places:
    """Counts messages in progress, and remembers slow receivers; not thread-safe.

    This is kept in memory only: after a restart, all receivers are new.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[Receiver, _Seen] = OrderedDict()
        self._in_all: Counter[Pace] = Counter()
        self._of_owner: Counter[tuple[str, Pace]] = Counter()
        self._of_receiver: Counter[tuple[Receiver, Pace]] = Counter()

    @property
    def are_all_taken(self) -> bool:
        return self._in_all.total() >= BOUNDS[Pace.PROMPT].in_all

    def take(self, receiver: Receiver) -> Place | None:
        """Take a slot for a message; None if the receiver must wait for one."""
        seen = self._seen.get(receiver, _UNSEEN)
        if not all(self._has_room(receiver, pace) for pace in Pace if pace <= seen.pace):
            return None
        self._count(receiver, seen.pace, 1)
        return Place(receiver, seen.pace, is_short=seen.was_silent)

    def leave(self, place: Place) -> None:
        """Give back a slot that was not used."""
        self._count(place.receiver, place.pace, -1)

    def give_back(self, place: Place, *, seconds: float, was_silent: bool) -> None:
        """Give back the slot of an attempt; record how long it took and whether it timed out."""
        self._count(place.receiver, place.pace, -1)
        pace = Pace.PROMPT if seconds <= PROMPT_SECONDS else Pace.SLOW
        self._seen[place.receiver] = _Seen(pace, was_silent)
        self._seen.move_to_end(place.receiver)
        if len(self._seen) > _RECEIVERS_KEPT:
            self._seen.popitem(last=False)

    def _has_room(self, receiver: Receiver, pace: Pace) -> bool:
        bounds = BOUNDS[pace]
        same_or_worse = [other for other in Pace if other >= pace]
        owner = receiver.owner
        return (
            sum(self._in_all[other] for other in same_or_worse) < bounds.in_all
            and sum(self._of_owner[owner, other] for other in same_or_worse) < bounds.of_owner
            and sum(self._of_receiver[receiver, other] for other in same_or_worse)
            < bounds.of_receiver
        )

    def _count(self, receiver: Receiver, pace: Pace, step: int) -> None:
        self._in_all[pace] += step
        self._of_owner[receiver.owner, pace] += step
        self._of_receiver[receiver, pace] += step
        if not self._of_owner[receiver.owner, pace]:
            del self._of_owner[receiver.owner, pace]
        if not self._of_receiver[receiver, pace]:
            del self._of_receiver[receiver, pace]


def receiver_of(delivery: Delivery) -> Receiver:
    url = httpx.URL(delivery.url)
    return Receiver(delivery.owner_id, url.host, url.port)
