"""Parquet storage: tables as Parquet files."""

import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError, ScenaristError, UnavailableError
from scenarist.domain.machine_faults import is_machine_fault
from scenarist.domain.selections import Selection
from scenarist.storage import bounds
from scenarist.storage.base import INLINE_LIMIT, ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.files import value_files
from scenarist.storage.formats.parquet_errors import (
    make_column_error,
    make_names_error,
    require_exact_labels,
    require_one_form,
)
from scenarist.storage.python.data_frames import has_row_labels, series_values, with_row_labels
from scenarist.storage.python.objects import describe_error, python_type
from scenarist.storage.python.rendition import MAX_ITEMS, render
from scenarist.storage.tables import conversion
from scenarist.storage.tables.comparison import DATES, TEXT, kind_of_dtype, kinds_of
from scenarist.storage.tables.retyping import require_iso_timestamp
from scenarist.storage.tables.series import MAX_EXACT_INTEGER, has_pandas_3

if TYPE_CHECKING:
    from pandas import DataFrame

_READ_REFUSED = frozenset({"path", "engine", "filesystem", "storage_options"})
_WRITE_REFUSED = frozenset({"path", "engine", "partition_cols", "storage_options", "filesystem"})
_PANDAS_ARGUMENTS = frozenset({"engine", "dtype_backend", "use_nullable_dtypes"})
"""Arguments of ``read_parquet`` that pandas does not pass on to pyarrow."""

_EXACT_INTEGERS = {"integer_object_nulls": True}
"""Keeps integers exact next to nulls within lists and objects."""


class ParquetStorage:
    """A table with its types, row labels and levels of columns.

    A folder at the path of a data node is read as one table, with its partitions as columns; it
    cannot be written. Integers and booleans are nullable if there is a null. A list is read back
    as an array. A value that Parquet would change silently is refused.

    ``read_kwargs`` and ``write_kwargs`` are passed to pandas, and take precedence over ``engine``
    and ``compression``.
    """

    storage_type = "parquet"
    is_safe = True
    is_external = False
    can_append = True

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        engine = target.properties.get("engine") or "pyarrow"
        conversion.require_modules(self.storage_type, "pandas", engine)
        frame = _prepare_frame(conversion.to_frame(value, self.storage_type))
        compression = target.properties.get("compression") or "snappy"
        options = {
            "engine": engine,
            "compression": None if compression == "none" else compression,
            **conversion.get_pandas_arguments(target.properties, "write_kwargs", _WRITE_REFUSED),
        }

        rendition: tuple[str, bool] = "", False

        def dump(frame: Any) -> bytes:
            nonlocal rendition
            # A table that cannot be read back is not written.
            try:
                data, rendition = _dump(frame, options, target.properties)
            except (ScenaristError, MemoryError):
                raise
            except Exception as error:
                if is_machine_fault(error):
                    raise
                raise make_column_error(
                    frame, lambda part: _encode(part, options), error
                ) from error
            return data

        data = value_files.encode(frame, target, dump)
        return value_files.store_bytes(
            data,
            target,
            extension="parquet",
            python_type=python_type(value),
            rendition=rendition,
        )

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        if location is None:
            return self.write(value, target)
        # The whole table, even if ``read_kwargs`` select a part of it.
        whole = {**location.properties, "read_kwargs": None}
        present = self._read_frame(replace(location, properties=whole))
        if not len(present.columns):
            return self.write(value, target)
        return self.write(_append_rows(present, value), target)

    def read(self, location: ValueLocation) -> Any:
        return conversion.to_exposed_type(
            self._read_frame(location), {**location.properties, "has_header": True}
        )

    def read_json(self, location: ValueLocation, selection: Selection | None) -> str:
        return conversion.to_json_text(self._read_frame(location), selection)

    def from_json(self, data: object) -> object:
        return conversion.to_frame(data, self.storage_type)

    def _read_frame(self, location: ValueLocation) -> Any:
        if location.content is None and location.uri is not None and os.path.isdir(location.uri):
            return _read_folder(location.uri, location.properties)
        # From bytes, not by path: a path such as year=2026/a.parquet would add a column.
        return value_files.decode(location, lambda file: _decode_frame(file.read(), location))


def _decode_frame(data: bytes, location: ValueLocation) -> "DataFrame":
    import pyarrow  # type: ignore[import-untyped]

    try:
        return _read_bytes(data, location.properties)
    except (pyarrow.ArrowInvalid, OSError) as error:
        if is_machine_fault(error):
            raise
        raise InvalidError(
            f"{location.uri or 'the value in the database'} cannot be read as parquet: it is not a"
            f" Parquet file, or is incomplete; write it again ({describe_error(error)})"
        ) from error


def _read_bytes(data: bytes, properties: Mapping[str, Any]) -> "DataFrame":
    import pyarrow.parquet  # type: ignore[import-untyped]

    options = _read_options(properties)
    bounds.check_parquet(data)
    # The schema, to read again exactly the columns that pandas would change.
    schema = pyarrow.parquet.read_schema(BytesIO(data))
    return _read_with_pandas(lambda: BytesIO(data), schema, options)


