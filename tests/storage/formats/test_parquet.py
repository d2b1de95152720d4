"""The odd cases of Parquet."""

import datetime
import decimal
import importlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.registry import find_storage, publish, read_json, write_value

PARQUET = find_storage("parquet")


def a_target(**properties: Any) -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_demand_1",
        edit_id="EDIT_1",
        storage_type="parquet",
        folder="unused",
        properties=properties,
    )


def write(value: object, **properties: Any) -> WrittenValue:
    return PARQUET.write(value, a_target(**properties))


def compression_of(written: WrittenValue) -> str:
    assert written.content is not None
    parquet: Any = importlib.import_module("pyarrow.parquet")
    metadata = parquet.ParquetFile(BytesIO(written.content)).metadata
    return str(metadata.row_group(0).column(0).compression)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, "SNAPPY"),
        ({"compression": "gzip"}, "GZIP"),
        ({"compression": "none"}, "UNCOMPRESSED"),
        ({"compression": "gzip", "write_kwargs": {"compression": "zstd"}}, "ZSTD"),
    ],
)
def test_compression_is_as_configured(properties: dict[str, Any], expected: str) -> None:
    assert compression_of(write([{"a": 1}], **properties)) == expected


def test_read_kwargs_reach_the_reader() -> None:
    written = write([{"a": 1, "b": 2}])

    place = ValueLocation(
        storage_type="parquet",
        content=written.content,
        properties={"read_kwargs": {"columns": ["b"]}},
    )

    assert read_json(place) == '[{"b":2}]'


def test_types_of_columns_come_back() -> None:
    frame = pd.DataFrame(
        {
            "when": [pd.Timestamp("2026-07-01T10:00:00Z"), pd.NaT],
            "count": pd.array([1, None], dtype="Int64"),
        },
        index=pd.Index(["x", "y"], name="key"),
    )

    written = write(frame)

    place = ValueLocation(storage_type="parquet", content=written.content)
    assert find_storage("parquet").read(place).equals(frame)


def test_every_kind_of_cell_has_a_json_form() -> None:
    row = {
        "when": pd.Timestamp("2026-07-01T10:00:00Z"),
        "day": datetime.date(2026, 7, 1),
        "price": decimal.Decimal("1.10"),
        "raw": b"\x00\xff",
        "parts": [1.5, None],
        "deep": {"a": [{"b": "c"}]},
        "span": pd.Timedelta(hours=1),
    }

    written = write([row])

    expected = [
        {
            "when": "2026-07-01T10:00:00Z",
            "day": "2026-07-01",
            "price": "1.10",
            "raw": "AP8=",
            "parts": [1.5, None],
            "deep": {"a": [{"b": "c"}]},
            "span": "PT3600S",
        }
    ]
    assert json.loads(written.rendition) == expected
    place = ValueLocation(storage_type="parquet", content=written.content)
    assert json.loads(read_json(place)) == expected


def test_path_that_looks_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    written = write([{"a": 1}], path=str(tmp_path / "year=2026" / "demand.parquet"))
    publish(written)

    assert read_json(ValueLocation(storage_type="parquet", uri=written.uri)) == '[{"a":1}]'


def test_column_of_mixed_types_is_refused() -> None:
    with pytest.raises(InvalidError, match="holds numbers and text"):
        write([{"a": 1}, {"a": "x"}])


def append(old: WrittenValue, value: object, **properties: Any) -> Any:
    """Return the table that comes of it."""
    target = WriteTarget(
        data_node_id="DATANODE_demand_1",
        edit_id="EDIT_2",
        storage_type="parquet",
        folder="unused",
        properties=properties,
    )
    storage = find_storage("parquet")
    place = ValueLocation(storage_type="parquet", content=old.content, properties=properties)
    new = storage.append(value, target, place)
    return storage.read(ValueLocation(storage_type="parquet", content=new.content))


