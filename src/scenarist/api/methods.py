"""What every path does with HEAD and OPTIONS, and what ``Allow`` says (RFC 9110, section 9.3).

Litestar 2.25 answers HEAD with 405, leaves it out of ``Allow``, and forgets on OPTIONS the methods
of handlers that came to a path later. What it says of a method that no path has is right, though.
"""

from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send

_NO_METHOD = "NONE"


def with_all_methods(app: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET without the body, and OPTIONS with all methods of the path."""

    async def door(scope: Any, receive: Receive, send: Send) -> None:
        # A GET passes as it is: its 405 never allows GET, so it need not name HEAD either.
        if scope["type"] != "http" or scope["method"] == "GET":
            await app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await _head(app, scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await app(_with_method(scope, _NO_METHOD), receive, _telling_methods(send))
        else:
            await app(scope, receive, _naming_head(send))

    return door


async def _head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    scope_of_get = _with_method(scope, "GET")
    is_sent = False

    async def send_start(message: Message) -> None:
        # The end is sent at once, so that the server calls off a stream that would go on.
        nonlocal is_sent
        if message["type"] == "http.response.start" and not is_sent:
            is_sent = True
            if "path_template" in scope_of_get:
                scope["path_template"] = scope_of_get["path_template"]
            await _naming_head(send)(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    await app(scope_of_get, receive, send_start)


def _with_method(scope: Scope, method: str) -> Any:
    # The server looks into its own scope to see whether a body belongs to the answer.
    return {**scope, "method": method}


def _telling_methods(send: Send) -> Send:
    """Make the answer to OPTIONS of the answer to a method that is not there."""
    is_refused = False

    async def send_methods(message: Message) -> None:
        nonlocal is_refused
        if message["type"] == "http.response.start" and message["status"] == 405:
            is_refused = True
            allow = dict(message["headers"]).get(b"allow", b"")
            headers = [(b"allow", _allowed(allow))]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif not is_refused:
            await send(message)

    return send_methods


def _naming_head(send: Send) -> Send:
    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                (name, _allowed(value) if name.lower() == b"allow" else value)
                for name, value in message["headers"]
            ]
        await send(message)

    return send_on


def _allowed(value: bytes) -> bytes:
    methods = {method.strip() for method in value.split(b",")}
    if b"GET" in methods:
        methods.add(b"HEAD")
    return b", ".join(sorted(methods))
