"""JSON from clients is decoded in little time, whatever numbers it contains."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.system.json_decoding import JsonDecoder, decode_json, has_slow_numbers


class Body(msgspec.Struct, forbid_unknown_fields=True):
    properties: dict[str, Any]


NUMBERS = ["1e308", "4.9e-324", "1E+308", "1e0000308", "-1.23456789012345678901234e-290", "9e-310"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_body_of_many_numbers_with_large_exponents_is_given_to_python(number: str) -> None:
    body = b'{"properties": {"a": [' + b",".join([number.encode()] * 20_000) + b"]}}"

    assert has_slow_numbers(body)


@pytest.mark.parametrize(
    "body",
    [b"[1e308]", b"[" + b",".join([b"1.25e10"] * 20_000) + b"]", b'"' + b"e3 " * 20_000 + b'"'],
)
def test_other_bodies_are_left_to_msgspec(body: bytes) -> None:
    assert not has_slow_numbers(body)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text()))
def test_values_are_those_of_msgspec_however_they_are_decoded(values: list[Any]) -> None:
    # Numbers of large exponents, so that Python decodes all of them.
    text = json.dumps([*values, *([1e300] * 500)]).encode()

    assert JsonDecoder(Any).decode(text) == msgspec.json.decode(text)
    assert decode_json(text) == msgspec.json.decode(text)


@pytest.mark.parametrize("others", [0, 500])
def test_a_number_out_of_range_is_refused_however_it_is_decoded(others: int) -> None:
    body = b'{"properties": {"a": [' + b"1e308," * others + b"1e309]}}"

    with pytest.raises(msgspec.ValidationError, match=r"Number out of range - at `\$\.properties"):
        JsonDecoder(Body).decode(body)
