"""Differences between the values of several scenarios, place by place in their JSON form."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from scenarist.domain.faults import ValuePath, format_pointer
from scenarist.storage.tables.json_data import encode_strict, to_json_data

MOST_COUNTED = 10_000
"""Differences that are counted at most: then there are at least as many."""

_LARGEST_SHOWN = 1_000
"""Bytes of JSON above which a part is not shown."""

_MISSING: Any = object()


class Part(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A part of a value at a place; `value` is None unless it is neither missing nor large."""

    value: Any = None
    is_missing: bool = False
    is_large: bool = False


class PlaceDifference(msgspec.Struct, kw_only=True, frozen=True):
    """A place at which values differ, with the part that each has there, in order."""

    pointer: str
    parts: list[Part]


class Differences(msgspec.Struct, kw_only=True, frozen=True):
    """Differences of values from the first of them.

    Args:
        count: How many places differ; at least as many if it is `MOST_COUNTED`.
        same: Whether each value equals the first one.
        first: The first of these places.
        lengths: How many items or rows each value has; None for one that is no list.
    """

    count: int
    same: list[bool]
    first: list[PlaceDifference]
    lengths: list[int | None]


class Columns(msgspec.Struct, kw_only=True, frozen=True):
    """Columns of one table in several values.

    Args:
        labels: The first column that has no numbers, such as dates: its name, and its cells in each
            value; None if there is none.
        numbers: The cells of the other columns in each value, by name; None where one is missing.
        lengths: How many rows each value has; None for one that is no table.
    """

    labels: tuple[str, list[list[Any]]] | None
    numbers: dict[str, list[list[float | None]]]
    lengths: list[int | None]


def compare_values(*given: Any) -> dict[str, Any]:
    """Compare values in a worker process; the last argument is the options of `find_differences`.

    Returns:
        `Differences` as plain data.
    """
    return _call(find_differences, given)


def collect_columns(*given: Any) -> dict[str, Any]:
    """Collect columns in a worker process; the last argument is the options of `find_columns`.

    Returns:
        `Columns` as plain data.
    """
    return _call(find_columns, given)


def _call(find: Callable[..., msgspec.Struct], given: Sequence[Any]) -> dict[str, Any]:
    *values, options = given
    found = find([to_json_data(value, None) for value in values], **options)
    plain: dict[str, Any] = msgspec.json.decode(encode_strict(msgspec.to_builtins(found)))
    return plain


def find_differences(values: Sequence[Any], *, most: int) -> Differences:
    """Compare plain JSON data with the first of the values, items of lists by their positions.

    Args:
        most: How many differences are returned at most.
    """
    paths: dict[ValuePath, None] = {}
    same: list[bool] = []
    for value in values:
        found = list(islice(_iter_differing(values[0], value, ()), MOST_COUNTED))
        same.append(not found)
        paths |= dict.fromkeys(found)
    return Differences(
        count=min(len(paths), MOST_COUNTED),
        same=same,
        first=[
            PlaceDifference(
                pointer=format_pointer(path),
                parts=[_to_part(_find(value, path)) for value in values],
            )
            for path in list(paths)[:most]
        ],
        lengths=[len(value) if isinstance(value, list) else None for value in values],
    )


def find_columns(values: Sequence[Any], *, most_rows: int, most_columns: int) -> Columns:
    """Collect the columns of lists of objects: their first rows, and their first columns."""
    tables = [value if _is_table(value) else None for value in values]
    rows = [(table or [])[:most_rows] for table in tables]
    names = list(dict.fromkeys(name for some in rows for row in some for name in row))
    numeric = [name for name in names if _is_numeric(rows, name)][:most_columns]
    other = next((name for name in names if name not in numeric and _has_cells(rows, name)), None)
    return Columns(
        labels=None
        if other is None
        else (other, [[_to_label(row.get(other)) for row in some] for some in rows]),
        numbers={
            name: [[_to_number(row.get(name)) for row in some] for some in rows] for name in numeric
        },
        lengths=[None if table is None else len(table) for table in tables],
    )


def _iter_differing(one: Any, other: Any, path: ValuePath) -> Iterator[ValuePath]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys((*one, *other)):
            yield from _iter_differing(
                one.get(name, _MISSING), other.get(name, _MISSING), (*path, name)
            )
    elif isinstance(one, list) and isinstance(other, list):
        for position in range(max(len(one), len(other))):
            yield from _iter_differing(
                one[position] if position < len(one) else _MISSING,
                other[position] if position < len(other) else _MISSING,
                (*path, position),
            )
    elif not _is_same(one, other):
        yield path


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(_without_nan(one) == _without_nan(other))


def _without_nan(leaf: Any) -> Any:
    """Return what JSON has for a leaf: null for NaN and the infinities."""
    return None if isinstance(leaf, float) and not math.isfinite(leaf) else leaf


def _find(value: Any, path: ValuePath) -> Any:
    part = value
    for step in path:
        if isinstance(part, dict):
            part = part.get(step, _MISSING)
        elif isinstance(part, list) and isinstance(step, int) and step < len(part):
            part = part[step]
        else:
            return _MISSING
    return part


def _to_part(found: Any) -> Part:
    if found is _MISSING:
        return Part(is_missing=True)
    if isinstance(found, dict | list | str) and len(encode_strict(found)) > _LARGEST_SHOWN:
        return Part(is_large=True)
    return Part(value=found)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping) for row in value)


def _is_numeric(rows: Sequence[list[Any]], name: str) -> bool:
    cells = [row.get(name) for some in rows for row in some]
    return any(cell is not None for cell in cells) and all(
        cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))
        for cell in cells
    )


def _has_cells(rows: Sequence[list[Any]], name: str) -> bool:
    return any(isinstance(row.get(name), str) for some in rows for row in some)


def _to_number(cell: Any) -> float | None:
    found = _without_nan(cell)
    try:
        return None if found is None else float(found)
    except OverflowError:  # an integer that double precision cannot hold
        return None


def _to_label(cell: Any) -> Any:
    return cell[:100] if isinstance(cell, str) else None
