"""Selections of rows and columns of a table or a list of objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from scenarist.domain.vocabulary import FilterOperator, JoinOperator

MAX_CONDITIONS = 20
"""How many conditions a request may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A condition on a row: the cell in column ``key``, compared with ``value``.

    ``value`` is a text, a number, a boolean, or None for a missing cell.
    """

    key: str
    operator: FilterOperator
    value: object


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The rows that meet the conditions, in their order; all rows if there are no conditions.

    ``columns`` are selected in the given order; None selects all. ``limit`` is the maximum number
    of matching rows; it is not negative.
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
        """Return the selection that `to_data` converted to this data."""
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
