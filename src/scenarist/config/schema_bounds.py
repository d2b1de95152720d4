"""Bounds of JSON Schemas: no value can take a validator exponential time.

A schema may apply several of its parts to one value: the alternatives of ``anyOf``, what ``$ref``
names, and so on. Where such parts name each other, their number doubles with each step, or with
each level of the value. What is counted here is how many parts apply to one value at most.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

_MOST_PARTS = 500
"""How many parts of a schema may apply to one value."""

_MOST_SUBSCHEMAS = 2_000
_MOST_STATES = 5_000
"""How many different sets of parts may apply to the values within a value."""

_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLE = ("not", "if", "then", "else")
_UNSUPPORTED = ("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor")
_WITHIN = (
    *("additionalProperties", "unevaluatedProperties", "propertyNames"),
    *("items", "unevaluatedItems", "contains"),
)
_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")

Schema = Mapping[str, Any]
_Counts = Counter[int]


class SchemaBoundsError(Exception):
    """A schema may take too long, or refers to what it does not contain; says why."""


def check_bounds(schema: Schema) -> None:
    """Check that the work for a value grows no faster than the value.

    Raises:
        SchemaBoundsError: It may grow faster, or a reference cannot be resolved within the schema.
    """
    _BoundsCheck(schema).run()


class _BoundsCheck:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._anchors: dict[str, Schema] = {}
        self._subschemas: dict[int, Schema] = {}
        self._closures: dict[int, _Counts] = {}
        self._under_way: set[int] = set()

    def run(self) -> None:
        self._collect_anchors()
        self._collect(self._root)
        # A state is what applies to one value. Those of the values within it follow from it.
        first = self._close(self._root)
        seen = {frozenset(first.items())}
        waiting = [first]
        while waiting:
            state = waiting.pop()
            if state.total() > _MOST_PARTS:
                raise SchemaBoundsError(
                    f"more than {_MOST_PARTS} of its parts may apply to one value, so that large "
                    "values would take very long; refer to a part from fewer alternatives"
                )
            for following in self._iter_states_within(state):
                key = frozenset(following.items())
                if key not in seen:
                    seen.add(key)
                    waiting.append(following)
            if len(seen) > _MOST_STATES:
                raise SchemaBoundsError("its alternatives apply to values in too many ways")

    def _collect_anchors(self) -> None:
        waiting: list[Any] = [self._root]
        while waiting:
            part = waiting.pop()
            if isinstance(part, Mapping):
                if part is not self._root and isinstance(part.get("$id"), str):
                    raise SchemaBoundsError("only the whole schema may have an $id")
                if isinstance(part.get("$anchor"), str):
                    self._anchors[part["$anchor"]] = part
                waiting.extend(part.values())
            elif isinstance(part, list):
                waiting.extend(part)

    def _collect(self, root: Schema) -> None:
        waiting = [root]
        while waiting:
            schema = waiting.pop()
            if id(schema) in self._subschemas:
                continue
            self._subschemas[id(schema)] = schema
            if len(self._subschemas) > _MOST_SUBSCHEMAS:
                raise SchemaBoundsError(f"it has more than {_MOST_SUBSCHEMAS} parts")
            waiting.extend(self._iter_beside(schema))
            waiting.extend(_iter_within(schema))

    def _iter_beside(self, schema: Schema) -> Iterator[Schema]:
        """Yield the parts that apply to the same value as a schema."""
        for keyword in _UNSUPPORTED:
            if keyword in schema:
                raise SchemaBoundsError(f"{keyword} is not supported; use $ref")
        times = 3 if any(keyword in schema for keyword in _UNEVALUATED) else 1
        for _ in range(times):  # what was evaluated is found by evaluating again
            for keyword in _LISTS:
                yield from _schemas_in(schema.get(keyword))
            for keyword in _SINGLE:
                yield from _schemas_in([schema.get(keyword)])
            yield from _schemas_in(list(_mapping_of(schema.get("dependentSchemas")).values()))
            if isinstance(schema.get("$ref"), str):
                yield from _schemas_in([self._resolve(schema["$ref"])])

    def _resolve(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise SchemaBoundsError(
                f"$ref {reference[:100]!r} refers to something outside of the schema; put it under "
                "$defs, and write '#/$defs/name'"
            )
        name = reference[1:]
        if name and not name.startswith("/"):
            if name in self._anchors:
                return self._anchors[name]
            raise SchemaBoundsError(f"$ref {reference[:100]!r} refers to nothing in the schema")
        found: Any = self._root
        for part in name.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, Mapping) and key in found:
                found = found[key]
            else:
                raise SchemaBoundsError(f"$ref {reference[:100]!r} refers to nothing in the schema")
        return found

    def _close(self, schema: Schema) -> _Counts:
        """Return all parts that apply to a value to which a schema applies, with how often."""
        known = self._closures.get(id(schema))
        if known is not None:
            return known
        if id(schema) in self._under_way:
            raise SchemaBoundsError("a $ref leads back to itself without going into the value")
        self._under_way.add(id(schema))
        found: _Counts = Counter({id(schema): 1})
        for part in self._iter_beside(schema):
            found.update(self._close(part))
        self._under_way.remove(id(schema))
        self._closures[id(schema)] = found
        return found

    def _iter_states_within(self, state: _Counts) -> Iterator[_Counts]:
        """Yield what applies to the values within a value: by name, by position, and the rest."""
        schemas = [(self._subschemas[number], count) for number, count in state.items()]
        names = {name for schema, _ in schemas for name in _mapping_of(schema.get("properties"))}
        longest = max((len(_list_of(part.get("prefixItems"))) for part, _ in schemas), default=0)
        for name in (*sorted(names), None):
            yield self._add_up(schemas, partial(_find_for_name, name))
        for position in range(longest + 1):
            yield self._add_up(schemas, partial(_find_for_position, position))
        yield self._add_up(schemas, lambda schema: [schema.get("propertyNames")])

    def _add_up(
        self, schemas: Sequence[tuple[Schema, int]], find: Callable[[Schema], list[Any]]
    ) -> _Counts:
        found: _Counts = Counter()
        for schema, count in schemas:
            for part in _schemas_in(find(schema)):
                for number, times in self._close(part).items():
                    found[number] += count * times
        return found


def _find_for_name(name: str | None, schema: Schema) -> list[Any]:
    """Return the parts for the entry of an object with a name; None for any other name."""
    properties = _mapping_of(schema.get("properties"))
    own = properties[name] if name in properties else schema.get("additionalProperties")
    patterns = _mapping_of(schema.get("patternProperties")).values()
    return [own, *patterns, schema.get("unevaluatedProperties")]


def _find_for_position(position: int, schema: Schema) -> list[Any]:
    """Return the parts for an item of a list."""
    first = _list_of(schema.get("prefixItems"))
    own = first[position] if position < len(first) else schema.get("items")
    return [own, schema.get("contains"), schema.get("unevaluatedItems")]


def _iter_within(schema: Schema) -> Iterator[Schema]:
    """Yield all parts that apply to values within a value."""
    for keyword in ("properties", "patternProperties"):
        yield from _schemas_in(list(_mapping_of(schema.get(keyword)).values()))
    yield from _schemas_in(_list_of(schema.get("prefixItems")))
    yield from _schemas_in([schema.get(keyword) for keyword in _WITHIN])


def _mapping_of(part: Any) -> Mapping[Any, Any]:
    return part if isinstance(part, Mapping) else {}


def _list_of(part: Any) -> list[Any]:
    return part if isinstance(part, list) else []


def _schemas_in(parts: Any) -> Iterator[Schema]:
    if isinstance(parts, list):
        yield from (part for part in parts if isinstance(part, Mapping))
