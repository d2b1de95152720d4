"""Types that many responses share: lists, messages, problems."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

ItemT = TypeVar("ItemT")

PROBLEM_MEDIA_TYPE = "application/problem+json"


class Request(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base class of request bodies; an unknown field is an error."""


class Results(Struct, Generic[ItemT], kw_only=True, frozen=True):
    """A list. Without ``limit`` it is complete, and ``next`` is omitted."""

    results: list[ItemT]
    next: Annotated[
        str | UnsetType | None, Meta(description="Cursor of the next page; null on the last page.")
    ] = UNSET
    total: Annotated[
        int | UnsetType, Meta(description="Total number of matches; only with count=true.")
    ] = UNSET


class Message(Struct, kw_only=True, frozen=True):
    message: str


class Fault(Struct, kw_only=True, frozen=True):
    field: str
    message: str
    pointer: Annotated[
        str | UnsetType,
        Meta(
            description="For a fault of a value: where it is in the body, as a JSON Pointer.",
            examples=["/inputs/orders/3/price"],
        ),
    ] = UNSET


class Problem(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """An error as problem details (RFC 9457), plus ``message`` as in the documented system."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    errors: list[Fault] = field(default_factory=list)


def make_problem(
    status: HTTPStatus, code: str, detail: str, errors: Sequence[Fault] = ()
) -> Problem:
    return Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=detail,
        code=code,
        message=detail,
        errors=list(errors),
    )


class Deletion(Struct, kw_only=True, frozen=True):
    """Identifiers of the deleted entities by kind; with ``dry_run``, of those to be deleted."""

    message: str
    deleted: Annotated[
        dict[str, list[str]], Meta(examples=[{"scenarios": ["SCENARIO_heating_0…"], "tasks": []}])
    ]
