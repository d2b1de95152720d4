"""What many answers share: lists, messages, problems."""

from typing import Annotated, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

ItemT = TypeVar("ItemT")


class Request(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A body that a client sends; an unknown field is an error."""


class Results(Struct, Generic[ItemT], kw_only=True, frozen=True):
    """A list. Without a limit it is whole, and ``next`` is left out."""

    results: list[ItemT]
    next: Annotated[
        str | UnsetType | None, Meta(description="The cursor of the next page; null at the end.")
    ] = UNSET
    total: Annotated[
        int | UnsetType, Meta(description="How many there are in all; with count=true.")
    ] = UNSET


class Message(Struct, kw_only=True, frozen=True):
    message: str


class Fault(Struct, kw_only=True, frozen=True):
    field: str
    message: str


class Problem(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What went wrong: RFC 9457, and ``message`` as in the documented system."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    errors: list[Fault] = field(default_factory=list)


class Deletion(Struct, kw_only=True, frozen=True):
    """What was deleted, or with ``dry_run`` would be: identifiers by kind of entity."""

    message: str
    deleted: Annotated[
        dict[str, list[str]], Meta(examples=[{"scenarios": ["SCENARIO_heating_0…"], "tasks": []}])
    ]
