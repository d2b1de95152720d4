"""Types that the property ``dtype`` declares for the columns of a table."""

import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.objects import reason

if TYPE_CHECKING:
    from pandas import DataFrame


_PLAIN = {
    "datetime64": (
        re.compile(r"\s*[0-9]{4}(?![0-9]{1,3}$)"),
        "does not begin with its year, so that day and month could be mistaken; write 2026-01-31,"
        " or declare parse_dates and date_format in read_kwargs",
    ),
    "timedelta64": (
        re.compile(r".*[^\s0-9.+-]"),
        "is a duration without its unit; write 5s or 0:05:00",
    ),
}
"""How texts begin, or what they have, that can be read in one way only; and what others lack."""


def declared(frame: "DataFrame", dtype: object) -> "DataFrame":
    """Return a table whose columns have the types that the property ``dtype`` declares.

    Raises:
        InvalidError: A column cannot have its type, or there is no such type; names it.
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
                f"column {label!r} cannot be of the type {kind!r} that dtype declares:"
                f" {reason(error)}"
            ) from error
    return frame


def dtype_of(dtype: object, label: object) -> Any:
    """Return the type that the property ``dtype`` declares for a column; None for none."""
    if not isinstance(dtype, Mapping):
        return dtype
    return dtype.get(label, dtype.get(str(label)))


def is_text_type(kind: object) -> bool:
    """Whether a declared type is that of text."""
    return kind is str or str(kind).partition("[")[0] in ("str", "string", "object", "category")


def is_read_from_text(kind: object) -> bool:
    """Whether a declared type is made of texts: digits are a date as they are written."""
    return is_text_type(kind) or str(kind).startswith("datetime64")


def _as_type(series: Any, kind: Any) -> Any:
    import pandas

    if kind in (bool, "bool") and not pandas.api.types.is_bool_dtype(series.dtype):
        raise TypeError(f"it holds {series.dtype}")
    if is_text_type(kind) and kind not in ("category", "object"):
        # A null stays one.
        return series.astype("str" if kind is str else kind)
    _require_plain(series, kind)
    numbers = series[_is_number(series)]
    with warnings.catch_warnings():
        # What overflows is looked for below.
        warnings.simplefilter("ignore", RuntimeWarning)
        typed = series.astype(kind)
    if typed.dtype.kind in "mM" and len(numbers):
        raise TypeError(f"{numbers.iloc[0]} is no date or time")
    if typed.dtype.kind in "iuf" and len(numbers):
        same = typed[numbers.index]
        # A float may round, as floats do.
        is_same = same == numbers if typed.dtype.kind in "iu" else same.abs() < float("inf")
        lost = numbers[~is_same.fillna(False).astype(bool) & (numbers.abs() < float("inf"))]
        if len(lost):
            raise ValueError(f"it cannot hold {lost.iloc[0]}")
    return typed


def _require_plain(series: Any, kind: object) -> None:
    """See that texts say which day, or how long, in one way only.

    Raises:
        ValueError: A date does not begin with its year, or a duration has no unit.
    """
    name = str(kind).partition("[")[0]
    if name not in _PLAIN or series.dtype.kind in "biufmM":
        return
    form, fault = _PLAIN[name]
    for cell in series.dropna():
        if isinstance(cell, str) and not form.match(cell):
            raise ValueError(f"{cell!r} {fault}")


def _is_number(series: Any) -> Any:
    """Return which cells of a column are numbers, neither null nor truths."""
    if series.dtype.kind in "iuf":
        return series.notna()
    return series.map(lambda cell: isinstance(cell, int | float) and not isinstance(cell, bool)) & (
        series.notna()
    )
