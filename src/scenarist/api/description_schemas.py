"""The schemas of bodies and answers, made by msgspec from the types that read and write them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

Document = dict[str, Any]

# What a type cannot say: which of two names is used, and rules that the domain keeps.
_TASKS_BY_EITHER_NAME = [{"required": ["tasks"]}, {"required": ["task_ids"]}]
_SEQUENCE_NAME = {"minLength": 1, "maxLength": 128}
_MORE_OF_FIELDS: dict[tuple[str, str], Document] = {
    ("CompareScenarios", "scenario_ids"): {"minItems": 2},
    ("CreateSubscriber", "url"): {"format": "uri", "pattern": "^https?://."},
    ("CreateSequence", "sequence_name"): _SEQUENCE_NAME,
    ("ChangeSequence", "name"): _SEQUENCE_NAME,
}
_MORE: dict[str, Document] = {
    "CreateSequence": {
        "required": ["scenario_id", "sequence_name"],
        "anyOf": _TASKS_BY_EITHER_NAME,
    },
}


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schema of each type, and the components that they refer to."""

    of: Mapping[Any, Document]
    components: dict[str, Document]


def describe_types(types: Sequence[Any]) -> Schemas:
    found, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    for struct in _structs(types):
        described = components[struct.cls.__name__]
        for field in struct.fields:
            if _is_moment(field.type):
                _mark_moment(described["properties"][field.encode_name])
    for name, described in components.items():
        if "enum" in described:
            described["type"] = "string"
        described.update(_MORE.get(name, {}))
        for field_name, schema in described.get("properties", {}).items():
            schema.update(_MORE_OF_FIELDS.get((name, field_name), {}))
    return Schemas(dict(zip(types, found, strict=True)), components)


def _structs(types: Sequence[Any]) -> Iterator[inspect.StructType]:
    """Yield every struct that the types are made of, once."""
    seen: set[Any] = set()
    waiting: list[Any] = list(inspect.multi_type_info(types))
    while waiting:
        info = waiting.pop()
        if isinstance(info, inspect.StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            if isinstance(info.cls, type):  # not a generic one, which has another name
                yield info
            waiting += [field.type for field in info.fields]
        else:
            waiting += _parts(info)


def _parts(info: Any) -> list[Any]:
    if isinstance(info, inspect.UnionType):
        return list(info.types)
    if isinstance(info, inspect.ListType):
        return [info.item_type]
    if isinstance(info, inspect.DictType):
        return [info.value_type]
    if isinstance(info, inspect.Metadata):
        return [info.type]
    return []


def _is_moment(info: Any) -> bool:
    if isinstance(info, inspect.UnionType | inspect.Metadata):
        return any(_is_moment(part) for part in _parts(info))
    return isinstance(info, inspect.DateTimeType)


def _mark_moment(described: Document) -> None:
    for kind in described.get("anyOf", [described]):
        if kind.get("type") == "string":
            kind["format"] = "date-time"
