"""Types that applications of tests declare for their data nodes; workers import them by name."""

import datetime
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import msgspec
import pydantic
from msgspec import Meta


class Region(Enum):
    NORTH = "north"
    SOUTH = "south"


@dataclass
class Order:
    region: Region
    sold: Annotated[int, Meta(ge=0)]
    day: datetime.date | None = None


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    orders: list[Order] = []


class Price(pydantic.BaseModel):
    amount: float = pydantic.Field(ge=0)
    currency: str = "EUR"


def tell_types(*values: object) -> list[str]:
    """Return the representations of values: what a function has got."""
    return [repr(value) for value in values]
