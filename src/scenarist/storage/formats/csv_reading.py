"""Reads tables from comma-separated text; a column of quoted cells is text."""

import csv
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.data_frames import unique_texts
from scenarist.storage.tables.series import (
    TEXT,
    kind_of_texts,
    make_table,
    replace_with_null,
    series_of_texts,
)

if TYPE_CHECKING:
    from pandas import DataFrame

_NONCHARACTERS = [chr(code) for code in range(0xFDD0, 0xFDF0)]
"""Unicode noncharacters, one of which is put before quoted cells while the text is parsed."""

_FIRST_CHARACTERS = b'0123456789.-tTfFi" \t'
_FORBIDDEN_SEPARATORS = '"\r\n.+-'


def check_separator(separator: object) -> str:
    """Return the separator of cells if it is valid.

    Raises:
        InvalidError: It is not one ASCII character, or may be part of a number or a name.
    """
    if (
        not isinstance(separator, str)
        or len(separator) != 1
        or not separator.isascii()
        or separator.isalnum()
        or separator in _FORBIDDEN_SEPARATORS
    ):
        raise InvalidError(
            f"separator is {separator!r}; give one character, such as ';' or '\\t', that is not a"
            " letter, digit, quote, sign, dot or line end"
        )
    return separator


def remove_separator_line(text: bytes, separator: str) -> bytes:
    """Remove a first line such as ``sep=;``, with which spreadsheet programs declare the separator.

    Raises:
        InvalidError: The line declares another separator.
    """
    if not text.startswith(b"sep="):
        return text
    line, _, rest = text.partition(b"\n")
    declared = line.removesuffix(b"\r").removeprefix(b"sep=").decode()
    if len(declared) != 1:
        return text
    if declared != separator:
        raise InvalidError(
            f"the first line declares the separator {declared!r}; name it in the config of the data"
            f" node, such as separator={declared!r}"
        )
    return rest


def parse(
    data: bytes,
    separator: str,
    *,
    has_header: bool,
    as_text: Collection[str] | None = (),
) -> "DataFrame":
    """Parse UTF-8 text as a table.

    Args:
        as_text: The names of columns that are read as text without type inference; None for all.

    Raises:
        InvalidError: A row has more cells than the header; names the row.
    """
    marker, marked = mark_quoted_cells(data, separator)
    names, columns = _split_cells(marked, separator, marker=marker, has_header=has_header)
    if marker and has_header and _is_all_quoted(marked, separator, marker, columns):
        columns = [_remove_marker(column, marker) for column in columns]
        columns = [replace_with_null(column, "") for column in columns]
        marker = None
    height = len(columns[0]) if columns else 0
    series = [
        _to_series(column, marker, is_text=as_text is None or name in as_text)
        for name, column in zip(names, columns, strict=True)
    ]
    labels: Sequence[Any] = names if has_header else range(len(names))
    return make_table(series, labels, height)


def find_quoted_columns(columns: Mapping[Any, Any], marker: str) -> list[Any]:
    """Return the labels of the columns in which each cell is marked as quoted."""
    return [
        label
        for label, series in columns.items()
        if len(cells := series.dropna()) and cells.str.startswith(marker).all()
    ]


def mark_quoted_cells(data: bytes, separator: str) -> tuple[str | None, bytes]:
    """Return a marker, and the text with the marker at the start of each quoted cell.

    The marker is None, and the text unchanged, if no quoted cell could be read as a number or a
    boolean.
    """
    if b'"' not in data or not _has_quoted_values(data, separator):
        return None, data
    marker = next((marker for marker in _NONCHARACTERS if marker.encode() not in data), None)
    if marker is None:
        raise InvalidError("the text contains all of the characters U+FDD0 to U+FDEF")
    end = re.escape(separator) + "\r\n"
    begin, then = f'"(?<=[{end}]")', f"(?=[{end}]|\\Z)"
    plain = f'{begin}([^"{end}]*)"{then}'
    data = b"\n" + data
    if re.search(f'[{end}]""{then}'.encode(), data) is None:
        marked = re.sub(plain.encode(), f'"{marker}\\1"'.encode(), data)
    else:
        # It is an empty cell, or a quote between separators in a cell: match whole cells to tell.
        cell = f'{plain}|{begin}(?:[^"]++|"")*+"{then}'
        marked = re.sub(
            cell.encode(),
            lambda found: found[0] if found[1] is None else b'"%b%b"' % (marker.encode(), found[1]),
            data,
        )
    return marker, marked[1:]


def take_head(data: bytes, separator: str, rows: int) -> bytes:
    """Return the first lines of a text, as many as hold the given number of rows."""
    reader = csv.reader(_iter_lines(data), delimiter=separator)
    for _ in islice(reader, rows):
        pass
    return "".join(islice(_iter_lines(data), reader.line_num)).encode()


def _has_quoted_values(data: bytes, separator: str) -> bool:
    """Whether a quoted cell begins like a number or a boolean."""
    import numpy

    if data[:1] == b'"' and data[1:2] in _FIRST_CHARACTERS:
        return True
    letters = numpy.frombuffer(data, numpy.uint8)
    quotes = numpy.flatnonzero(letters[1:-1] == ord('"')) + 1
    begins, values = numpy.zeros(256, bool), numpy.zeros(256, bool)
    begins[list(f"{separator}\r\n".encode())] = True
    values[list(_FIRST_CHARACTERS)] = True
    return bool((begins[letters[quotes - 1]] & values[letters[quotes + 1]]).any())


