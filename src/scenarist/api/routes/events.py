"""Stream of changes, as server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec
import structlog
from litestar import get
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from scenarist import schemas
from scenarist.api.batching import Batcher
from scenarist.api.middleware.auth import auth_of
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import (
    MAY_BE_REPEATED,
    READ,
    AnyRequest,
    RepeatedFilter,
    actor_of,
    filter_by,
    members_of,
    provide_params,
    services_of,
    single_header,
    unique_values,
)
from scenarist.domain.errors import InvalidError, ScenaristError
from scenarist.domain.permissions import Actor, ActorRef
from scenarist.domain.vocabulary import ChangeType, EntityKind
from scenarist.services.event_log import (
    ChangeListener,
    ChangeNotifier,
    EventCursor,
    EventFilter,
    EventPage,
    EventRequest,
    LoggedEvent,
    StreamStart,
)

PATH = "/api/v1/events"

EventBatcher = Batcher[EventRequest, EventPage]
"""Batches the reads of the event log by all streams."""

_ID = re.compile("([0-9]{1,18})[.]([0-9]{1,9})")
_TYPE = "text/event-stream"
_PREAMBLE = b"retry: 1000\nid: %b\n\n"
"""Milliseconds until a disconnected client reconnects, and the id from which it then continues if
it has not received an event yet."""
KEEPALIVE_SECONDS = 15.0
"""How long nothing is sent before a comment shows that the stream is alive."""

_COMMENT = b": still here\n\n"
_EVENTS_PER_PIECE = 256  # events that are sent in one piece at most

_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)


class EventStreamResponse:
    """Endless response, as an ASGI application.

    It reads more events only when the client has received the previous ones, ends when the client
    disconnects or the server stops, and does not occupy a thread while it waits.
    """

    def __init__(
        self,
        batcher: EventBatcher,
        notifier: ChangeNotifier,
        *,
        find_actor: Callable[[], Awaitable[Actor]],
        start: StreamStart,
        wanted: EventFilter,
        keepalive_seconds: float = KEEPALIVE_SECONDS,
    ) -> None:
        self._batcher = batcher
        self._notifier = notifier
        self._find_actor = find_actor
        self._start = start
        self._wanted = wanted
        self._keepalive_seconds = keepalive_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as group:
            stream = group.create_task(self._stream(send))
            watch = group.create_task(_wait_for_disconnect(receive))
            stream.add_done_callback(lambda _: watch.cancel())
            watch.add_done_callback(lambda _: stream.cancel())

    async def _stream(self, send: Send) -> None:
        headers = [
            (b"content-type", _TYPE.encode()),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),  # proxies must forward each event at once
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await _send_piece(send, _PREAMBLE % _id_of(self._start.cursor.previous).encode())
        if self._start.oldest is not None:
            gap = _encode(schemas.Gap(oldest=_id_of(self._start.oldest)))
            await _send_piece(send, b"event: gap\ndata: %b\n\n" % gap)
        try:
            with self._notifier.listen() as listener:
                await self._follow(send, listener)
        except ScenaristError as error:
            # The client reconnects, and continues after the last event that it received.
            _log.warning("event stream broken off", reason=error.message)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _follow(self, send: Send, listener: ChangeListener) -> None:
        loop = asyncio.get_running_loop()
        at = self._start.cursor
        quiet_until = loop.time() + self._keepalive_seconds
        while True:
            # When the server stops, read once more, so that no event before the stop is missed.
            is_over = listener.is_closed
            listener.reset()
            # Check each time: after a sign-out or the loss of the role, no more events are sent.
            actor = await self._find_actor()
            page = await self._batcher.call(EventRequest(actor, at, self._wanted))
            at = page.next_cursor
            for piece in _iter_pieces(page):
                await _send_piece(send, piece)
                quiet_until = loop.time() + self._keepalive_seconds
            if is_over:
                return
            has_more = not page.is_last
            while not has_more:
                has_more = await listener.wait(max(0.0, quiet_until - loop.time()))
                if loop.time() >= quiet_until:
                    await self._find_actor()
                    await _send_piece(send, _COMMENT)
                    quiet_until = loop.time() + self._keepalive_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class EventParams:
    """Which events are requested, and the header with which a client continues."""

    entity_type: Annotated[
        list[str] | None,
        filter_by(EntityKind, "Only entities of this kind, such as JOB."),
    ] = None
    entity_id: Annotated[
        list[str] | None, QueryParameter(description="Only this entity. " + MAY_BE_REPEATED)
    ] = None
    change: Annotated[
        list[str] | None,
        filter_by(ChangeType, "Only CREATED, UPDATED or DELETED."),
    ] = None
    submission_id: RepeatedFilter = None
    after: Annotated[
        str | None,
        QueryParameter(description="Continue after the event with this id, like Last-Event-ID."),
    ] = None
    last_event_id: Annotated[
        str | None,
        HeaderParameter(
            name="Last-Event-ID",
            description="Continue after the event with this id.",
            schema_extra={"pattern": f"^{_ID.pattern}$"},
        ),
    ] = None


@get(
    PATH,
    opt=READ,
    summary="Follow changes",
    tags=["events"],
    dependencies=provide_params(EventParams),
    responses=describe_responses(200, str, "", 400)
    | {
        200: ResponseSpec(
            data_container=str,
            description="An endless stream of events.",
            media_type=_TYPE,
            generate_examples=False,
        )
    },
)
async def follow_events(request: AnyRequest, params: NamedDependency[EventParams]) -> ASGIApp:
    """Follow changes as server-sent events, starting now or after the event in `Last-Event-ID`.

    Each event has an id, the kind of entity as its type, and a JSON object as its data: id,
    timestamp, entity_type, entity_id, change, actor, actor_id, status, submission_id. A first event
    of type `gap` means that the events that should come next may no longer be kept; the oldest one
    that is kept follows.
    """
    services, actor = services_of(request), actor_of(request)
    wanted = EventFilter(
        kinds=frozenset(members_of(EntityKind, params.entity_type, "entity_type")),
        entity_ids=frozenset(unique_values(params.entity_id)),
        changes=frozenset(members_of(ChangeType, params.change, "change")),
        submission_ids=frozenset(unique_values(params.submission_id)),
    )
    single_header(request, "Last-Event-ID")
    seen = _parse_cursor(params.last_event_id, "Last-Event-ID") or _parse_cursor(
        params.after, "after"
    )
    start = await sync_to_thread(services.event_log.find_start, actor, seen)
    batcher: EventBatcher = request.app.state["event_batcher"]
    find_actor = auth_of(request).make_find_actor(request)
    return EventStreamResponse(
        batcher, services.change_notifier, find_actor=find_actor, start=start, wanted=wanted
    )


async def _send_piece(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _iter_pieces(page: EventPage) -> Iterator[bytes]:
    for first in range(0, len(page.events), _EVENTS_PER_PIECE):
        yield b"".join(
            _encode_event(change) for change in page.events[first : first + _EVENTS_PER_PIECE]
        )


def _encode_event(change: LoggedEvent) -> bytes:
    event = change.event
    event_id = _id_of(change.cursor)
    actor = event.actor
    schema = schemas.Event(
        id=event_id,
        timestamp=change.at,
        entity_type=event.kind,
        entity_id=event.id,
        change=event.change,
        actor=actor.name if isinstance(actor, ActorRef) else actor,
        actor_id=actor.id if isinstance(actor, ActorRef) else None,
        status=event.status,
        submission_id=event.submission_id,
    )
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        event_id.encode(),
        event.kind.lower().encode(),
        _encode(schema),
    )


def _id_of(cursor: EventCursor) -> str:
    return f"{cursor.number}.{cursor.position}"


def _parse_cursor(text: str | None, field: str) -> EventCursor | None:
    if text is None:
        return None
    parts = _ID.fullmatch(text)
    if parts is None:
        raise InvalidError(
            f"{field} {text[:100]!r} is not the id of an event; send one such as 1042.0",
            errors=[{"field": field, "message": "not the id of an event"}],
        )
    return EventCursor(int(parts[1]), int(parts[2]))


HANDLERS = [follow_events]
