"""Writes tables as comma-separated text: finds the kinds of columns, and cells to quote."""

import datetime
import decimal
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.data_frames import series_values, text_of
from scenarist.storage.tables.series import (
    BOOLEANS,
    NUMBERS,
    TEXT,
    kind_of_texts,
    require_exact_float,
)

if TYPE_CHECKING:
    from pandas import DataFrame

_QUOTE_MARKER = "\udc80"
"""Marks a cell to quote. No encoding can write this surrogate, so no valid text contains it."""

_BYTE_ORDER_MARK = "\ufeff"
_QUOTE_PATTERN = f"\r|^{_BYTE_ORDER_MARK}"
_AS_TEXT = (datetime.date, datetime.time, datetime.timedelta, uuid.UUID)


def dump(frame: "DataFrame", options: Mapping[str, Any], text: Mapping[int, bool]) -> str:
    """Return a table as text.

    Args:
        text: The result of `find_columns_to_quote` for the table.
        options: Arguments of pandas' ``to_csv``.
    """
    frame = frame.copy(deep=False)
    is_marked = False
    for position, is_all_quoted in text.items():
        series = frame.iloc[:, position].astype(object)
        marked = [
            None
            if not is_present
            else _QUOTE_MARKER + cell
            if is_all_quoted or _needs_quotes(cell)
            else cell
            for cell, is_present in zip(_to_texts(series), series.notna(), strict=True)
        ]
        frame.isetitem(position, _to_object_series(marked, frame.index))
        is_marked = True
    labels = [text_of(label) for label in frame.columns]
    quoted = [_QUOTE_MARKER + one if _needs_quotes(one) else one for one in labels]
    is_marked = is_marked or labels != quoted
    frame = frame.set_axis(quoted, axis=1)
    written: str = frame.to_csv(index=False, lineterminator="\n", **options)
    if not is_marked:
        return written
    separator = re.escape(options["sep"])
    written = written.replace(f'"{_QUOTE_MARKER}', '"')
    return re.sub(f"{_QUOTE_MARKER}([^{separator}\n]*)", r'"\1"', written)


def kinds_of_columns(frame: "DataFrame") -> list[str | None]:
    """Return the kind of each column: text, numbers or booleans; None for nulls only.

    Raises:
        InvalidError: A column holds several kinds, or values that cannot be read back from text.
    """
    return [
        _kind_of(frame.iloc[:, position], label) for position, label in enumerate(frame.columns)
    ]


def find_columns_to_quote(frame: "DataFrame", kinds: Sequence[str | None]) -> dict[int, bool]:
    """Return the positions of text columns with cells that need quotes, and whether all cells do.

    All do if a reader would read the texts as numbers or booleans.
    """
    import pyarrow.compute as compute  # type: ignore[import-untyped]

    found = {}
    for position, kind in enumerate(kinds):
        # Dates are never read as numbers.
        if kind != TEXT or frame.iloc[:, position].dtype.kind in "mM":
            continue
        texts = _to_arrow_texts(frame.iloc[:, position])
        # Among numbers, empty text would be read as null.
        if kind_of_texts(texts.filter(compute.not_equal(texts, ""))) != TEXT:
            found[position] = True
        elif compute.any(
            compute.or_(
                compute.equal(texts, ""), compute.match_substring_regex(texts, _QUOTE_PATTERN)
            )
        ).as_py():
            found[position] = False
    return found


def _needs_quotes(text: str) -> bool:
    return not text or text[0] == _BYTE_ORDER_MARK or "\r" in text


def _to_object_series(values: list[Any], index: Any) -> Any:
    import pandas

    return pandas.Series(values, dtype=object, index=index)


def _to_arrow_texts(series: Any) -> Any:
    """Return the texts of a column, without its nulls, as a pyarrow column."""
    import pandas
    import pyarrow

    series = series.dropna()
    values = series if isinstance(series.dtype, pandas.StringDtype) else _to_texts(series)
    return pyarrow.chunked_array([pyarrow.array(values, pyarrow.string())])


def _to_texts(series: Any) -> list[str]:
    """Return the texts that pandas writes for the cells of a column of objects."""
    return [cell if isinstance(cell, str) else str(cell) for cell in series_values(series)]


def _kind_of(series: Any, label: object) -> str | None:
    import pandas

    dtype = series.dtype
    if series.isna().all():
        return None
    if isinstance(dtype, pandas.StringDtype) or dtype.kind in "mM":
        return TEXT
    if dtype.kind in "biuf":
        return BOOLEANS if dtype.kind == "b" else NUMBERS
    cells = series_values(series[series.notna()])
    types = {kind: _kind_of_type(kind) for kind in set(map(type, cells))}
    for kind, found in types.items():
        if found is None:
            raise InvalidError(
                f"column {label!r} holds a {kind.__name__}; a cell of a csv table is text, a"
                " number, true, false, a date, a time or null; use parquet, json or pickle"
            )
    for cell in cells if decimal.Decimal in types else ():
        require_exact_float(cell)
    kinds = sorted(set(filter(None, types.values())))
    if len(kinds) > 1:
        raise InvalidError(
            f"column {label!r} holds {' and '.join(kinds)}, but all cells of a column of a csv"
            " table are read as one type; convert them to text, or use json or pickle"
        )
    return kinds[0]


def _kind_of_type(kind: type) -> str | None:
    import numpy
    import pandas

    if issubclass(kind, str):
        return TEXT
    if issubclass(kind, bool | numpy.bool_):
        return BOOLEANS
    if issubclass(kind, int | float | numpy.integer | numpy.floating | decimal.Decimal):
        return None if issubclass(kind, numpy.longdouble) else NUMBERS
    if issubclass(kind, (*_AS_TEXT, pandas.Period, pandas.Interval, numpy.datetime64)):
        return TEXT
    return None