def _read_folder(path: str, properties: Mapping[str, Any]) -> "DataFrame":
    """Return the table in the files below a folder, with its partitions as columns.

    Raises:
        InvalidError: There is no Parquet file, or two files have different columns.
    """
    import pyarrow
    import pyarrow.dataset  # type: ignore[import-untyped]

    options = _read_options(properties)
    # The number and size of the files are not known beforehand.
    bounds.check_file(None)
    try:
        found = pyarrow.dataset.dataset(path, format="parquet", partitioning="hive")
        parts = list(found.get_fragments())
        for part in parts:
            names, first = set(part.physical_schema.names), set(parts[0].physical_schema.names)
            if names != first:
                raise InvalidError(
                    f"{part.path} has the columns {', '.join(map(repr, sorted(names)))}, but"
                    f" {parts[0].path} has {', '.join(map(repr, sorted(first)))}; the files of a"
                    " folder need the same columns"
                )
        if not parts:
            raise InvalidError(f"there is no Parquet file below {path}; put one there")
        return _read_with_pandas(lambda: path, found.schema, options)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        fault = UnavailableError if is_machine_fault(error) else InvalidError
        raise fault(f"{path} cannot be read as parquet: {describe_error(error)}") from error


def _read_options(properties: Mapping[str, Any]) -> dict[str, Any]:
    engine = properties.get("engine") or "pyarrow"
    conversion.require_modules(ParquetStorage.storage_type, "pandas", "pyarrow", engine)
    return {
        "engine": engine,
        **conversion.get_pandas_arguments(properties, "read_kwargs", _READ_REFUSED),
    }


def _read_with_pandas(
    source: Callable[[], Any], schema: Any, options: Mapping[str, Any]
) -> "DataFrame":
    """Read a table with pandas; integers and booleans stay exact in columns with nulls."""
    import pandas
    import pyarrow

    nested = [field.name for field in schema if pyarrow.types.is_nested(field.type)]
    is_lossy = bool(nested) and options["engine"] == "pyarrow"
    if is_lossy and has_pandas_3():
        given = options.get("to_pandas_kwargs") or {}
        options = {**options, "to_pandas_kwargs": {**_EXACT_INTEGERS, **given}}
    frame = pandas.read_parquet(source(), **options)
    if is_lossy and not has_pandas_3():
        _read_nested_again(frame, nested, source, options)
    rounded = [
        position
        for position, label in enumerate(frame.columns)
        if "dtype_backend" not in options and _is_rounded(frame.iloc[:, position], label, schema)
    ]
    if rounded:
        exact = pandas.read_parquet(source(), **{**options, "dtype_backend": "numpy_nullable"})
        for position in rounded:
            frame.isetitem(position, exact.iloc[:, position].array)
    return frame


def _read_nested_again(
    frame: "DataFrame",
    names: Collection[str],
    source: Callable[[], Any],
    options: Mapping[str, Any],
) -> None:
    """Replace the columns of lists and objects, for which pandas 2 cannot be told to be exact."""
    import pyarrow.parquet

    given = {name: value for name, value in options.items() if name not in _PANDAS_ARGUMENTS}
    table = pyarrow.parquet.read_table(source(), **given)
    for position, label in enumerate(frame.columns):
        if (name := str(label)) in names:
            frame.isetitem(position, table[name].to_pandas(**_EXACT_INTEGERS).array)


def _is_rounded(series: Any, label: object, schema: Any) -> bool:
    """Whether pandas has converted integers or booleans with a null to another type."""
    import pyarrow

    if series.dtype.kind not in "fO" or not isinstance(label, str) or label not in schema.names:
        return False
    kind = schema.field(label).type
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pyarrow.types.is_integer(kind) or pyarrow.types.is_boolean(kind))


def _dump(
    frame: "DataFrame", options: Mapping[str, Any], properties: Mapping[str, Any]
) -> tuple[bytes, tuple[str, bool]]:
    """Return a table as Parquet, and the rendition of the table as it is read back.

    The rendition of a large table has its first rows. They are sliced from the Arrow table and
    written on their own, so that they have the types of the whole table.
    """
    if options["engine"] != "pyarrow":
        data = _encode(frame, options)
        return data, render(_read_bytes(data, properties))
    table, given = _to_arrow(frame, options)
    data = _write_table(table, given)
    if len(data) <= INLINE_LIMIT or properties.get("read_kwargs"):
        return data, render(_read_bytes(data, properties))
    first = _write_table(table.slice(0, MAX_ITEMS), given)
    return data, (render(_read_bytes(first, properties))[0], False)


def _encode(frame: "DataFrame", options: Mapping[str, Any]) -> bytes:
    if options["engine"] == "pyarrow":
        return _write_table(*_to_arrow(frame, options))
    data: bytes = frame.to_parquet(path=None, **options)
    return data


