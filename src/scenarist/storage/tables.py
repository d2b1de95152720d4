"""Tables: what can be written as one, and the forms in which it is read again."""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage.frames import records, series_values
from scenarist.storage.objects import form, load_class, reason, row_of
from scenarist.storage.rendition import plain_value
from scenarist.storage.selection import select

if TYPE_CHECKING:
    from pandas import DataFrame

_PLAIN_TYPES = frozenset({"bool", "int64", "float64", "str"})


def require(storage_type: str, *modules: str, extra: str = "tabular") -> None:
    """See that modules of an extra are installed.

    Raises:
        InvalidError: One is not installed.
    """
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        raise InvalidError(
            f"storage type '{storage_type}' needs the extra: pip install 'scenarist[{extra}]'"
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
        value = [row_of(item) for item in value]
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


def json_text(frame: "DataFrame", selection: Selection | None) -> str:
    """Return the rows of a table that were selected, as JSON text; all without a selection."""
    if selection is not None:
        frame = select(frame, selection)
    return msgspec.json.encode(plain_records(frame)).decode()


def named_rows(value: object, columns: Sequence[Any], storage_type: str) -> "DataFrame":
    """Return a value as rows for the table that has these columns, which may leave some out.

    Columns go by their names as text; rows without names, as wide as the table, by position.

    Raises:
        InvalidError: The value is no table, or has a column that the table lacks.
    """
    frame = to_frame(value, storage_type)
    if not frame.columns.is_unique:
        raise InvalidError("two columns have the same name; rename one")
    labels = {str(column): column for column in columns}
    given = [str(label) for label in frame.columns]
    unknown = [label for label in given if label not in labels]
    if unknown and given == [str(number) for number in range(len(columns))]:
        return frame.set_axis(list(columns), axis=1)
    if unknown:
        raise InvalidError(
            f"the table has no column {', '.join(map(repr, unknown))}; its columns are"
            f" {', '.join(map(repr, labels))}"
        )
    return frame.set_axis([labels[label] for label in given], axis=1)


def added_rows(value: object, columns: Sequence[Any], storage_type: str) -> "DataFrame":
    """Return `named_rows` with all columns of the table in its order; missing cells are null.

    Raises:
        InvalidError: As there.
    """
    return named_rows(value, columns, storage_type).reindex(columns=list(columns))


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
    return form(value)
