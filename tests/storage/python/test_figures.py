"""Numbers at places of values: what their JSON form has there, without converting all of it."""

import datetime
import decimal
import enum
from collections import deque
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.outcomes import find_figure
from scenarist.storage.python.figures import take_figures
from scenarist.storage.python.rendition import render

DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2) | st.integers(-9, 9), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.lists(st.text(max_size=2) | st.integers(-9, 9).map(str), max_size=3)


class Grade(enum.Enum):
    GOOD = 2


@dataclass
class Plan:
    cost: decimal.Decimal
    grade: Grade = Grade.GOOD


class Budget(msgspec.Struct):
    plans: list[Plan]


class Hostile(dict[str, Any]):
    def __contains__(self, key: object) -> bool:
        raise RuntimeError("no luck")


def take(value: object, pointer: str) -> float | str:
    text, is_complete = render(value)
    return take_figures(value, text if is_complete else None, [pointer])[pointer]


@given(DATA, NAMES)
def test_the_number_is_that_of_the_json_form(value: Any, names: list[str]) -> None:
    pointer = "".join(f"/{name}" for name in names if "~" not in name and "/" not in name)
    text, is_complete = render(value)

    taken = take(value, pointer)

    expected = find_figure(msgspec.json.decode(text), pointer)
    if is_complete and isinstance(expected, float):
        assert taken == expected
    assert isinstance(taken, float) == isinstance(expected, float)


@pytest.mark.parametrize(
    ("value", "pointer", "expected"),
    [
        (Budget([Plan(decimal.Decimal("1.5"))]), "/plans/0/cost", 1.5),
        (Budget([Plan(decimal.Decimal(1))]), "/plans/0/grade", 2.0),
        (np.float32(0.5), "", 0.5),
        (np.int64(7), "", 7.0),
        (np.array(3), "", 3.0),
        (np.array([[1, 2], [3, 4]]), "/1/0", 3.0),
        (pd.Series([1, 2]), "/1", 2.0),
        (pd.Series({"a": 1.5}, name="x"), "/0/x", 1.5),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), "/1/b", 4.0),
        (deque([1, 2]), "/1", 2.0),
        ({"a": (1, {2: 3})}, "/a/1/2", 3.0),
        ({3, 1, 2}, "/0", 1.0),
        (np.timedelta64(5, "D"), "", "there is text instead of a number"),
        (np.bool_(True), "", "there is true or false instead of a number"),
        (datetime.timedelta(1), "", "there is a timedelta instead of a number"),
        (pd.DataFrame({"a": [1]}), "/1/a", "the value has no /1"),
        ("text", "/0", "the value has no /0"),
    ],
)
def test_numbers_of_all_kinds_of_values_are_found(
    value: object, pointer: str, expected: float | str
) -> None:
    assert take(value, pointer) == expected


def test_a_value_that_raises_is_not_looked_into() -> None:
    (reason,) = take_figures(Hostile(a=1), None, ["/a"]).values()

    assert str(reason).startswith("the value cannot be looked into: ")
    assert "no luck" in str(reason)


def test_one_cell_of_a_large_table_is_found_without_converting_it() -> None:
    table = pd.DataFrame({"a": range(2_000_000)})

    assert take(table, "/1999999/a") == 1_999_999


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (datetime.date(2026, 1, 1), "2026-01-01"),
        (Grade.GOOD, "2"),
        (np.int64(7), "7"),
        (1e16, "1e16"),
        (None, "null"),
        (True, "true"),
    ],
)
def test_an_entry_of_a_large_value_has_the_name_of_its_json_form(key: Any, name: str) -> None:
    value = {key: 3, "rest": "x" * 100_000}

    assert take(value, f"/{name}") == 3
