"""What csv and parquet take as a table, and how they give it back."""

import json
import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Condition, Selection
from scenarist.domain.vocabulary import FilterOperator
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.registry import find_storage, read_json

BOTH = pytest.mark.parametrize("storage_type", ["csv", "parquet"])


@dataclass
class Reading:
    city: str
    days: float | None = None


class Pair(NamedTuple):
    city: str
    days: int


class Plain:
    def __init__(self, city: str, days: int) -> None:
        self.city = city
        self.days = days


def write(storage_type: str, value: object, **properties: Any) -> WrittenValue:
    target = WriteTarget(
        data_node_id="DATANODE_orders_1",
        edit_id="EDIT_1",
        storage_type=storage_type,
        folder="unused",
        properties=properties,
    )
    return find_storage(storage_type).write(value, target)


def read(storage_type: str, written: WrittenValue, **properties: Any) -> Any:
    return find_storage(storage_type).read(a_place(storage_type, written, **properties))


def a_place(storage_type: str, written: WrittenValue, **properties: Any) -> ValueLocation:
    return ValueLocation(storage_type=storage_type, content=written.content, properties=properties)


@BOTH
@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"city": ["Oslo", "Rome"], "days": [3, 5]}),
        [{"city": "Oslo", "days": 3}, {"city": "Rome", "days": 5}],
        {"city": ["Oslo", "Rome"], "days": [3, 5]},
        {"city": np.array(["Oslo", "Rome"]), "days": pd.Series([3, 5])},
        [Reading("Oslo", 3), Reading("Rome", 5)],
        [Pair("Oslo", 3), Pair("Rome", 5)],
        (Plain("Oslo", 3), Plain("Rome", 5)),
    ],
)
def test_table_in_any_form_is_the_same_table(storage_type: str, value: object) -> None:
    written = write(storage_type, value)

    frame = read(storage_type, written)
    assert frame.to_dict("list") == {"city": ["Oslo", "Rome"], "days": [3, 5]}


@BOTH
@pytest.mark.parametrize("value", [[[1, 2], [3, 4]], [(1, 2), (3, 4)], np.array([[1, 2], [3, 4]])])
def test_rows_without_names_are_a_table(storage_type: str, value: object) -> None:
    written = write(storage_type, value)

    assert read(storage_type, written, exposed_type="numpy").tolist() == [[1, 2], [3, 4]]


@BOTH
def test_series_is_a_table_of_one_column(storage_type: str) -> None:
    written = write(storage_type, pd.Series([1, 2], name="days"))

    assert read(storage_type, written).to_dict("list") == {"days": [1, 2]}


@BOTH
@pytest.mark.parametrize(
    ("value", "form"),
    [
        (5, "a int"),
        ("text", "a str"),
        ([1, {"a": 1}], "neither all objects, nor all lists"),
        ([{"a": 1}, [2]], "neither all objects, nor all lists"),
        ({"a": [1], "b": [1, 2]}, "not lists of the same length"),
        ({"a": 1}, "not lists of the same length"),
        (np.zeros((2, 2, 2)), "a numpy.ndarray"),
    ],
)
def test_what_is_no_table_is_refused_with_the_forms_taken(
    storage_type: str, value: object, form: str
) -> None:
    with pytest.raises(InvalidError, match=rf"stores tables: .* was given .*{form}"):
        write(storage_type, value)
    with pytest.raises(InvalidError, match="a list of objects, of rows"):
        find_storage(storage_type).from_json(value)


@BOTH
@pytest.mark.parametrize(
    "rows",
    [
        [{"city": "Oslo", "days": 3, "warm": False}, {"city": "Rome", "days": 5, "warm": True}],
        [{"city": "Oslo", "days": 3.25}, {"city": None, "days": None}],
        [{"city": 'Ærø, "north"\nof it', "days": -1}],
        [],
    ],
)
def test_records_come_back_the_same(storage_type: str, rows: list[dict[str, Any]]) -> None:
    written = write(storage_type, find_storage(storage_type).from_json(rows))

    assert json.loads(read_json(a_place(storage_type, written))) == rows
    assert json.loads(written.rendition) == rows


