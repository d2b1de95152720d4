"""Webhook dispatcher: creates messages from events, sends them, and retries."""

import heapq
import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from scenarist.db import deliveries as delivery_rows
from scenarist.db import event_log as event_rows
from scenarist.db import subscribers as subscriber_rows
from scenarist.db.deliveries import PendingDelivery
from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError
from scenarist.domain.identifiers import SubscriberId
from scenarist.domain.redaction import redact
from scenarist.domain.text import sanitize_text
from scenarist.domain.timestamps import is_unexpired
from scenarist.domain.vocabulary import EntityKind
from scenarist.system.background import BackgroundLoop
from scenarist.webhooks.messages import JobChange, build_messages
from scenarist.webhooks.sending import Attempt, DeliveryResult, Sender
from scenarist.webhooks.slots import DeliverySlot, Receiver, SlotLimiter, to_receiver

RETRY_DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Delay after each attempt before the next one, as the specification suggests."""

_JITTER = 0.1  # a delay is extended by up to this fraction, so that retries do not coincide
_TRANSACTIONS = 100  # read at a time
# Transactions without a message; at most as many are read again after a restart.
_STORE_EVERY = 1000
_SPACING_SECONDS = 0.05  # between two reads of the events
_RETRY_SECONDS = 1.0  # after an error of the database
_GRACE_SECONDS = 0.5  # for requests in progress when the server stops

_log = structlog.get_logger(__name__)


def run_in_thread(work: Callable[[], None]) -> None:
    """Run work in a daemon thread."""
    threading.Thread(target=work, name="webhook", daemon=True).start()


class Dispatcher:
    """Sends the messages of one database to their subscribers.

    `wake` is thread-safe. The database is not queried while nothing is committed and no message is
    due. Messages to one subscriber are sent in order, one at a time; a message is sent again with
    the same identifier if it is not certain that it arrived. `SlotLimiter` limits how many are in
    progress.

    Args:
        launch: Sends a message in the background; tests send it at once.
        elapsed: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        database: Database,
        sender: Sender,
        *,
        now: Callable[[], datetime],
        launch: Callable[[Callable[[], None]], None] = run_in_thread,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sender = sender
        self._now = now
        self._launch = launch
        self._elapsed = elapsed
        self._has_changes = True
        self._position: int | None = None  # last transaction read; None: there are no subscribers
        self._stored_position = 0  # last transaction recorded in the database
        # The subscribers with a message, by due time on the monotonic clock, then in order of
        # arrival.
        self._waiting: list[tuple[float, int, SubscriberId]] = []
        self._sequence = itertools.count()
        self._slots = SlotLimiter()
        # Subscribers whose message is due, but whose receiver has no free slot.
        self._waiting_for_slot: dict[Receiver, deque[SubscriberId]] = {}
        self._has_free_slot = False  # whether a slot became free since these were last tried
        self._known: set[SubscriberId] = set()  # subscribers waiting, held or being sent to
        self._under_way: dict[SubscriberId, DeliverySlot] = {}
        self._attempts: deque[Attempt] = deque()
        self._attempt_ended = threading.Event()
        self._next_read = 0.0
        self._loop = BackgroundLoop("webhooks", self._run_once, on_error=self._log_failure)

    def start(self) -> None:
        """Run until `stop`, beginning with messages that an earlier server has left."""
        self.recover()
        self._loop.start()

    def recover(self) -> None:
        """Queue the messages that have not arrived yet."""
        for subscriber_id in delivery_rows.find_pending_subscribers(self._database.reader):
            self._schedule(subscriber_id, self._now())

    def stop(self) -> None:
        """Start nothing more, and wait briefly for requests in progress; the rest is sent later."""
        self._loop.stop()
        end = time.monotonic() + _GRACE_SECONDS
        while self._under_way and (left := end - time.monotonic()) > 0:
            self._attempt_ended.wait(left)
            self._attempt_ended.clear()
            with suppress(UnavailableError):
                self._record()
        self._sender.close()

    def wake(self) -> None:
        """Read new events: something was committed."""
        if not self._has_changes:
            self._has_changes = True
            self._loop.wake()

    def step(self, *, is_look_due: bool = True) -> bool:
        """Record finished attempts, create messages from events, and send due messages.

        Returns:
            Whether anything was done.

        Raises:
            UnavailableError: The database failed. The attempts are kept for the next step.
        """
        has_recorded = self._record()
        has_looked = self._has_changes and is_look_due
        if has_looked:
            self._read_events()
        return self._send_due() or has_recorded or has_looked

    def _record(self) -> bool:
        attempts = [self._attempts.popleft() for _ in range(len(self._attempts))]
        if not attempts:
            return False
        now = self._now()
        try:
            again = self._database.write(
                lambda connection: _record_attempts(connection, attempts, now)
            )
        except BaseException:
            self._attempts.extendleft(reversed(attempts))
            raise
        for attempt, due_at in zip(attempts, again, strict=True):
            self._known.discard(attempt.delivery.subscriber_id)
            place = self._under_way.pop(attempt.delivery.subscriber_id)
            self._has_free_slot = True
            self._slots.release(place, seconds=attempt.seconds, was_silent=attempt.has_timed_out)
            if due_at is not None:
                self._schedule(attempt.delivery.subscriber_id, due_at)
        return True

    def _read_events(self) -> None:
        """Create messages from the events since the last read, and advance past them."""
        self._has_changes = False
        connection = self._database.reader
        if not subscriber_rows.has_active(connection):
            self._position = None
            return
        if self._position is None:
            self._position = self._stored_position = subscriber_rows.get_position(connection)
        found = event_rows.read(connection, first=self._position + 1, limit=_TRANSACTIONS)
        if not found:
            return
        last = found[-1][0]
        changes = [
            JobChange(number, at, event)
            for number, at, events in found
            for event in events
            if event.kind is EntityKind.JOB and event.status is not None
        ]
        now = self._now()
        has_messages = bool(changes) and bool(build_messages(connection, changes, now))
        if has_messages or last - self._stored_position >= _STORE_EVERY:
            told = self._database.write(lambda writer: _store_messages(writer, changes, last, now))
            self._stored_position = last
            for subscriber_id in told:
                self._schedule(subscriber_id, now)
        self._position = last
        if len(found) == _TRANSACTIONS:
            self._has_changes = True

    def _schedule(self, subscriber_id: SubscriberId, due_at: datetime) -> None:
        if subscriber_id not in self._known:
            self._known.add(subscriber_id)
            seconds = max(0.0, (due_at - self._now()).total_seconds())
            due = (self._elapsed() + seconds, next(self._sequence), subscriber_id)
            heapq.heappush(self._waiting, due)

    def _send_due(self) -> bool:
        has_sent = self._send_waiting()
        while self._waiting and not self._slots.is_full and not self._loop.is_stopping:
            if self._waiting[0][0] > self._elapsed():
                break
            _, _, subscriber_id = heapq.heappop(self._waiting)
            delivery = self._find_due(subscriber_id)
            if delivery is None:
                continue
            receiver = to_receiver(delivery)
            # Keep the order of arrival.
            place = None if receiver in self._waiting_for_slot else self._slots.acquire(receiver)
            if place is None:
                self._waiting_for_slot.setdefault(receiver, deque()).append(subscriber_id)
                continue
            has_sent = True
            self._send(delivery, place)
        return has_sent

    def _send_waiting(self) -> bool:
        """Send to subscribers that waited for a slot, as far as there are free ones."""
        has_sent = False
        if not self._has_free_slot:
            return has_sent
        self._has_free_slot = False
        for receiver in list(self._waiting_for_slot):
            line = self._waiting_for_slot[receiver]
            while line and not self._loop.is_stopping:
                place = self._slots.acquire(receiver)
                if place is None:
                    break
                delivery = self._find_due(line.popleft())
                if delivery is None:
                    self._slots.release_unused(place)
                    continue
                has_sent = True
                self._send(delivery, place)
            if not line:
                del self._waiting_for_slot[receiver]
        return has_sent

    def _find_due(self, subscriber_id: SubscriberId) -> PendingDelivery | None:
        """Return the message due for a subscriber now; None if there is none, or it must wait."""
        delivery = delivery_rows.find_oldest(self._database.reader, subscriber_id)
        if delivery is not None and not _is_postponed(delivery, self._now()):
            return delivery
        self._known.discard(subscriber_id)
        if delivery is not None:
            self._schedule(subscriber_id, delivery.due_at)
        return None

    def _send(self, delivery: PendingDelivery, place: DeliverySlot) -> None:
        self._under_way[delivery.subscriber_id] = place

        def work() -> None:
            try:
                attempt = self._sender.send(delivery, is_short=place.is_short)
            except BaseException as error:  # noqa: BLE001 - or it would be under way for ever
                _log.exception("a webhook failed", subscriber_id=delivery.subscriber_id)
                attempt = Attempt(
                    delivery, DeliveryResult.RETRY, f"{type(error).__name__}: {error}"
                )
            self._attempts.append(attempt)
            self._attempt_ended.set()
            self._loop.wake()

        try:
            self._launch(work)
        except RuntimeError as error:  # no thread can be started
            self._attempts.append(Attempt(delivery, DeliveryResult.RETRY, str(error)))

    def _run_once(self) -> float | None:
        is_look_due = time.monotonic() >= self._next_read
        if self._has_changes and is_look_due:
            self._next_read = time.monotonic() + _SPACING_SECONDS
        self.step(is_look_due=is_look_due)
        return self._seconds_to_wait()

    def _log_failure(self, error: Exception) -> float:
        if isinstance(error, UnavailableError):
            _log.error("webhooks put off", reason=error.message, seconds=_RETRY_SECONDS)
        else:
            _log.exception("webhooks failed")
        return _RETRY_SECONDS

    def _seconds_to_wait(self) -> float | None:
        """Return the time until something is due; None if nothing is."""
        waits = []
        if self._has_changes:
            waits.append(self._next_read - time.monotonic())
        if self._waiting and not self._slots.is_full:
            waits.append(self._waiting[0][0] - self._elapsed())
        return max(0.0, min(waits)) if waits else None


