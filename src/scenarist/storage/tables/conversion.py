"""Conversion of values to tables, and of tables to the forms in which they are read."""

import importlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage import bounds
from scenarist.storage.python.data_frames import (
    normalize_labels,
    row_label_names,
    series_values,
    text_of,
    to_records,
    with_row_labels,
)
from scenarist.storage.python.objects import (
    PLAIN_VALUES,
    describe_error,
    load_class,
    python_type,
    row_of,
)
from scenarist.storage.python.rendition import to_plain_data
from scenarist.storage.tables.selection import select
from scenarist.storage.tables.series import MAX_EXACT_INTEGER, column_of, frame_of_arrow, make_table

if TYPE_CHECKING:
    from pandas import DataFrame

_NAMES_ONLY: dict[str, Any] = {
    "nrows": 0,
    "skipfooter": 0,
    "dtype": None,
    "converters": None,
    "parse_dates": None,
    "na_values": None,
}
"""Arguments with which pandas reads only the names of the columns."""

_PLAIN_TYPES = frozenset({"bool", "int64", "float64", "str"})


def require_modules(storage_type: str, *modules: str, extra: str = "tabular") -> None:
    """Import the modules of an extra.

    Raises:
        InvalidError: A module is not installed; names the extra.
    """
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        raise InvalidError(
            f"storage type '{storage_type}' needs the extra: pip install 'scenarist[{extra}]'"
        ) from error


def to_frame(value: object, storage_type: str) -> "DataFrame":
    """Convert a value to a DataFrame: a pandas, polars or Arrow table, an array, rows or columns.

    A list, tuple or set of plain values becomes one column, ``0``; a set is sorted. None becomes a
    table without columns. Row labels are kept.

    Raises:
        InvalidError: The value is none of these.
    """
    require_modules(storage_type, "pandas")
    import pandas

    if isinstance(value, pandas.DataFrame):
        return value
    if isinstance(value, pandas.Series):
        return value.to_frame()
    value = [] if value is None else value
    if hasattr(value, "__arrow_c_stream__") or hasattr(value, "__dataframe__"):
        return _from_arrow(value)
    if isinstance(value, list | tuple | set | frozenset):
        return _from_rows([row_of(item) for item in _to_list(value)], storage_type)
    table: Any = value
    if isinstance(value, dict) and _is_columns(value):
        bounds.check_table(1, len(value))
        table = {
            label: column_of(column).array if isinstance(column, list | tuple) else column
            for label, column in value.items()
        }
    elif not _is_array(value, (1, 2)):
        raise _make_type_error(value, storage_type)
    return pandas.DataFrame(table)


def flatten(frame: "DataFrame", storage_type: str) -> "DataFrame":
    """Convert a table for storages that have columns only.

    Row labels become columns. Several levels of columns become one, with names joined by ``_``.

    Raises:
        InvalidError: Two columns have the same name as text, or there are no columns.
    """
    flattened: DataFrame = with_row_labels(frame)
    texts = [text_of(label) for label in flattened.columns]
    twice = [text for text, count in Counter(texts).items() if count > 1]
    if twice:
        is_label = flattened is not frame and twice[0] in map(text_of, row_label_names(frame.index))
        raise InvalidError(
            f"two columns have the name {twice[0]!r} as text"
            + (
                ", one of them the row labels; rename them with rename_axis, or leave them out with"
                " reset_index(drop=True)"
                if is_label
                else "; rename one"
            )
        )
    require_columns(flattened, storage_type)
    return flattened if frame.columns.nlevels == 1 else flattened.set_axis(texts, axis=1)


def require_columns(frame: "DataFrame", storage_type: str) -> None:
    """Check that rows have a column; the number of rows without columns would be lost.

    Raises:
        InvalidError: The table has rows but no columns.
    """
    if len(frame) and not len(frame.columns):
        raise InvalidError(
            f"the table has {len(frame)} rows and no columns, which {storage_type} cannot store;"
            " give it a column"
        )


def get_pandas_arguments(
    properties: Mapping[str, Any], setting: str, refused: Collection[str]
) -> dict[str, Any]:
    """Return the pandas arguments that a property declares.

    Raises:
        InvalidError: The property is not an object, or has an argument that the storage sets.
    """
    given = properties.get(setting) or {}
    if not isinstance(given, Mapping):
        raise InvalidError(f"{setting} is {given!r}; give pandas arguments by name")
    for name in given:
        if name in refused:
            raise InvalidError(
                f"{setting} cannot have {name!r}, which the storage sets itself; leave it out,"
                " and use the properties of the data node"
            )
    return dict(given)


