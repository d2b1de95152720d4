"""How the handlers answer: JSON with a tag, lists whole or in pages."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Request
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Scope, Send
from litestar.utils.sync import AsyncIteratorWrapper

from scenarist.domain.errors import InvalidError
from scenarist.schemas import Results

EntityT = TypeVar("EntityT")
EntityT_co = TypeVar("EntityT_co", covariant=True)

_CHUNK = 500  # rows of a list that is streamed whole
_JSON = "application/json"
_WITHOUT_BODY = {204, 304}
_encoder = msgspec.json.Encoder()


class PageOf(Protocol[EntityT_co]):
    """A page as the services return it."""

    @property
    def items(self) -> Sequence[EntityT_co]: ...

    @property
    def following(self) -> int | None: ...


class Fetch(Protocol[EntityT_co]):
    """Reads the page of a list that comes after a row number."""

    def __call__(self, *, after: int, limit: int) -> PageOf[EntityT_co]: ...


class Answer:
    """A whole answer, as an ASGI application: what is sent, and nothing that might be asked of it.

    Litestar's own response costs three times as much to make, on the most frequent paths.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, body: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.body = body
        self.status = status
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in (headers or {}).items()
        ]
        if status not in _WITHOUT_BODY:
            self.headers += [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
            ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


Sent = Answer | ASGIStreamingResponse
"""A list: in one piece, or in a stream when it is long."""


def answer(
    content: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    return Answer(_encoder.encode(content), status=status, headers=headers)


def tagged(request: Request[Any, Any, Any], body: bytes | object) -> Answer:
    """Answer a GET of one entity: with an ETag, and 304 when the client has it already."""
    text = body if isinstance(body, bytes) else _encoder.encode(body)
    tag = f'"{blake2b(text, digest_size=12).hexdigest()}"'
    for name, known in request.scope["headers"]:
        if name == b"if-none-match" and (known == b"*" or tag.encode() in known):
            return Answer(status=304, headers={"ETag": tag})
    return Answer(text, headers={"ETag": tag})


def listed(
    request: Request[Any, Any, Any],
    fetch: Fetch[EntityT],
    shown: Callable[[EntityT], object],
    *,
    limit: int | None,
    cursor: str | None,
) -> Sent:
    """Answer a list: a page when a limit is given, else all of it in a stream."""
    if limit is None:
        if cursor is not None:
            raise InvalidError("a cursor goes with the limit that it was made with")
        return _whole(fetch, shown)
    page = fetch(after=_read_cursor(cursor), limit=limit)
    following = None if page.following is None else _cursor(page.following)
    headers = {}
    if following is not None:
        query = {**request.query_params.dict(), "limit": limit, "cursor": following}
        headers["Link"] = f'<{request.url.path}?{urlencode(query, doseq=True)}>; rel="next"'
    return answer(
        Results(results=[shown(item) for item in page.items], next=following), headers=headers
    )


def _whole(fetch: Fetch[EntityT], shown: Callable[[EntityT], object]) -> Sent:
    first = fetch(after=0, limit=_CHUNK)
    if first.following is None:
        return answer(Results(results=[shown(item) for item in first.items]))

    def chunks() -> Iterator[bytes]:
        page = first
        lead = b'{"results":['
        while True:
            yield lead + _encoder.encode([shown(item) for item in page.items])[1:-1]
            if page.following is None:
                break
            lead = b","
            page = fetch(after=page.following, limit=_CHUNK)
        yield b"]}"

    return ASGIStreamingResponse(iterator=AsyncIteratorWrapper(chunks()), media_type=_JSON)


def _cursor(number: int) -> str:
    return urlsafe_b64encode(b"n%d" % number).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        text = b""
    if text[:1] != b"n" or not text[1:].isdigit() or len(text) > 18:
        raise InvalidError(
            "the cursor is not one of this server; take it from `next` of the page before",
            errors=[{"field": "cursor", "message": "not a cursor of this server"}],
        )
    return int(text[1:])
