"""Outcomes of scenarios as declared: where their numbers are, and what they mean."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

from scenarist.config.entries import DataNodeConfig
from scenarist.config.value_schemas import SCHEMA, SCHEMA_TYPE
from scenarist.config.values import Reference, resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.outcomes import (
    DIRECTIONS,
    DeclaredOutcome,
    Direction,
    parse_pointer,
    position_of,
)

_DEEPEST = 64
_NUMBERS = {"number", "integer"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A figure by which scenarios are judged: a place within the value of a data node.

    Args:
        data_node: What a configure function returned, or its id.
        pointer: A JSON Pointer (RFC 6901), such as ``/total/cost``, into the value's JSON form; of
            a table, that is the list of its rows. Empty if the value itself is the number.
        direction: Which of two values is better: ``maximize`` for the larger one, ``minimize`` for
            the smaller one. None if neither is.
    """

    data_node: DataNodeConfig | str
    pointer: str = ""
    unit: str | None = None
    direction: Direction | None = None
    title: str | None = None

    @property
    def data_node_id(self) -> str:
        return self.data_node if isinstance(self.data_node, str) else self.data_node.id

    def as_declared(self) -> DeclaredOutcome:
        """Return it as plain data."""
        return DeclaredOutcome(
            data_node=self.data_node_id,
            pointer=self.pointer,
            unit=self.unit,
            direction=self.direction,
            title=self.title,
        )


_KEYS = tuple(item.name for item in fields(Outcome))


def read_outcome(given: object, data_nodes: Mapping[str, DataNodeConfig]) -> Outcome:
    """Return a given outcome, or that of a table, with the data node that it refers to.

    Raises:
        InvalidError: It is not one; the message says why.
    """
    if isinstance(given, Outcome):
        values: dict[str, Any] = {key: getattr(given, key) for key in _KEYS}
    elif isinstance(given, Mapping):
        values = dict(given)
    else:
        raise InvalidError(
            f"{given!r} is not an outcome; write Outcome(data_node, pointer), or in a file a table "
            "with these keys"
        )
    for key in values:
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"its keys are {', '.join(_KEYS)}"
            raise InvalidError(f"an outcome has no key {key!r}; {hint}")
    values = {key: resolve(value) for key, value in values.items() if value is not None}
    node = _find_data_node(values.get("data_node"), data_nodes)
    pointer = values.get("pointer", "")
    parse_pointer(pointer)
    direction = values.get("direction")
    if direction is not None and direction not in DIRECTIONS:
        raise InvalidError(f"{direction!r} is not a direction; use one of {', '.join(DIRECTIONS)}")
    for key in ("unit", "title"):
        if not isinstance(values.get(key, ""), str):
            raise InvalidError(f"the {key} {values[key]!r} is not text")
    return Outcome(node, pointer, values.get("unit"), direction, values.get("title"))


