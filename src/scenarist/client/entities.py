"""Operations that all kinds of entities share: get, list by pages, delete."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from scenarist import schemas
from scenarist.client.transport import Call, Transport, path_of

EntityT = TypeVar("EntityT")
EntityT_co = TypeVar("EntityT_co", covariant=True)

Timestamp = datetime | date | str
"""A timestamp, or a date for the start of its day; without a time zone, in the server's."""

AnyOf = str | Sequence[str]
"""Filter value of a list: one value, or several of which one must match."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Tagged(Generic[EntityT_co]):
    """An entity and its current tag, which protects a change as ``if_match``."""

    value: EntityT_co
    tag: str


class Listing(Generic[EntityT]):
    """A list on the server, fetched page by page on iteration; each iteration starts again."""

    def __init__(
        self,
        transport: Transport,
        path: str,
        results: type[schemas.Results[EntityT]],
        filters: Mapping[str, Any],
    ) -> None:
        self._transport = transport
        self._path = path
        self._results = results
        self._filters = {name: _to_query_value(name, value) for name, value in filters.items()}

    def __iter__(self) -> Iterator[EntityT]:
        cursor: str | None = None
        while True:
            page = self._page(limit=_PAGE, cursor=cursor)
            yield from page.results
            if not isinstance(page.next, str):
                return
            cursor = page.next

    def first(self) -> EntityT | None:
        """Return the first item; None if the list is empty."""
        return next(iter(self._page(limit=1).results), None)

    def count(self) -> int:
        """Return the number of items, without fetching them."""
        total = self._page(limit=1, count="true").total
        return total if isinstance(total, int) else 0

    def _page(self, **paging: Any) -> schemas.Results[EntityT]:
        call = Call(method="GET", path=self._path, query={**self._filters, **paging})
        return self._transport.fetch(call, self._results)


class Entities(Generic[EntityT]):
    """One kind of entity."""

    _name: str
    """The first segment of its paths."""
    _results: type[schemas.Results[EntityT]]

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _read_one(self, body: bytes) -> EntityT:
        """Decode the entity from the response to a GET of one."""
        raise NotImplementedError

    def get(self, id: str) -> EntityT:
        return self.get_tagged(id).value

    def get_tagged(self, id: str) -> Tagged[EntityT]:
        """Return an entity together with its tag."""
        return self._fetch(Call(method="GET", path=path_of(self._name, id)))

    def _fetch(self, call: Call) -> Tagged[EntityT]:
        response = self._transport.send(call)
        return Tagged(self._read_one(response.content), response.headers.get("etag", ""))

    def _list(self, arguments: Mapping[str, Any]) -> Listing[EntityT]:
        """Return the list that the arguments of a method ask for.

        Args:
            arguments: The local variables of the method: filters by name, and ``self``.
        """
        filters = {name: arguments[name] for name in arguments if name != "self"}
        return Listing(self._transport, path_of(self._name), self._results, filters)

    def _delete(self, id: str, if_match: str | None) -> None:
        call = Call(method="DELETE", path=path_of(self._name, id), headers=build_if_match(if_match))
        self._transport.fetch(call, schemas.Message)


def build_if_match(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {"If-Match": if_match}


def format_timestamp(moment: Timestamp | None) -> str | None:
    return moment.isoformat() if isinstance(moment, date) else moment


def _to_query_value(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            raise ValueError(f"{name} has no value; omit it, or give at least one")
        return list(value)
    return value.isoformat() if isinstance(value, date) else value
