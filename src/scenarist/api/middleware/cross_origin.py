"""Protection against web pages: CORS, cross-site requests, and DNS rebinding.

Litestar's own CORS middleware replaces the `Vary` of a response, and omits it if a request has no
`Origin`, so that a cache could serve that response to pages of any origin.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.types import ASGIApp, Message, Receive, Send

from scenarist import schemas
from scenarist.domain.addresses import ANY_ORIGIN, origin_of, parse_host, parse_hosts, parse_origins

_Headers = list[tuple[bytes, bytes]]
_Refusal = tuple[HTTPStatus, str, str]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({b"same-origin", b"none"})  # none: a bookmark or a typed address
_PREFLIGHT_HEADER = b"access-control-request-method"

_CONTENT_SECURITY_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; frame-ancestors 'none'",
)
_VARY = (b"vary", b"Origin")
_EXPOSE_HEADERS = (
    b"access-control-expose-headers",
    b"Content-Disposition, ETag, Link, Location, Preference-Applied, Retry-After, X-Request-ID",
)
_PREFLIGHT_RESPONSE_HEADERS = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
        b"Prefer, X-Request-ID",
    ),
    (b"access-control-max-age", b"600"),
]


def refuse_foreign_pages(
    app: ASGIApp,
    *,
    cors_origins: Collection[str] = (),
    hosts: Collection[str] = (),
    count_refusal: Callable[[str, str, str], None] | None = None,
) -> ASGIApp:
    """Return middleware that refuses requests of foreign pages, and adds CORS headers and a CSP.

    Without it, any page could write to a server on its visitor's machine, since bodies are parsed
    as JSON whatever their content type. Programs other than browsers send no `Origin` and pass.

    Args:
        cors_origins: Origins whose pages may call; `ANY_ORIGIN` for all, then without credentials.
        count_refusal: Called with the address, the code and the reason of each refusal.
        hosts: Names of this server that are accepted in `Host`, with any port; any name if empty.
            A foreign page's name may be resolved to this server (DNS rebinding), which makes its
            requests same-origin.

    Raises:
        InvalidError: An origin or a host is malformed; the message names it.
    """
    origins = _Origins(parse_origins(cors_origins))
    find_host_fault = _make_host_check(parse_hosts(hosts)) if hosts else None

    # Not ``async``: a coroutine of its own would cost as much as the checks.
    def middleware(scope: Any, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return app(scope, receive, send)
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        send_with_headers = _add_headers(send, origins.headers_for(origin))
        fault = find_host_fault(headers.get(b"host")) if find_host_fault else None
        if fault is None and (origin is not None or b"sec-fetch-site" in headers):
            if not origins.has(origin):
                fault = _find_origin_fault(scope, headers)
            elif scope["method"] == "OPTIONS" and _PREFLIGHT_HEADER in headers:
                return _respond_to_preflight(send_with_headers)
        if fault is None:
            return app(scope, receive, send_with_headers)
        if count_refusal is not None:
            _, code, reason = fault
            count_refusal(scope["client"][0] if scope["client"] else "", code, reason)
        return _refuse(send_with_headers, *fault)

    return middleware


class _Origins:
    """Origins whose pages may call, with the CORS headers for each."""

    def __init__(self, names: frozenset[str]) -> None:
        self._fields: dict[bytes | None, _Headers] = {
            name.encode(): [
                (b"access-control-allow-origin", name.encode()),
                (b"access-control-allow-credentials", b"true"),
                _EXPOSE_HEADERS,
                _VARY,
            ]
            for name in names
        }
        self._others: _Headers = [_VARY] if names else []
        self._are_all = ANY_ORIGIN in names
        if self._are_all:
            self._others = [(b"access-control-allow-origin", b"*"), _EXPOSE_HEADERS]

    def has(self, origin: bytes | None) -> bool:
        return origin in self._fields or (self._are_all and origin is not None)

    def headers_for(self, origin: bytes | None) -> _Headers:
        return self._fields.get(origin, self._others)


def _add_headers(send: Send, fields: _Headers) -> Send:
    def send_on(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = [*message["headers"], *fields]
            for name, _ in headers:
                if name == b"content-security-policy":
                    break  # the pages of the API reference have their own policy
            else:
                headers.append(_CONTENT_SECURITY_POLICY)
            message["headers"] = headers
        return send(message)

    return send_on


def _make_host_check(hosts: frozenset[str]) -> Callable[[bytes | None], _Refusal | None]:
    @lru_cache(maxsize=64)
    def find_fault(host: bytes | None) -> _Refusal | None:
        # Browsers always send Host, so a request without it does not come from a page.
        if host is None or parse_host(host.decode("latin-1")) in hosts:
            return None
        return (
            HTTPStatus.MISDIRECTED_REQUEST,
            "host_refused",
            f"{_to_text(host)} is not a name of this server; if it should be, add it to the "
            "setting hosts",
        )

    return find_fault


def _find_origin_fault(scope: Any, headers: Mapping[bytes, bytes]) -> _Refusal | None:
    """Check the headers that only browsers set: pages cannot change them, programs omit them."""
    site = headers.get(b"sec-fetch-site")
    origin = headers.get(b"origin")
    if scope["method"] in _SAFE_METHODS:
        # The browser hides the response from foreign pages, and links from them are allowed.
        is_allowed = site != b"cross-site" or headers.get(b"sec-fetch-mode") == b"navigate"
    elif site is not None:
        is_allowed = site in _OWN_SITES
    else:
        is_allowed = origin is None or _is_own(origin, scope["scheme"], headers.get(b"host", b""))
    if is_allowed:
        return None
    site_name = "another site" if origin is None else _to_text(origin)
    return (
        HTTPStatus.FORBIDDEN,
        "origin_refused",
        f"pages of {site_name} may not call this server; the setting cors_origins lists those "
        "that may",
    )


def _is_own(origin: bytes, scheme: str, host: bytes) -> bool:
    """Return whether a page came from this server, possibly through a proxy that terminates TLS."""
    name = host.decode("latin-1")
    return origin.decode("latin-1") in {origin_of(scheme, name), origin_of("https", name)}


def _to_text(text: bytes) -> str:
    return text[:100].decode("latin-1")


async def _refuse(send: Send, status: HTTPStatus, code: str, detail: str) -> None:
    body = msgspec.json.encode(schemas.make_problem(status, code, detail))
    headers = [
        (b"content-type", schemas.PROBLEM_MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await _send(send, status, headers, body)


async def _respond_to_preflight(send: Send) -> None:
    await _send(send, HTTPStatus.NO_CONTENT, _PREFLIGHT_RESPONSE_HEADERS)


async def _send(send: Send, status: int, headers: _Headers, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
