"""Differences of values by place: exactly what differs, and all of it."""

import copy
import datetime
import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.faults import format_pointer
from scenarist.storage.operations import differences
from scenarist.storage.operations.differences import (
    Part,
    collect_columns,
    compare_values,
    find_columns,
    find_differences,
)

DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(*values: Any) -> list[str]:
    return [place.pointer for place in find_differences(values, most=100).first]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1.0, []),
        (1, True, [""]),
        (None, float("nan"), []),
        ({"a": 1}, {"a": 2, "b": 3}, ["/a", "/b"]),
        ([1, 2], [1], ["/1"]),
        ([{"a/b": 1}], [{"a/b": "1"}], ["/0/a~1b"]),
        ({}, [], [""]),
        ({"a": {}}, {"a": None}, ["/a"]),
    ],
)
def test_values_differ_at_these_places(one: Any, other: Any, expected: list[str]) -> None:
    assert places(one, other) == expected
    assert sorted(places(other, one)) == sorted(expected)


def test_places_that_differ_in_some_values_only_count_as_well() -> None:
    most = differences.MOST_COUNTED
    base, some, all_of_it = [0] * (2 * most), [0] * (2 * most), [1] * (2 * most)
    some[: most // 2] = [1] * (most // 2)

    assert find_differences([base, some, all_of_it], most=1).count == most


@given(DATA, DATA)
def test_values_are_the_same_exactly_if_they_differ_nowhere(one: Any, other: Any) -> None:
    found = find_differences([one, other], most=100)

    are_equal = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert found.same == [True, are_equal]
    assert (found.count == 0) == are_equal


def test_each_place_has_the_part_of_every_value() -> None:
    values = [{}, {"a": 1}, {"a": "x" * 2000}]

    (place,) = find_differences(values, most=5).first

    assert place.parts == [Part(is_missing=True), Part(value=1), Part(is_large=True)]


def test_of_many_differences_the_first_are_returned_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = find_differences([[0] * 300, [1] * 300], most=2)
    monkeypatch.setattr(differences, "MOST_COUNTED", 10)
    bounded = find_differences([[0] * 300, [1] * 300], most=2)

    assert (found.count, [place.pointer for place in found.first]) == (300, ["/0", "/1"])
    assert bounded.count == 10


def test_tables_are_compared_by_rows_and_cells() -> None:
    one = pd.DataFrame({"day": [datetime.date(2026, 1, 1)] * 2, "price": [8.0, float("nan")]})
    other = copy.deepcopy(one)
    other.loc[1, "price"] = 9.5

    found = compare_values(one, other, {"most": 10})

    assert found["first"] == [
        {"pointer": format_pointer((1, "price")), "parts": [{"value": None}, {"value": 9.5}]}
    ]
    assert found["lengths"] == [2, 2]


def test_the_columns_with_numbers_are_laid_over_each_other() -> None:
    one = pd.DataFrame(
        {"day": ["mon", "tue"], "price": [8.0, float("nan")], "is_open": [True, False]}
    )

    found = collect_columns(
        one, [{"day": "wed", "price": 1}], 7, {"most_rows": 9, "most_columns": 9}
    )

    assert found == {
        "labels": ["day", [["mon", "tue"], ["wed"], []]],
        "numbers": {"price": [[8.0, None], [1.0], []]},
        "lengths": [2, 1, None],
    }


def test_a_number_that_is_too_large_for_a_column_is_missing_there() -> None:
    found = find_columns([[{"a": 10**400}, {"a": 1}]], most_rows=2, most_columns=1)

    assert found.numbers == {"a": [[None, 1.0]]}


def test_long_tables_and_many_columns_are_cut() -> None:
    rows = [{"a": 1, "b": 2}] * 5

    found = find_columns([rows], most_rows=2, most_columns=1)

    assert found.numbers == {"a": [[1.0, 1.0]]}
    assert found.lengths == [5]
