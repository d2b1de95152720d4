"""Data frames, columns and arrays as Python values; works without importing pandas or numpy."""

import sys
from collections.abc import Iterable
from typing import Any


def is_frame(value: Any) -> bool:
    """Whether a value is a pandas DataFrame, or behaves like one."""
    return hasattr(value, "iloc") and getattr(value, "ndim", None) == 2


def is_labelled_series(value: Any) -> bool:
    """Whether a value is a pandas Series whose row labels are more than positions."""
    pandas: Any = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.Series) and has_row_labels(value.index)


def has_row_labels(index: Any) -> bool:
    """Whether row labels carry information: they have a name, or are not integers.

    Integers without a name are positions: 0, 1, 2 ..., or those that a filter left.
    """
    if index.nlevels > 1 or index.name is not None:
        return True
    return len(index) > 0 and index.dtype.kind not in "iu"


def text_of(label: Any) -> str:
    """Return the name of a column as text; several levels are joined by _."""
    if isinstance(label, tuple):
        return "_".join(str(part) for part in label if part != "")
    return str(label)


def unique_texts(labels: Iterable[Any]) -> list[str]:
    """Return the names of columns as unique texts: a second ``a`` becomes ``a.1``."""
    texts = [text_of(label) for label in labels]
    taken = set(texts)
    seen: set[str] = set()
    # Of each name, the last number: from there on, the search takes no longer the more there are.
    numbers: dict[str, int] = {}
    unique = []
    for text in texts:
        name, number = text, numbers.get(text, 0)
        while name in seen or (number and name in taken):
            number += 1
            name = f"{text}.{number}"
        numbers[text] = number
        seen.add(name)
        unique.append(name)
    return unique


def row_label_names(index: Any) -> list[Any]:
    """Return the column names of row labels; levels without a name are named as pandas does."""
    if index.nlevels == 1:
        return ["index" if index.name is None else index.name]
    return [f"level_{at}" if name is None else name for at, name in enumerate(index.names)]


def with_row_labels(frame: Any) -> Any:
    """Return a table with its row labels as first columns, if they carry information."""
    if not has_row_labels(frame.index):
        return frame
    names = row_label_names(frame.index)
    labels = [*names, *frame.columns]
    # Temporary names that clash with no label.
    frame = frame.set_axis(range(frame.shape[1]), axis=1)
    frame = frame.reset_index(names=[f"level {level}" for level in range(len(names))])
    return frame.set_axis(
        sys.modules["pandas"].Index(labels, dtype=object, tupleize_cols=False), axis=1
    )


def normalize_labels(frame: Any) -> Any:
    """Return a table as JSON shows it: row labels are columns, and column names unique texts."""
    frame = with_row_labels(frame)
    texts = unique_texts(frame.columns)
    return frame if texts == list(frame.columns) else frame.set_axis(texts, axis=1)


def to_records(frame: Any) -> list[dict[str, Any]]:
    """Return the rows of the table that `normalize_labels` returns, with unconverted cells."""
    frame = normalize_labels(frame)
    labels = list(frame.columns)
    if not labels:
        return [{} for _ in range(len(frame))]
    columns = [series_values(frame.iloc[:, position]) for position in range(len(labels))]
    return [dict(zip(labels, row, strict=True)) for row in zip(*columns, strict=True)]


def series_values(series: Any) -> list[Any]:
    """Return the values of a Series or Index."""
    values: list[Any] = series.tolist()
    return values


def array_values(array: Any) -> Any:
    """Convert a numpy array or scalar to Python values; timestamps and durations stay exact."""
    kind = array.dtype.kind
    if kind in "mM":
        # Units finer than microseconds would be converted to plain numbers.
        exact = array
        array = array.astype(f"{kind}8[us]")
        if not _is_exact(array, exact):
            return _to_pandas_values(exact)
    elif array.dtype.char == "g":
        array = array.astype("f8")
    return array.tolist()


def _is_exact(array: Any, exact: Any) -> bool:
    """Whether timestamps or durations are exact in microseconds; months have no fixed length."""
    numpy: Any = sys.modules["numpy"]
    if array.dtype.kind == "m" and numpy.datetime_data(exact.dtype)[0] in ("Y", "M"):
        return False
    return bool(((array == exact) | numpy.isnat(exact)).all())


def _to_pandas_values(array: Any) -> Any:
    """Return timestamps or durations as pandas objects, or as numpy's text if pandas cannot."""
    import pandas

    if array.ndim:
        return [array_values(part) for part in array]
    try:
        one = (pandas.Timedelta if array.dtype.kind == "m" else pandas.Timestamp)(array[()])
        return one if one.to_numpy() == array else str(array)
    except (ValueError, OverflowError):
        return str(array)