def null_arguments(
    read_kwargs: Mapping[str, Any], read_names: Callable[[Mapping[str, Any]], Collection[Any]]
) -> dict[str, Any]:
    """Return the pandas arguments with which empty cells, and only these, are null.

    The ``na_values`` that *read_kwargs* declare are null as well; with ``keep_default_na``, pandas'
    rules apply.

    Args:
        read_names: Reads the names of the columns with pandas, with the given arguments; called if
            ``na_values`` differ from column to column.
    """
    given = read_kwargs.get("na_values")
    if given is None or "keep_default_na" in read_kwargs:
        is_default = read_kwargs.get("keep_default_na", False)
        return {"keep_default_na": is_default, "na_values": [""] if given is None else given}
    if not isinstance(given, Mapping):
        return {"keep_default_na": False, "na_values": [*_to_values(given), ""]}
    values = {name: [*_to_values(value), ""] for name, value in given.items()}
    for position, name in enumerate(read_names(_NAMES_ONLY)):
        if name not in values and position not in values:
            values[name] = [""]
    return {"keep_default_na": False, "na_values": values}


def to_exposed_type(frame: "DataFrame", properties: Mapping[str, Any]) -> Any:
    """Convert a table to the form that the data node's ``exposed_type`` declares.

    Raises:
        InvalidError: The form is unknown, or an object cannot be built from a row.
    """
    exposed_type = properties.get("exposed_type") or "pandas"
    if exposed_type == "pandas":
        return frame
    if exposed_type == "numpy":
        return _to_array(frame)
    if exposed_type in ("polars", "pyarrow"):
        return _to_arrow(frame, exposed_type)
    if not isinstance(exposed_type, str) or ":" not in exposed_type:
        raise InvalidError(
            f"exposed_type is {exposed_type!r}; it can be 'pandas', 'numpy', 'polars', 'pyarrow' or"
            " 'module:Class'"
        )
    kind = load_class(exposed_type, setting="exposed_type")
    rows = to_records(frame.astype(object).where(frame.notna(), None))
    return [
        _make_object(kind, row, number, by_name=properties.get("has_header", True))
        for number, row in enumerate(rows, start=1)
    ]


def to_plain_records(frame: "DataFrame") -> list[dict[str, Any]]:
    """Return all rows of a table as plain JSON data, with row labels as columns."""
    frame = normalize_labels(frame)
    labels = list(frame.columns)
    bounds.check_row_names(len(frame), sum(len(str(label)) + 4 for label in labels))
    if not labels:
        return [{} for _ in range(len(frame))]
    columns = [_to_plain_column(frame.iloc[:, position]) for position in range(len(labels))]
    return [dict(zip(labels, row, strict=True)) for row in zip(*columns, strict=True)]


def to_json_text(frame: "DataFrame", selection: Selection | None) -> str:
    """Return the selected rows of a table as JSON text; all rows without a selection."""
    if selection is not None:
        frame = select(frame, selection)
    return msgspec.json.encode(to_plain_records(frame)).decode()


def align_columns(value: object, columns: Sequence[Any], storage_type: str) -> "DataFrame":
    """Convert a value to rows for a table with these columns; it may omit some of them.

    Columns are matched by their names as text; rows without names that are as wide as the table
    are matched by position.

    Raises:
        InvalidError: The value is not a table, or has a column that the table lacks.
    """
    frame = to_frame(value, storage_type)
    texts = [text_of(label) for label in frame.columns]
    if len(set(texts)) < len(texts):
        raise InvalidError("two columns have the same name; rename one")
    labels = {text_of(column): column for column in columns}
    unknown = [label for label in texts if label not in labels]
    if unknown and texts == [str(number) for number in range(len(columns))]:
        return frame.set_axis(list(columns), axis=1)
    if unknown:
        raise InvalidError(
            f"the table has no column {', '.join(map(repr, unknown))}; its columns are"
            f" {', '.join(map(repr, labels))}"
        )
    return frame.set_axis([labels[label] for label in texts], axis=1)


def align_added_rows(value: object, columns: Sequence[Any], storage_type: str) -> "DataFrame":
    """Return `align_columns` with all columns of the table in its order; missing cells are null.

    Raises:
        InvalidError: As `align_columns`.
    """
    import pandas

    rows = align_columns(value, columns, storage_type)
    series = [
        rows[label]
        if label in rows.columns
        else pandas.Series([None] * len(rows), index=rows.index, dtype=object)
        for label in columns
    ]
    frame = pandas.DataFrame(dict(enumerate(series)), index=rows.index)
    return frame.set_axis(list(columns), axis=1)


def _to_plain_column(series: Any) -> list[Any]:
    values = series_values(series)
    # Numbers and text need no conversion of each value: the encoder writes NaN as null.
    if str(series.dtype) in _PLAIN_TYPES:
        return values
    return [to_plain_data(value) for value in values]


def _make_object(kind: type[Any], row: Mapping[Any, Any], number: int, *, by_name: bool) -> Any:
    try:
        return kind(**row) if by_name else kind(*row.values())
    except MemoryError:
        raise
    # The class is the user's; it may raise anything.
    except Exception as error:
        raise InvalidError(
            f"row {number} cannot be converted to {kind.__qualname__}: {describe_error(error)}"
        ) from error


