"""What a worker makes of a value for somebody who wants to see it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Condition, Selection
from scenarist.domain.vocabulary import FilterOperator
from scenarist.storage.base import ValueLocation
from scenarist.storage.operations.reading import prepare_value, show_file, show_value

COLD = Selection(
    conditions=(Condition(key="days", operator=FilterOperator.LESS_THAN, value=5),),
    columns=("city",),
).to_data()


SQL_TABLE = {"storage_type": "sql_table", "properties": {}}

EVERYTHING = Selection().to_data()


def shown(value: object, selection: dict[str, Any], folder: Path) -> Any:
    """Return what a worker puts into the file that it is given."""
    file = folder / "answer.json"
    file.touch()
    assert show_value(value, selection, str(file), True) == {"is_complete": True}
    return msgspec.json.decode(file.read_bytes())


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
def test_whole_value_is_shown_without_a_selection(
    value: object, expected: object, tmp_path: Path
) -> None:
    assert shown(value, EVERYTHING, tmp_path) == expected


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"city": ["Oslo", "Rome"], "days": [3, 5]}),
        [Reading("Oslo", 3), Reading("Rome", 5)],
        [{"city": "Oslo", "days": 3}, {"city": "Rome", "days": 5}],
    ],
)
def test_what_a_selection_leaves_is_shown(value: object, tmp_path: Path) -> None:
    assert shown(value, COLD, tmp_path) == [{"city": "Oslo"}]


def test_missing_cells_are_null_as_json(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.5, math.nan]})

    assert shown(frame, EVERYTHING, tmp_path) == [{"a": 1.5}, {"a": None}]


def test_value_that_cannot_be_filtered_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="only tables and lists of objects"):
        shown({"city": "Oslo"}, COLD, tmp_path)


def test_only_the_beginning_of_a_large_value_is_shown_where_it_is_not_wanted_whole(
    tmp_path: Path,
) -> None:
    file = tmp_path / "answer.json"
    file.touch()

    assert show_value(list(range(100_000)), EVERYTHING, str(file), False) == {"is_complete": False}
    assert msgspec.json.decode(file.read_bytes()) == list(range(100))


def test_a_file_that_nobody_waits_for_any_more_is_not_made_again(tmp_path: Path) -> None:
    place = msgspec.to_builtins(ValueLocation(storage_type="json", content=b"[1]"))

    with pytest.raises(FileNotFoundError):
        show_file(place, EVERYTHING, str(tmp_path / "gone.json"))


def test_data_is_prepared_as_the_storage_takes_it() -> None:
    frame: Any = prepare_value([{"a": 1}], SQL_TABLE, None)

    assert frame.to_dict("list") == {"a": [1]}


def test_data_that_the_storage_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidError, match="'sql_table' stores tables"):
        prepare_value(5, SQL_TABLE, None)