TYPED = pd.DataFrame(
    {
        "count": [1, 2**60 + 1],
        "small": pd.array([1, 2], dtype="int8"),
        "part": [1.5, 2.0],
        "name": ["x", "y"],
        "truth": [True, False],
        "at": pd.to_datetime(["2026-07-01", "2026-07-02"]),
        "utc": pd.to_datetime(["2026-07-01", "2026-07-02"], utc=True),
        "deep": [[1], [2]],
    }
)


def test_columns_keep_their_types_when_rows_are_appended() -> None:
    row = {
        "count": 3,
        "small": 3,
        "part": 4,
        "name": "z",
        "truth": True,
        "at": "2026-07-03",
        "utc": "2026-07-03T02:00:00+02:00",
        "deep": [3],
    }

    frame = append(write(TYPED), [row])

    assert frame.dtypes.astype(str).to_dict() == TYPED.dtypes.astype(str).to_dict()
    assert frame["at"].tolist()[2] == pd.Timestamp("2026-07-03")
    assert frame["utc"].tolist()[2] == pd.Timestamp("2026-07-03", tz="UTC")
    assert frame["count"].tolist() == [1, 2**60 + 1, 3]


def test_cells_that_the_new_rows_lack_are_null_and_the_others_as_they_were() -> None:
    frame = append(write(TYPED), [{"part": 1.0}, {"name": None}])

    assert frame["count"].tolist()[:2] == [1, 2**60 + 1]
    assert frame["truth"].tolist()[:2] == [True, False]
    assert frame.drop(columns="part").iloc[2:].isna().to_numpy().all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"count": "3"}, "column 'count' holds numbers; text cannot be appended to it"),
        ({"name": 3}, "column 'name' holds (numbers and text, but|text; numbers cannot)"),
        ({"truth": 1}, "column 'truth' holds booleans; numbers cannot"),
        ({"count": 1.5}, "column 'count' is of type int64; the appended values do not fit"),
        ({"count": 2**70}, "column 'count' is of type int64; the appended values do not fit"),
        ({"small": 300}, "column 'small' is of type int8; the appended values do not fit"),
        ({"small": -1, "count": -1.5}, "column 'count' is of type int64"),
        ({"at": "soon"}, r"'at' is of type datetime64\[[un]s\]; the appended values do not fit"),
        ({"deep": "x"}, "column 'deep' holds objects of class ndarray, str"),
    ],
)
def test_cell_of_another_type_than_its_column_is_not_appended(
    row: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidError, match=message):
        append(write(TYPED), [row])


def test_rows_are_appended_to_the_whole_table_whatever_part_of_it_is_read() -> None:
    old = write([{"a": 1, "b": 2}])

    frame = append(old, [{"a": 3, "b": 4}], read_kwargs={"columns": ["b"]})

    assert frame.to_dict("list") == {"a": [1, 3], "b": [2, 4]}


def test_table_with_an_index_takes_rows_with_the_same_index() -> None:
    old = write(pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="key")))

    frame = append(old, pd.DataFrame({"a": [2]}, index=pd.Index(["y"], name="key")))

    assert frame["a"].to_dict() == {"x": 1, "y": 2}
    with pytest.raises(InvalidError, match="the table has the index 'key'; append a DataFrame"):
        append(old, [{"a": 2}])


def a_folder(folder: Path, **parts: pd.DataFrame) -> ValueLocation:
    for name, frame in parts.items():
        part = folder / f"year={name.removeprefix('y')}" / "a.parquet"
        part.parent.mkdir()
        frame.to_parquet(part)
    return ValueLocation(storage_type="parquet", uri=str(folder))


def test_folder_of_partitions_is_one_table(tmp_path: Path) -> None:
    place = a_folder(
        tmp_path,
        y2025=pd.DataFrame({"n": pd.array([2**60 + 1, None], dtype="Int64")}),
        y2026=pd.DataFrame({"n": pd.array([3], dtype="Int64")}),
    )

    assert json.loads(read_json(place)) == [
        {"n": 2**60 + 1, "year": 2025},
        {"n": None, "year": 2025},
        {"n": 3, "year": 2026},
    ]