@BOTH
def test_key_that_a_row_lacks_is_null(storage_type: str) -> None:
    data = find_storage(storage_type).from_json([{"a": 1}, {"b": "x"}])

    written = write(storage_type, data)

    assert json.loads(read_json(a_place(storage_type, written))) == [
        {"a": 1, "b": None},
        {"a": None, "b": "x"},
    ]


@BOTH
def test_numbers_that_json_lacks_are_null(storage_type: str) -> None:
    written = write(storage_type, pd.DataFrame({"a": [1.5, np.nan, np.inf, -np.inf]}))

    expected = '[{"a":1.5},{"a":null},{"a":null},{"a":null}]'
    assert read_json(a_place(storage_type, written)) == expected
    assert written.rendition == expected


@BOTH
def test_rows_are_given_as_objects_of_a_class(storage_type: str) -> None:
    written = write(storage_type, [Reading("Oslo", 3.5), Reading("Rome", None)])

    types = {"dtype": {"days": "Float64"}} if storage_type == "csv" else {}
    rows = read(storage_type, written, exposed_type=f"{__name__}:Reading", **types)

    assert rows == [Reading("Oslo", 3.5), Reading("Rome", None)]


@BOTH
def test_row_that_makes_no_object_is_invalid_and_named(storage_type: str) -> None:
    written = write(storage_type, [{"town": "Oslo"}])

    with pytest.raises(InvalidError, match="row 1 cannot be converted to Reading: TypeError"):
        read(storage_type, written, exposed_type=f"{__name__}:Reading")


@BOTH
def test_unknown_exposed_type_is_refused(storage_type: str) -> None:
    written = write(storage_type, [{"a": 1}])

    with pytest.raises(InvalidError, match="'pandas', 'numpy', 'polars', 'pyarrow' or 'mod"):
        read(storage_type, written, exposed_type="modin")


@BOTH
def test_class_of_the_user_is_not_loaded_to_read_json(storage_type: str) -> None:
    written = write(storage_type, [{"a": 1}])

    place = a_place(storage_type, written, exposed_type="no_such_module:Row")

    assert read_json(place) == '[{"a":1}]'


@BOTH
def test_python_type_is_that_of_the_value(storage_type: str) -> None:
    assert write(storage_type, pd.DataFrame({"a": [1]})).python_type == "pandas.DataFrame"
    assert write(storage_type, np.array([1])).python_type == "numpy.ndarray"


