"""Schemas that could take exponential time, and those that only look like it."""

from typing import Any

import msgspec
import pytest

from scenarist.config.schema_bounds import SchemaBoundsError, check_bounds


class Leaf(msgspec.Struct, tag=True):
    value: float


class Node(msgspec.Struct, tag=True):
    left: "Leaf | Node"
    right: "Leaf | Node"
    more: "list[Leaf | Node]" = []


_ITSELF = {"$ref": "#"}


def doubling(keyword: str, depth: int) -> dict[str, Any]:
    """Return a schema that names the next of its parts twice, and so on."""
    parts = {
        f"p{number}": {keyword: [{"$ref": f"#/$defs/p{number + 1}"}] * 2} for number in range(depth)
    }
    return {"$defs": {**parts, f"p{depth}": {}}, "$ref": "#/$defs/p0"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$id": "urn:whole"},
        {"type": "object", "properties": {str(n): {"type": "integer"} for n in range(500)}},
        {"anyOf": [{"properties": {"a": {"const": n}}} for n in range(100)]},
        {
            "properties": {
                "left": {"$ref": "#"},
                "right": {"$ref": "#"},
                "x": {"items": _ITSELF},
            }
        },
        {"items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}},
        {"$defs": {"a": {"$anchor": "here", "items": {"$ref": "#here"}}}, "$ref": "#here"},
        {"prefixItems": [{"$ref": "#"}, {"$ref": "#"}], "items": {"$ref": "#"}},
        msgspec.json.schema(Node),
        doubling("anyOf", 5),
        {"properties": 5, "items": [1], "anyOf": "x"},
    ],
)
def test_a_schema_of_bounded_work_is_accepted(schema: dict[str, Any]) -> None:
    check_bounds(schema)


@pytest.mark.parametrize(
    "schema",
    [
        *(doubling(keyword, 30) for keyword in ("allOf", "anyOf", "oneOf")),
        {"$ref": "#"},
        {"not": {"$ref": "#"}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"anyOf": [{"properties": {"c": {"$ref": "#"}}}] * 2},
        {"anyOf": [{"items": {"$ref": "#"}}, {"prefixItems": [{"$ref": "#"}]}]},
        {"patternProperties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}},
        {"allOf": [{"additionalProperties": {"$ref": "#"}}, {"properties": {"x": {"$ref": "#"}}}]},
        {"items": {"$ref": "#"}, "contains": {"$ref": "#"}},
        {"unevaluatedItems": False, "allOf": [{"items": {"$ref": "#"}}]},
    ],
)
def test_a_schema_whose_work_could_double_again_and_again_is_refused(
    schema: dict[str, Any],
) -> None:
    with pytest.raises(SchemaBoundsError):
        check_bounds(schema)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"properties": {"a": {"$id": "urn:a"}}}, "only the whole schema may have an \\$id"),
        ({"$ref": "#there"}, "refers to nothing in the schema"),
        ({"$ref": "#/$defs/a"}, "refers to nothing in the schema"),
        ({"properties": {str(n): {} for n in range(2_000)}}, "more than 2000 parts"),
        ({"allOf": [{"$recursiveRef": "#"}]}, "\\$recursiveRef is not supported"),
    ],
)
def test_a_schema_that_is_refused_says_why(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaBoundsError, match=message):
        check_bounds(schema)
