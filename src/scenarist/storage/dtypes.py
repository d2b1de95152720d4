"""Types that the property ``dtype`` declares for the columns of a table."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.objects import reason

if TYPE_CHECKING:
    from pandas import DataFrame


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


def _is_number(series: Any) -> Any:
    """Return which cells of a column are numbers, neither null nor truths."""
    if series.dtype.kind in "iuf":
        return series.notna()
    return series.map(lambda cell: isinstance(cell, int | float) and not isinstance(cell, bool)) & (
        series.notna()
    )
