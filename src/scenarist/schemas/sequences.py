"""Sequences."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from scenarist.schemas.base import Request
from scenarist.schemas.submissions import Submission
from scenarist.schemas.subscribers import Subscriber

_NAME_LENGTH = {"minLength": 1, "maxLength": 128}
"""Only described: the services check it, and say which characters are not allowed."""


class CreateSequence(Request, kw_only=True, frozen=True):
    """Creates a sequence of tasks of a scenario. ``task_ids`` is an alias of ``tasks``."""

    scenario_id: Annotated[
        str, Meta(description="Scenario that owns the tasks.", examples=["SCENARIO_heating_0…"])
    ]
    sequence_name: Annotated[
        str | UnsetType,
        Meta(
            description="1 to 128 printable characters; unique in the scenario.",
            examples=["planning"],
            extra_json_schema=_NAME_LENGTH,
        ),
    ] = UNSET
    tasks: Annotated[list[str] | UnsetType, Meta(description="Task identifiers, in order.")] = UNSET
    task_ids: Annotated[list[str] | UnsetType, Meta(description="The same as tasks.")] = UNSET
    properties: dict[str, Any] = field(default_factory=dict)


class ChangeSequence(Request, kw_only=True, frozen=True):
    """Changes only the given fields. A new name gives the sequence a new identifier."""

    name: Annotated[str | UnsetType, Meta(examples=["outlook"], extra_json_schema=_NAME_LENGTH)] = (
        UNSET
    )
    tasks: Annotated[list[str] | UnsetType, Meta(description="Replaces all tasks; in order.")] = (
        UNSET
    )
    task_ids: Annotated[list[str] | UnsetType, Meta(description="The same as tasks.")] = UNSET
    properties: Annotated[
        dict[str, Any] | UnsetType,
        Meta(description="Merged into the existing properties; null removes one (RFC 7396)."),
    ] = UNSET


class Sequence(Struct, kw_only=True, frozen=True):
    id: str
    name: str
    owner_id: Annotated[str, Meta(description="Its scenario.")]
    parent_ids: Annotated[list[str], Meta(description="Its scenario.")]
    tasks: list[str]
    properties: dict[str, Any]
    subscribers: list[Subscriber]
    creation_date: datetime
    version: Annotated[str, Meta(description="Version of the application that created it.")]


class OneSequence(Struct, kw_only=True, frozen=True):
    sequence: Sequence


class SequenceCreated(Struct, kw_only=True, frozen=True):
    message: str
    sequence: Sequence


class SequenceSubmitted(Struct, kw_only=True, frozen=True):
    message: str
    sequence: Sequence
    submission: Submission