def _find_data_node(reference: object, data_nodes: Mapping[str, DataNodeConfig]) -> DataNodeConfig:
    if reference is None:
        raise InvalidError("an outcome needs a data_node")
    if not isinstance(reference, DataNodeConfig | Reference | str):
        raise InvalidError(f"{reference!r} is not a data node config; give its id")
    id = reference if isinstance(reference, str) else reference.id
    if id not in data_nodes:
        near = get_close_matches(id, data_nodes, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "declare it first"
        raise InvalidError(f"there is no data node {id!r} in this registry; {hint}")
    return data_nodes[id]


def check_outcomes(
    outcomes: Mapping[str, Outcome], data_nodes: Mapping[str, DataNodeConfig]
) -> Iterator[tuple[str, str]]:
    """Find names that cannot be used, and places that values cannot have.

    Args:
        data_nodes: Those of the scenario, by id.
    """
    for name, outcome in outcomes.items():
        key = f"outcomes.{name}"
        if not name.isidentifier():
            yield "outcomes", f"{name!r} is not a name for an outcome; use letters, digits and _"
            continue
        node = data_nodes.get(outcome.data_node_id)
        if node is None:
            names = ", ".join(data_nodes) or "none"
            yield key, f"the scenario has no data node {outcome.data_node_id!r}; it has {names}"
            continue
        fault = _find_place_fault(node, parse_pointer(outcome.pointer))
        if fault is not None:
            where = repr(outcome.pointer) if outcome.pointer else "the value itself"
            yield key, f"{where} of data node {node.id!r} is no number by its schema: {fault}"


def _find_place_fault(node: DataNodeConfig, names: tuple[str, ...]) -> str | None:
    """Return why the schema of a data node rules out a number at a place; None if it does not."""
    schema = node.properties.get(SCHEMA)
    if not isinstance(schema, Mapping):
        return None
    # A type of Python has the fields that it names, although its schema allows more.
    is_closed = node.properties.get(SCHEMA_TYPE) not in (None, "")
    return _find_fault(schema, _Schema(schema, is_closed), names)


def _find_fault(schema: Any, within: "_Schema", names: tuple[str, ...]) -> str | None:
    if not isinstance(schema, Mapping) or within.depth > _DEEPEST:
        return None
    below = replace(within, depth=within.depth + 1)
    choices = _find_choices(schema, within.root)
    if choices is not None:
        faults = [_find_fault(choice, below, names) for choice in choices]
        return None if None in faults else faults[0]
    types = _types_of(schema)
    if types is None:
        return None
    if not names:
        return None if types & _NUMBERS else f"it is {_join(types)}"
    if not types & {"object", "array"}:
        return f"there is {_join(types)}, which has no {names[0]!r}"
    if len(types) > 1:
        return None
    find = _find_fault_of_list if types == {"array"} else _find_fault_of_object
    return find(schema, below, names)


def _find_choices(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[Any] | None:
    """Return the schemas of which a value fits one; None if the schema itself says what fits."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return [_follow(root, reference)]
    choices = schema.get("anyOf", schema.get("oneOf"))
    return choices if isinstance(choices, list) and choices else None


def _find_fault_of_list(
    schema: Mapping[str, Any], below: "_Schema", names: tuple[str, ...]
) -> str | None:
    if position_of(names[0]) is None:
        return f"there is a list, which has positions and no {names[0]!r}"
    return _find_fault(schema.get("items"), below, names[1:])


def _find_fault_of_object(
    schema: Mapping[str, Any], below: "_Schema", names: tuple[str, ...]
) -> str | None:
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        return None
    name, rest = names[0], names[1:]
    if name in properties:
        return _find_fault(properties[name], below, rest)
    others = schema.get("additionalProperties", not (below.is_closed and properties))
    if others is False and "patternProperties" not in schema:
        near = get_close_matches(name, properties, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(properties)}"
        return f"there is no {name!r}; {hint}"
    return _find_fault(others, below, rest)


@dataclass(frozen=True, slots=True)
class _Schema:
    """The schema that a part belongs to.

    Args:
        is_closed: Whether objects have only the properties that are named.
    """

    root: Mapping[str, Any]
    is_closed: bool
    depth: int = 0


def _types_of(schema: Mapping[str, Any]) -> set[str] | None:
    """Return the types that a schema allows; None if it does not name them."""
    if "const" in schema or "enum" in schema:
        return None
    named = schema.get("type")
    if isinstance(named, str):
        return {named}
    return set(named) if isinstance(named, list) and named else None


def _follow(root: Mapping[str, Any], reference: str) -> Any:
    """Return the part of a schema that a reference within it names; None if it names none."""
    if not reference.startswith("#"):
        return None
    part: Any = root
    try:
        for name in parse_pointer(reference.removeprefix("#")):
            part = part[name]
    except (InvalidError, KeyError, TypeError, IndexError):
        return None
    return part


def _join(types: set[str]) -> str:
    return " or ".join(sorted(types))
