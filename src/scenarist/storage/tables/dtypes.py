"""Conversion of columns to the types that the property ``dtype`` declares."""

import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.objects import describe_error
from scenarist.storage.tables.series import as_texts

if TYPE_CHECKING:
    from pandas import DataFrame


_UNAMBIGUOUS = {
    "datetime64": (
        re.compile(r"\s*[0-9]{4}(?![0-9]{1,3}$)"),
        "does not begin with the year, so day and month could be confused; write 2026-01-31,"
        " or declare parse_dates and date_format in read_kwargs",
    ),
    "timedelta64": (
        re.compile(r".*[^\s0-9.+-]"),
        "is a duration without a unit; write 5s or 0:05:00",
    ),
}
"""For types that parse text: a pattern of unambiguous texts, and the error for other texts."""


def apply_dtypes(frame: "DataFrame", dtype: object) -> "DataFrame":
    """Convert the columns of a table to the types that the property ``dtype`` declares.

    Raises:
        InvalidError: A column cannot be converted, or the type is unknown; names the column.
    """
    if dtype is None:
        return frame
    frame = frame.copy(deep=False)
    for position, label in enumerate(frame.columns):
        kind = dtype_of(dtype, label)
        if kind is None:
            continue
        series = frame.iloc[:, position]
        try:
            frame.isetitem(position, _as_type(series, kind))
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidError(
                f"column {label!r} cannot have the type {kind!r} that dtype declares:"
                f" {describe_error(error)}"
            ) from error
    return frame


def dtype_of(dtype: object, label: object) -> Any:
    """Return the type that the property ``dtype`` declares for a column; None if it has none."""
    if not isinstance(dtype, Mapping):
        return dtype
    return dtype.get(label, dtype.get(str(label)))


def is_text_type(kind: object) -> bool:
    """Whether a declared type holds text."""
    return kind is str or str(kind).partition("[")[0] in ("str", "string", "object", "category")


def is_read_from_text(kind: object) -> bool:
    """Whether a declared type is parsed from text: a date may be written in digits only."""
    return is_text_type(kind) or str(kind).startswith("datetime64")


def _as_type(series: Any, kind: Any) -> Any:
    import pandas

    if kind in (bool, "bool") and not pandas.api.types.is_bool_dtype(series.dtype):
        raise TypeError(f"it holds {series.dtype}")
    if is_text_type(kind) and kind not in ("category", "object"):
        # A null stays null.
        return as_texts(series) if kind in (str, "str") else series.astype(kind)
    _require_unambiguous(series, kind)
    numbers = series[_number_mask(series)]
    with warnings.catch_warnings():
        # Overflow is checked below.
        warnings.simplefilter("ignore", RuntimeWarning)
        typed = series.astype(kind)
    if typed.dtype.kind in "mM" and len(numbers):
        raise TypeError(f"{numbers.iloc[0]} is not a date or time")
    if typed.dtype.kind in "iuf" and len(numbers):
        same = typed[numbers.index]
        # A conversion to floats may round.
        is_same = same == numbers if typed.dtype.kind in "iu" else same.abs() < float("inf")
        lost = numbers[~is_same.fillna(False).astype(bool) & (numbers.abs() < float("inf"))]
        if len(lost):
            raise ValueError(f"it cannot hold {lost.iloc[0]}")
    return typed


def _require_unambiguous(series: Any, kind: object) -> None:
    """Check that texts are unambiguous dates or durations.

    Raises:
        ValueError: A date does not begin with the year, or a duration has no unit.
    """
    name = str(kind).partition("[")[0]
    if name not in _UNAMBIGUOUS or series.dtype.kind in "biufmM":
        return
    form, fault = _UNAMBIGUOUS[name]
    for cell in series.dropna():
        if isinstance(cell, str) and not form.match(cell):
            raise ValueError(f"{cell!r} {fault}")


def _number_mask(series: Any) -> Any:
    """Return which cells of a column are numbers, not nulls or booleans."""
    if series.dtype.kind in "iuf":
        return series.notna()
    return series.map(lambda cell: isinstance(cell, int | float) and not isinstance(cell, bool)) & (
        series.notna()
    )
