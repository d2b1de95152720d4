"""The outermost layer around each request: what it is called, and what is told of it."""

import re
from collections.abc import Awaitable
from time import perf_counter
from typing import Any
from uuid import uuid4

import structlog
from litestar.types import ASGIApp, Message, Receive, Send

from scenarist.api.metrics import RequestFigures

# What proxies make: UUIDs, hexadecimal numbers, and the like. Nothing that could look like more
# than one word in a log.
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_HEADER = b"x-request-id"

_log = structlog.get_logger(__name__)


def observed(app: ASGIApp, figures: RequestFigures, *, has_access_log: bool = False) -> ASGIApp:
    """Give each request an identifier, count it, and log it if that is wanted.

    The identifier is that of the header ``X-Request-ID`` when it is well-formed, else a new one.
    It goes back in the same header of the answer, and is on all that is logged of the request.
    """

    async def door(scope: Any, receive: Receive, send: Send) -> None:
        begun = perf_counter()
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)

        # Not ``async``, as a coroutine of its own would cost as much as the counting.
        def note(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                seconds = perf_counter() - begun
                figures.add(scope, message["status"], seconds)
                message["headers"] = [*message["headers"], (_HEADER, request_id.encode())]
                if has_access_log:
                    _log_access(scope, message["status"], seconds)
            return send(message)

        await app(scope, receive, note)

    return door


def _request_id(scope: Any) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _WELL_FORMED.fullmatch(value):
            return str(value.decode())
    return uuid4().hex


def _log_access(scope: Any, status: int, seconds: float) -> None:
    """Log a request: without its query and headers, where secrets are."""
    client, actor = scope.get("client"), scope.get("actor")
    _log.info(
        "request",
        method=scope["method"],
        path=scope["raw_path"].partition(b"?")[0].decode("latin-1"),
        status=status,
        seconds=round(seconds, 6),
        client=None if client is None else client[0],
        actor=None if actor is None else actor.name,
    )
