"""Parts of the OpenAPI document that many paths share: responses, headers, parameters."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from msgspec import to_builtins

from scenarist.schemas import PROBLEM_MEDIA_TYPE, Problem, make_problem

Document = dict[str, Any]

PROBLEM_DESCRIPTIONS = {
    400: "The request is invalid, whatever the state of the server; the problem lists each error.",
    401: "Authorization is on, and there are no credentials, or they are invalid or have expired.",
    403: "Authorization is on, and the caller lacks the required role.",
    404: "Something that the path or the body refers to does not exist.",
    409: "The current state does not allow it; the problem says what prevents it.",
    412: "The entity has changed since the version named in `If-Match`; nothing was done.",
    413: "The body, or the value once unpacked, is too large.",
    429: "Too many requests; try again later.",
    503: "Try again later; nothing was changed, unless the code is `in_doubt`: then check first.",
}
"""Meaning of each status of a problem."""


@cache
def to_camel_case(name: str) -> str:
    """Return a name in camel case: ``listSequences`` for ``list_sequences``."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def describe_responses(
    status: int, container: type[Any] | None, description: str, *problems: int
) -> dict[int, ResponseSpec]:
    """Describe the successful response of a path, and the problems specific to it.

    Problems that many paths share are added when the OpenAPI document is completed.
    """
    described = {
        status: ResponseSpec(
            data_container=container, description=description, generate_examples=False
        )
    }
    for number in (*problems, 503):
        described[number] = ResponseSpec(
            data_container=Problem,
            description=PROBLEM_DESCRIPTIONS[number],
            media_type=PROBLEM_MEDIA_TYPE,
            generate_examples=False,
        )
    return described


@dataclass
class AnyJsonOperation(Operation):
    """Operation whose body is any JSON value; to Litestar it is just ``bytes``."""

    def __post_init__(self) -> None:
        media = OpenAPIMediaType(schema=Schema(description="The value, as JSON."))
        self.request_body = RequestBody(content={"application/json": media}, required=True)


LOCATION_HEADER = ResponseHeader(
    name="Location", description="The path of the new entity.", documentation_only=True
)

_TEXT = {"type": "string"}
_ETAG = {"description": "The entity tag of the response.", "schema": _TEXT, "required": True}
_LOCATION = {
    "description": "The path of the new entity.",
    "schema": {"type": "string", "pattern": "^/api/v1/"},
    "required": True,
}
_PREFERENCE_APPLIED = {"description": "The preferences that were applied.", "schema": _TEXT}
_LINK = {
    "description": "The address of the next page, if there is one (RFC 8288).",
    "schema": _TEXT,
}
_RETRY_AFTER = {
    "description": "Seconds to wait before the next try.",
    "schema": {"type": "integer", "minimum": 0},
    "required": True,
}
_WWW_AUTHENTICATE = {"description": "How to authenticate.", "schema": _TEXT, "required": True}
_HEADERS_OF_PROBLEMS: dict[int, Document] = {
    401: {"WWW-Authenticate": _WWW_AUTHENTICATE},
    429: {"Retry-After": _RETRY_AFTER},
    503: {"Retry-After": _RETRY_AFTER},
}


def response_name(status: int) -> str:
    """Return the name of the component for a problem with this status."""
    return HTTPStatus(status).name.title().replace("_", "")


def headers_of(traits: Collection[str]) -> Document:
    """Return the headers of a successful response."""
    headers: Document = {}
    if "tagged" in traits or "tagging" in traits:
        headers["ETag"] = _ETAG
    if "paged" in traits:
        headers["Link"] = _LINK
    if "located" in traits:
        headers["Location"] = _LOCATION
    if "preferring" in traits:
        headers["Preference-Applied"] = _PREFERENCE_APPLIED
    return headers


def _describe_problem(status: int, description: str) -> Document:
    example = make_problem(HTTPStatus(status), HTTPStatus(status).name.lower(), description)
    described: Document = {
        "description": description,
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": to_builtins(example),
            }
        },
    }
    if status in _HEADERS_OF_PROBLEMS:
        described["headers"] = _HEADERS_OF_PROBLEMS[status]
    return described


RESPONSES = {
    response_name(status): _describe_problem(status, description)
    for status, description in PROBLEM_DESCRIPTIONS.items()
}

EVENT_SCHEMA: Document = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "description": "The event, as JSON."},
    },
    "required": ["data"],
}
"""Schema of one event of a stream."""

SECURITY_SCHEMES: Document = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token from `POST /api/v1/auth/login`, a key from `POST /api/v1/keys`, "
        "or a token from the identity provider that the server trusts. Not needed when "
        "authorization is off.",
    }
}

REQUIRED_QUERY = {
    ("createTask", "config_id"),
    ("createDataNode", "config_id"),
    ("createJob", "task_id"),
}
"""Required query parameters, by operation."""

PARAMETERS: Document = {
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`return=representation` for a response with a body, `wait=30` for a "
        "response when the submission or job has ended or after this many seconds; separate both "
        "by a comma (RFC 7240).",
        "schema": _TEXT,
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A repeat with the same key returns the first submission.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` that the entity must still have; 412 if it has changed.",
        "schema": _TEXT,
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` that the client has; 304 if it is still the same.",
        "schema": _TEXT,
    },
}
