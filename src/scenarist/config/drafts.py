"""One entry in the making: the values given for it, and what is wrong with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike, fspath
from typing import Any, TypeVar

from scenarist.config.entries import DataNodeConfig, Entry, TaskConfig
from scenarist.config.functions import function_name
from scenarist.config.values import Reference, resolve
from scenarist.domain.errors import InvalidError

ValueT = TypeVar("ValueT")
EntryT = TypeVar("EntryT", DataNodeConfig, TaskConfig)

_NOUNS: dict[type[Entry], str] = {DataNodeConfig: "data node", TaskConfig: "task"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of a declaration.

    Args:
        where: The entry and its key (``TASK.fit.function``), after the file it is declared in.
        message: What is wrong, and how to mend it.
    """

    where: str
    message: str


@dataclass(frozen=True, slots=True)
class BadValue:
    """Stands for a value that could not be read, until it becomes a problem in its place."""

    message: str


class Draft:
    """The values given for one entry; those that are wrong become faults of its place.

    Args:
        place: The entry, such as ``TASK.fit``.
        given: None stands for "not given".
    """

    def __init__(
        self,
        faults: dict[tuple[str, str], Problem],
        place: str,
        given: Mapping[str, Any],
        origin: str,
    ) -> None:
        self._faults = faults
        self._place = place
        self._given = {key: value for key, value in given.items() if value is not None}
        self._origin = origin

    def take(self, key: str, convert: Callable[[Any], ValueT], fallback: ValueT) -> ValueT:
        """Return one given value in the form it has in the entry."""
        if key not in self._given:
            return fallback
        value = self._given.pop(key)
        self._faults.pop((self._place, key), None)
        try:
            return convert(resolve(_readable(value)))
        except InvalidError as error:
            self._fault(key, error.message)
            return fallback

    def refer(
        self,
        key: str,
        kind: type[EntryT],
        entries: Mapping[str, EntryT],
        fallback: tuple[EntryT, ...],
    ) -> tuple[EntryT, ...]:
        """Return the entries that a key refers to; those that are unknown become a fault."""
        if key not in self._given:
            return fallback
        return self.find_all(key, kind, entries, self._given.pop(key))

    def find_all(
        self, key: str, kind: type[EntryT], entries: Mapping[str, EntryT], references: object
    ) -> tuple[EntryT, ...]:
        """Return those of the entries referred to that exist, in order."""
        self._faults.pop((self._place, key), None)
        found: list[EntryT] = []
        for reference in _as_list(references):
            try:
                found.append(_find(kind, entries, _readable(reference)))
            except InvalidError as error:
                self._fault(key, error.message)
        return tuple(found)

    def fold(
        self,
        key: str,
        base: Mapping[str, ValueT],
        convert: Callable[[str, object], ValueT],
        *,
        keep: bool,
    ) -> dict[str, ValueT]:
        """Return a given table with each value converted, over that of *base* if it is kept."""
        given = self.take(key, _as_table, None)
        if given is None:
            return dict(base)
        made = {name: convert(f"{key}.{name}", value) for name, value in given.items()}
        return {**base, **made} if keep else made

    def name_functions(self, key: str, functions: object) -> tuple[str, ...]:
        """Return the names of functions; those without a proper one become a fault."""
        self._faults.pop((self._place, key), None)
        names: list[str] = []
        for function in _as_list(functions):
            try:
                names.append(function_name(_readable(function)))
            except InvalidError as error:
                self._fault(key, error.message)
        return tuple(names)

    def rest(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that were not taken, as plain data, over those of *base*."""
        properties = dict(base)
        for key, value in self._given.items():
            self._faults.pop((self._place, key), None)
            try:
                properties[key] = _plain(value, keep_objects=key == "default_data")
            except InvalidError as error:
                self._fault(key, error.message)
        return properties

    def _fault(self, key: str, message: str) -> None:
        earlier = self._faults.get((self._place, key))
        if earlier is not None:
            message = f"{earlier.message}; {message}"
        self._faults[self._place, key] = Problem(
            f"{self._origin}: {self._place}.{key}" if self._origin else f"{self._place}.{key}",
            message,
        )


def _readable(value: object) -> Any:
    if isinstance(value, BadValue):
        raise InvalidError(value.message)
    return value


def _as_list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _as_table(value: object) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        raise InvalidError(f"{value!r} is not a table of names and what they stand for")
    return {str(key): item for key, item in value.items()}


def _find(kind: type[EntryT], entries: Mapping[str, EntryT], reference: object) -> EntryT:
    noun = _NOUNS[kind]
    if not isinstance(reference, kind | Reference | str):
        raise InvalidError(f"{reference!r} is not a {noun} config; give what configure_* returned")
    id = reference if isinstance(reference, str) else reference.id
    if id in entries:
        return entries[id]
    near = get_close_matches(id, entries, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "declare it first"
    raise InvalidError(f"there is no {noun} {id!r} in this registry; {hint}")


def _plain(value: object, *, keep_objects: bool = False) -> Any:
    """Return a value as plain data: functions and classes by name, paths as text."""
    value = _readable(value)
    if isinstance(value, Reference | Entry):
        raise InvalidError(
            f"'{value.id}:SECTION' refers to an entry, which only inputs, outputs, tasks, "
            "additional_data_nodes and sequences may do"
        )
    if keep_objects:
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, PathLike):
        return fspath(value)
    return function_name(value) if callable(value) else value
