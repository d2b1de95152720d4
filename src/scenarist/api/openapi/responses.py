"""Descriptions of responses in the OpenAPI document that many handlers use."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema

from scenarist.schemas import Problem

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
            media_type="application/problem+json",
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
