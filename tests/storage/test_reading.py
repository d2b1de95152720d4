"""What a worker makes of a value for somebody who wants to see it."""

import math
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Condition, Selection
from scenarist.domain.vocabulary import FilterOperator
from scenarist.storage.reading import chosen, prepared

COLD = Selection(
    conditions=(Condition(key="days", operator=FilterOperator.LESS_THAN, value=5),),
    columns=("city",),
).to_data()


SQL_TABLE = {"storage_type": "sql_table", "properties": {}}


@dataclass
class Reading:
    city: str
    days: int


class Opaque:
    def __repr__(self) -> str:
        return "Opaque()"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (None, None),
        ("x" * 100_000, "x" * 100_000),
        ((1, np.int64(2)), [1, 2]),
        ([Reading("Oslo", 3)], [{"city": "Oslo", "days": 3}]),
        ({"a": np.array([1, 2])}, {"a": [1, 2]}),
        (pd.DataFrame({"a": [1], "b": ["x"]}), [{"a": 1, "b": "x"}]),
        ({"A": pd.DataFrame({"a": [1]})}, {"A": [{"a": 1}]}),
        ([1, Opaque()], [1, "Opaque()"]),
        (Opaque(), "Opaque()"),
    ],
)
def test_whole_value_is_chosen_without_a_selection(value: object, expected: object) -> None:
    assert chosen(value, None) == expected


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"city": ["Oslo", "Rome"], "days": [3, 5]}),
        [Reading("Oslo", 3), Reading("Rome", 5)],
        [{"city": "Oslo", "days": 3}, {"city": "Rome", "days": 5}],
    ],
)
def test_what_a_selection_leaves_is_chosen(value: object) -> None:
    assert chosen(value, COLD) == [{"city": "Oslo"}]


def test_missing_cells_are_null_as_json() -> None:
    data = chosen(pd.DataFrame({"a": [1.5, math.nan]}), None)

    assert msgspec.json.encode(data) == b'[{"a":1.5},{"a":null}]'


def test_value_that_cannot_be_filtered_is_refused() -> None:
    with pytest.raises(InvalidError, match="only tables and lists of objects"):
        chosen({"city": "Oslo"}, COLD)


def test_data_is_prepared_as_the_storage_takes_it() -> None:
    frame: Any = prepared([{"a": 1}], SQL_TABLE, None)

    assert frame.to_dict("list") == {"a": [1]}


def test_data_that_the_storage_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidError, match="'sql_table' keeps tables"):
        prepared(5, SQL_TABLE, None)
