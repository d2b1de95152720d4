"""The law of tables: what is written is what is read, or the write says why not."""

import datetime
import json
import os
import uuid
from collections.abc import Callable
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.frames import shown
from scenarist.storage.kinds import find_storage, read_json
from scenarist.storage.rendition import render
from storage.frames_of_all_kinds import frames, is_null, is_same_cell

few = settings(deadline=None, max_examples=int(os.environ.get("LAW", "60")))


def write(storage_type: str, value: object, **properties: Any) -> Written:
    target = Target(
        data_node_id="DATANODE_plan_1",
        edit_id="EDIT_1",
        storage_type=storage_type,
        folder="unused",
        properties=properties,
    )
    return find_storage(storage_type).write(value, target)


def a_place(storage_type: str, written: Written, **properties: Any) -> Place:
    return Place(storage_type=storage_type, content=written.content, properties=properties)


def as_excel(cell: Any) -> Any:
    """Return what a cell of a workbook is read as."""
    if is_null(cell) or cell == "":
        return None
    if isinstance(cell, pd.Timedelta):
        return cell.round("ms").to_pytimedelta()
    if isinstance(cell, datetime.datetime):
        return pd.Timestamp(cell).round("ms").to_pydatetime()
    if isinstance(cell, datetime.timedelta):
        return pd.Timedelta(cell).round("ms").to_pytimedelta()
    if isinstance(cell, datetime.date):
        return datetime.datetime.combine(cell, datetime.time())
    if isinstance(cell, datetime.time):
        return ...
    return float(cell) if type(cell).__name__ == "Decimal" else cell


def as_it_is(cell: Any) -> Any:
    return None if is_null(cell) else cell


def as_csv(cell: Any) -> Any:
    """Return what a cell of a csv table is read as: dates, times and durations are text."""
    if is_null(cell):
        return None
    if isinstance(cell, datetime.date | datetime.time | datetime.timedelta | uuid.UUID):
        return ...
    return float(cell) if type(cell).__name__ == "Decimal" else cell


def require_same(
    expected: pd.DataFrame, found: pd.DataFrame, as_kept: Callable[[Any], Any] = as_csv
) -> None:
    assert found.shape == expected.shape
    for position in range(expected.shape[1]):
        left_cells, right_cells = expected.iloc[:, position], found.iloc[:, position]
        for left, right in zip(left_cells.tolist(), right_cells.tolist(), strict=True):
            wanted = as_kept(left)
            if wanted is ...:
                assert isinstance(right, str | datetime.time)
            else:
                assert is_same_cell(wanted, right), (left, right)


csv_properties = st.fixed_dictionaries(
    {},
    optional={
        "has_header": st.booleans(),
        "separator": st.sampled_from([";", "\t", "|", " "]),
        "encoding": st.sampled_from(["utf-8-sig", "utf-16", "cp1252"]),
    },
)


@few
@given(frame=frames(), properties=csv_properties)
def test_csv_table_is_read_as_it_was_written_or_refused(
    frame: pd.DataFrame, properties: dict[str, Any]
) -> None:
    try:
        written = write("csv", frame, **properties)
    except InvalidError:
        return

    place = a_place("csv", written, **properties)
    found = find_storage("csv").read(place)
    if properties.get("has_header", True):
        assert list(found.columns) == list(shown(frame).columns)
    if properties.get("has_header", True) or len(frame):
        require_same(shown(frame), found)
    assert written.is_complete
    assert json.loads(written.rendition) == json.loads(read_json(place))
    assert written.rendition == render(found)[0]


@few
@given(frame=frames())
def test_csv_table_with_arguments_of_pandas_is_read_as_it_was_written_or_refused(
    frame: pd.DataFrame,
) -> None:
    properties = {
        "separator": ";",
        "read_kwargs": {"decimal": ","},
        "write_kwargs": {"decimal": ","},
    }
    try:
        written = write("csv", frame, **properties)
    except InvalidError:
        return

    require_same(shown(frame), find_storage("csv").read(a_place("csv", written, **properties)))


@few
@given(frame=frames(), has_header=st.booleans())
def test_sheet_is_read_as_it_was_written_or_refused(frame: pd.DataFrame, has_header: bool) -> None:
    properties = {"sheet_name": "A", "has_header": has_header}
    try:
        written = write("excel", frame, **properties)
    except InvalidError:
        return

    place = a_place("excel", written, **properties)
    found = find_storage("excel").read(place)
    if has_header:
        assert [str(label) for label in found.columns] == list(shown(frame).columns)
    if has_header or len(frame):
        require_same(shown(frame), found, as_excel)
    assert json.loads(written.rendition) == json.loads(read_json(place))


@few
@given(frame=frames())
def test_parquet_table_is_read_as_it_was_written_or_refused(frame: pd.DataFrame) -> None:
    try:
        written = write("parquet", frame)
    except InvalidError:
        return

    place = a_place("parquet", written)
    found = find_storage("parquet").read(place)
    assert list(shown(found).columns) == list(shown(frame).columns)
    require_same(shown(frame), shown(found), as_it_is)
    assert json.loads(written.rendition) == json.loads(read_json(place))
