"""What the API description says of answers that many paths share."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema

from scenarist.schemas import Problem

PROBLEMS = {
    400: "The request cannot be right, whatever the state; the problem names each fault.",
    401: "Authorization is on, and the request does not say who asks.",
    403: "Authorization is on, and who asks lacks the role.",
    404: "What the path or the body names does not exist.",
    409: "The present state forbids it; the problem says what stands in the way.",
    412: "It has changed since the version that `If-Match` names; nothing was done.",
    413: "The body, or what a value unfolds to, is too large.",
    429: "Too many requests; try again later.",
    503: "Try again later; nothing was changed, unless the code is `in_doubt`: then look first.",
}
"""What each status of a problem means."""


@cache
def camel_case(name: str) -> str:
    """Name an operation after the function behind it: ``list_sequences`` is ``listSequences``."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def responses(
    status: int, container: type[Any] | None, description: str, *problems: int
) -> dict[int, ResponseSpec]:
    """Describe the answer of a path when all goes well, and the problems that are its own.

    What holds for many paths is said in one place: see `description_rules`.
    """
    described = {
        status: ResponseSpec(
            data_container=container, description=description, generate_examples=False
        )
    }
    for number in (*problems, 503):
        described[number] = ResponseSpec(
            data_container=Problem,
            description=PROBLEMS[number],
            media_type="application/problem+json",
            generate_examples=False,
        )
    return described


@dataclass
class WithAnyJson(Operation):
    """A path whose body is any JSON value, which Litestar cannot tell from ``bytes``."""

    def __post_init__(self) -> None:
        media = OpenAPIMediaType(schema=Schema(description="The value, as JSON."))
        self.request_body = RequestBody(content={"application/json": media}, required=True)


LOCATION = ResponseHeader(
    name="Location", description="The path of the new entity.", documentation_only=True
)
