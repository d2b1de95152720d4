"""The law of tables: what is written is what is read, or the write says why not."""

import datetime
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.python.data_frames import normalize_labels
from scenarist.storage.python.rendition import render
from scenarist.storage.registry import find_storage, read_json
from storage.frames_of_all_kinds import frames, is_null, is_same_cell
from storage.sqlite_files import fresh_sqlite

few = settings(
    deadline=None,
    max_examples=int(os.environ.get("LAW", "60")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def a_target(storage_type: str, **properties: Any) -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_plan_1",
        edit_id="EDIT_1",
        storage_type=storage_type,
        folder="unused",
        properties=properties,
    )


def write(storage_type: str, value: object, **properties: Any) -> WrittenValue:
    return find_storage(storage_type).write(value, a_target(storage_type, **properties))


def a_place(storage_type: str, written: WrittenValue, **properties: Any) -> ValueLocation:
    return ValueLocation(storage_type=storage_type, content=written.content, properties=properties)


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


fewer = settings(few, max_examples=int(os.environ.get("LAW", "20")))

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
        assert list(found.columns) == list(normalize_labels(frame).columns)
    if properties.get("has_header", True) or len(frame):
        require_same(normalize_labels(frame), found)
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

    require_same(
        normalize_labels(frame), find_storage("csv").read(a_place("csv", written, **properties))
    )


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
        assert [str(label) for label in found.columns] == list(normalize_labels(frame).columns)
    if has_header or len(frame):
        require_same(normalize_labels(frame), found, as_excel)
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
    assert list(normalize_labels(found).columns) == list(normalize_labels(frame).columns)
    require_same(normalize_labels(frame), normalize_labels(found), as_it_is)
    assert json.loads(written.rendition) == json.loads(read_json(place))


def as_sql(cell: Any) -> Any:
    """Return what a cell of a table in SQLite is read as: moments with a zone are in UTC."""
    if is_null(cell):
        return None
    if isinstance(cell, datetime.datetime) and cell.tzinfo is not None:
        return cell.astimezone(datetime.UTC).replace(tzinfo=None)
    return cell


def as_plain_sql(cell: Any) -> Any:
    """Return what SQLite returns of a cell whose column has no type: dates are text."""
    if isinstance(cell, datetime.date | datetime.time) and not is_null(cell):
        return ...
    if type(cell).__name__ == "Decimal" and not is_null(cell):
        return float(cell)
    return int(cell) if isinstance(cell, bool | np.bool_) else as_sql(cell)


def insert(value: Any) -> Any:
    """Build the queries that write a table, for a data node of its own query."""
    labels = ", ".join(f"c{number}" for number in range(len(value.columns)))
    places = ", ".join(f":c{number}" for number in range(len(value.columns)))
    rows = [
        {f"c{number}": cell for number, cell in enumerate(row)}
        for row in value.astype(object).itertuples(index=False, name=None)
    ]
    return [
        "DROP TABLE IF EXISTS t",
        f"CREATE TABLE t ({labels})",
        *([(f"INSERT INTO t VALUES ({places})", rows)] if rows else []),
    ]


@fewer
@given(frame=frames())
def test_table_of_a_database_is_read_as_it_was_written_or_refused(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    properties = fresh_sqlite(tmp_path, table_name="plan")
    try:
        written = write("sql_table", frame, **properties)
    except InvalidError:
        return

    place = a_place("sql_table", written, **properties)
    found = find_storage("sql_table").read(place)
    assert list(found.columns) == list(normalize_labels(frame).columns)
    require_same(normalize_labels(frame), found, as_sql)
    assert json.loads(written.rendition) == json.loads(render(found)[0])
    # What was read is written again as it is, and appended.
    again = write("sql_table", found, **properties)
    require_same(found, find_storage("sql_table").read(place), as_sql)
    assert again.rendition == written.rendition
    find_storage("sql_table").append(found, a_target("sql_table", **properties), None)
    twice = pd.DataFrame(
        {at: [*found.iloc[:, at], *found.iloc[:, at]] for at in range(found.shape[1])}, dtype=object
    )
    require_same(twice, find_storage("sql_table").read(place), as_sql)


@fewer
@given(frame=frames())
def test_what_a_query_writes_is_what_a_query_reads_or_it_is_refused(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    properties = fresh_sqlite(
        tmp_path, read_query="SELECT * FROM t", write_query_builder=f"{__name__}:insert"
    )
    frame = normalize_labels(frame)
    try:
        written = write("sql", frame, **properties)
    except InvalidError:
        return

    found = find_storage("sql").read(a_place("sql", written, **properties))
    require_same(frame, found, as_plain_sql)
