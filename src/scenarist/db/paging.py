"""Keyset pagination: each page begins after the last row of the one before, at the same cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
    union_all,
)

from scenarist.db.among import is_one_of
from scenarist.db.sql import Query
from scenarist.domain.listings import CREATION_DATE, PagePosition, PageRequest, TimeRange

T = TypeVar("T")

_MAX_BRANCHES = 16
_LIMIT = bindparam("limit", type_=Integer)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Page of a list, the position of the next one (None at the end), and a total if asked for."""

    items: list[T]
    next_position: PagePosition | None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class PageRows:
    """Rows of a page, before they become entities."""

    rows: Sequence[Any]
    next_position: PagePosition | None
    total: int | None

    def to_page(self, items: list[T]) -> Page[T]:
        return Page(items, self.next_position, self.total)


class EntityList:
    """A list in the order of its rows' numbers or of a key, of which pages are read.

    The statements of its unfiltered pages are compiled only once.

    Args:
        number: Breaks ties between rows with the same key; without a sort, the order itself.
        keys: The sort keys of the list by name, each with an index that ends in the number.
    """

    def __init__(
        self,
        query: Select[Any],
        *,
        number: ColumnElement[int],
        keys: Mapping[str, ColumnElement[Any]],
    ) -> None:
        self.query = query
        self._number = number
        self._keys = keys
        self._unfiltered: dict[tuple[str | None, bool, bool], Query] = {}

    def fetch_page(
        self,
        connection: Connection,
        request: PageRequest,
        query: Select[Any] | None = None,
        branches: Sequence[ColumnElement[bool]] = (),
    ) -> PageRows:
        """Read the rows of a page.

        Args:
            query: The query of the list with filters; None for all entities.
            branches: Conditions of which each row meets exactly one; a page of each is read, and
                they are merged. A single condition would make the database sort all rows that
                meet it.
        """
        query = self.query if query is None else query
        parameters: dict[str, Any] = {"limit": request.limit + 1}
        if request.after is not None:
            parameters |= {"after_key": request.after.key, "after_number": request.after.number}
        if query is self.query and not branches:
            rows = self._find_unfiltered(request).fetch(connection, parameters)
        else:
            page = self._make_page(query, request)
            if branches:
                page = _merge_pages([page.where(branch) for branch in branches], request)
            rows = connection.execute(page, parameters).fetchall()
        total = self._count(connection, query, branches) if request.with_total else None
        if len(rows) <= request.limit:
            return PageRows(rows, None, total)
        rows = rows[: request.limit]
        return PageRows(rows, PagePosition(rows[-1].page_key, rows[-1].page_number), total)

    def _find_unfiltered(self, request: PageRequest) -> Query:
        shape = (request.sort, request.is_descending, request.after is None)
        found = self._unfiltered.get(shape)
        if found is None:
            found = self._unfiltered[shape] = Query(self._make_page(self.query, request))
        return found

    def _make_page(self, query: Select[Any], request: PageRequest) -> Select[Any]:
        """Return the query of a page; its parameters are ``limit`` and, if it has a start, that."""
        number = self._number
        key = literal(None) if request.sort is None else _sort_key(request.sort, self._keys)
        ordering = [number] if request.sort is None else [key, number]
        page = query.add_columns(key.label("page_key"), number.label("page_number"))
        if request.after is not None:
            after: list[ColumnElement[Any]] = [bindparam("after_number", type_=BigInteger)]
            if request.sort is not None:
                after.insert(0, bindparam("after_key", type_=key.type))
                # An index on an expression is used for this condition, but not for the tuples.
                page = page.where(key <= after[0] if request.is_descending else key >= after[0])
            here, there = tuple_(*ordering), tuple_(*after)
            page = page.where(here < there if request.is_descending else here > there)
        page = page.order_by(
            *((part.desc() if request.is_descending else part) for part in ordering)
        )
        return page.limit(_LIMIT)

    def _count(
        self,
        connection: Connection,
        query: Select[Any],
        branches: Sequence[ColumnElement[bool]],
    ) -> int:
        counted = query.with_only_columns(self._number)
        parts = [counted.where(branch) for branch in branches] or [counted]
        return sum(
            connection.execute(select(func.count()).select_from(part.subquery())).scalar_one()
            for part in parts
        )


@dataclass(frozen=True, slots=True)
class ValueFilter:
    """Filter with several values: the condition of each, and one condition for all of them.

    No row meets two of the conditions in *conditions*.
    """

    conditions: Sequence[ColumnElement[bool]]
    combined: ColumnElement[bool]


def match_any(column: ColumnElement[Any], values: Sequence[str]) -> ValueFilter | None:
    """Return the filter that a column has one of the values; None when there are no values."""
    if not values:
        return None
    return ValueFilter([column == value for value in values], is_one_of(column, values))


def apply_filters(
    query: Select[Any], filters: Iterable[ValueFilter | None]
) -> tuple[Select[Any], Sequence[ColumnElement[bool]]]:
    """Apply filters to a query.

    Returns:
        The query, and the conditions of the first filter that has 2 to 16 values:
        `EntityList.fetch_page` reads the rows of each in the order of its index.
    """
    branches: Sequence[ColumnElement[bool]] = ()
    for one in filters:
        if one is None:
            continue
        if not branches and 1 < len(one.conditions) <= _MAX_BRANCHES:
            branches = one.conditions
        else:
            query = query.where(one.combined)
    return query, branches


def created_between(
    query: Select[Any], created_at: ColumnElement[Any], window: TimeRange
) -> Select[Any]:
    """Restrict a query to rows created in a window: from its start on, before its end."""
    if window.start is not None:
        query = query.where(created_at >= window.start)
    if window.end is not None:
        query = query.where(created_at < window.end)
    return query


def _merge_pages(pages: Sequence[Select[Any]], request: PageRequest) -> Select[Any]:
    """Return the first rows of several pages, merged in their common order."""
    rows = union_all(*(select(page.subquery()) for page in pages)).subquery()
    ordering = (
        [rows.c.page_number] if request.sort is None else [rows.c.page_key, rows.c.page_number]
    )
    ordered = (part.desc() if request.is_descending else part for part in ordering)
    return select(rows).order_by(*ordered).limit(_LIMIT)


def _sort_key(sort: str, keys: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    key = keys[sort]
    # Timestamps are compared as the integers that they are stored as.
    return type_coerce(key, BigInteger) if sort == CREATION_DATE else key
