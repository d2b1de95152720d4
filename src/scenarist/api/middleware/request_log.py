"""Outermost middleware: request identifier, metrics, access log and tracing."""

import os
import re
from collections.abc import Awaitable
from http import HTTPStatus
from time import perf_counter
from typing import Any

import structlog
from litestar.types import ASGIApp, Message, Receive, Send

from scenarist.api.request_metrics import METHODS, RequestMetrics
from scenarist.domain.commits import start_commit_record
from scenarist.observability import tracing
from scenarist.observability.logs import request_id

# Identifiers as proxies generate them: UUIDs, hexadecimal numbers, and the like. No characters
# that could make one identifier look like several words in a log.
_VALID_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_HEADER = b"x-request-id"
_MONITORING_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

_log = structlog.get_logger(__name__)


def observe_requests(
    app: ASGIApp, metrics: RequestMetrics, *, has_access_log: bool = False
) -> ASGIApp:
    """Return middleware that gives each request an identifier, counts it, and optionally logs it.

    The identifier is the ``X-Request-ID`` of the request if it is well-formed, otherwise a new one.
    The response has it in the same header, and so has every log line of the request.
    """

    async def middleware(scope: Any, receive: Receive, send: Send) -> None:
        started = perf_counter()
        name = scope["request_id"] = _request_id_of(scope)
        request_id.set(name)
        scope["commits"] = start_commit_record()

        # Not ``async``: a coroutine of its own would cost as much as the counting.
        def send_counted(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                seconds = perf_counter() - started
                metrics.add(scope, message["status"], seconds)
                message["headers"] = [*message["headers"], (_HEADER, name.encode())]
                if has_access_log:
                    _log_access(scope, message["status"], seconds)
            return send(message)

        await app(scope, receive, send_counted)

    return middleware


def trace_requests(app: ASGIApp) -> ASGIApp:
    """Return middleware that traces requests, except those for monitoring, if tracing is on.

    A trace includes neither the query nor the headers.
    """
    if not tracing.is_on():
        return app

    async def middleware(scope: Any, receive: Receive, send: Send) -> None:
        path = _path_of(scope)
        if path in _MONITORING_PATHS:
            await app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "HTTP"
        headers = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        attributes = {
            "http.request.method": method,
            "url.path": path,
            "scenarist.request_id": scope["request_id"],
        }
        with tracing.span(method, attributes, headers=headers) as span:

            def send_traced(message: Message) -> Awaitable[None]:
                if message["type"] == "http.response.start" and span is not None:
                    span.set_attribute("http.response.status_code", message["status"])
                    if (route := scope.get("path_template")) is not None:
                        span.set_attribute("http.route", route)
                        span.update_name(f"{method} {route}")
                    if message["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
                        tracing.mark_failed(span)
                return send(message)

            await app(scope, receive, send_traced)

    return middleware


def _request_id_of(scope: Any) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _VALID_ID.fullmatch(value):
            return str(value.decode())
    return os.urandom(16).hex()


def _log_access(scope: Any, status: int, seconds: float) -> None:
    """Log a request without its query and headers, which may contain secrets."""
    client, actor = scope.get("client"), scope.get("actor")
    _log.info(
        "request",
        method=scope["method"],
        path=_path_of(scope),
        status=status,
        seconds=round(seconds, 6),
        client=None if client is None else client[0],
        actor=None if actor is None else actor.name,
    )


def _path_of(scope: Any) -> str:
    """Return the path as sent, still escaped and thus without line breaks, without the query."""
    return str(scope["raw_path"].partition(b"?")[0].decode("latin-1"))