def test_folder_whose_files_have_other_columns_is_refused(tmp_path: Path) -> None:
    place = a_folder(tmp_path, y1=pd.DataFrame({"n": [1]}), y2=pd.DataFrame({"m": [2]}))

    with pytest.raises(InvalidError, match="need the same columns"):
        read_json(place)


def test_folder_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="is a folder; name a file"):
        write([{"a": 1}], path=str(tmp_path))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([datetime.date(2026, 7, 1), datetime.datetime(2026, 7, 1, 5)], "dates and times"),  # noqa: DTZ001
        (["x", b"x"], "bytes and text"),
        ([1.5, True], "booleans and numbers"),
        ([[1.5], [True]], "booleans and numbers"),
        ([[datetime.date(2026, 7, 1), datetime.datetime(2026, 7, 1, 5)]], "dates and times"),  # noqa: DTZ001
        ([{"a": datetime.date(2026, 7, 1)}, {"a": pd.Timestamp(2026, 7, 1, 5)}], "dates and tim"),
        ([[b"x", "x"]], "bytes and text"),
        ([[datetime.datetime(2026, 7, 1, tzinfo=datetime.UTC)]], "lists of timestamps with a"),
        ([datetime.time(1, tzinfo=datetime.UTC)], "times with a time zone"),
        ([{"a": 1}, {"b": 1}], "objects with different keys"),
        ([{"a": [{"b": 1}]}, {"a": [{"c": 1}]}], "objects with different keys"),
    ],
)
def test_cells_that_parquet_would_change_are_refused(cells: list[Any], message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        write(pd.DataFrame({"a": pd.Series(cells, dtype=object)}))


def test_decimals_are_shown_as_they_are_kept() -> None:
    written = write([{"a": decimal.Decimal("2")}, {"a": decimal.Decimal("2.00")}])

    assert written.rendition == '[{"a":"2.00"},{"a":"2.00"}]'
    assert (
        read_json(ValueLocation(storage_type="parquet", content=written.content))
        == written.rendition
    )


@pytest.mark.parametrize(
    "cells", [[[2**53 + 1, None], [2]], [{"a": 2**53 + 1}, {"a": None}], [[{"a": 1}, {"a": None}]]]
)
def test_whole_numbers_beside_a_null_within_a_cell_are_exact(cells: list[Any]) -> None:
    rows = [{"cell": cell, "n": None if number else 1} for number, cell in enumerate(cells)]

    written = write(rows)

    place = ValueLocation(storage_type="parquet", content=written.content)
    assert written.rendition == read_json(place)
    assert written.rendition == json.dumps(rows, separators=(",", ":"))


def test_first_rows_of_a_large_table_are_shown_with_the_types_of_the_whole(tmp_path: Path) -> None:
    height = 20_000
    cells = [None] * 150 + [2**53 + 1] * (height - 150)
    frame = pd.DataFrame({"n": pd.array(cells, dtype="Int64"), "at": range(height)})
    frame["at"] = pd.to_datetime(frame["at"], unit="s")
    frame["share"] = pd.Series([1] * 150 + [0.5] * (height - 150), dtype=object)
    frame.attrs = {"unit": "kg"}

    written = write(frame, path=str(tmp_path / "demand.parquet"))
    publish(written)

    read = find_storage("parquet").read(ValueLocation(storage_type="parquet", uri=written.uri))
    pd.testing.assert_frame_equal(read, frame.astype({"share": float}))
    assert read.attrs == {"unit": "kg"}
    assert not written.is_complete
    # Of the first rows alone, the shares would be whole numbers.
    assert written.rendition.startswith('[{"n":null,"at":"1970-01-01T00:00:00","share":1.0},')


@pytest.mark.parametrize(
    ("cells", "held"),
    [
        ([1j, 2j], "complex128"),
        ([2**70, 1], "integers of more than 64 bits"),
        ([Path("a"), Path("b")], "objects of class PosixPath"),
        ([decimal.Decimal("Infinity"), None], "decimals that are infinite"),
        ([{}, {}], "objects without keys"),
        ([{1: 2}, {1: 3}], "objects without keys, or with keys that are not text"),
        ([np.zeros((2, 2))] * 2, "arrays of several dimensions"),
        (pd.Categorical([1, "a"]), "categories of several types"),
        ([pd.Series([1])] * 2, "objects of class Series"),
    ],
)
def test_column_that_parquet_has_no_type_for_is_named(cells: Any, held: str) -> None:
    frame = pd.DataFrame({"a": [1, 2], "odd one": pd.Series(cells)})

    with pytest.raises(InvalidError) as refused:
        write_value(frame, a_target())

    assert refused.value.message.startswith(
        "the value for data node DATANODE_demand_1 cannot be written as parquet: column 'odd one'"
        f" holds {held}"
    )
    assert "Arrow" not in refused.value.message


def test_row_labels_that_parquet_has_no_type_for_are_named() -> None:
    frame = pd.DataFrame({"a": [1]}, index=pd.Index([Path("x")], name="file"))

    with pytest.raises(InvalidError, match="the row labels 'file' hold objects of class Posix"):
        write(frame)


@pytest.mark.parametrize(
    "names",
    [
        pd.CategoricalIndex(["a", "b"]),
        pd.MultiIndex.from_tuples([("a", None), ("b", "c")]),
        pd.MultiIndex.from_tuples([(True, "a"), (False, "b")]),
        pd.MultiIndex.from_tuples([(1, "a"), ("1", "a")]),
    ],
)
def test_names_of_columns_that_parquet_does_not_keep_are_refused(names: Any) -> None:
    with pytest.raises(InvalidError, match="Parquet does not preserve the column names"):
        write(pd.DataFrame([[1, 2]], columns=names))


def test_names_of_columns_that_are_the_same_as_text_are_refused() -> None:
    with pytest.raises(InvalidError, match="two columns have the name '1' as text; rename one"):
        write(pd.DataFrame([[1, 2]], columns=[1, "1"]))


def test_names_of_columns_that_are_whole_numbers_stay_so_without_a_sign() -> None:
    written = write(pd.DataFrame([[1, 2]], columns=pd.Index([3, 4], dtype="uint8")))

    assert list(
        PARQUET.read(ValueLocation(storage_type="parquet", content=written.content)).columns
    ) == [
        3,
        4,
    ]


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"PAR1PAR1", None])
def test_file_that_is_no_parquet_is_told_with_its_path(data: bytes | None, tmp_path: Path) -> None:
    if data is None:
        data = write([{"a": 1}]).content
        assert data is not None
        data = data[:-20]
    (tmp_path / "a.parquet").write_bytes(data)

    with pytest.raises(InvalidError, match=r"a\.parquet cannot be read as parquet: it is no"):
        PARQUET.read(ValueLocation(storage_type="parquet", uri=str(tmp_path / "a.parquet")))


@pytest.mark.parametrize("times", [1, 2])
def test_values_that_contain_themselves_are_refused(times: int) -> None:
    value: list[Any] = []
    value += [value] * times

    with pytest.raises(InvalidError, match="column 'a' holds values nested more than 100 levels"):
        write([{"a": value}])


def test_byte_strings_of_numpy_keep_zero_bytes() -> None:
    written = write(np.array([b"a\0b", b"c"]))

    place = ValueLocation(storage_type="parquet", content=written.content)
    assert PARQUET.read(place).iloc[:, 0].tolist() == [b"a\0b", b"c"]
