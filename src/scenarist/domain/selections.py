"""What somebody wants to see of a table or of a list of objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from scenarist.domain.vocabulary import FilterOperator, JoinOperator

MOST_CONDITIONS = 20
"""How many conditions a request may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """What must hold for a row: the cell in column ``key``, compared with ``value``.

    ``value`` is a text, a number, true, false, or None, which stands for a missing cell.
    """

    key: str
    operator: FilterOperator
    value: object


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Rows that meet the conditions, in their order; all rows where there is no condition.

    ``columns`` are shown in the order given, None means all. ``limit`` rows at most are shown,
    of those that meet the conditions; it is not negative.
    """

    conditions: tuple[Condition, ...] = ()
    join: JoinOperator = JoinOperator.AND
    columns: tuple[str, ...] | None = None
    limit: int | None = None

    def to_data(self) -> dict[str, Any]:
        """Return the selection as plain JSON data."""
        return {
            "conditions": [
                {"key": one.key, "operator": one.operator.value, "value": one.value}
                for one in self.conditions
            ],
            "join": self.join.value,
            "columns": None if self.columns is None else list(self.columns),
            "limit": self.limit,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return the selection of which `to_data` made the data."""
        columns = data["columns"]
        return cls(
            conditions=tuple(
                Condition(
                    key=one["key"], operator=FilterOperator(one["operator"]), value=one["value"]
                )
                for one in data["conditions"]
            ),
            join=JoinOperator(data["join"]),
            columns=None if columns is None else tuple(columns),
            limit=data["limit"],
        )