def _store_messages(
    connection: Connection, changes: Sequence[JobChange], last: int, now: datetime
) -> list[SubscriberId]:
    """Store messages for changes, and the position read; return the subscribers with a message."""
    kept = subscriber_rows.get_position(connection)
    new = [change for change in changes if change.number > kept]
    messages = build_messages(connection, new, now) if new else []
    if messages:
        delivery_rows.add(connection, messages, now)
    subscriber_rows.set_position(connection, max(last, kept))
    return list(dict.fromkeys(message.subscriber_id for message in messages))


def _record_attempts(
    connection: Connection, attempts: Sequence[Attempt], now: datetime
) -> list[datetime | None]:
    """Record attempts; return when the next one of each subscriber is due, None for never."""
    arrived = [item.delivery.id for item in attempts if item.result is DeliveryResult.DELIVERED]
    if arrived:
        delivery_rows.delete_many(connection, arrived)
    return [_record_attempt(connection, attempt, now) for attempt in attempts]


def _is_postponed(delivery: PendingDelivery, now: datetime) -> bool:
    """Whether it is too early for the next attempt.

    If it is due much later than its delay from now, the clock was set back; then it is due now.
    """
    if delivery.attempts == 0:
        return False
    longest = 2 * RETRY_DELAYS[min(delivery.attempts, len(RETRY_DELAYS)) - 1] * (1 + _JITTER)
    return is_unexpired(delivery.due_at, now, longest)


def _record_attempt(connection: Connection, attempt: Attempt, now: datetime) -> datetime | None:
    delivery, fault = attempt.delivery, sanitize_text(redact(attempt.fault))
    if attempt.result is DeliveryResult.DELIVERED:
        return now
    if attempt.result is DeliveryResult.GONE or delivery.attempts >= len(RETRY_DELAYS):
        delivery_rows.give_up(connection, delivery, fault=fault, now=now)
        _log.warning(
            "subscriber is told nothing any more",
            subscriber_id=delivery.subscriber_id,
            fault=fault,
            attempts=delivery.attempts + 1,
        )
        return None
    longer = 1 + _JITTER * random.random()  # noqa: S311 - nothing to guess
    due_at = now + RETRY_DELAYS[delivery.attempts] * longer
    delivery_rows.reschedule(connection, delivery.id, due_at=due_at, fault=fault)
    return due_at
