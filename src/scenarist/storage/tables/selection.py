"""Selection of rows and columns of a table or a list of objects."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import reduce
from typing import Any

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.domain.vocabulary import JoinOperator
from scenarist.storage.python.data_frames import is_frame, is_labelled_series, normalize_labels
from scenarist.storage.python.objects import row_of
from scenarist.storage.tables import comparison


def select(value: Any, selection: Selection) -> Any:
    """Return the selected part of a DataFrame or a list of objects.

    Rows keep their order, and duplicates are kept.

    Raises:
        InvalidError: The value is neither, a column does not exist, or a condition compares a
            column with a value of another kind.
    """
    if selection == Selection():
        return value
    if is_labelled_series(value):
        value = value.to_frame()
    if is_frame(value):
        return _select_from_frame(normalize_labels(value), selection)
    if isinstance(value, list | tuple):
        return _select_from_list(value, selection)
    raise _make_type_error(f"the value is a {type(value).__name__}")


def select_from_json(data: Any, selection: Selection) -> Any:
    """Return the selected part of a value, given only its JSON form.

    None if the JSON form is ambiguous: a text may be a date or a decimal, a null an infinity, and
    an empty list does not show the columns.

    Raises:
        InvalidError: As `select`.
    """
    names = {one.key for one in selection.conditions}
    if isinstance(data, list) and (names or selection.columns):
        cells = [row.get(name) for name in names for row in data if isinstance(row, dict)]
        if not data or not all(isinstance(cell, bool | int | float) for cell in cells):
            return None
    return select(data, selection)


def _select_from_frame(frame: Any, selection: Selection) -> Any:
    labels = list(frame.columns)
    if not labels:
        return frame.iloc[: selection.limit]

    # Of columns with the same name, use the first.
    positions_of: dict[Any, int] = {}
    for number, label in enumerate(labels):
        positions_of.setdefault(label, number)

    def position(key: str) -> int:
        return positions_of[_require_column(key, positions_of)]

    # Check all names, even if no row is left.
    positions = None
    if selection.columns is not None:
        positions = [position(key) for key in selection.columns]
    if selection.conditions:
        masks = [
            comparison.mask_of_series(frame.iloc[:, position(one.key)], one)
            for one in selection.conditions
        ]
        joined = reduce(
            (lambda a, b: a | b) if selection.join == JoinOperator.OR else (lambda a, b: a & b),
            masks,
        )
        frame = frame[joined]
    if positions is not None:
        frame = frame.iloc[:, positions]
    return frame.iloc[: selection.limit]


def _select_from_list(items: list[Any] | tuple[Any, ...], selection: Selection) -> list[Any]:
    if not selection.conditions and selection.columns is None:
        return list(items[: selection.limit])
    rows = [_to_row(item, number) for number, item in enumerate(items, start=1)]
    if not rows:
        return []
    keys = dict.fromkeys(key for row in rows for key in row)
    for key in selection.columns or ():
        _require_column(key, keys)
    kept = [number for number, keep in enumerate(_join_masks(rows, keys, selection)) if keep]
    kept = kept[: selection.limit]
    if selection.columns is None:
        return [items[number] for number in kept]
    return [{key: rows[number].get(key) for key in selection.columns} for number in kept]


def _join_masks(
    rows: list[dict[str, Any]], keys: Collection[str], selection: Selection
) -> Iterable[bool]:
    join: Callable[[Iterable[bool]], bool] = any if selection.join == JoinOperator.OR else all
    if not selection.conditions:
        return [True] * len(rows)
    # Inspect the cells of a column only once for all conditions.
    columns: dict[str, comparison.ColumnCells] = {}
    masks = []
    for condition in selection.conditions:
        key = _require_column(condition.key, keys)
        if key not in columns:
            columns[key] = comparison.ColumnCells([row.get(key) for row in rows])
        masks.append(columns[key].compute_mask(condition))
    return map(join, zip(*masks, strict=True))


def _to_row(item: object, number: int) -> dict[str, Any]:
    row = row_of(item)
    if not isinstance(row, Mapping):
        raise _make_type_error(f"item {number} of the list is a {type(item).__name__}")
    return {str(key): value for key, value in row.items()}


def _require_column(key: str, keys: Collection[str]) -> str:
    if key not in keys:
        raise InvalidError(
            f"there is no column {key!r}; the columns are {', '.join(map(repr, keys))}"
        )
    return key


def _make_type_error(found: str) -> InvalidError:
    return InvalidError(f"only tables and lists of objects can be filtered; {found}")
