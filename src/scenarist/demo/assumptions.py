"""The what-if input of the example: assumptions of the plan, which anyone may change."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Assumptions",
    "order": 2,
    "properties": {
        "warming_celsius": {
            "type": "number",
            "minimum": -10,
            "maximum": 10,
            "title": "Warming",
            "description": "Added to each day of the forecast; negative for colder.",
            "unit": "°C",
        },
        "mwh_per_degree_day": {
            "type": "number",
            "minimum": 0,
            "title": "Fuel for one degree day",
            "unit": "MWh",
        },
        "price_per_mwh": {"type": "number", "minimum": 0, "title": "Price", "unit": "$/MWh"},
        "fee_per_delivery": {"type": "number", "minimum": 0, "title": "Fee", "unit": "$"},
        "storage_mwh": {"type": "number", "minimum": 0, "title": "Store", "unit": "MWh"},
        "stock_mwh": {"type": "number", "minimum": 0, "title": "Stock", "unit": "MWh"},
    },
    "additionalProperties": False,
}
"""The JSON Schema of assumptions as clients write them: each may be left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Assumptions:
    """Assumptions about the plant; the defaults are invented.

    Raises:
        ValueError: A number is negative that must not be, or the stock exceeds the store.
    """

    warming_celsius: float = 0.0  #: added to each day of the forecast; negative for colder
    mwh_per_degree_day: float = 12.0  #: fuel burnt for one heating degree day in °C
    price_per_mwh: float = 85.0  #: price of the fuel, in dollars
    fee_per_delivery: float = 2_500.0  #: in dollars, whatever the amount
    storage_mwh: float = 900.0  #: the capacity of the store
    stock_mwh: float = 300.0  #: the contents of the store before the first day

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 0 and field.name != "warming_celsius":
                raise ValueError(f"assumption {field.name} is {value}; give 0 or more")
        if self.stock_mwh > self.storage_mwh:
            raise ValueError(
                f"assumption stock_mwh is {self.stock_mwh}, more than storage_mwh "
                f"({self.storage_mwh}); give less stock or a larger store"
            )

    @classmethod
    def parse(cls, given: object) -> Self:
        """Parse assumptions from JSON data; those that are not given take their defaults.

        Raises:
            TypeError: The data is not an object of names and numbers.
            ValueError: An assumption is unknown, not a number, or impossible.
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
