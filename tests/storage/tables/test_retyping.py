"""What is written over REST takes the types of the value that is there."""

import collections
import datetime
import decimal
import pickle
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import ValueLocation
from scenarist.storage.operations.rewriting import (
    needs_worker,
    prepare_rewrite,
    prepare_rewrite_safely,
)
from scenarist.storage.tables.json_data import encode_strict, to_json_data
from scenarist.storage.tables.retyping import retype
from storage.formats.test_typed_json import Numbers, write
from storage.kinds_of_values import (
    NOON,
    VALUES,
    Box,
    Fixed,
    Item,
    Mode,
    Model,
    Order,
    Pair,
    Point,
    is_same,
)

DAY = NOON.date()
NEXT = datetime.date(2026, 2, 1)
UTC_NOON = NOON.replace(microsecond=0, tzinfo=datetime.UTC)
ITEM = Item(name="a", dates=[DAY])


# A lone surrogate is shown as another character; only tasks tell duplicate column names apart.
NOT_WRITTEN_BACK = {"lone surrogate", "table with duplicate column names"}


def as_rest_has_it(value: object) -> Any:
    """Return a value as a client reads it."""
    return msgspec.json.decode(encode_strict(to_json_data(value, None)))


@pytest.mark.parametrize("kind", sorted(VALUES.keys() - NOT_WRITTEN_BACK))
def test_what_was_read_and_is_written_back_is_the_same_value(kind: str) -> None:
    value = VALUES[kind]()

    assert is_same(retype(as_rest_has_it(value), value), value)


@pytest.mark.parametrize(
    ("present", "data", "expected"),
    [
        (DAY, "2026-02-01", NEXT),
        (NOON, "2026-02-01T00:00:00", datetime.datetime(2026, 2, 1)),  # noqa: DTZ001
        (UTC_NOON, "2026-02-01T13:00:00+01:00", UTC_NOON.replace(month=2, day=1)),
        (NOON.time(), "01:02:03", datetime.time(1, 2, 3)),
        (datetime.timedelta(1), "P2D", datetime.timedelta(2)),
        (decimal.Decimal("1.10"), "1.20", decimal.Decimal("1.20")),
        (decimal.Decimal("1.10"), 3, decimal.Decimal(3)),
        (uuid.UUID(int=1), str(uuid.UUID(int=2)), uuid.UUID(int=2)),
        (b"a", "YWI=", b"ab"),
        (Path("a"), "b", Path("b")),
        (Mode.FAST, "slow", Mode.SLOW),
        ((1, 2), [1, 2, 3], (1, 2, 3)),
        ({1}, [2, 2], {2}),
        (collections.deque([1], maxlen=2), [1, 2], collections.deque([1, 2], maxlen=2)),
        ([DAY], ["2026-02-01", "2026-01-31"], [NEXT, DAY]),
        ([DAY, 5], [5, "2026-01-31"], [5, DAY]),
        ({"day": DAY, "n": 1}, {"day": "2026-02-01", "n": "x"}, {"day": NEXT, "n": "x"}),
        ({1: "a"}, {"1": "b", "2": "c"}, {1: "b", 2: "c"}),
        ({"a": DAY}, {"a": None}, {"a": None}),
        (float("nan"), 1.5, 1.5),
        ({"a": 1}, [1], [1]),
        (Fixed("a"), {"name": "b"}, Fixed("b")),
        (Pair(1, "a"), [2, "b"], Pair(2, "b")),
        (Order(1, decimal.Decimal(1)), {"number": 2, "price": "3"}, Order(2, decimal.Decimal(3))),
        (ITEM, {"name": "b", "days": ["2026-02-01"]}, Item(name="b", dates=[NEXT])),
        (Box(1), {"size": 2}, Box(2)),
        (np.array([1, 2]), [3, 4, 5], np.array([3, 4, 5])),
        (np.array([1.5]), [2], np.array([2.0])),
        (np.array([1]), [2.5], np.array([2.5])),
        (np.float64(1.5), 2, np.float64(2)),
        (pd.Timestamp(NOON), "2026-02-01T00:00:00", pd.Timestamp("2026-02-01")),
        (pd.Timedelta("1s"), "PT0.000000007S", pd.Timedelta("7ns")),
        (pd.Timedelta("1ns"), "-PT0.000000007S", pd.Timedelta("-7ns")),
        (datetime.timedelta(1), "PT5.5000000S", datetime.timedelta(seconds=5.5)),
        (pd.Series([pd.Timedelta("1ns")]), ["PT0.000000007S"], pd.Series([pd.Timedelta("7ns")])),
        (pd.Series([1, 2], name="v"), [5], pd.Series([5], name="v")),
        (pd.Series([DAY], index=["a"]), ["2026-02-01"], pd.Series([NEXT], index=["a"])),
        (pd.Series([1, 2]), [], pd.Series([], dtype="int64")),
    ],
)  # fmt: skip
def test_data_becomes_one_of_the_type_that_is_there(
    present: object, data: object, expected: object
) -> None:
    assert is_same(retype(data, present), expected)


