"""Lists in pages, cut by the number of the last row: a late page costs what the first did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Connection, Select

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and the number after which the next page starts (None at the end)."""

    items: list[T]
    following: int | None


def cut(
    connection: Connection, query: Select[Any], number: "Column[int]", *, after: int, limit: int
) -> tuple[Sequence[Any], int | None]:
    """Return at most *limit* rows of a query that come after a number, in order of the number."""
    rows = connection.execute(
        query.where(number > after).order_by(number).limit(limit + 1)
    ).fetchall()
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], rows[limit - 1].number
