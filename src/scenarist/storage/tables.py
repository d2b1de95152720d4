"""Tables: what can be written as one, and the forms in which it is read again."""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.storage.frames import records, series_values
from scenarist.storage.objects import fields_of, load_class, reason
from scenarist.storage.rendition import plain_value

if TYPE_CHECKING:
    from pandas import DataFrame

_PLAIN_TYPES = frozenset({"bool", "int64", "float64", "str"})


def require(storage_type: str, *modules: str) -> None:
    """See that modules of the extra are installed.

    Raises:
        InvalidError: One is not installed.
    """
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        raise InvalidError(
            f"storage type '{storage_type}' needs the extra: pip install 'scenarist[tabular]'"
        ) from error


def to_frame(value: object, storage_type: str) -> "DataFrame":
    """Return the table that a value is: a DataFrame, Series, array, rows, columns or objects.

    Raises:
        InvalidError: It is none of these.
    """
    require(storage_type, "pandas")
    import pandas

    if isinstance(value, pandas.DataFrame):
        return value
    if isinstance(value, pandas.Series):
        return value.to_frame()
    if isinstance(value, list | tuple):
        value = [_row(item) for item in value]
    if not (_is_array(value, (1, 2)) or _is_table(value)):
        raise InvalidError(
            f"storage type '{storage_type}' keeps tables: a list of objects, a list of rows"
            " (lists), or an object of columns (lists of one length);"
            f" it was given {_form(value)}"
        )
    table: Any = value
    return pandas.DataFrame(table)


def expose(frame: "DataFrame", properties: Mapping[str, Any]) -> Any:
    """Return a table in the form that the data node's ``exposed_type`` asks for.

    Raises:
        InvalidError: There is no such form, or a row does not make an object of the class.
    """
    exposed_type = properties.get("exposed_type") or "pandas"
    if exposed_type == "pandas":
        return frame
    if exposed_type == "numpy":
        return frame.to_numpy()
    if not isinstance(exposed_type, str) or ":" not in exposed_type:
        raise InvalidError(
            f"exposed_type is {exposed_type!r}; it can be 'pandas', 'numpy' or 'module:Class'"
        )
    kind = load_class(exposed_type, setting="exposed_type")
    rows = records(frame.astype(object).where(frame.notna(), None))
    return [
        _object(kind, row, number, by_name=properties.get("has_header", True))
        for number, row in enumerate(rows, start=1)
    ]


def plain_records(frame: "DataFrame") -> list[dict[str, Any]]:
    """Return all rows of a table as plain JSON data."""
    labels = [str(label) for label in frame.columns]
    if not labels:
        return [{} for _ in range(len(frame))]
    columns = [_plain_column(frame.iloc[:, position]) for position in range(len(labels))]
    return [dict(zip(labels, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain_column(series: Any) -> list[Any]:
    values = series_values(series)
    # Numbers and text need no look at each value: their NaN is null in JSON by itself.
    if str(series.dtype) in _PLAIN_TYPES:
        return values
    return [plain_value(value) for value in values]


def _object(kind: type[Any], row: Mapping[Any, Any], number: int, *, by_name: bool) -> Any:
    try:
        return kind(**row) if by_name else kind(*row.values())
    # The class is the user's; it may raise anything.
    except Exception as error:
        raise InvalidError(
            f"row {number} does not make a {kind.__qualname__}: {reason(error)}"
        ) from error


def _row(item: object) -> object:
    if isinstance(item, dict | list):
        return item
    if isinstance(item, tuple):
        return item._asdict() if hasattr(item, "_asdict") else list(item)
    fields = fields_of(item)
    if fields is not None:
        return fields
    return getattr(item, "__dict__", None) or item


def _is_table(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(row, dict) for row in value) or all(
            isinstance(row, list) for row in value
        )
    if isinstance(value, dict):
        columns = list(value.values())
        return (
            all(_is_column(column) for column in columns)
            and len({len(column) for column in columns}) <= 1
        )
    return False


def _is_column(column: object) -> bool:
    return isinstance(column, list | tuple) or _is_array(column, (1,))


def _is_array(value: object, dimensions: tuple[int, ...]) -> bool:
    return hasattr(value, "__array__") and getattr(value, "ndim", None) in dimensions


def _form(value: object) -> str:
    if isinstance(value, Mapping):
        return "an object whose values are not lists of one length"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "a list whose items are neither all objects nor all lists"
    return "null" if value is None else f"a {type(value).__name__}"
