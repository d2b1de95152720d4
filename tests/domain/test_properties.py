"""What may stand in properties, names and tags, and how a change is merged into properties."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.errors import InvalidError
from scenarist.domain.properties import (
    MAX_DEPTH,
    merge_properties,
    validate_name,
    validate_properties,
    validate_tags,
)

PROPERTIES: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.text(max_size=3),
    st.recursive(
        st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
        lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


def nested(depth: int) -> dict[str, Any]:
    inner: Any = 1
    for _ in range(depth):
        inner = {"in": inner}
    return {"in": inner}


@pytest.mark.parametrize(
    ("properties", "change", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "foo"}, {"a": {"b": "c", "d": None}}, {"a": {"b": "c"}}),
    ],
)
def test_a_change_is_merged_as_in_the_appendix_of_rfc_7396(
    properties: dict[str, Any], change: dict[str, Any], result: dict[str, Any]
) -> None:
    assert merge_properties(properties, change) == result


@given(PROPERTIES, PROPERTIES)
def test_a_change_without_nulls_is_there_afterwards_and_merging_it_again_changes_nothing(
    properties: dict[str, Any], change: dict[str, Any]
) -> None:
    once = merge_properties(properties, change)

    assert merge_properties(once, change) == once
    assert set(once) == set(properties) | set(change)


@given(PROPERTIES)
def test_null_for_each_of_them_removes_all(properties: dict[str, Any]) -> None:
    assert merge_properties(properties, dict.fromkeys(properties)) == {}


def test_properties_may_be_nested_as_deeply_as_said_and_no_deeper() -> None:
    assert validate_properties(nested(MAX_DEPTH - 1)) == nested(MAX_DEPTH - 1)
    with pytest.raises(InvalidError, match="nested too deeply"):
        validate_properties(nested(MAX_DEPTH))


def test_a_name_has_printable_characters_only() -> None:
    assert validate_name("cold winter, Größe 2") == "cold winter, Größe 2"
    with pytest.raises(InvalidError, match="printable"):
        validate_name("a\x00b")


def test_tags_are_sorted_and_each_once() -> None:
    assert validate_tags(["b", "a", "b"], None) == ("a", "b")


@pytest.mark.parametrize("tag", ["", " a", "a ", "a\n", "x" * 65])
def test_a_tag_that_cannot_be_is_refused(tag: str) -> None:
    with pytest.raises(InvalidError) as refused:
        validate_tags(["fine", tag], None)

    assert [fault["field"] for fault in refused.value.errors] == ["tags[1]"]


def test_a_tag_that_is_not_authorized_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidError, match=r"'x' is not authorized .* authorized: a, b"):
        validate_tags(["a", "x"], ["b", "a"])


def test_a_scenario_has_at_most_a_hundred_tags() -> None:
    assert len(validate_tags([str(number) for number in range(100)], None)) == 100
    with pytest.raises(InvalidError, match="at most 100"):
        validate_tags([str(number) for number in range(101)], None)


@pytest.mark.parametrize("properties", [{"a": "b\0"}, {"a\0": 1}, {"a": [{"b": "\0"}]}])
def test_properties_with_the_character_nul_are_refused(properties: dict[str, Any]) -> None:
    with pytest.raises(InvalidError, match="the character NUL"):
        validate_properties(properties)
