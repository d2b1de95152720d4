"""Error responses as problem+json (RFC 9457), with one table from error classes to statuses."""

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Response
from msgspec import UNSET, UnsetType

from scenarist.domain.commits import CommitRecord
from scenarist.domain.errors import (
    ChangedError,
    ConflictError,
    DeniedError,
    InDoubtError,
    InvalidError,
    NotFoundError,
    ScenaristError,
    ThrottledError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)
from scenarist.domain.machine_faults import is_machine_fault
from scenarist.domain.permissions import ANYONE
from scenarist.domain.redaction import redact
from scenarist.schemas import PROBLEM_MEDIA_TYPE, Fault, make_problem

STATUSES: dict[type[ScenaristError], HTTPStatus] = {
    InvalidError: HTTPStatus.BAD_REQUEST,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    DeniedError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    ChangedError: HTTPStatus.PRECONDITION_FAILED,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ThrottledError: HTTPStatus.TOO_MANY_REQUESTS,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
# Python has renamed this status, but its code must not change.
_CODES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_entity_too_large"}
_RETRY_SECONDS = "1"
_LONGEST_DETAIL = 4_000
_LONGEST_FIELD = 300
_LONGEST_SECRET = 4_000
_MOST_FAULTS = 100
CREDENTIAL_MISSING = "credential_missing"
"""Code of a 401 for a request without credentials."""

_NOT_NOW = "the server cannot do this now; try again later; its log says why"
_IN_DOUBT = "the server had a problem; check whether this was done before trying again"
_OUT_OF_MEMORY = (
    "the server does not have enough memory for this now; try again later, or request less"
)
_log = structlog.get_logger(__name__)


def from_scenarist_error(request: Request[Any, Any, Any], error: ScenaristError) -> Response[Any]:
    status = next(
        (STATUSES[base] for base in type(error).__mro__ if base in STATUSES),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )
    faults = [
        Fault(
            field=item.get("field", ""),
            message=item["message"],
            pointer=item.get("pointer", UNSET),
        )
        for item in error.errors
    ]
    message, code = error.message, error.reason
    if status is HTTPStatus.SERVICE_UNAVAILABLE and _has_committed(request):
        message, code = _describe_partial_commit(message), InDoubtError.code
    if status is HTTPStatus.SERVICE_UNAVAILABLE and _is_unauthenticated(request):
        # Which component failed, and where it runs, is only for authenticated callers and the log.
        _log.warning("not available", path=request.url.path, reason=message)
        message, faults = _NOT_NOW if code != InDoubtError.code else _IN_DOUBT, []
    response = _build_response(status, message, code, faults)
    if isinstance(error, UnauthenticatedError):
        response.headers["WWW-Authenticate"] = _make_challenge(error)
    elif isinstance(error, ThrottledError):
        response.headers["Retry-After"] = str(error.retry_seconds)
    return response


def _has_committed(request: Request[Any, Any, Any]) -> bool:
    """Return whether something has already been committed for the request."""
    commits = request.scope.get("commits")
    return isinstance(commits, CommitRecord) and commits.has_committed


def _describe_partial_commit(reason: str) -> str:
    """Return a message saying that something was stored, even if *reason* claims the opposite."""
    reason = reason.replace("; nothing was changed, try again", "")
    return (
        f"this was stored in part or in full before the server failed ({reason}); check what is "
        "stored before trying again"
    )


def from_memory_error(request: Request[Any, Any, Any], error: MemoryError) -> Response[Any]:
    """Respond with 503 if memory is exhausted, since there may be enough later."""
    _log.error("out of memory", path=request.url.path, exc_info=error)
    return from_scenarist_error(request, UnavailableError(_OUT_OF_MEMORY, code="out_of_memory"))


def from_os_error(request: Request[Any, Any, Any], error: OSError) -> Response[Any]:
    """Respond with 503 to a failure of the machine, such as a full disk, otherwise with 500."""
    if not is_machine_fault(error):
        return from_anything_else(request, error)
    _log.error("the machine failed", path=request.url.path, exc_info=error)
    reason = f"the server's machine cannot do this now ({error.strerror}); try again later"
    return from_scenarist_error(request, UnavailableError(reason))


def _is_unauthenticated(request: Request[Any, Any, Any]) -> bool:
    """Return whether authorization is on and the caller is not authenticated."""
    actor = request.scope.get("actor")
    return not request.app.state["auth"].is_off and (actor is None or actor == ANYONE)


def _make_challenge(error: UnauthenticatedError) -> str:
    """Return the ``WWW-Authenticate`` header; no ``error`` if no token was sent (RFC 6750, 3.1)."""
    if error.reason in {CREDENTIAL_MISSING, "sign_in_failed"}:
        return 'Bearer realm="scenarist"'
    return 'Bearer realm="scenarist", error="invalid_token"'


def from_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.NOT_FOUND:
        detail = f"there is no path {request.url.path}"
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.url.path} does not support {request.method}"
    elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        detail = "the body is too large; a value may have up to 64 MiB, any other body 1 MiB"
    else:
        detail = error.detail
    response = _build_response(status, detail, _CODES.get(status, status.name.lower()), [])
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def from_validation_exception(
    request: Request[Any, Any, Any], error: ValidationException
) -> Response[Any]:
    """Respond with 400 and list each query parameter that is invalid."""
    extra = error.extra if isinstance(error.extra, list) else []
    faults = [
        Fault(field=str(item.get("key", "")), message=str(item.get("message", "")))
        for item in extra
        if isinstance(item, dict)
    ]
    if [fault.field for fault in faults] == ["data"]:
        # Litestar's error for a missing body.
        return _build_response(
            HTTPStatus.BAD_REQUEST, "the request has no body; it must be JSON", "body_missing", []
        )
    messages = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
    return _build_response(
        HTTPStatus.BAD_REQUEST,
        f"the query is not valid: {messages or error.detail}",
        "invalid",
        faults,
    )


def from_anything_else(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Respond with 500 to an unexpected error; the details go only to the log, under the id."""
    # The client may have chosen this id; all log lines of the request have it.
    request_id = request.scope["request_id"]  # type: ignore[typeddict-item]
    _log.error("request failed", path=request.url.path, exc_info=error)
    return _build_response(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"internal server error; the server's log has the details under {request_id}",
        "internal",
        [],
    )


def _build_response(
    status: HTTPStatus, detail: str, code: str, faults: list[Fault]
) -> Response[Any]:
    """Build a problem response, with secrets redacted and long texts cut.

    Much of the text repeats what the client has sent.
    """
    detail = _shorten(detail, _LONGEST_DETAIL)
    faults = [
        Fault(
            field=_shorten(fault.field, _LONGEST_FIELD),
            message=_shorten(fault.message, _LONGEST_DETAIL),
            pointer=UNSET
            if isinstance(fault.pointer, UnsetType)
            else _shorten(fault.pointer, _LONGEST_FIELD),
        )
        for fault in faults[:_MOST_FAULTS]
    ]
    headers = {"Retry-After": _RETRY_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(
        make_problem(status, code, detail, faults),
        status_code=status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers=headers,
    )


HANDLERS: dict[int | type[Exception], Any] = {
    ScenaristError: from_scenarist_error,
    MemoryError: from_memory_error,
    OSError: from_os_error,
    ValidationException: from_validation_exception,
    HTTPException: from_http_exception,
    Exception: from_anything_else,
}


def _shorten(text: str, longest: int) -> str:
    # Redact beyond the cut: a secret that crosses it is only found if it is complete.
    text = redact(text[: longest + _LONGEST_SECRET])
    return text if len(text) <= longest else text[:longest] + "…"