@pytest.mark.parametrize(
    ("present", "data"),
    [
        (datetime.timedelta(1), "PT0.0000000070S"),
        (NOON, "2026-02-01T00:00:00.000000007"),
        (NOON.time(), "00:00:00.000000007"),
        (pd.Series([1], dtype="m8[us]"), ["PT0.000000007S"]),
        (pd.Series([1], dtype="M8[us]"), ["2026-02-01T00:00:00.000000007"]),
        (pd.DataFrame({"a": pd.Series([1], dtype="m8[s]")}), [{"a": "PT0.5S"}]),
    ],
)
def test_what_is_finer_than_the_type_that_is_there_is_refused(
    present: object, data: object
) -> None:
    with pytest.raises(InvalidError, match="finer"):
        retype(data, present)


def test_fields_that_a_constructor_works_out_are_those_that_were_written() -> None:
    made = retype({"x": 5, "day": "2026-02-01", "doubled": 2}, Point(1, DAY))

    assert made == replace(Point(1, NEXT), x=5) or (made.x, made.day, made.doubled) == (5, NEXT, 2)


@pytest.mark.parametrize(
    ("present", "data", "place"),
    [
        (DAY, "tomorrow", "the value is of type datetime.date, shown as \"2026-01-31\""),
        ({"a": [DAY]}, {"a": [5]}, r"the value\['a'\]\[0\] is of type datetime.date"),
        (NOON, "2026-02-01T00:00:00Z", "only one of the two has a time zone"),
        (Mode.FAST, "fastest", "Mode"),
        ((1, 2), {"a": 1}, "tuple"),
        (Fixed("a"), {"nam": "b"}, "Fixed"),
        (b"a", "no base64!", "bytes"),
        (Model(1.5), {"weight": 2}, "Model"),
        (pd.DataFrame({"v": [1]}), 5, "stores tables"),
        (pd.DataFrame({"day": [DAY]}), [{"day": "tomorrow"}], "column 'day'"),
        (np.array([1, 2]), [[1], [2, 3]], "numpy.ndarray"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_form_that_is_shown_is_refused(
    present: object, data: object, place: str
) -> None:
    with pytest.raises(InvalidError, match=place):
        retype(data, present)


TABLE = pd.DataFrame(
    {
        "name": ["a", "b"],
        "n": [1, 2],
        "share": [1.0, 2.5],
        "at": pd.Series([pd.Timestamp(DAY), pd.NaT]),
        "zoned": pd.to_datetime(["2026-01-31", "2026-02-01"]).tz_localize("Europe/Berlin"),
        "day": [DAY, None],
        "took": pd.to_timedelta([1, 2], unit="s"),
        "price": [decimal.Decimal("1.10"), decimal.Decimal("2.00")],
        "size": pd.Categorical(["S", "L"]),
        "whole": pd.array([1, None], dtype="Int64"),
        "truth": pd.array([True, None], dtype="boolean"),
    }
)


def test_a_table_that_was_read_is_the_same_table_when_it_is_written_back() -> None:
    assert is_same(retype(as_rest_has_it(TABLE), TABLE), TABLE)


def test_columns_keep_their_types_where_cells_change_and_rows_come_and_go() -> None:
    rows = as_rest_has_it(TABLE)
    rows[0] |= {"n": 5, "share": 3, "at": "2026-03-01T00:00:00", "day": "2026-03-01", "size": "XL"}

    table = retype([*rows, rows[1]], TABLE)

    assert table.drop(columns="size").dtypes.equals(TABLE.drop(columns="size").dtypes)
    assert list(table["size"].cat.categories) == ["L", "S", "XL"]
    assert table["day"].tolist() == [datetime.date(2026, 3, 1), None, None]
    assert len(table) == 3


_DATES: Any = ["2026-01-01", None]
COLUMNS: dict[str, Any] = {
    "sparse numbers": pd.array([1.5, np.nan], pd.SparseDtype(float)),
    "sparse integers": pd.array([1, 0], pd.SparseDtype("int64", 0)),
    "Arrow integers": pd.array([1, None], "int32[pyarrow]"),
    "Arrow text": pd.array(["a", None], "string[pyarrow]"),
    "small numbers": pd.array([0.1, None], "Float32"),
    "complex numbers": np.array([1 + 2j, 0]),
    "periods": pd.PeriodIndex(_DATES, freq="M"),
    "intervals": pd.IntervalIndex.from_breaks([0, 1, 2]),
    "ordered categories": pd.Categorical(["b", None], ["b", "a"], ordered=True),
    "categories of times": pd.Categorical(pd.to_datetime(_DATES)),
    "seconds": pd.to_datetime(_DATES).as_unit("s"),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_keeps_its_type_where_another_is_changed(kind: str) -> None:
    frame = pd.DataFrame({"cells": COLUMNS[kind], "n": [1, 2]})
    rows = as_rest_has_it(frame)
    rows[0]["n"] = 3

    table = retype(rows, frame)

    pd.testing.assert_frame_equal(table, frame.assign(n=[3, 2]))


def test_a_column_takes_another_type_where_json_has_both() -> None:
    table = retype([{"v": 1.5}, {"v": None}], pd.DataFrame({"v": [1, 2]}))

    assert table["v"].dtype == "float64"


def test_rows_without_names_go_by_position() -> None:
    table = pd.DataFrame({"name": ["a"], "day": [DAY]})

    made = retype([["b", "2026-02-01"]], table)

    assert is_same(made, pd.DataFrame({"name": ["b"], "day": [NEXT]}))


def test_no_rows_leave_a_table_with_its_columns() -> None:
    assert is_same(retype([], TABLE), TABLE.iloc[:0])


def test_names_of_columns_that_are_no_texts_stay() -> None:
    table = pd.DataFrame({2025: [1], "b": [2]})

    assert is_same(retype([{"2025": 5, "b": 6}], table), pd.DataFrame({2025: [5], "b": [6]}))


def test_row_labels_that_are_written_as_columns_are_labels_again() -> None:
    table = VALUES["table with a named index"]()

    made = retype([{"city": "c", "v": 4}], table)

    assert is_same(made, pd.DataFrame({"city": ["c"], "v": [4]}).set_index("city"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"a": [1, "x", None, True, 1.5]}, False), ([1, (2,)], True), (DAY, True)],
)
def test_a_pickle_is_rewritten_by_a_worker_unless_it_is_plain(
    value: object, expected: bool
) -> None:
    assert (
        needs_worker(ValueLocation(storage_type="pickle", content=pickle.dumps(value, 5)))
        is expected
    )


@pytest.mark.parametrize(("value", "expected"), [([DAY, {1}], False), ([Mode.FAST], True)])
def test_a_document_is_rewritten_by_a_worker_where_it_names_a_class(
    value: object, expected: bool
) -> None:
    place = ValueLocation(storage_type="json", content=write(value).content)

    assert needs_worker(place) is expected


def test_a_document_without_classes_keeps_its_types_without_a_worker() -> None:
    place = ValueLocation(storage_type="json", content=write({"day": DAY, "n": 1}).content)

    made = prepare_rewrite_safely({"day": "2026-02-01", "n": 2}, "json", {}, place)

    assert made == {"day": NEXT, "n": 2}


def test_a_value_that_cannot_be_read_any_more_may_be_replaced() -> None:
    place = ValueLocation(storage_type="pickle", content=b"no pickle")

    assert prepare_rewrite([1], "pickle", {}, place) == [1]


TEXTS_OF_NO_TIME = ("02.03.2026", "3/2/2026", "2026", "05", "today", "march", "NaT", "", "20260131")


@pytest.mark.parametrize("text", TEXTS_OF_NO_TIME)
@pytest.mark.parametrize(
    "present",
    [
        pd.Timestamp(DAY),
        np.datetime64(DAY),
        np.array([DAY], "M8[s]"),
        pd.DataFrame({"at": pd.to_datetime([DAY])}),
        pd.DataFrame({"at": pd.Series([], dtype="M8[us]")}),
        pd.DataFrame({"at": [1]}, index=pd.DatetimeIndex([DAY], name="day")),
    ],
    ids=["timestamp", "scalar", "array", "column", "column without rows", "row labels"],
)
def test_a_text_that_is_no_iso_date_does_not_become_a_time(present: Any, text: str) -> None:
    data: Any = text
    if isinstance(present, np.ndarray):
        data = [text]
    elif isinstance(present, pd.DataFrame):
        data = [{"day": text, "at": 1} if present.index.name == "day" else {"at": text}]

    with pytest.raises(InvalidError):
        retype(data, present)


@pytest.mark.parametrize("text", ["05", "1 day", "10", "NaT", "-3"])
def test_a_text_that_is_no_iso_duration_does_not_become_one(text: str) -> None:
    for present in (pd.Timedelta(days=1), pd.DataFrame({"took": pd.to_timedelta([1], unit="s")})):
        data: Any = text if isinstance(present, pd.Timedelta) else [{"took": text}]

        with pytest.raises(InvalidError):
            retype(data, present)


@pytest.mark.parametrize(
    ("text", "present"),
    [
        ("2026", datetime.time(1, 2)),
        ("2026-01", datetime.time(1, 2)),
        ("1_000", decimal.Decimal(1)),
        ("nan", decimal.Decimal(1)),
    ],
)
def test_a_text_that_a_parser_of_python_accepts_is_refused(text: str, present: Any) -> None:
    with pytest.raises(InvalidError, match="does not have this form"):
        retype(text, present)


def test_an_object_does_not_become_a_category() -> None:
    present = pd.DataFrame({"size": pd.Categorical(["S", "L"])})

    with pytest.raises(InvalidError, match="does not have this form"):
        retype([{"size": ["S"]}], present)


TIMES = pd.to_datetime(pd.Series([DAY, None]))
DURATIONS = pd.to_timedelta(pd.Series([1, None]), unit="D")


@pytest.mark.parametrize(
    ("present", "cells"),
    [
        (TIMES, ["2026-01-31T00:00:00", "2026-02-01T00:00:00", None, "2026-02-02T00:00:00"]),
        (TIMES.dt.tz_localize("UTC"), ["2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"]),
        (TIMES[1:], ["2026-02-01T00:00:00"]),
        (TIMES[:0], ["2026-02-01T00:00:00", None]),
        (DURATIONS, ["P2D", "P3D", "P4D"]),
        (DURATIONS[:0], ["P2D"]),
    ],
    ids=["times", "with zone", "only null", "no rows", "durations", "no durations"],
)
def test_a_time_may_take_the_place_of_a_null_and_be_added(present: Any, cells: list[Any]) -> None:
    rows = [{"at": cell} for cell in cells]

    frame = retype(rows, pd.DataFrame({"at": present}))

    assert frame["at"].dtype == present.dtype
    assert as_rest_has_it(frame) == rows


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("2026-01-15", "M"),
        ("2026-01-15T10:00:00", "D"),
        ("2026-01-15T10:00:00.5", "s"),
        ("2026-01-15T10:00:00Z", "us"),
        ("2026-01-15T10:00:00+02:00", "us"),
    ],
)
def test_an_array_of_times_refuses_what_it_would_change(text: str, unit: str) -> None:
    with pytest.raises(InvalidError, match=r"finer resolution|one of the two has a time zone"):
        retype([text], np.array([DAY], f"M8[{unit}]"))


def test_a_model_with_a_root_is_replaced_by_what_it_is_shown_as() -> None:
    assert retype({"root": [2, 3]}, Numbers([1])) == Numbers([2, 3])
