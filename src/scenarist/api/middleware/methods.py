"""HEAD and OPTIONS on every path, and a complete ``Allow`` (RFC 9110, section 9.3).

Litestar 2.25 responds to HEAD with 405, omits it from ``Allow``, and on OPTIONS omits the methods
of handlers that were added to a path later. The ``Allow`` of its 405 for an unknown method is
complete, so that is what the response to OPTIONS is made from.
"""

from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send

_UNKNOWN_METHOD = "NONE"


def add_head_and_options(app: ASGIApp) -> ASGIApp:
    """Return middleware that responds to HEAD like GET without the body, and to OPTIONS."""

    async def middleware(scope: Any, receive: Receive, send: Send) -> None:
        # GET is passed on unchanged: the Allow of its 405 has no GET, and thus needs no HEAD.
        if scope["type"] != "http" or scope["method"] == "GET":
            await app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await _respond_to_head(app, scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await app(
                _replace_method(scope, _UNKNOWN_METHOD), receive, _turn_405_into_options(send)
            )
        else:
            await app(scope, receive, _add_head_to_allow(send))

    return middleware


async def _respond_to_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    scope_of_get = _replace_method(scope, "GET")
    is_sent = False

    async def send_start(message: Message) -> None:
        # End the response at once, so that the server cancels a stream that would continue.
        nonlocal is_sent
        if message["type"] == "http.response.start" and not is_sent:
            is_sent = True
            if "path_template" in scope_of_get:
                scope["path_template"] = scope_of_get["path_template"]
            await _add_head_to_allow(send)(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    await app(scope_of_get, receive, send_start)


def _replace_method(scope: Scope, method: str) -> Any:
    # A copy: the server reads the method in its own scope to decide whether to send a body.
    return {**scope, "method": method}


def _turn_405_into_options(send: Send) -> Send:
    """Turn the 405 for an unknown method into the response to OPTIONS."""
    is_refused = False

    async def send_methods(message: Message) -> None:
        nonlocal is_refused
        if message["type"] == "http.response.start" and message["status"] == 405:
            is_refused = True
            allow = dict(message["headers"]).get(b"allow", b"")
            headers = [(b"allow", _build_allow(allow))]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif not is_refused:
            await send(message)

    return send_methods


def _add_head_to_allow(send: Send) -> Send:
    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                (name, _build_allow(value) if name.lower() == b"allow" else value)
                for name, value in message["headers"]
            ]
        await send(message)

    return send_on


def _build_allow(value: bytes) -> bytes:
    methods = {method.strip() for method in value.split(b",")}
    if b"GET" in methods:
        methods.add(b"HEAD")
    return b", ".join(sorted(methods))