def _to_arrow(frame: "DataFrame", options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the Arrow table that pandas would write, and the arguments for writing it."""
    import pyarrow

    given = {name: value for name, value in options.items() if name != "engine"}
    table = pyarrow.Table.from_pandas(
        frame, schema=given.pop("schema", None), preserve_index=given.pop("index", None)
    )
    if frame.attrs:
        # Under the key where pandas looks for them.
        metadata = {**table.schema.metadata, "PANDAS_ATTRS": json.dumps(frame.attrs)}
        table = table.replace_schema_metadata(metadata)
    return table, given


def _write_table(table: Any, options: Mapping[str, Any]) -> bytes:
    import pyarrow.parquet

    file = BytesIO()
    pyarrow.parquet.write_table(table, file, **options)
    return file.getvalue()


def _prepare_frame(frame: "DataFrame") -> "DataFrame":
    """Return a table with column names that Parquet preserves: all strings, or all integers.

    Raises:
        InvalidError: The table holds values that Parquet would change silently.
    """
    if not has_row_labels(frame.index):
        conversion.require_columns(frame, ParquetStorage.storage_type)
    frame = _normalize_names(frame)
    require_exact_labels(frame.index)
    labels = frame.columns.tolist()
    for position in range(frame.shape[1]):
        series = frame.iloc[:, position]
        if series.dtype.kind == "S":
            # Arrow would end each of numpy's byte strings at its first zero byte.
            series = series.astype(object)
            frame = frame.copy(deep=False)
            frame.isetitem(position, series.array)
        if series.dtype == object:
            require_one_form(series, labels[position])
    return frame


def _normalize_names(frame: "DataFrame") -> "DataFrame":
    if frame.columns.nlevels > 1:
        # pandas 2 would read a missing name as the text nan.
        if frame.columns.to_frame().isna().any(axis=None):
            raise make_names_error(frame)
        return frame
    texts = [str(label) for label in frame.columns]
    names = {str(name) for name in frame.index.names if name is not None}
    for text, count in Counter(texts).items():
        if count > 1 or text in names:
            raise InvalidError(
                f"two columns have the name {text!r} as text"
                f"{', one of them the row labels' if text in names else ''}; rename one"
            )
    if frame.columns.dtype.kind == "u":
        frame = frame.set_axis(frame.columns.astype("int64"), axis=1)
    elif frame.columns.dtype.kind != "i" and texts != list(frame.columns):
        frame = frame.set_axis(texts, axis=1)
    return frame


def _append_rows(present: Any, value: object) -> Any:
    """Return a table with rows appended; its columns keep their types."""
    import pandas

    rows = conversion.to_frame(value, ParquetStorage.storage_type)
    if not has_row_labels(present.index):
        rows = with_row_labels(rows)
    added = conversion.align_added_rows(rows, list(present.columns), ParquetStorage.storage_type)
    has_index = not isinstance(present.index, pandas.RangeIndex)
    if has_index and added.index.names != present.index.names:
        names = ", ".join(map(repr, present.index.names))
        raise InvalidError(f"the table has the index {names}; append a DataFrame with this index")
    columns = {
        label: _convert_to_dtype(added[label], present[label].dtype) for label in present.columns
    }
    added = pandas.DataFrame(columns, index=added.index)
    return pandas.concat([present, added], ignore_index=not has_index)


def _require_iso_texts(cells: list[Any]) -> None:
    for cell in cells:
        if isinstance(cell, str):
            require_iso_timestamp(cell)


def _convert_to_dtype(added: Any, dtype: Any) -> Any:
    """Convert cells to append to the type of a column, or its nullable form if there are nulls."""
    kind = kind_of_dtype(dtype)
    if kind is None and not added.isna().all():
        return added
    cells = series_values(added)
    others = kinds_of(cells) - {kind}
    if others - ({TEXT} if kind == DATES else set()):
        raise InvalidError(
            f"column {added.name!r} holds {kind}; {' and '.join(sorted(others))} cannot be"
            " appended to it"
        )
    if dtype.kind == "f" and any(
        isinstance(one, int) and abs(one) > MAX_EXACT_INTEGER for one in cells
    ):
        raise InvalidError(
            f"column {added.name!r} is of type {dtype}, which does not hold all digits of the"
            " appended values; write the whole table"
        )
    try:
        if dtype.kind not in "biu":
            if kind == DATES:
                _require_iso_texts(cells)
            return added.astype(dtype)
        # Through nullable types, which also refuse fractions among integers.
        bits = 8 * dtype.itemsize
        added = added.astype({"b": "boolean", "i": f"Int{bits}", "u": f"UInt{bits}"}[dtype.kind])
        return added if added.isna().any() else added.astype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidError(
            f"column {added.name!r} is of type {dtype}; the appended values do not fit:"
            f" {describe_error(error)}"
        ) from error
