"""Lists in pages, cut after the last row of the one before: a late one costs what the first did."""

from collections.abc import Iterable, Mapping, Sequence
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
    union_all,
)

from scenarist.db.among import is_one_of
from scenarist.domain.listings import CREATION_DATE, PageRequest, Position, Window

T = TypeVar("T")

_MOST_BRANCHES = 16


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
    branches: Sequence[ColumnElement[bool]] = (),
) -> Cut:
    """Return the rows of a page.

    Args:
        branches: Conditions of which a row meets one; a page of each is read, and they are merged.
            One condition for all of them would make the database sort all rows that meet it.
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
    page = page.limit(request.limit + 1)
    if branches:
        page = _merged([page.where(branch) for branch in branches], request)
    rows = connection.execute(page).fetchall()
    total = None
    if request.with_total:
        total = sum(
            connection.execute(select(func.count()).select_from(part.subquery())).scalar_one()
            for part in ([query.where(branch) for branch in branches] or [query])
        )
    if len(rows) <= request.limit:
        return Cut(rows, None, total)
    rows = rows[: request.limit]
    return Cut(rows, Position(rows[-1].page_key, rows[-1].page_number), total)


@dataclass(frozen=True, slots=True)
class Alternatives:
    """A filter with several values: the condition of each, and that of all of them together.

    No row meets two of the conditions.
    """

    each: Sequence[ColumnElement[bool]]
    together: ColumnElement[bool]


def alternatives(column: ColumnElement[Any], values: Sequence[str]) -> Alternatives | None:
    """Return the filter that a column has one of some values; None when there are none."""
    if not values:
        return None
    return Alternatives([column == value for value in values], is_one_of(column, values))


def narrowed(
    query: Select[Any], filters: Iterable[Alternatives | None]
) -> tuple[Select[Any], Sequence[ColumnElement[bool]]]:
    """Keep the rows that meet all filters.

    Returns:
        The query, and the conditions of the first filter that has several values: `cut` reads
        each of them in the order of its own index.
    """
    branches: Sequence[ColumnElement[bool]] = ()
    for one in filters:
        if one is None:
            continue
        if not branches and 1 < len(one.each) <= _MOST_BRANCHES:
            branches = one.each
        else:
            query = query.where(one.together)
    return query, branches


def within(query: Select[Any], created_at: ColumnElement[Any], window: Window) -> Select[Any]:
    """Keep the rows that were created in a window."""
    if window.start is not None:
        query = query.where(created_at >= window.start)
    if window.end is not None:
        query = query.where(created_at < window.end)
    return query


def _merged(pages: Sequence[Select[Any]], request: PageRequest) -> Select[Any]:
    """Return the first rows of several pages, in the order that all of them have."""
    rows = union_all(*(select(page.subquery()) for page in pages)).subquery()
    ordering = (
        [rows.c.page_number] if request.sort is None else [rows.c.page_key, rows.c.page_number]
    )
    ordered = (part.desc() if request.is_descending else part for part in ordering)
    return select(rows).order_by(*ordered).limit(request.limit + 1)


def _key(sort: str, keys: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    key = keys[sort]
    # Moments stay the numbers that they are stored as.
    return type_coerce(key, BigInteger) if sort == CREATION_DATE else key
