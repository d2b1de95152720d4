"""Limits on messages in progress, so that a slow receiver delays only its own messages."""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from enum import IntEnum, auto, unique

import httpx

from scenarist.db.deliveries import PendingDelivery

PROMPT_SECONDS = 2.0
"""A receiver is prompt if its last attempt took at most this time, whatever the result."""

_MAX_RECEIVERS = 10_000


@unique
class ReceiverSpeed(IntEnum):
    """Speed class of a receiver, fastest first."""

    PROMPT = auto()
    NEW = auto()
    SLOW = auto()


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """Limits on messages in progress: in total, per owner, and per receiver of an owner."""

    total: int
    per_owner: int
    per_receiver: int


SLOT_LIMITS = {
    ReceiverSpeed.PROMPT: SlotLimits(64, 8, 8),
    ReceiverSpeed.NEW: SlotLimits(32, 4, 2),
    ReceiverSpeed.SLOW: SlotLimits(16, 2, 1),
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
class _ReceiverHistory:
    speed: ReceiverSpeed
    has_timed_out: bool  #: its last attempt timed out


_NO_HISTORY = _ReceiverHistory(ReceiverSpeed.NEW, has_timed_out=False)


@dataclass(frozen=True, slots=True)
class DeliverySlot:
    """A slot for a message in progress, to be given back.

    Args:
        is_short: Whether the receiver has timed out before, and gets less time.
    """

    receiver: Receiver
    speed: ReceiverSpeed
    is_short: bool


class SlotLimiter:
    """Counts messages in progress, and remembers slow receivers; not thread-safe.

    This is kept in memory only: after a restart, all receivers are new.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[Receiver, _ReceiverHistory] = OrderedDict()
        self._in_all: Counter[ReceiverSpeed] = Counter()
        self._of_owner: Counter[tuple[str, ReceiverSpeed]] = Counter()
        self._of_receiver: Counter[tuple[Receiver, ReceiverSpeed]] = Counter()

    @property
    def is_full(self) -> bool:
        return self._in_all.total() >= SLOT_LIMITS[ReceiverSpeed.PROMPT].total

    def acquire(self, receiver: Receiver) -> DeliverySlot | None:
        """Take a slot for a message; None if the receiver must wait for one."""
        seen = self._seen.get(receiver, _NO_HISTORY)
        if not all(self._has_room(receiver, pace) for pace in ReceiverSpeed if pace <= seen.speed):
            return None
        self._count(receiver, seen.speed, 1)
        return DeliverySlot(receiver, seen.speed, is_short=seen.has_timed_out)

    def release_unused(self, place: DeliverySlot) -> None:
        """Give back a slot that was not used."""
        self._count(place.receiver, place.speed, -1)

    def release(self, place: DeliverySlot, *, seconds: float, was_silent: bool) -> None:
        """Give back the slot of an attempt; record how long it took and whether it timed out."""
        self._count(place.receiver, place.speed, -1)
        pace = ReceiverSpeed.PROMPT if seconds <= PROMPT_SECONDS else ReceiverSpeed.SLOW
        self._seen[place.receiver] = _ReceiverHistory(pace, was_silent)
        self._seen.move_to_end(place.receiver)
        if len(self._seen) > _MAX_RECEIVERS:
            self._seen.popitem(last=False)

    def _has_room(self, receiver: Receiver, pace: ReceiverSpeed) -> bool:
        bounds = SLOT_LIMITS[pace]
        same_or_worse = [other for other in ReceiverSpeed if other >= pace]
        owner = receiver.owner
        return (
            sum(self._in_all[other] for other in same_or_worse) < bounds.total
            and sum(self._of_owner[owner, other] for other in same_or_worse) < bounds.per_owner
            and sum(self._of_receiver[receiver, other] for other in same_or_worse)
            < bounds.per_receiver
        )

    def _count(self, receiver: Receiver, pace: ReceiverSpeed, step: int) -> None:
        self._in_all[pace] += step
        self._of_owner[receiver.owner, pace] += step
        self._of_receiver[receiver, pace] += step
        if not self._of_owner[receiver.owner, pace]:
            del self._of_owner[receiver.owner, pace]
        if not self._of_receiver[receiver, pace]:
            del self._of_receiver[receiver, pace]


def to_receiver(delivery: PendingDelivery) -> Receiver:
    url = httpx.URL(delivery.url)
    return Receiver(delivery.owner_id, url.host, url.port)
