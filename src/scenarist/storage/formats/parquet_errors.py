"""Errors for tables that Parquet cannot hold or would change: which column, and how to fix it."""

import datetime
from collections.abc import Callable
from numbers import Number
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.data_frames import series_values
from scenarist.storage.python.objects import describe_error

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_ZONED, _ZONED_TIMES = "timestamps with a time zone", "times with a time zone"
_FORMS: tuple[tuple[Any, str], ...] = (
    (datetime.date, "dates"),
    (str, "text"),
    ((bytes, bytearray, memoryview), "bytes"),
    (dict, "objects"),
    ((list, tuple), "lists"),
    (bool, "booleans"),
    (Number, "numbers"),
)

_MAX_KINDS = 3
_MAX_DEPTH = 100
_ADVICE = "convert it to text, numbers or timestamps, leave it out, or use pickle"


def make_column_error(
    frame: "DataFrame", write: Callable[["DataFrame"], object], error: Exception
) -> InvalidError:
    """Return the error for a table that cannot be written; it names the column.

    Args:
        write: Writes a table in the way that failed for the whole table.
        error: The error of writing the whole table.
    """
    for position, label in enumerate(frame.columns):
        series = frame.iloc[:, position].reset_index(drop=True)
        if not _can_write(series, write):
            return InvalidError(
                f"column {label!r} holds {_describe_cells(series)}, for which Parquet has no type;"
                f" {_ADVICE}"
            )
    for level, name in enumerate(frame.index.names):
        series = frame.index.get_level_values(level).to_series(
            index=frame.reset_index(drop=True).index
        )
        if not _can_write(series, write):
            called = "the row labels hold" if name is None else f"the row labels {name!r} hold"
            return InvalidError(
                f"{called} {_describe_cells(series)}, for which Parquet has no type; turn them into"
                " columns with reset_index(), or leave them out"
            )
    plain = frame.reset_index(drop=True).set_axis(_plain_names(frame.shape[1]), axis=1)
    if _can_write(plain, write):
        return make_names_error(frame)
    return InvalidError(f"{describe_error(error)}; check write_kwargs, or use pickle")


def make_names_error(frame: "DataFrame") -> InvalidError:
    """Return the error for a table with column names that Parquet would change."""
    return InvalidError(
        f"Parquet does not preserve the column names {_join_names(list(frame.columns))}; give "
        "each column a unique text as its name"
    )


def _can_write(part: Any, write: Callable[["DataFrame"], object]) -> bool:
    frame = part if part.ndim > 1 else part.to_frame("column")
    try:
        write(frame)
    except Exception:  # noqa: BLE001 - the error of the whole table is reported
        return False
    return True


def _plain_names(count: int) -> list[str]:
    return [f"column {number}" for number in range(count)]


def _describe_cells(series: "Series[Any]") -> str:
    """Return a phrase for what a column holds."""
    if series.dtype == "category":
        return "categories of several types"
    if series.dtype != object:
        return str(series.dtype)
    names = sorted({type(cell).__name__ for cell in series_values(series[series.notna()])})
    if names == ["int"]:
        return "integers of more than 64 bits"
    if names == ["Decimal"]:
        return "decimals that are infinite or have more than 76 digits"
    if names == ["str"]:
        return "text that is not valid Unicode, such as half of a surrogate pair"
    if names == ["ndarray"]:
        return "arrays of several dimensions"
    if names == ["dict"]:
        return "objects without keys, or with keys that are not text"
    return f"objects of class {_join_names(names)}"


def _join_names(names: list[Any]) -> str:
    shown = ", ".join(map(str, names[:_MAX_KINDS]))
    return f"{shown} and others" if len(names) > _MAX_KINDS else shown


def require_exact_labels(index: Any) -> None:
    from pandas.api.types import is_integer

    for level in range(index.nlevels):
        labels = index.get_level_values(level)
        if labels.hasnans and any(map(is_integer, series_values(labels))):
            raise InvalidError(
                "the row labels hold integers and a null, which would be read back as floats;"
                " turn them into a column with reset_index()"
            )


def require_one_form(series: Any, label: object) -> None:
    """Check that cells, and the values nested in them, are of one form; Parquet would unify them.

    Raises:
        InvalidError: They are of several forms, or of one that loses its time zone.
    """
    advice = "or use json or pickle"
    waiting = [(0, series_values(series[series.notna()]))]
    while waiting:
        depth, cells = waiting.pop()
        if depth > _MAX_DEPTH:
            raise InvalidError(
                f"column {label!r} holds values nested more than {_MAX_DEPTH} levels deep, or"
                " that contain themselves; leave it out, or use pickle"
            )
        forms = {_form_of(cell) for cell in cells} - {""}
        if _ZONED_TIMES in forms:
            raise InvalidError(
                f"column {label!r} holds {_ZONED_TIMES}, which would be read back without"
                f" it; remove the time zone, {advice}"
            )
        if len(forms) > 1:
            raise InvalidError(
                f"column {label!r} holds {' and '.join(sorted(forms))}, but a Parquet column"
                f" holds only one of them; give it cells of one kind, {advice}"
            )
        objects = [cell for cell in cells if isinstance(cell, dict)]
        if len({frozenset(one) for one in objects}) > 1:
            raise InvalidError(
                f"column {label!r} holds objects with different keys, but in Parquet all have"
                f" the same; give each the same keys, with null for missing ones, {advice}"
            )
        # Each list once: the levels of one that contains itself twice would double in size.
        lists = {id(cell): cell for cell in cells if isinstance(cell, list | tuple)}
        items = [item for cell in lists.values() for item in cell]
        if any(_form_of(item) == _ZONED for item in items):
            raise InvalidError(
                f"column {label!r} holds lists of {_ZONED}, which would be read back without"
                f" it; give each a column of its own, {advice}"
            )
        depth += 1
        waiting += [
            (depth, [one[key] for one in objects]) for key in (objects[0] if objects else ())
        ]
        waiting += [(depth, items)] if items else []


def _form_of(cell: Any) -> str:
    if isinstance(cell, float | datetime.datetime) and cell != cell:
        return ""
    if isinstance(cell, datetime.datetime):
        return "timestamps without a time zone" if cell.tzinfo is None else _ZONED
    if isinstance(cell, datetime.time) and cell.tzinfo is not None:
        return _ZONED_TIMES
    for kind, form in _FORMS:
        if isinstance(cell, kind):
            return form
    return ""
