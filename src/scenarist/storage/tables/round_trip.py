"""Checks that a table written with options of the user is read back as it was written."""

import datetime
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.python.data_frames import series_values, text_of

if TYPE_CHECKING:
    from pandas import DataFrame

_FIX = "make read_kwargs and write_kwargs match"


def require_same_names(frame: "DataFrame", again: "DataFrame") -> None:
    """Check that the columns that are read back are columns that were written."""
    names = {text_of(label) for label in frame.columns}
    labels: list[Any] = list(again.columns)
    if any(isinstance(label, str | int) and str(label) not in names for label in labels):
        found = ", ".join(repr(str(label)) for label in labels)
        raise InvalidError(f"the names of the columns would be read as {found}; {_FIX}")


def require_same_values(
    frame: "DataFrame",
    again: "DataFrame",
    write_kwargs: Mapping[str, Any],
    declared: Collection[Any],
) -> None:
    """Check that cells are read back as written, except where the options say otherwise.

    Args:
        declared: The columns for which a converter or a type is declared; they are not compared.
    """
    for position, label in enumerate(again.columns):
        if label in declared:
            continue
        given, found = frame.iloc[:, position], again.iloc[:, position]
        is_present = given.notna().to_numpy()
        changed = _find_first_change(given[is_present], found[is_present], write_kwargs)
        if changed is not None:
            raise InvalidError(
                f"column {label!r} holds {changed[0]}, which would be read as {changed[1]}; {_FIX}"
            )


def _find_first_change(
    given: Any, found: Any, write_kwargs: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Return the first cell that is read back differently, and the cell read, as texts."""
    before, after = _comparable_parts(given, found, write_kwargs)
    for one, other in zip(series_values(before), series_values(after), strict=True):
        if isinstance(one, str) != isinstance(other, str) or _is_different(one, other):
            return _describe_cell(one), _describe_cell(other)
    return None


def _comparable_parts(given: Any, found: Any, write_kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the parts of two columns that must be equal; empty if the options say otherwise."""
    nothing = given[:0], found[:0]
    if found.dtype.kind == "M":
        moments = _to_timestamps(given)
        form = write_kwargs.get("date_format") if given.dtype.kind == "M" else None
        if moments is None or form is None:
            return nothing if moments is None else (moments, found)
        # The format omits parts of the date on purpose.
        return moments.dt.strftime(form), found.dt.strftime(form)
    if given.dtype.kind == "f" and "float_format" in write_kwargs:
        return nothing
    if given.dtype.kind in "iufb":
        is_number = found.dtype.kind in "iuf" and found.notna().all()
        return given, found.astype(given.dtype) if is_number else found
    # Cells of other types are written in their own text or number form.
    is_plain = [isinstance(cell, str | bool) for cell in series_values(given)]
    return given[is_plain], found[is_plain]


def _is_different(one: Any, other: Any) -> bool:
    import pandas

    return bool(pandas.isna(other) or one != other)


def _describe_cell(cell: Any) -> str:
    import pandas

    if isinstance(cell, str):
        return repr(cell)
    return "null" if pandas.isna(cell) else str(cell)


def _to_timestamps(given: Any) -> Any:
    """Convert a column of dates or timestamps to timestamps; None if it holds something else."""
    import pandas

    if given.dtype.kind == "M":
        return given
    if not all(isinstance(cell, datetime.date) for cell in series_values(given)):
        return None
    return pandas.to_datetime(given)
