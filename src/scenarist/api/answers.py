"""How the handlers answer: JSON with a tag, lists whole or in pages."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Request
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.utils.sync import AsyncIteratorWrapper

from scenarist.domain.errors import InvalidError
from scenarist.schemas import Results

EntityT = TypeVar("EntityT")
EntityT_co = TypeVar("EntityT_co", covariant=True)

_CHUNK = 500  # rows of a list that is streamed whole
_JSON = "application/json"
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


def answer(
    content: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> ASGIResponse:
    return ASGIResponse(
        body=_encoder.encode(content), media_type=_JSON, status_code=status, headers=headers
    )


def tagged(request: Request[Any, Any, Any], body: bytes | object) -> ASGIResponse:
    """Answer a GET of one entity: with an ETag, and 304 when the client has it already."""
    text = body if isinstance(body, bytes) else _encoder.encode(body)
    tag = f'"{blake2b(text, digest_size=12).hexdigest()}"'
    known = request.headers.get("if-none-match")
    if known is not None and (known == "*" or tag in known):
        return ASGIResponse(status_code=304, headers={"ETag": tag}, media_type=_JSON)
    return ASGIResponse(body=text, media_type=_JSON, headers={"ETag": tag})


def listed(
    request: Request[Any, Any, Any],
    fetch: Fetch[EntityT],
    shown: Callable[[EntityT], object],
    *,
    limit: int | None,
    cursor: str | None,
) -> ASGIResponse:
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


def _whole(fetch: Fetch[EntityT], shown: Callable[[EntityT], object]) -> ASGIResponse:
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
