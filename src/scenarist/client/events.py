"""Stream of events that reconnects after a lost connection."""

import itertools
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from scenarist import schemas
from scenarist.client.errors import TransportError, UnavailableError
from scenarist.client.transport import Call, Transport, path_of

READ_TIMEOUT_SECONDS = 45.0
"""Time without data after which the connection counts as lost; the server sends some every 15 s."""

_MAX_OPENINGS = 3  # consecutive ones that may break off
_SHORTEST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0


class EventStream:
    """Endless iterator over events; not thread-safe.

    The stream is open once it is created: it has every event from then on. It has a `Gap` where the
    server no longer keeps the next events.

    Args:
        after: The id of the event to continue after.
        patience: For how many seconds it tries to reconnect after it has lost the connection.
    """

    def __init__(
        self,
        transport: Transport,
        filters: dict[str, Any],
        *,
        after: str | None,
        patience: float,
    ) -> None:
        self._transport = transport
        self._filters = filters
        self._patience = patience
        self._connection = ExitStack()
        self._is_closed = False
        self._pause = _SHORTEST_PAUSE_SECONDS
        self.last_event_id = after
        """The id to continue from, also as ``after`` of another stream."""
        self._frames = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._is_closed = True
        self._connection.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> schemas.Event | schemas.Gap:
        """Wait for the next event.

        Raises:
            ProblemError: The server refused to continue, for example because the session has ended.
            TransportError: The connection was lost, and reconnecting failed for too long.
        """
        while not self._is_closed:
            try:
                frame = next(self._frames, None)
            except TransportError as error:
                self._reconnect(error)
                continue
            if frame is not None:
                self._pause = _SHORTEST_PAUSE_SECONDS
                return self._decode(frame)
            self._reconnect(TransportError(f"{self._transport.url} has closed the stream"))
        raise StopIteration

    def _reconnect(self, failure: TransportError | UnavailableError) -> None:
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            time.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
            try:
                self._frames = self._open()
            except (TransportError, UnavailableError) as error:
                failure = error
            else:
                return
        raise failure

    def _open(self) -> Iterator[dict[str, bytes]]:
        """Connect, and read the position where the stream begins, to reconnect from there."""
        attempt = 0
        while True:
            blocks = self._split_blocks(self._connect())
            try:
                first = next(blocks, {})
            except TransportError:
                attempt += 1
                if attempt == _MAX_OPENINGS:
                    raise
            else:
                return (block for block in itertools.chain([first], blocks) if "data" in block)

    def _connect(self) -> Iterator[bytes]:
        self._connection.close()
        headers = {"Accept": "text/event-stream"}
        if self.last_event_id is not None:
            headers["Last-Event-ID"] = self.last_event_id
        call = Call(method="GET", path=path_of("events"), query=self._filters, headers=headers)
        lines = self._transport.stream_lines(call, quiet_seconds=READ_TIMEOUT_SECONDS)
        return self._connection.enter_context(lines)

    def _split_blocks(self, lines: Iterator[bytes]) -> Iterator[dict[str, bytes]]:
        """Collect the fields of each block (WHATWG HTML, section 9.2.6)."""
        fields: dict[str, bytes] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            if line:
                fields[name.decode("latin-1")] = value.removeprefix(b" ")
                continue
            if "id" in fields:
                self.last_event_id = fields["id"].decode("latin-1")
            yield fields
            fields = {}

    def _decode(self, frame: dict[str, bytes]) -> schemas.Event | schemas.Gap:
        if frame.get("event") == b"gap":
            return self._transport.read(frame["data"], schemas.Gap)
        return self._transport.read(frame["data"], schemas.Event)
