"""Reads and writes tables as sheets of a workbook, cell by cell."""

import datetime
import decimal
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

from scenarist.domain.errors import InvalidError
from scenarist.storage import bounds
from scenarist.storage.formats.excel_cells import FIRST_DAY, MISSING_CELL, escape, unescape
from scenarist.storage.python.data_frames import series_values
from scenarist.storage.tables.conversion import null_arguments
from scenarist.storage.tables.dtypes import dtype_of, is_text_type
from scenarist.storage.tables.series import (
    column_of,
    drop_needless_nullables,
    make_table,
    require_exact_float,
)

_MAX_TEXT = 32_767
"""Most characters of a cell; the library would truncate longer text."""

_MAX_ROWS, _MAX_COLUMNS = 1_048_576, 16_384
_LABEL_TYPES = (str, int, float, datetime.date)
"""Types of column names that are written as they are; others are written as text."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
"""Characters that a workbook cannot contain, escaped or not."""

_PARSING_ARGUMENTS = frozenset({"decimal", "thousands", "true_values", "false_values"})
"""Arguments of ``read_excel`` that ask for text to be parsed as numbers or booleans."""

_NATIVE_TYPES = (bool, datetime.date, datetime.time, datetime.timedelta)


def load(
    file: BinaryIO, names: Sequence[str] | None, has_header: bool, *, is_lenient: bool = False
) -> dict[str, Any]:
    """Return sheets as DataFrames by name; all sheets if no names are given.

    Args:
        is_lenient: Whether to check formulas only, because another reader follows that reports
            error cells and invalid dates.

    Raises:
        InvalidError: A sheet does not exist, or the value of a cell is not known.
    """
    import openpyxl  # type: ignore[import-untyped]

    from scenarist.storage.formats import worksheets

    bounds.check_workbook(file)
    workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    try:
        worksheets.check_supported(workbook)
        sheets = {sheet.title: sheet for sheet in workbook.worksheets}
        for name in names or ():
            _require_sheet(name, sheets)
        return {
            name: _to_frame(worksheets.iter_rows(workbook, name, is_lenient=is_lenient), has_header)
            for name in names or sheets
        }
    finally:
        workbook.close()


def load_with_pandas(
    file: BinaryIO, names: Sequence[str] | None, options: Mapping[str, Any], dtype: object = None
) -> dict[str, Any]:
    """Read sheets with pandas and the given arguments; all sheets if no names are given.

    Text stays text, unless an argument says how to parse it.

    Args:
        dtype: The types that the property ``dtype`` declares; its text columns are never parsed.

    Raises:
        InvalidError: A sheet does not exist, or the result of a formula is not known.
    """
    import pandas

    from scenarist.storage.formats import worksheets

    if bounds.is_limited():
        # Count the cells first: pandas itself is not bounded.
        load(file, names, has_header=False, is_lenient=True)
        file.seek(0)
    with pandas.ExcelFile(file, engine="openpyxl") as book:
        worksheets.check_supported(book.book)
        present = [str(name) for name in book.sheet_names]
        for name in names or ():
            _require_sheet(name, present)
        for name in names or present:
            worksheets.check_formulas(book.book, name)
        return {
            name: _load_sheet_with_pandas(book, name, options, dtype) for name in names or present
        }


def _load_sheet_with_pandas(book: Any, name: str, options: Mapping[str, Any], dtype: object) -> Any:
    import pandas

    read: Callable[..., Any] = partial(pandas.read_excel, book, sheet_name=name)
    nulls = null_arguments(options, lambda given: read(**{**options, **given}).columns)
    options = {**options, **nulls}
    frame = read(**options)
    texts = [str(kind) == "string" for kind in frame.dtypes]
    frame = drop_needless_nullables(frame)
    if "dtype" in options:
        return frame
    # Pandas converts all cells of a column to text if one is text, and text that looks like
    # numbers to numbers.
    cells = read(**options, dtype=object)
    is_parsing = not _PARSING_ARGUMENTS.isdisjoint(options)
    for position, label in enumerate(frame.columns):
        column = series_values(cells.iloc[:, position])
        if texts[position]:
            is_changed = not all(isinstance(cell, str) or pandas.isna(cell) for cell in column)
        else:
            kind = dtype_of(dtype, label)
            is_kept = not is_parsing or (kind is not None and is_text_type(kind))
            is_changed = (
                is_kept
                and frame.dtypes.iloc[position].kind in "biuf"
                and any(isinstance(cell, str) for cell in column)
            )
        if is_changed:
            frame.isetitem(
                position, column_of([None if pandas.isna(cell) else cell for cell in column])
            )
    return frame


def dump_with_pandas(tables: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    """Write a workbook with pandas and the given arguments; text is never written as a formula."""
    import pandas

    _check_texts(tables, has_header=bool(options.get("header", True)))
    file = BytesIO()
    with pandas.ExcelWriter(file, engine="openpyxl") as writer:
        for name, frame in tables.items():
            frame.to_excel(writer, sheet_name=name, index=False, **options)
        for sheet in writer.book.worksheets:
            for row in sheet.iter_rows():
                for cell in row:
                    _fill_cell(cell, cell.value)
    return file.getvalue()


def dump(tables: Mapping[str, Any], has_header: bool) -> bytes:
    """Write a workbook with DataFrames as its sheets, and return its bytes.

    Raises:
        InvalidError: A cell has a value that a workbook cannot hold.
    """
    import openpyxl
    from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]

    _check_texts(tables, has_header=has_header)
    workbook = openpyxl.Workbook(write_only=True)
    probe = WriteOnlyCell(openpyxl.Workbook().active)
    for name, frame in tables.items():
        _check_size(name, frame, has_header)
        # Check all cells first: a sheet that is not completed would leave a temporary file.
        for row in _iter_rows(frame, has_header):
            for value in row:
                _fill_cell(probe, value)
    for name, frame in tables.items():
        sheet = workbook.create_sheet(name)
        for row in _iter_rows(frame, has_header):
            sheet.append([_fill_cell(WriteOnlyCell(sheet), value) for value in row])
    return _save(workbook)


def load_with_formats(file: BinaryIO) -> Any:
    """Load a workbook with its formats, for `append_rows`."""
    import openpyxl

    bounds.check_ranges(file)
    return openpyxl.load_workbook(file)


def append_rows(
    workbook: Any, added: Mapping[str, Any], present: Mapping[str, Any], has_header: bool
) -> bytes:
    """Append the rows of DataFrames to sheets of a workbook, and return its bytes.

    Args:
        present: The sheets as returned by `load`; includes all sheets of *added*.

    Raises:
        InvalidError: A cell has a value that a workbook cannot hold, or the workbook has formulas,
            whose results would be lost.
    """
    _check_texts(added, has_header=has_header)
    for sheet in workbook.worksheets:
        bounds.check_table(sheet.max_row, sheet.max_column, cell=bounds.CELL_OBJECT_BYTES)
        for row in sheet.iter_rows():
            for cell in row:
                _preserve_cell(cell, sheet.title)
    for name, frame in added.items():
        _check_size(name, frame, has_header, above=len(present[name]))
        is_new = not len(present[name].columns)
        first = 1 if is_new else len(present[name]) + has_header + 1
        rows = _iter_rows(frame, has_header and is_new)
        for number, row in enumerate(rows, start=first):
            for position, value in enumerate(row, start=1):
                _fill_cell(workbook[name].cell(number, position), value)
    return _save(workbook)


def _require_sheet(name: str, sheets: Iterable[str]) -> None:
    if name not in sheets:
        raise InvalidError(
            f"there is no sheet {name!r}; the sheets are {', '.join(map(repr, sheets))}"
        )


def _preserve_cell(cell: Any, title: str) -> None:
    if cell.data_type == "f":
        raise InvalidError(
            f"cell {cell.coordinate} of sheet {title!r} holds a formula, whose result would be"
            " lost; append to a workbook without formulas"
        )
    if isinstance(cell.value, int | float) and not isinstance(cell.value, bool):
        _fill_number(cell, cell.value)


def _save(workbook: Any) -> bytes:
    file = BytesIO()
    workbook.save(file)
    return file.getvalue()


def _to_date(value: datetime.date) -> datetime.date:
    return value.date() if isinstance(value, datetime.datetime) else value


def _check_texts(tables: Mapping[str, Any], *, has_header: bool) -> None:
    for name, frame in tables.items():
        _require_characters(name, f"the name of sheet {name!r}")
        for position, label in enumerate(frame.columns):
            if has_header:
                _require_characters(str(label), f"the name {label!r} of a column of sheet {name!r}")
            for row, cell in enumerate(series_values(frame.iloc[:, position]), start=1):
                if isinstance(cell, str) and _NOT_IN_XML.search(cell):
                    _require_characters(
                        cell, f"the text in row {row} of column {label!r} of sheet {name!r}"
                    )


def _require_characters(text: str, where: str) -> None:
    if (found := _NOT_IN_XML.search(text)) is not None:
        raise InvalidError(
            f"{where} has the character {found[0]!r}, which a workbook cannot contain; remove"
            " control characters (.str.replace), or use csv or parquet"
        )


def _check_size(name: str, frame: Any, has_header: bool, *, above: int = 0) -> None:
    """Check that a table fits in a sheet, which ends at its last cell that is not empty."""
    height, width = above + len(frame) + has_header, frame.shape[1]
    if height > _MAX_ROWS or width > _MAX_COLUMNS:
        raise InvalidError(
            f"sheet {name!r} would have {height} rows and {width} columns, but a sheet has at most"
            f" {_MAX_ROWS} and {_MAX_COLUMNS}; use csv or parquet"
        )
    if not len(frame):
        return
    if has_header and any(_is_empty(label) or str(label) == "" for label in frame.columns):
        raise InvalidError(f"a column of sheet {name!r} needs a name; give it one")
    if all(map(_is_empty, series_values(frame.iloc[-1]))):
        raise InvalidError(
            f"the last row of sheet {name!r} holds only nulls and would be lost: a sheet ends at"
            " its last value; leave the row out, or use parquet"
        )
    if not has_header and all(map(_is_empty, series_values(frame.iloc[:, -1]))):
        raise InvalidError(
            f"the last column of sheet {name!r} holds only nulls and would be lost: a sheet without"
            " names ends at its last value; leave the column out, or use parquet"
        )


def _is_empty(value: Any) -> bool:
    import pandas

    if isinstance(value, str):
        return not value
    return value is None or value is pandas.NA or bool(value != value)


def _to_frame(cells: Iterable[list[Any]], has_header: bool) -> Any:
    rows = list(_check_rows(map(_strip_row, cells)))
    while rows and not rows[-1]:
        rows.pop()
    width = max(map(len, rows), default=0)
    rows = [row + [None] * (width - len(row)) for row in rows]
    labels: Sequence[Any] = range(width)
    if has_header and rows:
        labels, rows = _make_unique_labels(_replace_missing_with_none(rows[0])), rows[1:]
    columns = [column_of(_replace_missing_with_none(column)) for column in zip(*rows, strict=True)]
    return make_table(columns or [column_of([])] * width, labels, len(rows))


def _replace_missing_with_none(cells: Iterable[Any]) -> list[Any]:
    return [None if cell is MISSING_CELL else cell for cell in cells]


def _strip_row(row: Iterable[Any]) -> list[Any]:
    cells = [unescape(cell) if isinstance(cell, str) else cell for cell in row]
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _check_rows(rows: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """Yield rows while their number and their memory stay within the limits.

    Raises:
        InvalidError: There are more rows than a sheet can have.
        TooLargeError: The rows would take too much memory.
    """
    width = text = number = filled = 0
    for number, row in enumerate(rows, start=1):
        if number > _MAX_ROWS:
            raise InvalidError(f"a sheet has at most {_MAX_ROWS} rows; this one has more")
        width = max(width, len(row))
        text += sum(len(cell) for cell in row if isinstance(cell, str))
        filled += len(row) - row.count(None)
        bounds.check_table(number, width, cell=bounds.OBJECT_BYTES, text=text)
        yield row
    bounds.check_density(number * width, filled)


def _make_unique_labels(header: list[Any]) -> list[Any]:
    """Return the names of columns as pandas assigns them: none is empty, and all are unique."""
    labels: dict[Any, None] = {}
    # Of each name, the last number: from there on, the search takes no longer the more there are.
    numbers: dict[Any, int] = {}
    for position, name in enumerate(header):
        label = unique = f"Unnamed: {position}" if name is None else name
        number = numbers.get(label, 0)
        while unique in labels:
            number += 1
            unique = f"{label}.{number}"
        numbers[label] = number
        labels[unique] = None
    return list(labels)


def _iter_rows(frame: Any, has_header: bool) -> Iterable[Iterable[Any]]:
    if has_header:
        yield [label if isinstance(label, _LABEL_TYPES) else str(label) for label in frame.columns]
    columns = [series_values(frame.iloc[:, position]) for position in range(frame.shape[1])]
    yield from zip(*columns, strict=True)


def _fill_cell(cell: Any, value: Any) -> Any:
    import pandas

    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, str):
        if len(value) > _MAX_TEXT:
            raise InvalidError(
                f"a text of {len(value)} characters does not fit in a cell of a workbook, which"
                f" holds {_MAX_TEXT}; use csv or parquet"
            )
        cell.value = escape(value)
        # Including text that looks like a formula or an error.
        cell.data_type = "s"
    elif value is None or value is pandas.NA or value is pandas.NaT:
        cell.value = None
    elif isinstance(value, _NATIVE_TYPES):
        _check_date(value)
        cell.value = value
    elif isinstance(value, int | float | decimal.Decimal):
        _fill_number(cell, value)
    else:
        raise InvalidError(
            f"a cell of a workbook is text, a number, true, false, a date, a time or null; it was"
            f" given an object of class {type(value).__name__}; convert it to text, or use pickle"
        )
    return cell


def _check_date(value: Any) -> None:
    if isinstance(value, datetime.date) and _to_date(value) < FIRST_DAY:
        raise InvalidError(
            f"a workbook cannot hold dates before {FIRST_DAY}; it was given {value}; write it as"
            " text, or use csv or parquet"
        )
    if getattr(value, "tzinfo", None) is not None:
        raise InvalidError(
            f"a cell of a workbook cannot hold a time zone; it was given {value}; remove the time"
            " zone (.dt.tz_localize(None)), or use parquet"
        )


def _fill_number(cell: Any, value: Any) -> None:
    if math.isnan(value):
        return
    if math.isinf(value):
        raise InvalidError("a workbook cannot hold infinity; use null, csv or parquet")
    require_exact_float(value)
    # As a string, because the library writes fewer digits than a float has.
    cell.value = str(value)
    cell.data_type = "n"
