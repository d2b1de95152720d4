"""How a connection refuses a request, and what its client is told."""

from collections.abc import Iterable
from http import HTTPStatus

import httptools
import msgspec
import structlog

from scenarist.schemas import Problem

LIMIT_CODES = frozenset(
    {
        "too_many_connections",
        "too_many_requests",
        "target_too_long",
        "headers_too_large",
        "request_late",
    }
)
"""Refusals by which a limit keeps a client out."""

_log = structlog.get_logger(__name__)


class RefusedError(Exception):
    """A request is not served; says what its client is told."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def refusal_in(error: httptools.HttpParserError) -> RefusedError:
    cause = error.__context__
    if isinstance(cause, RefusedError):
        return cause
    if isinstance(cause, MemoryError):
        return out_of_memory()
    if not isinstance(cause, httptools.HttpParserError | ValueError | None):
        _log.error("a request could not be read", exc_info=cause)
        return RefusedError(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "internal",
            "the server made a mistake while it read the request; its log has the details",
        )
    said = str(error) if cause is None else "its target has no form that is known"
    return RefusedError(
        HTTPStatus.BAD_REQUEST, "request_malformed", f"the request is not valid HTTP: {said}"
    )


def out_of_memory() -> RefusedError:
    return RefusedError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "out_of_memory",
        "the server has too little memory to read this request; try again later, or with less",
    )


def answer_of(refusal: RefusedError, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    status = refusal.status
    problem = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=refusal.detail,
        code=refusal.code,
        message=refusal.detail,
    )
    body = msgspec.json.encode(problem)
    fields = [
        *headers,
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        fields.append((b"retry-after", b"1"))
    line = f"HTTP/1.1 {status:d} {status.phrase}".encode()
    return b"\r\n".join([line, *(b"%b: %b" % field for field in fields), b"", body])
