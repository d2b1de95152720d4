"""Lists in pages, cut after the last row of the one before: a late one costs what the first did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
)

from scenarist.domain.listings import CREATION_DATE, PageRequest, Position, Window

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, where it goes on (None at the end), and its length when asked for."""

    items: list[T]
    following: Position | None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows of a page, before they become entities."""

    rows: Sequence[Any]
    following: Position | None
    total: int | None

    def page(self, items: list[T]) -> Page[T]:
        return Page(items, self.following, self.total)


def cut(
    connection: Connection,
    query: Select[Any],
    request: PageRequest,
    *,
    number: ColumnElement[int],
    keys: Mapping[str, ColumnElement[Any]],
) -> Cut:
    """Return the rows of a page.

    Args:
        number: What tells rows with the same key apart; without a sort, the order itself.
        keys: What the list may be sorted by, each with an index that ends in the number.
    """
    key = literal(None) if request.sort is None else _key(request.sort, keys)
    ordering = [number] if request.sort is None else [key, number]
    page = query.add_columns(key.label("page_key"), number.label("page_number"))
    if request.after is not None:
        after = [literal(request.after.number, BigInteger)]
        if request.sort is not None:
            after.insert(0, literal(request.after.key, key.type))
            # An index of an expression is not used for the pair below, but for this.
            page = page.where(key <= after[0] if request.is_descending else key >= after[0])
        here, there = tuple_(*ordering), tuple_(*after)
        page = page.where(here < there if request.is_descending else here > there)
    page = page.order_by(*((part.desc() if request.is_descending else part) for part in ordering))
    rows = connection.execute(page.limit(request.limit + 1)).fetchall()
    total = None
    if request.with_total:
        total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    if len(rows) <= request.limit:
        return Cut(rows, None, total)
    rows = rows[: request.limit]
    return Cut(rows, Position(rows[-1].page_key, rows[-1].page_number), total)


def narrowed(query: Select[Any], wanted: Mapping[ColumnElement[Any], Any]) -> Select[Any]:
    """Keep the rows whose columns have the wanted values; None is no wish."""
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    return query


def within(query: Select[Any], created_at: ColumnElement[Any], window: Window) -> Select[Any]:
    """Keep the rows that were created in a window."""
    if window.start is not None:
        query = query.where(created_at >= window.start)
    if window.end is not None:
        query = query.where(created_at < window.end)
    return query


def _key(sort: str, keys: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    key = keys[sort]
    # Moments stay the numbers that they are stored as.
    return type_coerce(key, BigInteger) if sort == CREATION_DATE else key
