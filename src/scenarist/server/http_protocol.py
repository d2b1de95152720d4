"""HTTP/1.1 protocol with limits: sizes, timeouts and refusals on one connection."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from types import SimpleNamespace
from typing import Any, cast

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from scenarist.server.connection_limits import ConnectionLimiter
from scenarist.server.http_rejections import (
    LIMIT_CODES,
    RefusedError,
    build_response,
    make_memory_refusal,
    to_refusal,
)

PeerCheck = Callable[[tuple[Any, ...], tuple[Any, ...]], str | None]
"""Returns why the user at the other end is not served, None if served; takes both addresses."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionLimits:
    """Limits of one connection; a request beyond them is refused."""

    target_bytes: int = 16 * 1024
    head_bytes: int = 32 * 1024  #: of the target and all headers; separately, of the trailers
    header_fields: int = 100
    waiting_requests: int = 100  #: sent on one connection before the first has its response
    head_seconds: float = 20  #: to receive the request line and headers
    body_seconds: float = 60  #: without receiving a byte of an incomplete body
    response_seconds: float = 60  #: without the client reading a byte of an incomplete response
    linger_seconds: float = 5  #: for the client to read an early response and to stop sending


class HttpProtocol(HttpToolsProtocol):
    """HttpToolsProtocol with limits; refused requests get a problem as response.

    Uvicorn 0.54 has none of these limits, adds trailers to the headers, sends the response to a
    malformed request in place of the response to the one before it, and parses the body of a
    request with an Upgrade header as the next request.
    """

    def __init__(
        self,
        *arguments: Any,
        limits: ConnectionLimits,
        limiter: ConnectionLimiter,
        is_proxy: Callable[[str], bool],
        count_refusal: Callable[[str, str, str], None] | None = None,
        check_peer: PeerCheck | None = None,
        **others: Any,
    ) -> None:
        super().__init__(*arguments, **others)
        self._limits = limits
        self._limiter = limiter
        self._is_proxy = is_proxy
        self._count_refusal = count_refusal
        self._check_peer = check_peer
        self._peer_refusal: str | None = None  # why the user at the other end is not served
        self._address = ""
        self._is_admitted = False
        self._is_in_head = False
        self._is_in_body = False
        self._chunk = 0  # bytes of the last chunk
        self._first_chunk = 0  # bytes of the chunk in which the head began
        self._received = 0  # bytes of chunks since then, or since the last one with body bytes
        self._keeps_alive = False  # after a request whose body is incomplete
        self._timeout: asyncio.TimerHandle | None = None
        self._write_timeout: asyncio.TimerHandle | None = None
        self._is_over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        is_proxy = self._is_proxy(self._address)
        self._is_admitted = self._limiter.admit(self, self._address, is_proxy=is_proxy)
        if not self._is_admitted:
            detail = "the server has reached its limit of connections; try again later"
            refusal = RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_connections", detail)
            self._is_over = True
            self._report_refusal(refusal)
            # Close at once: lingering would keep the descriptor that is needed elsewhere.
            self.transport.write(build_response(refusal, self.server_state.default_headers))
            self.transport.close()
            return
        if self._check_peer is not None and not is_proxy and self.server and self.client:
            self._peer_refusal = self._check_peer(self.server, self.client)
        self._start_timeout(self._limits.head_seconds)

    def close_idle(self) -> None:
        self._is_over = True
        self._release_slot()
        self.transport.close()

    def _release_slot(self) -> None:
        if self._is_admitted:
            self._is_admitted = False
            self._limiter.release(self, self._address)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timeout()
        self._cancel_write_timeout()
        self._release_slot()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_admitted and self.cycle.response_complete:  # else the next request is running
            self._limiter.set_idle(self, self._address)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        self._unset_keepalive_if_required()
        self._chunk = len(data)
        self._received += self._chunk
        try:
            self._feed(data)
            if self._is_in_head or self._is_in_body:
                self._check_size(self._received)
        except httptools.HttpParserError as error:
            self._refuse(self._find_coding_refusal() or to_refusal(error))
        except RefusedError as refusal:
            self._refuse(refusal)
        except MemoryError:
            self._refuse(make_memory_refusal())
        else:
            self._update_timeout()

    def _feed(self, data: bytes) -> None:
        rest = None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        if rest is not None:
            self._feed_without_upgrade(rest)

    def _feed_without_upgrade(self, rest: bytes) -> None:
        """Parse a request again without its Upgrade header."""
        while True:
            version = self.parser.get_http_version().encode()
            request_line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)
            fields = [b"%b: %b" % field for field in self.headers if field[0] != b"upgrade"]
            head = b"\r\n".join([request_line, *fields, b"", b""])
            try:
                self.parser.feed_data(head + rest)
            except httptools.HttpParserUpgrade as upgrade:
                # The next request, which was pipelined.
                rest = rest[upgrade.args[0] - len(head) :]
            else:
                return

    def _check_size(self, coming: int = 0) -> None:
        limits = self._limits
        if len(self.url) > limits.target_bytes:
            raise RefusedError(
                HTTPStatus.REQUEST_URI_TOO_LONG,
                "target_too_long",
                f"the target of the request is longer than {limits.target_bytes} bytes",
            )
        size = len(self.url) + sum(map(len, chain.from_iterable(self.headers)))
        if len(self.headers) > limits.header_fields or max(size, coming) > limits.head_bytes:
            raise RefusedError(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                f"the request has more than {limits.header_fields} headers, or headers of more "
                f"than {limits.head_bytes} bytes",
            )

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._first_chunk = self._chunk
        self._received = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        limits = self._limits
        # Measure exactly only if a limit may be exceeded: this check is cheaper.
        most_bytes = self._first_chunk + self._received
        if most_bytes > limits.target_bytes or len(self.headers) > limits.header_fields:
            self._check_size()
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise RefusedError(
                    HTTPStatus.NOT_IMPLEMENTED, "method_unknown", "this server is not a proxy"
                )
            return  # parsed again without the upgrade
        if len(self.pipeline) >= limits.waiting_requests:
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                "too many requests are waiting on this connection",
            )
        self._check_head()
        self._limiter.set_busy(self, self._address)
        super().on_headers_complete()
        self._is_in_head, self._is_in_body = False, True
        self._received = 0
        self._cancel_timeout()
        # The parser reports trailers as headers too; an application must not take them for headers
        # (RFC 9110, section 6.5.1).
        self.headers = []

    def _check_head(self) -> None:
        """Refuse what proxies may parse as a different request (RFC 9112, 3.2 and 6.1).

        Every request of a user of this machine who is not served is refused here too.
        """
        if self._peer_refusal is not None:
            raise RefusedError(HTTPStatus.FORBIDDEN, "other_user", self._peer_refusal)
        hosts = sum(1 for name, _ in self.headers if name == b"host")
        if (refusal := self._find_coding_refusal()) is not None:
            raise refusal
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() != "1.0"):
            number = "more than one header" if hosts else "no header"
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                "host_missing" if not hosts else "host_repeated",
                f"the request has {number} Host; send exactly one",
            )

    def _find_coding_refusal(self) -> RefusedError | None:
        for name, value in self.headers:
            if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                return RefusedError(
                    HTTPStatus.NOT_IMPLEMENTED,
                    "transfer_coding_unknown",
                    "this server supports only the transfer coding chunked",
                )
        return None

    def on_body(self, body: bytes) -> None:
        self._received = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_in_body:  # else it is parsed again
            self._is_in_body = False
            if self._timeout is not None:
                self._cancel_timeout()
                self._restore_keep_alive()
            super().on_message_complete()

    def _update_timeout(self) -> None:
        if self._is_in_body:
            self._cancel_timeout()
            self._start_timeout(self._limits.body_seconds)
            self._disable_keep_alive()
        elif self._timeout is None and (self._is_in_head or self.cycle.response_complete):
            self._start_timeout(self._limits.head_seconds)

    def _disable_keep_alive(self) -> None:
        """Disable keep-alive and half-close for a response sent before the body was read.

        The server cannot know whether the client continues with the body or with the next request.
        """
        cycle = self.cycle
        if cycle.transport is self.transport and not cycle.response_started:
            self._keeps_alive, cycle.keep_alive = cycle.keep_alive, False
            transport = SimpleNamespace(
                write=self.transport.write,
                is_closing=self.transport.is_closing,
                close=self._linger_close,
            )
            cycle.transport = cast("asyncio.Transport", transport)

    def _restore_keep_alive(self) -> None:
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keeps_alive
            self.cycle.transport = self.transport

    def shutdown(self) -> None:
        self._keeps_alive = False
        super().shutdown()

    def _start_timeout(self, seconds: float) -> None:
        self._timeout = self.loop.call_later(seconds, self._on_timeout)

    def _cancel_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    def _on_timeout(self) -> None:
        if self._is_in_body and self.flow.read_paused:
            self._start_timeout(self._limits.body_seconds)  # our side has paused reading
        elif not (self._is_in_head or self._is_in_body):
            self.transport.close()
        else:
            detail = "the request was not completed in time"
            self._refuse(RefusedError(HTTPStatus.REQUEST_TIMEOUT, "request_late", detail))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._check_write_progress(None)

    def resume_writing(self) -> None:
        self._cancel_write_timeout()
        super().resume_writing()

    def _check_write_progress(self, before: int | None) -> None:
        left = self.transport.get_write_buffer_size()
        if before is not None and left >= before:
            self.transport.abort()
        else:
            seconds = self._limits.response_seconds
            self._write_timeout = self.loop.call_later(seconds, self._check_write_progress, left)

    def _cancel_write_timeout(self) -> None:
        if self._write_timeout is not None:
            self._write_timeout.cancel()
            self._write_timeout = None

    def _refuse(self, refusal: RefusedError) -> None:
        """Stop reading; send the refusal, unless its response has begun or others are pending."""
        self._is_over = True
        self._cancel_timeout()
        if self.transport.is_closing():
            return
        cycle = cast("RequestResponseCycle | None", self.cycle)
        is_begun = False
        if cycle is not None and self._is_in_body:
            is_begun = cycle.response_started
            cycle.disconnected = True
            cycle.waiting_for_100_continue = False
            cycle.message_event.set()
        elif cycle is not None and not cycle.response_complete:
            # The client has pipelined requests; it notices that the last response is missing.
            cycle.keep_alive = False
            return
        _log.info("request refused", client=self.client, code=refusal.code)
        self._report_refusal(refusal)
        if self.pipeline:
            self.transport.close()
            return
        if not is_begun:
            self.transport.write(build_response(refusal, self.server_state.default_headers))
        self._linger_close()

    def _report_refusal(self, refusal: RefusedError) -> None:
        """Report a refusal by a limit."""
        if self._count_refusal is not None and refusal.code in LIMIT_CODES:
            self._count_refusal(self._address, refusal.code, refusal.detail)

    def _linger_close(self) -> None:
        """Half-close and linger: closing with unread bytes would discard what was sent."""
        self._is_over = True
        self._cancel_timeout()
        self.flow.resume_reading()
        self.transport.write_eof()
        seconds = self._limits.linger_seconds
        self._timeout = self.loop.call_later(seconds, self.transport.close)
