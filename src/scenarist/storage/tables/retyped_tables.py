"""Conversion of records and lists from JSON requests to the tables and arrays they replace."""

import datetime
import sys
from collections.abc import Callable
from typing import Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.data_frames import unique_texts, with_row_labels
from scenarist.storage.python.hashing import check_hashes
from scenarist.storage.tables.conversion import to_frame
from scenarist.storage.tables.retyping import (
    is_same,
    make_form_error,
    require_iso_duration,
    require_iso_timestamp,
    retype,
    retype_items,
)

_PLAIN_KINDS = frozenset("biuf")


def find_converter(kind: type[Any]) -> Callable[[Any, Any], Any] | None:
    """Return the converter to a numpy or pandas class; None for other classes."""
    numpy: Any = sys.modules.get("numpy")
    pandas: Any = sys.modules.get("pandas")
    if numpy is not None and issubclass(kind, numpy.generic):
        return _as_scalar
    if numpy is not None and issubclass(kind, numpy.ndarray):
        return _as_array
    if pandas is None:
        return None
    if issubclass(kind, pandas.DataFrame):
        return as_frame
    if issubclass(kind, pandas.Series):
        return _as_series
    if issubclass(kind, pandas.Timestamp):
        return _as_timestamp
    if issubclass(kind, pandas.Timedelta):
        return _as_timedelta
    return None


def as_frame(data: Any, present: Any) -> Any:
    """Convert records, or another form of a table, to a frame with the column types of *present*.

    A column keeps its type if the cells fit. Row labels that are shown as columns become row
    labels again.

    Raises:
        InvalidError: The data is not a table, or a cell does not have the form of its column.
    """
    if type(data) is list and not data:
        return present.iloc[:0]
    given = to_frame(data, "pandas.DataFrame")
    shown = with_row_labels(present)
    texts = unique_texts(shown.columns)
    positions = {text: position for position, text in enumerate(texts)}
    names = [str(label) for label in given.columns]
    by_position = [str(number) for number in range(len(texts))]
    if names == by_position and set(by_position) - positions.keys():
        names = texts  # rows without names, as wide as the table
    columns = [
        _as_column(column, shown.iloc[:, positions[name]], f"column {name!r}")
        if name in positions
        else column
        for name, (_, column) in zip(names, given.items(), strict=True)
    ]
    return _assemble(columns, names, present, shown) if columns else given


def _assemble(columns: list[Any], names: list[str], present: Any, shown: Any) -> Any:
    """Assemble columns under the labels of the present table; see `as_frame`."""
    import pandas

    texts = unique_texts(shown.columns)
    levels = shown.shape[1] - present.shape[1]
    of_labels = [names.index(text) for text in texts[:levels] if text in names]
    if len(of_labels) < levels:
        of_labels = []
    others = [position for position in range(len(names)) if position not in of_labels]
    made = pandas.concat(columns, axis=1, ignore_index=True)
    for position in of_labels:
        if made[position].dtype == object:
            check_hashes(made[position].tolist())
    body = made[others]
    if [names[position] for position in others] == texts[levels:]:
        body.columns = present.columns
    else:
        known = dict(zip(texts, shown.columns, strict=True))
        labels = [known.get(names[position], names[position]) for position in others]
        body.columns = pandas.Index(labels, tupleize_cols=False)
    if len(of_labels) == 1:
        body.index = pandas.Index(made[of_labels[0]], name=present.index.name)
    elif of_labels:
        body.index = pandas.MultiIndex.from_frame(made[of_labels], names=present.index.names)
    return body


def _as_column(given: Any, like: Any, where: str) -> Any:
    import pandas

    cells = given.astype(object).where(given.notna(), None).tolist()
    dtype = like.dtype
    if dtype.kind in _PLAIN_KINDS or isinstance(dtype, pandas.StringDtype):
        return _convert_if_exact(given, dtype)
    if isinstance(dtype, pandas.CategoricalDtype):
        return pandas.Series(_as_categories(cells, dtype, where), index=given.index)
    samples = like.tolist()
    if dtype.kind in "mM" and like.isna().all():
        samples = pandas.Series([0], dtype=dtype).tolist()
    cells = retype_items(cells, samples, where)
    try:
        made = pandas.Series(cells, index=given.index, dtype=dtype)
    # The column type does not accept the cells.
    except (TypeError, ValueError) as error:
        sample = next((cell for cell in like.tolist() if not pandas.isna(cell)), None)
        raise make_form_error(cells, sample, where, error) from error
    if dtype.kind in "mM":
        _require_untruncated(cells, made.tolist(), where, dtype)
    return made


