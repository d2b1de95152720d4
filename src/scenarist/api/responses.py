"""Responses of handlers: JSON with an ETag, and lists, either whole or in pages."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Request
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Scope, Send
from msgspec import UNSET

from scenarist.api.paging import Paging
from scenarist.api.requests import single_header
from scenarist.api.short_reads import scheduler_of
from scenarist.domain.errors import ChangedError, InvalidError
from scenarist.domain.listings import PagePosition, PageRequest
from scenarist.schemas import Results

EntityT = TypeVar("EntityT")
EntityT_co = TypeVar("EntityT_co", covariant=True)

_ROWS_PER_READ = 500  # rows read at a time for a list that is streamed whole
_JSON = "application/json"
_WITHOUT_BODY = {204, 304}
_PLAIN_QUERY = re.compile(rb"[A-Za-z0-9_.=&-]+")
"""A query that needs no escaping, as most have none."""
_encoder = msgspec.json.Encoder()


class PageOf(Protocol[EntityT_co]):
    """Page of a list, as returned by the services."""

    @property
    def items(self) -> Sequence[EntityT_co]: ...

    @property
    def next_position(self) -> PagePosition | None: ...

    @property
    def total(self) -> int | None: ...


FetchPage = Callable[[PageRequest], PageOf[EntityT]]
"""Reads one page of a list."""


class JsonResponse:
    """Complete response, as an ASGI application.

    Creating one of Litestar's responses takes three times as long, which counts on the most
    frequent paths.
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


ListResponse = JsonResponse | ASGIStreamingResponse
"""Response with a list: in one piece, or as a stream if it is long."""


def respond(
    content: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> JsonResponse:
    return JsonResponse(_encoder.encode(content), status=status, headers=headers)


def etag_of(text: bytes) -> str:
    """Return the ETag of a response (RFC 9110, section 8.8.3); only equal bytes have equal tags."""
    return f'"{blake2b(text, digest_size=12).hexdigest()}"'


def etag_of_pieces(pieces: Iterable[bytes]) -> str:
    """Return the ETag of a response that is sent in pieces; the same as `etag_of` of the whole."""
    digest = blake2b(digest_size=12)
    for piece in pieces:
        digest.update(piece)
    return f'"{digest.hexdigest()}"'


def respond_with_etag(content: object, *, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """Respond to a change with the body and the ETag that a GET would now return."""
    text = _encoder.encode(content)
    return JsonResponse(text, headers={"ETag": etag_of(text), **(headers or {})})


def respond_if_modified(request: Request[Any, Any, Any], body: bytes | object) -> JsonResponse:
    """Respond to a GET of one entity, with an ETag; 304 if the client already has it."""
    text = body if isinstance(body, bytes) else _encoder.encode(body)
    tag = etag_of(text)
    if is_etag_known(request, tag):
        return JsonResponse(status=304, headers={"ETag": tag})
    return JsonResponse(text, headers={"ETag": tag})


def is_etag_known(request: Request[Any, Any, Any], tag: str) -> bool:
    """Return whether the client already has the version with this ETag (``If-None-Match``)."""
    return any(
        name == b"if-none-match" and (known == b"*" or tag.encode() in known)
        for name, known in request.scope["headers"]
    )


def make_if_match_check(
    request: Request[Any, Any, Any], represent: Callable[[EntityT], object]
) -> Callable[[EntityT], None] | None:
    """Return a check that an entity still has the ETag in ``If-Match``; None without the header.

    The check has to run in the transaction that changes the entity.

    Args:
        represent: Builds the body of the GET from which the client got the ETag.
    """
    header = single_header(request, "If-Match")
    if header is None or header.strip() == "*":
        return None

    def check(entity: EntityT) -> None:
        tag = etag_of(_encoder.encode(represent(entity)))
        if tag not in header:
            raise ChangedError(
                "it has changed since you read it: If-Match does not match the current version "
                f"{tag}; read it again before you change it"
            )

    return check


def respond_with_list(
    request: Request[Any, Any, Any],
    fetch: FetchPage[EntityT],
    to_schema: Callable[[EntityT], object],
    paging: Paging,
) -> ListResponse:
    """Respond with a list: one page if a limit is given, otherwise the whole list as a stream."""
    if paging.limit is None:
        if paging.cursor is not None:
            raise InvalidError("a cursor needs a limit; send limit as well")
        return _respond_with_all(request, fetch, to_schema, paging.make_request(_ROWS_PER_READ))
    page = fetch(paging.make_request(paging.limit))
    following = None if page.next_position is None else paging.cursor_of(page.next_position)
    headers = {}
    if following is not None:
        headers["Link"] = f'<{request.url.path}?{_query_of_next(request, following)}>; rel="next"'
    return respond(
        Results(
            results=[to_schema(item) for item in page.items],
            next=following,
            total=UNSET if page.total is None else page.total,
        ),
        headers=headers,
    )


def _query_of_next(request: Request[Any, Any, Any], cursor: str) -> str:
    """Return the query of the next page: that of the request, with another cursor."""
    query = request.scope["query_string"]
    if _PLAIN_QUERY.fullmatch(query) and b"cursor=" not in query:
        return f"{query.decode()}&cursor={cursor}"
    return urlencode({**request.query_params.dict(), "cursor": cursor}, doseq=True)


def _respond_with_all(
    request: Request[Any, Any, Any],
    fetch: FetchPage[EntityT],
    to_schema: Callable[[EntityT], object],
    start: PageRequest,
) -> ListResponse:
    first = fetch(start)
    total = UNSET if first.total is None else first.total
    if first.next_position is None:
        return respond(Results(results=[to_schema(item) for item in first.items], total=total))
    tail = b"]}" if total is UNSET else b'],"total":%d}' % total

    def chunks() -> Iterator[bytes]:
        page = first
        lead = b'{"results":['
        while True:
            yield lead + _encoder.encode([to_schema(item) for item in page.items])[1:-1]
            if page.next_position is None:
                break
            lead = b","
            page = fetch(replace(start, after=page.next_position, with_total=False))
        yield tail

    return ASGIStreamingResponse(iterator=scheduler_of(request).stream(chunks()), media_type=_JSON)