@pytest.mark.parametrize(
    ("storage_type", "missing"), [("csv", "pandas"), ("parquet", "pandas"), ("parquet", "pyarrow")]
)
def test_missing_extra_is_named(
    storage_type: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(InvalidError, match=r"needs the extra: pip install 'scenarist\[tabular\]'"):
        write(storage_type, [{"a": 1}])


EVERY = pytest.mark.parametrize("storage_type", ["csv", "parquet", "excel"])


@EVERY
@pytest.mark.parametrize(
    ("value", "cells"),
    [
        ([1.5, 2.5], [1.5, 2.5]),
        ((None, "x"), [None, "x"]),
        ({2, 1}, [1, 2]),
        (np.array([1, 2]), [1, 2]),
        (None, None),
    ],
)
def test_plain_values_are_a_table_of_one_column(
    storage_type: str, value: object, cells: list[Any] | None
) -> None:
    written = write(storage_type, value)

    rows = json.loads(read_json(a_place(storage_type, written)))
    table = rows["Sheet1"] if storage_type == "excel" else rows
    assert table == ([] if cells is None else [{"0": cell} for cell in cells])


@EVERY
def test_tables_of_polars_and_pyarrow_are_tables(storage_type: str) -> None:
    polars: Any = pytest.importorskip("polars")
    table = polars.DataFrame({"id": [2**60 + 1, None, 1], "t": ["01", None, "x"]})
    rows = [{"id": 2**60 + 1, "t": "01"}, {"id": None, "t": None}, {"id": 1, "t": "x"}]

    for value in (table, table.to_arrow()):
        written = write(storage_type, value, sheet_name="A")

        assert json.loads(read_json(a_place(storage_type, written, sheet_name="A"))) == rows
        for form in ("polars", "pyarrow"):
            again = read(storage_type, written, sheet_name="A", exposed_type=form)
            assert (again.to_dicts() if form == "polars" else again.to_pylist()) == rows


@pytest.mark.parametrize("storage_type", ["csv", "excel"])
@pytest.mark.parametrize("values", [["-"], "-", ("-",), {"n": "-"}, {"n": ["-"], "t": ["-"]}])
def test_empty_cells_are_null_besides_the_texts_that_an_argument_of_pandas_names(
    storage_type: str, values: Any
) -> None:
    workbook = write("excel", [{"n": "-", "t": "a"}, {"n": 5, "t": None}], sheet_name="A")
    content = b"n,t\n-,a\n5,\n" if storage_type == "csv" else workbook.content
    place = ValueLocation(
        storage_type=storage_type,
        content=content,
        properties={"sheet_name": "A", "read_kwargs": {"na_values": values}},
    )

    frame: Any = find_storage(storage_type).read(place)

    assert json.loads(read_json(place)) == [{"n": None, "t": "a"}, {"n": 5, "t": None}]
    assert str(frame["n"].dtype) == "Int64"


@pytest.mark.parametrize("form", ["polars", "pyarrow", "stream"])
def test_lists_and_objects_of_polars_stay_exact(form: str) -> None:
    polars: Any = pytest.importorskip("polars")
    rows: list[dict[str, Any]] = [
        {"texts": ["a", None], "raw": [b"x"], "kinds": ["k"], "one": {"id": 2**53 + 1, "t": "x"}},
        {"texts": [], "raw": [None], "kinds": None, "one": {"id": None, "t": None}},
        {"texts": None, "raw": None, "kinds": ["l"], "one": None},
    ]
    kinds = {"kinds": polars.List(polars.Categorical)}
    table = polars.DataFrame(rows, schema_overrides=kinds)
    if form == "stream":
        pyarrow: Any = pytest.importorskip("pyarrow", minversion="20")
        value = pyarrow.table(table)
    else:
        value = table if form == "polars" else table.to_arrow()

    written = write("parquet", value)

    assert read("parquet", written, exposed_type="polars").to_dicts() == rows
    shown = json.loads(read_json(a_place("parquet", written)))
    assert [row["one"] for row in shown] == [row["one"] for row in rows]


def test_column_of_lists_of_text_of_polars_is_a_table() -> None:
    polars: Any = pytest.importorskip("polars")

    written = write("parquet", polars.Series("tags", [["a"], ["b", "c"]]))

    assert json.loads(read_json(a_place("parquet", written))) == [
        {"tags": ["a"]},
        {"tags": ["b", "c"]},
    ]


@BOTH
def test_lazy_frame_is_refused_by_its_full_name(storage_type: str) -> None:
    polars: Any = pytest.importorskip("polars")

    with pytest.raises(InvalidError, match=r"given a polars\.LazyFrame; call its collect"):
        write(storage_type, polars.LazyFrame({"a": [1]}))


@EVERY
@pytest.mark.parametrize("name", ["city", None])
def test_row_labels_are_shown_and_filtered(storage_type: str, name: str | None) -> None:
    frame = pd.DataFrame({"n": [1, 2]}, index=pd.Index(["Bonn", "Kiel"], name=name))
    condition = Condition(key=name or "index", operator=FilterOperator.EQUAL, value="Kiel")

    written = write(storage_type, frame, sheet_name="A")

    place = a_place(storage_type, written, sheet_name="A")
    assert json.loads(written.rendition) == json.loads(read_json(place))
    rows = json.loads(read_json(place, Selection(conditions=(condition,))))
    assert rows == [{name or "index": "Kiel", "n": 2}]


@EVERY
def test_whole_numbers_and_truths_stay_exact_beside_a_null(storage_type: str) -> None:
    rows = [{"id": 2**60 + 1, "ok": True, "k": 1}, {"id": None, "ok": None, "k": 2}]

    written = write(storage_type, rows, sheet_name="A")

    frame = read(storage_type, written, sheet_name="A")
    assert frame.dtypes.astype(str).to_dict() == {"id": "Int64", "ok": "boolean", "k": "int64"}
    assert json.loads(read_json(a_place(storage_type, written, sheet_name="A"))) == rows
    array = read(storage_type, written, sheet_name="A", exposed_type="numpy")
    assert array.tolist() == [[2**60 + 1, True, 1], [None, None, 2]]
