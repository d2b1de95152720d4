"""Refusals of requests by a connection, and their responses."""

from collections.abc import Iterable
from http import HTTPStatus

import httptools
import msgspec
import structlog

from scenarist.schemas import PROBLEM_MEDIA_TYPE, make_problem

LIMIT_CODES = frozenset(
    {
        "too_many_connections",
        "too_many_requests",
        "target_too_long",
        "headers_too_large",
        "request_late",
    }
)
"""Codes of the refusals by a limit."""

_log = structlog.get_logger(__name__)


class RefusedError(Exception):
    """The request is refused; has the status, the code and the message for the client."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def to_refusal(error: httptools.HttpParserError) -> RefusedError:
    cause = error.__context__
    if isinstance(cause, RefusedError):
        return cause
    if isinstance(cause, MemoryError):
        return make_memory_refusal()
    if not isinstance(cause, httptools.HttpParserError | ValueError | None):
        _log.error("a request could not be read", exc_info=cause)
        return RefusedError(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "internal",
            "an internal error occurred while the server read the request; the server's log has "
            "the details",
        )
    reason = str(error) if cause is None else "its target has no known form"
    return RefusedError(
        HTTPStatus.BAD_REQUEST, "request_malformed", f"the request is not valid HTTP: {reason}"
    )


def make_memory_refusal() -> RefusedError:
    return RefusedError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "out_of_memory",
        "the server does not have enough memory to read this request; try again later, or send a "
        "smaller one",
    )


def build_response(refusal: RefusedError, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    status = refusal.status
    body = msgspec.json.encode(make_problem(status, refusal.code, refusal.detail))
    fields = [
        *headers,
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        fields.append((b"retry-after", b"1"))
    line = f"HTTP/1.1 {status:d} {status.phrase}".encode()
    return b"\r\n".join([line, *(b"%b: %b" % field for field in fields), b"", body])
