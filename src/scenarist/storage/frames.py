"""Columns and arrays as lists of Python values; imports neither pandas nor numpy itself."""

import sys
from collections.abc import Iterable
from typing import Any


def is_frame(value: Any) -> bool:
    """Whether a value is a table as pandas has them."""
    return hasattr(value, "iloc") and getattr(value, "ndim", None) == 2


def is_labelled_series(value: Any) -> bool:
    """Whether a value is a Series of pandas whose row labels say more than positions."""
    pandas: Any = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.Series) and has_row_labels(value.index)


def has_row_labels(index: Any) -> bool:
    """Whether row labels say something: they have a name, or are not whole numbers.

    Whole numbers without a name are positions: 0, 1, 2 ..., or what a filter left of them.
    """
    if index.nlevels > 1 or index.name is not None:
        return True
    return len(index) > 0 and index.dtype.kind not in "iu"


def text_of(label: Any) -> str:
    """Return the name of a column as text; the levels of one that has several are joined by _."""
    if isinstance(label, tuple):
        return "_".join(str(part) for part in label if part != "")
    return str(label)


def unique_texts(labels: Iterable[Any]) -> list[str]:
    """Return the names of columns as texts that differ: a second ``a`` is ``a.1``."""
    texts = [text_of(label) for label in labels]
    taken = set(texts)
    seen: set[str] = set()
    unique = []
    for text in texts:
        name, number = text, 0
        while name in seen or (number and name in taken):
            number += 1
            name = f"{text}.{number}"
        seen.add(name)
        unique.append(name)
    return unique


def row_label_names(index: Any) -> list[Any]:
    """Return the names that row labels have as columns, as pandas names levels without one."""
    if index.nlevels == 1:
        return ["index" if index.name is None else index.name]
    return [f"level_{at}" if name is None else name for at, name in enumerate(index.names)]


def with_row_labels(frame: Any) -> Any:
    """Return a table whose row labels are its first columns, where they say something."""
    if not has_row_labels(frame.index):
        return frame
    names = row_label_names(frame.index)
    labels = [*names, *frame.columns]
    # Under names that clash with none.
    frame = frame.set_axis(range(frame.shape[1]), axis=1)
    frame = frame.reset_index(names=[f"level {level}" for level in range(len(names))])
    return frame.set_axis(
        sys.modules["pandas"].Index(labels, dtype=object, tupleize_cols=False), axis=1
    )


def shown(frame: Any) -> Any:
    """Return a table as JSON shows it: row labels are columns, and each has a text of its own."""
    frame = with_row_labels(frame)
    texts = unique_texts(frame.columns)
    return frame if texts == list(frame.columns) else frame.set_axis(texts, axis=1)


def records(frame: Any) -> list[dict[str, Any]]:
    """Return the rows of a table as it is `shown`, the cells as they are."""
    frame = shown(frame)
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
    """Return a numpy array or scalar as Python lists and scalars, moments and durations exactly."""
    kind = array.dtype.kind
    if kind in "mM":
        # Finer units would come out as plain numbers.
        exact = array
        array = array.astype(f"{kind}8[us]")
        if not _is_exact(array, exact):
            return _fine_values(exact)
    elif array.dtype.char == "g":
        array = array.astype("f8")
    return array.tolist()


def _is_exact(array: Any, exact: Any) -> bool:
    """Whether moments or durations are the same in microseconds; months have no length."""
    numpy: Any = sys.modules["numpy"]
    if array.dtype.kind == "m" and numpy.datetime_data(exact.dtype)[0] in ("Y", "M"):
        return False
    return bool(((array == exact) | numpy.isnat(exact)).all())


def _fine_values(array: Any) -> Any:
    """Return moments or durations as pandas has them, or else as the text of numpy."""
    import pandas

    if array.ndim:
        return [array_values(part) for part in array]
    try:
        one = (pandas.Timedelta if array.dtype.kind == "m" else pandas.Timestamp)(array[()])
        return one if one.to_numpy() == array else str(array)
    except (ValueError, OverflowError):
        return str(array)