def _from_arrow(value: Any) -> "DataFrame":
    require_modules("pyarrow", "pyarrow")
    import pyarrow  # type: ignore[import-untyped]

    try:
        if not hasattr(value, "__arrow_c_stream__"):
            interchange = importlib.import_module("pyarrow.interchange")
            return frame_of_arrow(interchange.from_dataframe(value))
        # The conversion of polars gives types that older versions of pyarrow know.
        table = value.to_arrow() if hasattr(value, "to_arrow") else value
        try:
            table = pyarrow.table(table)
        except (TypeError, ValueError):
            # A single column without a name.
            column = pyarrow.chunked_array(table)
            table = pyarrow.table({str(getattr(value, "name", "") or 0): column})
        return frame_of_arrow(table)
    except MemoryError:
        raise
    # The export is code of another library; it may raise anything.
    except Exception as error:
        raise InvalidError(
            f"the {python_type(value)} cannot be converted to a table: {describe_error(error)}"
        ) from error


def _from_rows(rows: list[Any], storage_type: str) -> "DataFrame":
    if all(isinstance(row, Mapping) for row in rows):
        labels = list(dict.fromkeys(label for row in rows for label in row))
        bounds.check_table(len(rows), len(labels))
        bounds.check_density(len(rows) * len(labels), sum(map(len, rows)))
        columns = [column_of([row.get(label) for row in rows]) for label in labels]
        return make_table(columns, labels, len(rows))
    if all(isinstance(row, list) for row in rows):
        width = max(map(len, rows), default=0)
        bounds.check_table(len(rows), width)
        bounds.check_density(len(rows) * width, sum(map(len, rows)))
        rows = [row if len(row) == width else row + [None] * (width - len(row)) for row in rows]
        columns = [column_of(column) for column in zip(*rows, strict=True)]
        return make_table(columns, range(len(columns)), len(rows))
    if all(isinstance(row, PLAIN_VALUES) or hasattr(row, "dtype") for row in rows):
        return make_table([column_of(rows)], [0], len(rows))
    raise _make_type_error(rows, storage_type)


def _to_values(given: object) -> list[Any]:
    return list(given) if isinstance(given, list | tuple | set | frozenset) else [given]


def _to_list(value: Any) -> list[Any]:
    try:
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    except TypeError:
        raise InvalidError(
            "a set is stored sorted, but its values cannot be compared; give a list"
        ) from None


def _to_array(frame: "DataFrame") -> Any:
    """Return a table as an array; a null among numbers becomes NaN if no number is rounded."""
    frame = frame.copy(deep=False)
    for position in range(frame.shape[1]):
        series: Any = frame.iloc[:, position]
        if hasattr(series.dtype, "numpy_dtype") and series.isna().any():
            is_exact = series.dtype.kind in "iuf" and not (series.abs() > MAX_EXACT_INTEGER).any()
            frame.isetitem(
                position,
                series.to_numpy(float, na_value=float("nan"))
                if is_exact
                else series.to_numpy(object, na_value=None),
            )
    return frame.to_numpy()


def _to_arrow(frame: "DataFrame", library: str) -> Any:
    require_modules(library, library, extra="polars" if library == "polars" else "tabular")
    import pyarrow

    try:
        table = pyarrow.Table.from_pandas(normalize_labels(frame), preserve_index=False)
        if library == "pyarrow":
            return table.replace_schema_metadata()
        return importlib.import_module("polars").from_arrow(table)
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InvalidError(
            f"the table cannot be read as {library}: {describe_error(error)}"
        ) from error


def _is_columns(value: Mapping[Any, Any]) -> bool:
    columns = list(value.values())
    return (
        all(_is_column(column) for column in columns)
        and len({len(column) for column in columns}) <= 1
    )


def _is_column(column: object) -> bool:
    return isinstance(column, list | tuple) or _is_array(column, (1,))


def _is_array(value: object, dimensions: tuple[int, ...]) -> bool:
    return hasattr(value, "__array__") and getattr(value, "ndim", None) in dimensions


def _make_type_error(value: object, storage_type: str) -> InvalidError:
    return InvalidError(
        f"storage type '{storage_type}' stores tables: a pandas or polars DataFrame, a list of"
        " objects, of rows (lists) or of plain values, or an object of columns (lists of the same"
        f" length); it was given {_describe_value(value)}"
    )


def _describe_value(value: object) -> str:
    if isinstance(value, Mapping):
        return "an object whose values are not lists of the same length"
    if isinstance(value, list | tuple):
        return "a list whose items are neither all objects, nor all lists, nor all plain values"
    lazy = "; call its collect()" if hasattr(value, "collect") else ""
    return f"a {python_type(value)}{lazy}"
