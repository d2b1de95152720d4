"""The law of selections: of each storage they leave the rows that they leave of the whole value."""

import datetime
import decimal
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Condition, Selection
from scenarist.domain.vocabulary import FilterOperator, JoinOperator
from scenarist.storage.base import ValueLocation, WriteTarget
from scenarist.storage.python.data_frames import normalize_labels, series_values
from scenarist.storage.python.rendition import render
from scenarist.storage.registry import find_storage, read_json
from scenarist.storage.tables.conversion import to_plain_records
from scenarist.storage.tables.json_data import to_json_data as chosen
from scenarist.storage.tables.selection import select_from_json
from storage.frames_of_all_kinds import frames, is_null
from storage.sqlite_files import fresh_sqlite

few = settings(
    deadline=None,
    max_examples=int(os.environ.get("LAW", "12")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

COMPARE: dict[FilterOperator, Any] = {
    FilterOperator.EQUAL: lambda a, b: a == b,
    FilterOperator.NOT_EQUAL: lambda a, b: a != b,
    FilterOperator.LESS_THAN: lambda a, b: a < b,
    FilterOperator.LESS_OR_EQUAL: lambda a, b: a <= b,
    FilterOperator.GREATER_THAN: lambda a, b: a > b,
    FilterOperator.GREATER_OR_EQUAL: lambda a, b: a >= b,
}
UTC = datetime.UTC


class RefusedError(Exception):
    """The condition's value is of no kind that the column has."""


def in_one_form(cell: Any) -> tuple[str, Any]:
    """Return the kind of a cell, and the cell as all of its kind are compared."""
    if is_null(cell):
        return "nothing", None
    if hasattr(cell, "dtype"):
        cell = cell.item()
    if isinstance(cell, bool):
        return "truth", cell
    if isinstance(cell, int | float | decimal.Decimal):
        return "number", cell
    if isinstance(cell, str):
        return "text", cell
    if isinstance(cell, datetime.datetime):
        return "date", cell if cell.tzinfo else cell.replace(tzinfo=UTC)
    if isinstance(cell, datetime.date):
        return "date", datetime.datetime.combine(cell, datetime.time(), UTC)
    return type(cell).__name__, cell


def meets(cells: list[Any], condition: Condition) -> list[bool]:
    """Say of each cell of a column whether it meets a condition."""
    found = [in_one_form(cell) for cell in cells]
    present = {kind for kind, _ in found} - {"nothing"}
    is_other = condition.operator == FilterOperator.NOT_EQUAL
    kind, wanted = in_one_form(condition.value)
    if kind == "nothing":
        if condition.operator not in (FilterOperator.EQUAL, FilterOperator.NOT_EQUAL):
            raise RefusedError
        return [(one == "nothing") is not is_other for one, _ in found]
    if not present:
        return [is_other] * len(cells)
    if kind == "text" and "text" not in present and "date" in present:
        try:
            kind, wanted = in_one_form(datetime.datetime.fromisoformat(wanted))
        except ValueError:
            raise RefusedError from None
    if kind not in present:
        raise RefusedError
    compare = COMPARE[condition.operator]
    return [
        bool(compare(cell, as_written(wanted, cell))) if one == kind else is_other
        for one, cell in found
    ]


def as_written(wanted: Any, cell: Any) -> Any:
    """Return a float that is compared with a decimal as the decimal that it is written as."""
    is_decimal = isinstance(cell, decimal.Decimal) and isinstance(wanted, float)
    return decimal.Decimal(repr(wanted)) if is_decimal else wanted


def expected(value: pd.DataFrame, selection: Selection) -> list[dict[str, Any]]:
    """Return what is left of the whole table, row by row."""
    frame = normalize_labels(value)
    masks = [
        meets(series_values(frame.iloc[:, list(frame.columns).index(one.key)]), one)
        for one in selection.conditions
    ]
    join = any if selection.join == JoinOperator.OR else all
    rows = to_plain_records(value)
    left = [
        row for number, row in enumerate(rows) if not masks or join(mask[number] for mask in masks)
    ][: selection.limit]
    if selection.columns is None:
        return left
    return [{key: row[key] for key in selection.columns} for row in left]


@st.composite
def selections(draw: st.DrawFn, frame: pd.DataFrame) -> Selection:
    """Return selections of a table, whose values are of its cells or of others."""
    rows = to_plain_records(frame)
    keys = list(normalize_labels(frame).columns)
    conditions = []
    for _ in range(draw(st.integers(0, 2)) if keys else 0):
        key = draw(st.sampled_from(keys))
        cells = [cell for cell in (row[key] for row in rows) if not isinstance(cell, list | dict)]
        days = [cell[:10] for cell in cells if isinstance(cell, str) and cell[4:5] == "-"]
        values = st.sampled_from([None, 0, 0.5, True, "a", "2000-01-01", -(2**63), *cells, *days])
        operator = draw(st.sampled_from(FilterOperator))
        conditions.append(Condition(key=key, operator=operator, value=draw(values)))
    columns = st.lists(st.sampled_from(keys), unique=True, min_size=1) if keys else st.nothing()
    return Selection(
        conditions=tuple(conditions),
        join=draw(st.sampled_from(JoinOperator)),
        columns=draw(st.none() | columns.map(tuple)),
        limit=draw(st.none() | st.integers(0, 3)),
    )


def with_a_selection(frame: pd.DataFrame) -> st.SearchStrategy[tuple[pd.DataFrame, Selection]]:
    return st.tuples(st.just(frame), selections(frame))


def properties_of(storage_type: str, folder: Path) -> dict[str, Any]:
    if storage_type == "sql_table":
        return fresh_sqlite(folder, table_name="plan")
    return {"sheet_name": "A"} if storage_type == "excel" else {}


def outcome(show: Any) -> Any:
    """Return what is shown as JSON, or that it is refused."""
    try:
        return msgspec.json.decode(msgspec.json.encode(show()))
    except (InvalidError, RefusedError):
        return RefusedError


@pytest.mark.parametrize(
    "storage_type", ["csv", "excel", "parquet", "json", "pickle", "in_memory", "sql_table"]
)
@few
@given(drawn=frames().flatmap(with_a_selection))
def test_selection_leaves_of_a_stored_table_what_it_leaves_of_the_value(
    storage_type: str, drawn: tuple[pd.DataFrame, Selection], tmp_path: Path
) -> None:
    frame, selection = drawn
    properties = properties_of(storage_type, tmp_path)
    target = WriteTarget(
        data_node_id="DATANODE_plan_1",
        edit_id="EDIT_1",
        storage_type=storage_type,
        folder="unused",
        properties=properties,
    )
    try:
        written = find_storage(storage_type).write(frame, target)
    except InvalidError:
        return
    place = ValueLocation(storage_type=storage_type, content=written.content, properties=properties)
    value = find_storage(storage_type).read(place)
    wanted = outcome(lambda: expected(value, selection))
    if {one.key for one in selection.conditions} - set(normalize_labels(value).columns):
        # Names of columns have become others.
        return

    if find_storage(storage_type).is_safe:
        found = outcome(lambda: json.loads(read_json(place, selection)))
    else:
        found = outcome(lambda: chosen(value, selection))
    assert found == wanted
    # What is shown of a small value is not read again.
    text, is_complete = render(value)
    left = outcome(lambda: select_from_json(json.loads(text), selection)) if is_complete else None
    if left is not None:
        assert left == wanted
