"""Columns and arrays as lists of Python values; imports neither pandas nor numpy itself."""

from typing import Any


def is_frame(value: Any) -> bool:
    """Whether a value is a table as pandas has them."""
    return hasattr(value, "iloc") and getattr(value, "ndim", None) == 2


def records(frame: Any) -> list[dict[str, Any]]:
    """Return a DataFrame's rows, its labels as texts and its cells as they are."""
    labels = [str(label) for label in frame.columns]
    if not labels:
        return [{} for _ in range(len(frame))]
    columns = [series_values(frame.iloc[:, position]) for position in range(len(labels))]
    return [dict(zip(labels, row, strict=True)) for row in zip(*columns, strict=True)]


def series_values(series: Any) -> list[Any]:
    """Return the values of a Series or Index."""
    values: list[Any] = series.tolist()
    return values


def array_values(array: Any) -> Any:
    """Return a numpy array or scalar as Python lists and scalars."""
    kind = array.dtype.kind
    if kind in "mM":
        # Finer units would come out as plain numbers.
        array = array.astype(f"{kind}8[us]")
    elif array.dtype.char == "g":
        array = array.astype("f8")
    return array.tolist()
