"""Every error as problem+json: one table from the families of errors to statuses (RFC 9457)."""

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Response

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
from scenarist.domain.machine import is_of_machine
from scenarist.domain.permissions import ANYONE
from scenarist.domain.redaction import redacted
from scenarist.schemas import Fault, Problem

MEDIA_TYPE = "application/problem+json"

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
# Python has changed the name of this one.
_CODES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_entity_too_large"}
_RETRY_SECONDS = "1"
_LONGEST_DETAIL = 4_000
_LONGEST_FIELD = 300
_LONGEST_SECRET = 4_000
_MOST_FAULTS = 100
NO_CREDENTIAL = "credential_missing"
"""The code of a 401 where nothing was shown."""

_NOT_NOW = "the server cannot do this now; try again later, its log says why"
_IN_DOUBT = "the server met trouble; look whether this was done before trying again"
_OUT_OF_MEMORY = "the server has too little memory to do this now; try again later, or with less"
_log = structlog.get_logger(__name__)


def from_scenarist_error(request: Request[Any, Any, Any], error: ScenaristError) -> Response[Any]:
    status = next(
        (STATUSES[family] for family in type(error).__mro__ if family in STATUSES),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )
    faults = [Fault(field=item.get("field", ""), message=item["message"]) for item in error.errors]
    message, code = error.message, error.reason
    if status is HTTPStatus.SERVICE_UNAVAILABLE and _has_committed(request):
        message, code = _after_commit(message), InDoubtError.code
    if status is HTTPStatus.SERVICE_UNAVAILABLE and _is_stranger(request):
        # What fails, and where it is, is for those who have a role here; the log has it.
        _log.warning("not available", path=request.url.path, reason=message)
        message, faults = _NOT_NOW if code != InDoubtError.code else _IN_DOUBT, []
    response = _response(status, message, code, faults)
    if isinstance(error, UnauthenticatedError):
        response.headers["WWW-Authenticate"] = _challenge(error)
    elif isinstance(error, ThrottledError):
        response.headers["Retry-After"] = str(error.retry_seconds)
    return response


def _has_committed(request: Request[Any, Any, Any]) -> bool:
    """Whether something of what the request asked for is stored already."""
    commits = request.scope.get("commits")
    return isinstance(commits, CommitRecord) and commits.has_committed


def _after_commit(reason: str) -> str:
    """Say that something was stored before there was trouble, whatever the trouble claims."""
    reason = reason.replace("; nothing was changed, try again", "")
    return (
        f"this was stored in part or in full before the server could not go on ({reason}); look at "
        "what is there before trying again"
    )


def from_memory_error(request: Request[Any, Any, Any], error: MemoryError) -> Response[Any]:
    """Answer what this server has too little memory for, as it may have enough later."""
    _log.error("out of memory", path=request.url.path, exc_info=error)
    return from_scenarist_error(request, UnavailableError(_OUT_OF_MEMORY, code="out_of_memory"))


def from_os_error(request: Request[Any, Any, Any], error: OSError) -> Response[Any]:
    """Answer what the machine failed, such as a full disk; anything else should not happen."""
    if not is_of_machine(error):
        return from_anything_else(request, error)
    _log.error("the machine failed", path=request.url.path, exc_info=error)
    reason = f"the machine of the server cannot do this now ({error.strerror}); try again later"
    return from_scenarist_error(request, UnavailableError(reason))


def _is_stranger(request: Request[Any, Any, Any]) -> bool:
    """Whether authorization is on and nobody is known to ask."""
    actor = request.scope.get("actor")
    return not request.app.state["gate"].is_off and (actor is None or actor == ANYONE)


def _challenge(error: UnauthenticatedError) -> str:
    """Say how to come in (RFC 6750, section 3): nothing is wrong with a token that is missing."""
    if error.reason in {NO_CREDENTIAL, "sign_in_failed"}:
        return 'Bearer realm="scenarist"'
    return 'Bearer realm="scenarist", error="invalid_token"'


def from_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.NOT_FOUND:
        detail = f"there is no path {request.url.path}"
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.url.path} does not take {request.method}"
    elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        detail = "the body is too large; a value has at most 64 MiB, any other body 1 MiB"
    else:
        detail = error.detail
    response = _response(status, detail, _CODES.get(status, status.name.lower()), [])
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def from_validation_exception(
    request: Request[Any, Any, Any], error: ValidationException
) -> Response[Any]:
    """Name each query parameter that could not be read."""
    extra = error.extra if isinstance(error.extra, list) else []
    faults = [
        Fault(field=str(item.get("key", "")), message=str(item.get("message", "")))
        for item in extra
        if isinstance(item, dict)
    ]
    if [fault.field for fault in faults] == ["data"]:
        # What Litestar says of a handler that needs a body and got none.
        return _response(
            HTTPStatus.BAD_REQUEST, "the request has no body; it must be JSON", "body_missing", []
        )
    said = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
    return _response(
        HTTPStatus.BAD_REQUEST,
        f"the query cannot be read: {said or error.detail}",
        "invalid",
        faults,
    )


def from_anything_else(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Log what should not have happened; tell the client only where to find it in the log."""
    # A client may choose this name; what else is logged of the request has it as well.
    request_id = request.scope["request_id"]  # type: ignore[typeddict-item]
    _log.error("request failed", path=request.url.path, exc_info=error)
    return _response(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"the server made a mistake; its log has the details under {request_id}",
        "internal",
        [],
    )


def _response(status: HTTPStatus, detail: str, code: str, faults: list[Fault]) -> Response[Any]:
    """Answer with a problem without secrets, of which no part is longer than somebody reads.

    Much of it repeats what the client has sent.
    """
    detail = _shortened(detail, _LONGEST_DETAIL)
    faults = [
        Fault(
            field=_shortened(fault.field, _LONGEST_FIELD),
            message=_shortened(fault.message, _LONGEST_DETAIL),
        )
        for fault in faults[:_MOST_FAULTS]
    ]
    headers = {"Retry-After": _RETRY_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    problem = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=detail,
        code=code,
        message=detail,
        errors=faults,
    )
    return Response(problem, status_code=status, media_type=MEDIA_TYPE, headers=headers)


HANDLERS: dict[int | type[Exception], Any] = {
    ScenaristError: from_scenarist_error,
    MemoryError: from_memory_error,
    OSError: from_os_error,
    ValidationException: from_validation_exception,
    HTTPException: from_http_exception,
    Exception: from_anything_else,
}


def _shortened(text: str, longest: int) -> str:
    # A secret that begins before the end must be whole to be found.
    text = redacted(text[: longest + _LONGEST_SECRET])
    return text if len(text) <= longest else text[:longest] + "…"
