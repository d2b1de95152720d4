"""The what-if input of the example: what the plan takes for granted, and anyone may change."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, kw_only=True, slots=True)
class Assumptions:
    """What is taken for granted about the plant; the defaults are made up.

    Raises:
        ValueError: A number is negative that cannot be, or the store holds less than its stock.
    """

    warming_celsius: float = 0.0  #: added to each day of the forecast; below zero for colder
    mwh_per_degree_day: float = 12.0  #: fuel burnt for one heating degree day in °C
    price_per_mwh: float = 85.0  #: of the fuel, in dollars
    fee_per_delivery: float = 2_500.0  #: in dollars, however much is delivered
    storage_mwh: float = 900.0  #: what the store holds when it is full
    stock_mwh: float = 300.0  #: what is in the store before the first day

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 0 and field.name != "warming_celsius":
                raise ValueError(f"assumption {field.name} is {value}; give 0 or more")
        if self.stock_mwh > self.storage_mwh:
            raise ValueError(
                f"assumption stock_mwh is {self.stock_mwh}, more than the {self.storage_mwh} of "
                "storage_mwh; give less stock or a larger store"
            )

    @classmethod
    def read(cls, given: object) -> Self:
        """Read assumptions as they come in JSON; what is not given has its default.

        Raises:
            TypeError: They are not an object of names and numbers.
            ValueError: One is unknown, not a number, or impossible; says which.
        """
        if not isinstance(given, Mapping):
            raise TypeError(f'the assumptions are {given!r}; give them as {{"name": number}}')
        known = [field.name for field in fields(cls)]
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"there is no assumption {name!r}; known are {', '.join(known)}")
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not math.isfinite(value):
                raise ValueError(f"assumption {name} is {value!r}; give a number")
        return cls(**given)