def _as_categories(cells: list[Any], dtype: Any, where: str) -> Any:
    import pandas

    categories = dtype.categories.tolist()
    cells = retype_items(cells, categories, where)
    if any(isinstance(cell, list | dict) for cell in cells):
        raise make_form_error(cells, next(iter(categories), None), where)
    check_hashes(cells)
    known = set(categories)
    new = [cell for cell in dict.fromkeys(cells) if cell is not None and cell not in known]
    return pandas.Categorical(cells, categories=[*categories, *new], ordered=dtype.ordered)


def _convert_if_exact(given: Any, dtype: Any) -> Any:
    """Convert a column to a type if that changes none of its cells; else return it unchanged."""
    try:
        cast = given.astype(dtype)
        # As arrays: the mask of a sparse column is sparse.
        is_kept = bool((cast.isna().to_numpy() == given.isna().to_numpy()).all())
        cells, kept = given[given.notna()].tolist(), cast[given.notna()].tolist()
    except (TypeError, ValueError, OverflowError):
        return given
    return cast if is_kept and is_same(cells, kept) else given


def _as_series(data: Any, present: Any) -> Any:
    import pandas

    if type(data) is not list:
        raise make_form_error(data, present, "the value")
    if data and all(type(row) is dict for row in data):
        frame = as_frame(data, present.to_frame())
        return frame.iloc[:, -1].rename(present.name)
    is_default = isinstance(present.index, pandas.RangeIndex)
    if not is_default and len(data) != len(present):
        raise make_form_error(data, present, "the value")
    if any(isinstance(item, list | dict) for item in data):
        raise make_form_error(data, present, "the value")
    given = to_frame({"cells": data}, "pandas.Series").iloc[:, 0]
    made = _as_column(given, present, "the value").rename(present.name)
    return made if is_default else made.set_axis(present.index)


def _as_array(data: Any, present: Any) -> Any:
    import numpy

    kind = present.dtype.kind
    if type(data) is not list:
        raise make_form_error(data, present, "the value")
    if kind == "O" and present.ndim == 1:
        made = numpy.empty(len(data), object)
        made[:] = retype_items(data, present.tolist(), "the value")
        return made
    if kind not in "biufUM":
        raise make_form_error(data, present, "the value")
    if kind == "M":
        return _as_timestamps(data, present)
    given = numpy.array(data)
    made = numpy.array(data, present.dtype if kind != "U" else None)
    is_kept = is_same(given.tolist(), made.tolist())
    if not is_kept and given.dtype.kind not in "biufU":
        raise make_form_error(data, present, "the value")
    return made if is_kept else given


def _as_timestamps(data: list[Any], present: Any) -> Any:
    import numpy

    for item in numpy.array(data, object).ravel():
        if item is not None:
            _require_no_zone(require_iso_timestamp(item))
    exact = numpy.array(data, "M8")
    made = exact.astype(present.dtype)
    if (made[~numpy.isnat(exact)] != exact[~numpy.isnat(exact)]).any():
        raise ValueError(f"it has a finer resolution than its type {present.dtype}")
    return made


def _as_scalar(data: Any, present: Any) -> Any:
    kind = present.dtype.kind
    if kind == "m":
        raise make_form_error(data, present, "the value")
    if kind == "M":
        _require_no_zone(require_iso_timestamp(data))
        return type(present)(data)
    if kind in _PLAIN_KINDS and isinstance(data, bool) == (kind == "b"):
        made = type(present)(data)
        return made if made == data else data
    return retype(data, present.item())


def _require_no_zone(moment: datetime.datetime) -> None:
    if moment.tzinfo is not None:
        raise ValueError("only one of the two has a time zone")


def _require_untruncated(cells: list[Any], kept: list[Any], where: str, dtype: Any) -> None:
    """Check that timestamps and durations were not truncated to the unit of a column."""
    import pandas

    for position, (cell, one) in enumerate(zip(cells, kept, strict=True)):
        if not pandas.isna(cell) and cell != one:
            raise InvalidError(
                f"{where}[{position}] is {cell}, which has a finer resolution than its type"
                f" {dtype}; round it, or write another type with a task"
            )


def _as_timedelta(data: Any, present: Any) -> Any:
    import pandas

    require_iso_duration(data)
    made = pandas.Timedelta(data)
    kept = made.as_unit(present.unit)
    # A duration of finer resolution keeps its own unit.
    return kept if kept == made else made


def _as_timestamp(data: Any, present: Any) -> Any:
    import pandas

    require_iso_timestamp(data)
    moment = pandas.Timestamp(data)
    if (moment.tzinfo is None) != (present.tzinfo is None):
        raise ValueError("only one of the two has a time zone")
    return moment if moment.tzinfo is None else moment.tz_convert(present.tzinfo)