def _is_all_quoted(data: bytes, separator: str, marker: str, columns: Sequence[Any]) -> bool:
    """Whether all names and cells are quoted, as some programs do: then quotes do not mean text."""
    import pyarrow.compute as compute  # type: ignore[import-untyped]

    special = f'["\r\n{re.escape(separator)}]'
    names = _parse_rows(data, separator, 1)[0]
    return all(name.startswith(marker) or re.search(special, name) for name in names) and all(
        compute.all(
            compute.or_(
                compute.starts_with(column, marker), compute.match_substring_regex(column, special)
            ),
            min_count=0,
        ).as_py()
        for column in columns
    )


def _remove_marker(column: Any, marker: str) -> Any:
    import pyarrow.compute as compute

    is_marked = compute.starts_with(column, marker)
    if not compute.any(is_marked).as_py():
        return column
    return compute.if_else(is_marked, compute.utf8_slice_codeunits(column, 1), column)


def _to_series(column: Any, marker: str | None, *, is_text: bool) -> Any:
    """Return a column of cells as a Series; a column whose cells are all quoted is text."""
    import pyarrow.compute as compute

    if marker is None:
        return column.to_pandas() if is_text else series_of_texts(column)
    plain = _remove_marker(column, marker)
    if is_text or plain is column:
        return plain.to_pandas() if is_text else series_of_texts(column)
    others = column.filter(compute.invert(compute.starts_with(column, marker))).drop_null()
    if not len(others) or kind_of_texts(others) == TEXT:
        return plain.to_pandas()
    return series_of_texts(plain, is_empty_null=True)


def _split_cells(
    data: bytes, separator: str, *, marker: str | None, has_header: bool
) -> tuple[list[str], list[Any]]:
    """Return the names of the columns of a text, and their cells as columns of strings."""
    import pyarrow
    from pyarrow import csv as arrow

    first = next(iter(_parse_rows(data, separator, 1)), None)
    if first is None:
        return [], []
    try:
        table = arrow.read_csv(
            pyarrow.BufferReader(data),
            read_options=arrow.ReadOptions(
                column_names=[str(number) for number in range(len(first))], use_threads=False
            ),
            parse_options=arrow.ParseOptions(delimiter=separator, newlines_in_values=b'"' in data),
            convert_options=arrow.ConvertOptions(
                column_types={str(number): pyarrow.string() for number in range(len(first))},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        _require_closed_quotes(data, separator, table.columns[-1][-1].as_py())
        columns = [column.slice(int(has_header)) for column in table.columns]
    except pyarrow.ArrowInvalid:
        # The rows differ in width, or quotes are malformed.
        columns = _parse_ragged_rows(data, separator, len(first), has_header=has_header)
    if len(columns) == 1:
        # A null in the only column is written as "": an empty line would not be a row.
        columns = [replace_with_null(columns[0], marker or "")]
    if not has_header:
        return [str(number) for number in range(len(columns))], columns
    names = [name.removeprefix(marker) if marker else name for name in first]
    named = [name or f"Unnamed: {number}" for number, name in enumerate(names)]
    return unique_texts(named), columns


def _require_closed_quotes(data: bytes, separator: str, last: str | None) -> None:
    """Check that the last cell is closed; an unclosed one would contain the rows below it."""
    if not last or b'"' not in data:
        return
    cell = b'"' + last.replace('"', '""').encode()
    if data.endswith(cell) and data[: -len(cell)][-1:] in (b"", b"\n", b"\r", separator.encode()):
        row = data[: -len(cell)].count(b"\n") + 1
        raise InvalidError(f"line {row} has a quoted cell that is never closed; add the quote")


def _parse_rows(data: bytes, separator: str, most: int | None = None) -> list[list[str]]:
    limit = csv.field_size_limit(sys.maxsize)
    reader = csv.reader(_iter_lines(data), delimiter=separator, strict=True)
    try:
        return list(islice(filter(None, reader), most))
    except csv.Error as error:
        raise InvalidError(f"line {reader.line_num} is not valid csv: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _iter_lines(data: bytes) -> Iterator[str]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        yield data[start:end].decode()
        start = end


def _parse_ragged_rows(data: bytes, separator: str, width: int, *, has_header: bool) -> list[Any]:
    """Return the columns of rows that may be shorter than the first, or end with empty cells."""
    import pyarrow

    cells = []
    surplus = None
    for number, row in enumerate(_parse_rows(data, separator)[int(has_header) :], start=1):
        if len(row) > width and any(row[width:]):
            surplus = surplus or (number, len(row))
        cells.append([cell or None for cell in row[:width]] + [None] * (width - len(row)))
    if surplus is not None:
        raise _make_row_error(*surplus, width, data, separator, has_header=has_header)
    return [
        pyarrow.chunked_array([pyarrow.array(column, pyarrow.string())])
        for column in (zip(*cells, strict=True) if cells else [()] * width)
    ]


def _make_row_error(
    number: int, found: int, width: int, data: bytes, separator: str, *, has_header: bool
) -> InvalidError:
    first = next(_iter_lines(data))
    others = [other for other in (";", "\t", "|", ",") if other != separator and other in first]
    hint = f"is the separator {others[0]!r}? Declare it as separator" if others else ""
    return InvalidError(
        f"row {number} has {found} cells, the {'header' if has_header else 'first row'} has"
        f" {width}; {hint or 'fix the row, or quote the cell that contains a separator'}"
    )
