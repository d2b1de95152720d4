"""Comparison of the cells of a column with a condition, the same for tables and lists of objects.

A missing cell (null, NaN) meets EQUAL null, and NOT_EQUAL any other value. A cell of another kind
than the condition's value meets only NOT_EQUAL. Timestamps without a time zone are in UTC.
"""

import contextlib
import datetime
import decimal
import operator
import sys
from collections.abc import Callable, Iterable
from typing import Any

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Condition
from scenarist.domain.vocabulary import FilterOperator
from scenarist.storage.python.data_frames import array_values, series_values

_COMPARE: dict[FilterOperator, Callable[[Any, Any], Any]] = {
    FilterOperator.EQUAL: operator.eq,
    FilterOperator.NOT_EQUAL: operator.ne,
    FilterOperator.LESS_THAN: operator.lt,
    FilterOperator.LESS_OR_EQUAL: operator.le,
    FilterOperator.GREATER_THAN: operator.gt,
    FilterOperator.GREATER_OR_EQUAL: operator.ge,
}
_MAX_EXACT_INTEGER = 2**53
"""Largest integer up to which every integer is exact as a float."""
_FLOAT_BYTES = 8
"""Bytes of a Python float."""

_MISSING = "nothing"
BOOLEANS, NUMBERS, TEXT, DATES = "booleans", "numbers", "text", "dates"
_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, BOOLEANS),
    ((int, float, decimal.Decimal), NUMBERS),
    (str, TEXT),
    (datetime.date, DATES),
)


def mask_of_series(series: Any, condition: Condition) -> Any:
    """Return which cells meet the condition, as an array of booleans.

    Raises:
        InvalidError: The column has no cell of the kind of the condition's value.
    """
    import numpy

    kind = kind_of_dtype(series.dtype)
    missing = series.isna().to_numpy(dtype=bool)
    value = condition.value
    if (
        kind is None
        or value is None
        or missing.all()
        or _needs_cell_comparison(series.dtype, value)
    ):
        return numpy.array(mask_of_values(series_values(series), condition), dtype=bool)
    wanted = _convert_to_kind(condition, kind, [kind])
    if kind == DATES and series.dt.tz is None:
        series = series.dt.tz_localize("UTC")
    met = _COMPARE[condition.operator](series, wanted).fillna(False).to_numpy(dtype=bool)
    return met | missing if condition.operator == FilterOperator.NOT_EQUAL else met & ~missing


def mask_of_values(values: list[Any], condition: Condition) -> list[bool]:
    """Return which values meet the condition.

    Raises:
        InvalidError: No value is of the kind of the condition's value.
    """
    return ColumnCells(values).compute_mask(condition)


class ColumnCells:
    """Cells of one column, for comparison with several conditions."""

    def __init__(self, values: Iterable[Any]) -> None:
        self._values = [_to_scalar(value) for value in values]
        self._kinds = [_kind_of(value) for value in self._values]
        self._present = sorted(set(self._kinds) - {_MISSING})

    def compute_mask(self, condition: Condition) -> list[bool]:
        """Return which cells meet the condition.

        Raises:
            InvalidError: No cell is of the kind of the condition's value.
        """
        if condition.value is None:
            return _null_mask([kind == _MISSING for kind in self._kinds], condition)
        is_other = condition.operator == FilterOperator.NOT_EQUAL
        present = self._present
        if not present:
            return [is_other] * len(self._values)
        kind = _kind_of(_to_scalar(condition.value))
        if kind == TEXT and TEXT not in present and DATES in present:
            kind = DATES
        wanted = _convert_to_kind(condition, kind, present)
        compare = _compare_decimals_as_written(wanted, _COMPARE[condition.operator])
        if present == [kind] and kind != DATES and _MISSING not in self._kinds:
            return [bool(compare(value, wanted)) for value in self._values]
        return [
            bool(compare(_normalize(value), wanted)) if found == kind else is_other
            for value, found in zip(self._values, self._kinds, strict=True)
        ]


def _compare_decimals_as_written(
    wanted: Any, compare: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    """Return a comparison that compares a decimal with a float by the float's decimal text."""
    if not isinstance(wanted, float):
        return compare
    written = decimal.Decimal(repr(wanted))
    return lambda value, float_: compare(
        value, written if isinstance(value, decimal.Decimal) else float_
    )


def _null_mask(missing: list[bool], condition: Condition) -> list[bool]:
    if condition.operator == FilterOperator.EQUAL:
        return missing
    if condition.operator == FilterOperator.NOT_EQUAL:
        return [not one for one in missing]
    raise InvalidError(
        f"column {condition.key!r} cannot be compared with null using {condition.operator};"
        " use EQUAL or NOT_EQUAL"
    )


def _convert_to_kind(condition: Condition, kind: str, present: list[str]) -> Any:
    """Convert the condition's value to a kind that the column has."""
    value = _to_scalar(condition.value)
    if kind == DATES and isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = datetime.datetime.fromisoformat(value)
    if kind in present and _kind_of(value) == kind:
        return _normalize(value)
    hint = "; write a date in ISO form, such as 2026-07-01" if DATES in present else ""
    raise InvalidError(
        f"column {condition.key!r} holds {' and '.join(present)}, which cannot be compared with"
        f" {condition.value!r}{hint}"
    )


def _to_scalar(value: Any) -> Any:
    """Convert a numpy scalar to a Python scalar, and any missing value to None."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        value = array_values(value)
    if isinstance(value, decimal.Decimal):
        return None if value.is_nan() else value
    if isinstance(value, float | datetime.date):
        # NaN and NaT differ from themselves.
        return value if value == value else None
    pandas: Any = sys.modules.get("pandas")
    return None if pandas is not None and value is pandas.NA else value


def _kind_of(value: Any) -> str:
    if value is None:
        return _MISSING
    # The order matters: in Python, booleans are numbers.
    for base, kind in _KINDS:
        if isinstance(value, base):
            return kind
    return f"objects of type {type(value).__name__}"


def kinds_of(values: Iterable[Any]) -> set[str]:
    """Return the kinds of the values that are not missing."""
    return {_kind_of(_to_scalar(value)) for value in values} - {_MISSING}


def kind_of_dtype(dtype: Any) -> str | None:
    """Return the kind of a column that is compared as a whole; None for other column types."""
    import pandas

    if isinstance(dtype, pandas.StringDtype):
        return TEXT
    return {"b": BOOLEANS, "i": NUMBERS, "u": NUMBERS, "f": NUMBERS, "M": DATES}.get(dtype.kind)


def _needs_cell_comparison(dtype: Any, value: object) -> bool:
    """Whether comparing the whole column could differ from comparing its cells in Python."""
    if isinstance(value, str):
        # Half of a surrogate pair.
        return value != value.encode("utf-8", "replace").decode()
    if isinstance(value, float) and dtype.kind in "iu":
        return not abs(value) < _MAX_EXACT_INTEGER
    if dtype.kind == "f":
        return (
            dtype.itemsize < _FLOAT_BYTES
            or not isinstance(value, float | int)
            or (isinstance(value, int) and abs(value) > _MAX_EXACT_INTEGER)
        )
    return not isinstance(value, bool | int | float)


def _normalize(value: Any) -> Any:
    """Return a value in the canonical form of its kind: a date as a timestamp with a time zone."""
    if not isinstance(value, datetime.date):
        return value
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)  # noqa: DTZ001 - see below
    return value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)
