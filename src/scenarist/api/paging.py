"""How a client asks for a part of a list: its order, its pages, and which dates it covers."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

import msgspec
from litestar.params import QueryParameter

from scenarist.api.requests import AnyRequest, moment_of
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import CREATION_DATE, EVER, PageRequest, Position, Window

Limit = Annotated[
    int | None, QueryParameter(ge=1, le=1000, description="Answer a page of at most so many.")
]
Cursor = Annotated[
    str | None, QueryParameter(description="Where the page starts: `next` of the last.")
]
Count = Annotated[bool, QueryParameter(description="Add `total`, the length of the whole list.")]
Sort = Annotated[
    str | None,
    QueryParameter(description="What to sort by, such as creation_date; with - the other way."),
]
CreatedAfter = Annotated[
    str | None,
    QueryParameter(
        description="Only those created at this time or later: RFC 3339, or a date. Without a time "
        "zone it is in the server's."
    ),
]
CreatedBefore = Annotated[
    str | None,
    QueryParameter(
        description="Only those created before this time: RFC 3339, or a date. Without a time zone "
        "it is in the server's."
    ),
]

_BLANK_FOR_PLUS = re.compile(r"(:.*) (\d\d:?\d\d)$")
_Cursor = tuple[str, int | str | None, int]
_KEY_TYPES: dict[str, type[int | str | None]] = {"": type(None), CREATION_DATE: int}
"""What a cursor keeps of the last row of a page, by what the list is sorted by; else a text."""
_cursor_decoder = msgspec.json.Decoder(_Cursor)


@dataclass(frozen=True, kw_only=True, slots=True)
class Paging:
    """The part of a list that a client asks for."""

    limit: int | None
    cursor: str | None
    request: PageRequest

    def first(self, limit: int) -> PageRequest:
        """Return the request for the first page, which starts after the cursor."""
        after = None if self.cursor is None else _position(self.cursor, self._order)
        return replace(self.request, limit=limit, after=after)

    def cursor_of(self, position: Position) -> str:
        text = msgspec.json.encode((self._order, position.key, position.number))
        return urlsafe_b64encode(text).decode().rstrip("=")

    @property
    def _order(self) -> str:
        return f"{'-' * self.request.is_descending}{self.request.sort or ''}"


def paging_of(
    *,
    limit: int | None,
    cursor: str | None,
    count: bool = False,
    sort: str | None = None,
    sorts: Sequence[str] = (CREATION_DATE,),
    created: Window = EVER,
) -> Paging:
    """Put together what a client asks of a list.

    Args:
        sorts: What the list may be sorted by.
        created: The window of dates; a list that has one is in the order of its dates.

    Raises:
        InvalidError: The list cannot be sorted so; names what it can be sorted by.
    """
    name = None if sort is None else sort.removeprefix("-")
    if name is not None and name not in sorts:
        known = ", ".join(sorts)
        raise InvalidError(
            f"this list cannot be sorted by {name[:100]!r}; it can be by {known}, with - before it "
            "for the other way",
            errors=[{"field": "sort", "message": f"not one of {known}"}],
        )
    if name is None and not created.is_open:
        name = CREATION_DATE
    return Paging(
        limit=limit,
        cursor=cursor,
        request=PageRequest(
            limit=limit or 1,
            sort=name,
            is_descending=sort is not None and sort.startswith("-"),
            with_total=count,
        ),
    )


def window_of(request: AnyRequest, created_after: str | None, created_before: str | None) -> Window:
    """Read a window of creation dates.

    Raises:
        InvalidError: One of them is not a timestamp.
    """
    return Window(
        start=_moment_in_query(request, created_after, "created_after"),
        end=_moment_in_query(request, created_before, "created_before"),
    )


def _moment_in_query(request: AnyRequest, text: str | None, field: str) -> datetime | None:
    # The + of a time zone arrives as a blank unless it was escaped.
    return moment_of(request, text and _BLANK_FOR_PLUS.sub(r"\1+\2", text), field)


def _position(cursor: str, order: str) -> Position:
    try:
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        made_for, key, number = _cursor_decoder.decode(text)
    except (ValueError, msgspec.MsgspecError):
        made_for, key, number = "?", None, -1
    if not 0 <= number < 2**63 or (isinstance(key, int) and abs(key) >= 2**63):
        raise InvalidError(
            "the cursor is not one of this server; take it from `next` of the page before",
            errors=[{"field": "cursor", "message": "not a cursor of this server"}],
        )
    if made_for != order or not isinstance(key, _KEY_TYPES.get(order.removeprefix("-"), str)):
        raise InvalidError(
            "the cursor was made for another sort; go on with the sort of the first page",
            errors=[{"field": "cursor", "message": "made for another sort"}],
        )
    return Position(key, number)
