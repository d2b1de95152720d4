"""Drafts of entries: the values given for an entry, and the faults found in them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike, fspath
from typing import Any, TypeVar

from scenarist.config.entries import DataNodeConfig, Entry, TaskConfig
from scenarist.config.keys import FUNCTION_KEYS, PROPERTIES, TYPE_KEYS, describe_unknown_key
from scenarist.config.names import FunctionName, NamedObjects, resolve_function_name
from scenarist.config.values import Reference, resolve
from scenarist.domain.errors import InvalidError

ValueT = TypeVar("ValueT")
EntryT = TypeVar("EntryT", DataNodeConfig, TaskConfig)

_NOUNS: dict[type[Entry], str] = {DataNodeConfig: "data node", TaskConfig: "task"}


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """A mistake in a declaration.

    Args:
        where: The entry and its key (``TASK.fit.function``), after the file that declares it.
        message: What is wrong, and how to fix it.
    """

    where: str
    message: str


@dataclass(frozen=True, slots=True)
class InvalidValue:
    """Placeholder for a value that could not be parsed, until a draft reports it as a fault."""

    message: str


class Draft:
    """The values given for one entry. Invalid ones are recorded as faults of the entry.

    Args:
        objects: Receives the functions and classes that were passed as objects, by entry and key.
        entry_name: The entry, such as ``TASK.fit``.
        given: The values by key. None means that a key was not given.
    """

    def __init__(
        self,
        faults: dict[tuple[str, str], ConfigProblem],
        objects: dict[tuple[str, str], NamedObjects],
        entry_name: str,
        given: Mapping[str, Any],
        origin: str,
    ) -> None:
        self._faults = faults
        self._objects = objects
        self._entry_name = entry_name
        self._given = {key: value for key, value in given.items() if value is not None}
        self._origin = origin
        self._fields: set[str] = set()

    def take(self, key: str, convert: Callable[[Any], ValueT], fallback: ValueT) -> ValueT:
        """Return a given value, converted to the type of its field.

        Return *fallback* if the value is not given or cannot be converted; the latter is a fault.
        """
        self._fields.add(key)
        if key not in self._given:
            return fallback
        self._reset(key)
        value = self._given.pop(key)
        try:
            return convert(resolve(_require_valid(value)))
        except InvalidError as error:
            self._add_fault(key, error.message)
            return fallback

    def take_names(
        self, key: str, convert: Callable[[Any, NamedObjects], ValueT], fallback: ValueT
    ) -> ValueT:
        """Return the names of given functions or classes; keep the objects for later comparison."""
        return self.take(key, lambda value: convert(value, self._objects_of(key)), fallback)

    def resolve_references(
        self,
        key: str,
        kind: type[EntryT],
        entries: Mapping[str, EntryT],
        fallback: list[EntryT],
    ) -> list[EntryT]:
        """Return the entries that a key refers to. References to unknown entries are faults."""
        self._fields.add(key)
        if key not in self._given:
            return fallback
        return self.find_entries(key, kind, entries, self._given.pop(key))

    def find_entries(
        self, key: str, kind: type[EntryT], entries: Mapping[str, EntryT], references: object
    ) -> list[EntryT]:
        """Return the referenced entries that exist, in order."""
        self._reset(key)
        found: list[EntryT] = []
        for reference in _as_list(references):
            try:
                found.append(_find_entry(kind, entries, _require_valid(reference)))
            except InvalidError as error:
                self._add_fault(key, error.message)
        return found

    def merge_table(
        self,
        key: str,
        base: Mapping[str, ValueT],
        convert: Callable[[str, object], ValueT],
        *,
        keep: bool,
    ) -> dict[str, ValueT]:
        """Return a given table with converted values, merged over *base* if *keep* is set."""
        given = self.take(key, _as_table, None)
        if given is None:
            return dict(base)
        if not keep:
            for table in (self._faults, self._objects):
                for where in [where for where in table if where[0] == self._entry_name]:
                    if where[1].startswith(f"{key}."):
                        del table[where]
        made = {name: convert(f"{key}.{name}", value) for name, value in given.items()}
        return {**base, **made} if keep else made

    def convert_part(
        self, key: str, convert: Callable[[Any], ValueT], value: object
    ) -> ValueT | None:
        """Return a part of a table, converted; None if that is not possible, which is a fault."""
        self._reset(key)
        try:
            return convert(_require_valid(value))
        except InvalidError as error:
            self._add_fault(key, error.message)
            return None

    def name_functions(self, key: str, functions: object) -> list[FunctionName]:
        """Return the names of functions. Functions without a usable name are faults."""
        self._reset(key)
        names: list[FunctionName] = []
        for function in _as_list(functions):
            try:
                name = resolve_function_name(_require_valid(function), self._objects_of(key))
                names.append(FunctionName(name))
            except InvalidError as error:
                self._add_fault(key, error.message)
        return names

    def merge_properties(self, base: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
        """Return the remaining values as plain data, merged over those of *base*.

        Keys under ``properties`` are free, except for known keys. Any other unknown key is a
        fault, but its value is kept.

        Args:
            keys: The known keys besides the fields that were taken.
        """
        known = {*keys, *self._fields}
        own = self._take_custom_properties(known)
        properties = dict(base)
        for key, value in {**self._given, **own}.items():
            is_known = key in known or key in own
            self._reset(key)
            if not is_known:
                self._add_fault(key, describe_unknown_key(key, self._entry_name, known))
            try:
                properties[key] = self._to_plain(key, value)
            except InvalidError as error:
                if is_known:
                    self._add_fault(key, error.message)
        return properties

    def _take_custom_properties(self, known: Collection[str]) -> dict[str, Any]:
        self._reset(PROPERTIES)
        try:
            table = _as_table(_require_valid(self._given.pop(PROPERTIES, {}))) or {}
        except InvalidError as error:
            self._add_fault(PROPERTIES, error.message)
            return {}
        for key in table:
            if key in known:
                self._add_fault(key, f"{key!r} is a key of the entry; move it out of {PROPERTIES}")
        return {
            key: value for key, value in table.items() if key not in known and value is not None
        }

    def _to_plain(self, key: str, value: object) -> Any:
        """Return a value as plain data: functions and classes by name, paths as text."""
        value = _require_valid(value)
        if isinstance(value, Reference | Entry):
            raise InvalidError(
                f"'{value.id}:SECTION' refers to an entry; only inputs, outputs, tasks, "
                "additional_data_nodes and sequences accept references"
            )
        if key == "default_data":
            return value
        if isinstance(value, list | tuple):
            return [self._to_plain(key, item) for item in value]
        if isinstance(value, set | frozenset):
            return sorted((self._to_plain(key, item) for item in value), key=repr)
        if isinstance(value, Mapping):
            return {name: self._to_plain(key, item) for name, item in value.items()}
        if isinstance(value, PathLike):
            return fspath(value)
        return self._name_of(key, value) if callable(value) else value

    def _name_of(self, key: str, value: object) -> str:
        if key in FUNCTION_KEYS:
            return resolve_function_name(value, self._objects_of(key))
        if key in TYPE_KEYS and isinstance(value, type):
            return value.__name__  # as in dtype=str
        raise InvalidError(
            f"a {type(value).__name__} cannot be stored here; only {', '.join(FUNCTION_KEYS)} "
            "accept functions and classes"
        )

    def _reset(self, key: str) -> None:
        """Discard the fault and the objects of the earlier value of a key."""
        self._faults.pop((self._entry_name, key), None)
        self._objects.pop((self._entry_name, key), None)

    def _objects_of(self, key: str) -> NamedObjects:
        return self._objects.setdefault((self._entry_name, key), [])

    def _add_fault(self, key: str, message: str) -> None:
        earlier = self._faults.get((self._entry_name, key))
        if earlier is not None:
            message = f"{earlier.message}; {message}"
        self._faults[self._entry_name, key] = ConfigProblem(
            f"{self._origin}: {self._entry_name}.{key}"
            if self._origin
            else f"{self._entry_name}.{key}",
            message,
        )


def _require_valid(value: object) -> Any:
    if isinstance(value, InvalidValue):
        raise InvalidError(value.message)
    return value


def _as_list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _as_table(value: object) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        raise InvalidError(f"{value!r} is not a table; give a mapping of names to values")
    return {str(key): item for key, item in value.items()}


def _find_entry(kind: type[EntryT], entries: Mapping[str, EntryT], reference: object) -> EntryT:
    noun = _NOUNS[kind]
    if not isinstance(reference, kind | Reference | str):
        raise InvalidError(f"{reference!r} is not a {noun} config; pass what configure_* returned")
    id = reference if isinstance(reference, str) else reference.id
    if id in entries:
        return entries[id]
    near = get_close_matches(id, entries, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "declare it first"
    raise InvalidError(f"there is no {noun} {id!r} in this registry; {hint}")
