"""Bodies as JSON: what a decoder would drop without a word is refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.api.bodies import read_json, read_struct
from scenarist.domain.errors import InvalidError
from scenarist.schemas import ChangeScenario


class Pairs(list[tuple[str, Any]]):
    """An object as it is written, with a key as often as it is there."""


KEYS = st.text(alphabet='ab":\\ {}é\n', max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | KEYS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(KEYS, inner), max_size=4).map(Pairs)
    ),
    max_leaves=12,
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : "), (",", "\t:")])


def text_of(value: Any, separators: tuple[str, str]) -> str:
    comma, colon = separators
    if isinstance(value, Pairs):
        inner = (f"{json.dumps(key)}{colon}{text_of(item, separators)}" for key, item in value)
        return f"{{{comma.join(inner)}}}"
    if isinstance(value, list):
        return f"[{comma.join(text_of(item, separators) for item in value)}]"
    return json.dumps(value)


def has_repeats(value: Any) -> bool:
    if isinstance(value, Pairs):
        keys = [key for key, _ in value]
        return len(set(keys)) < len(keys) or any(has_repeats(item) for _, item in value)
    return isinstance(value, list) and any(has_repeats(item) for item in value)


@given(VALUES, SEPARATORS)
def test_a_value_is_refused_when_one_of_its_objects_has_a_key_twice_and_not_otherwise(
    value: Any, separators: tuple[str, str]
) -> None:
    body = text_of(value, separators).encode()

    if has_repeats(value):
        with pytest.raises(InvalidError, match="more than once"):
            read_json(body)
    else:
        assert read_json(body) == json.loads(body)


def test_a_key_that_is_written_in_two_ways_is_one_key() -> None:
    with pytest.raises(InvalidError, match="the key 'a' more than once"):
        read_json(b'{"a": 1, "\\u0061": 2}')


def test_a_field_of_a_body_that_is_there_twice_is_refused() -> None:
    with pytest.raises(InvalidError) as refusal:
        read_struct(ChangeScenario, b'{"name": "one", "name": "other"}')

    assert refusal.value.errors == (
        {"field": "name", "pointer": "/name", "message": "more than once in one object"},
    )


def test_every_key_that_is_there_twice_is_told_with_its_path() -> None:
    with pytest.raises(InvalidError) as refusal:
        read_json(b'{"inputs": {"a": 1, "a": 2, "b": [{"c/d": 1, "c/d": 2}]}, "x": 1, "x": 2}')

    pointers = sorted(fault["pointer"] for fault in refusal.value.errors)
    assert pointers == ["/inputs/a", "/inputs/b/0/c~1d", "/x"]


def test_of_a_large_body_a_key_that_is_there_twice_is_told_by_its_name() -> None:
    with pytest.raises(InvalidError, match="the key 'a' more than once") as refusal:
        read_json(b'{"text": "%s", "a": 1, "a": 2}' % (b"x" * 2**20))

    assert "pointer" not in refusal.value.errors[0]


@pytest.mark.parametrize("body", [b'{"a" :%s}' % (b"1" * 18), b'{"a" :1.5e300, "b":"\\u0000"}'])
def test_what_needs_a_closer_look_is_read_as_it_is(body: bytes) -> None:
    assert read_json(body) == msgspec.json.decode(body)
