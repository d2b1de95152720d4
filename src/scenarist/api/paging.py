"""Query parameters of lists: order, pages and range of creation dates."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar

import msgspec
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIFormat
from litestar.params import QueryParameter

from scenarist.api.requests import AnyRequest, timestamp_of
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import (
    CREATION_DATE,
    NAME,
    OUTCOMES,
    PagePosition,
    PageRequest,
    TimeRange,
)

Sort = Annotated[
    str | None,
    QueryParameter(
        description="The field to sort by, such as creation_date; a leading - reverses the order."
    ),
]

_TIME = "an RFC 3339 timestamp or a date. Without a time zone, it is in the server's time zone."
_TIMESTAMP_OR_DATE = {
    "any_of": [Schema(format=OpenAPIFormat.DATE_TIME), Schema(format=OpenAPIFormat.DATE)]
}
_BLANK_FOR_PLUS = re.compile(r"(:.*) (\d\d:?\d\d)$")
_Cursor = tuple[str, int | float | str | None, int]
_cursor_decoder = msgspec.json.Decoder(_Cursor)


@dataclass(frozen=True, kw_only=True, slots=True)
class Paging:
    """The part of a list that a client requests, and its order."""

    limit: int | None
    cursor: str | None
    request: PageRequest

    def make_request(self, limit: int) -> PageRequest:
        """Return the request for the first page, which starts after the cursor."""
        after = None if self.cursor is None else _parse_cursor(self.cursor, self._order)
        return replace(self.request, limit=limit, after=after)

    def cursor_of(self, position: PagePosition) -> str:
        text = msgspec.json.encode((self._order, position.key, position.number))
        return urlsafe_b64encode(text).decode().rstrip("=")

    @property
    def _order(self) -> str:
        return f"{'-' * self.request.is_descending}{self.request.sort or ''}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ListParams:
    """Query parameters of every list."""

    sorts: ClassVar[Sequence[str]] = (CREATION_DATE,)
    """Fields that the list can be sorted by."""

    sort: Sort = None
    limit: Annotated[
        int | None,
        QueryParameter(ge=1, le=1000, description="Return a page of at most this many entries."),
    ] = None
    cursor: Annotated[
        str | None,
        QueryParameter(description="Return the page at this cursor: `next` of the previous page."),
    ] = None
    count: Annotated[
        bool, QueryParameter(description="Add `total`, the length of the whole list.")
    ] = False

    def make_paging(self) -> Paging:
        """Return which part of the list is requested, and in which order.

        Raises:
            InvalidError: The list cannot be sorted by this field; the message lists those it can.
        """
        name = None if self.sort is None else self.sort.removeprefix("-")
        if name is not None and not self._can_sort_by(name):
            known = ", ".join(self.sorts)
            raise InvalidError(
                f"this list cannot be sorted by {name[:100]!r}; sort it by {known}, with a leading "
                "- to reverse the order",
                errors=[{"field": "sort", "message": f"not one of {known}"}],
            )
        return Paging(
            limit=self.limit,
            cursor=self.cursor,
            request=PageRequest(
                limit=self.limit or 1,
                sort=name or self._default_sort,
                is_descending=self.sort is not None and self.sort.startswith("-"),
                with_total=self.count,
            ),
        )

    def _can_sort_by(self, name: str) -> bool:
        return name in self.sorts

    @property
    def _default_sort(self) -> str | None:
        return None


class NamedListParams(ListParams):
    """Query parameters of a list that can also be sorted by name."""

    sorts = (CREATION_DATE, NAME)


@dataclass(frozen=True, kw_only=True, slots=True)
class DatedListParams(ListParams):
    """Query parameters of a list that can be restricted to a range of creation dates.

    With such a range, the default order is by creation date.
    """

    created_after: Annotated[
        str | None,
        QueryParameter(
            description=f"Only entities created at or after this time: {_TIME}",
            schema_extra=_TIMESTAMP_OR_DATE,
        ),
    ] = None
    created_before: Annotated[
        str | None,
        QueryParameter(
            description=f"Only entities created before this time: {_TIME}",
            schema_extra=_TIMESTAMP_OR_DATE,
        ),
    ] = None

    def read_created_range(self, request: AnyRequest) -> TimeRange:
        """Read the range of creation dates.

        Raises:
            InvalidError: One of them is not a timestamp.
        """
        return TimeRange(
            start=_timestamp_in_query(request, self.created_after, "created_after"),
            end=_timestamp_in_query(request, self.created_before, "created_before"),
        )

    @property
    def _default_sort(self) -> str | None:
        is_bounded = self.created_after is not None or self.created_before is not None
        return CREATION_DATE if is_bounded else None


def _timestamp_in_query(request: AnyRequest, text: str | None, field: str) -> datetime | None:
    # The + of a time zone arrives as a blank if the client did not escape it.
    return timestamp_of(request, text and _BLANK_FOR_PLUS.sub(r"\1+\2", text), field)


def _parse_cursor(cursor: str, order: str) -> PagePosition:
    try:
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        made_for, key, number = _cursor_decoder.decode(text)
    except (ValueError, msgspec.MsgspecError):
        made_for, key, number = "?", None, -1
    if not 0 <= number < 2**63 or (isinstance(key, int) and abs(key) >= 2**63):
        raise InvalidError(
            "the cursor is not valid; use `next` of the previous page",
            errors=[{"field": "cursor", "message": "not a valid cursor"}],
        )
    if made_for != order or not isinstance(key, _find_key_type(order.removeprefix("-"))):
        raise InvalidError(
            "the cursor belongs to another sort; use the sort of the first page",
            errors=[{"field": "cursor", "message": "belongs to another sort"}],
        )
    return PagePosition(key, number)


def _find_key_type(sort: str) -> type[int | float | str | None]:
    """Return the type of the sort key in a cursor, by the field that the list is sorted by."""
    if sort.startswith(OUTCOMES):
        return float
    known: dict[str, type[int | None]] = {"": type(None), CREATION_DATE: int}
    return known.get(sort, str)
