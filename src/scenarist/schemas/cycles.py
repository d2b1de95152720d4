"""Cycles."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from scenarist.domain.vocabulary import Frequency
from scenarist.schemas.base import Request


class CreateCycle(Request, kw_only=True, frozen=True):
    """Creates the cycle of the period that contains the creation date."""

    frequency: Annotated[
        str,
        Meta(
            description="DAILY, WEEKLY, MONTHLY, QUARTERLY or YEARLY; also `Frequency.DAILY`.",
            examples=["MONTHLY"],
        ),
    ]
    name: (
        Annotated[
            str,
            Meta(min_length=1, max_length=256, description="Defaults to the name of the period."),
        ]
        | None
    ) = None
    properties: dict[str, Any] = field(default_factory=dict)
    creation_date: Annotated[
        str | UnsetType, Meta(description="A time within the period; defaults to now.")
    ] = UNSET
    start_date: Annotated[
        str | UnsetType, Meta(description="If given, must be the start of the period.")
    ] = UNSET
    end_date: Annotated[
        str | UnsetType, Meta(description="If given, must be the end of the period.")
    ] = UNSET


class Cycle(Struct, kw_only=True, frozen=True):
    id: str
    name: str
    frequency: Frequency
    properties: dict[str, Any]
    creation_date: datetime
    start_date: datetime
    end_date: Annotated[
        datetime, Meta(description="The last microsecond of the period, as documented.")
    ]


class OneCycle(Struct, kw_only=True, frozen=True):
    cycle: Cycle


class CycleCreated(Struct, kw_only=True, frozen=True):
    message: str
    cycle: Cycle
