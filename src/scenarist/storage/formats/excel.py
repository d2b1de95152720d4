"""Excel storage: tables as sheets of a workbook."""

from collections.abc import Callable, Collection, Mapping
from io import BytesIO
from typing import Any, BinaryIO, TypeVar
from zipfile import ZipFile, is_zipfile

import msgspec

from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.domain.selections import Selection
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.files import value_files
from scenarist.storage.formats import workbooks
from scenarist.storage.python.data_frames import is_frame
from scenarist.storage.python.objects import describe_type, python_type, row_of
from scenarist.storage.python.rendition import MAX_ITEMS, render
from scenarist.storage.tables import conversion, dtypes, round_trip
from scenarist.storage.tables.selection import select

T = TypeVar("T")

_DEFAULT_SHEET = "Sheet1"
"""Default name of the only sheet."""

_MAX_TITLE = 31
_MAX_CELLS = 8 * 1024
"""Most cells of a table with a complete rendition; as JSON, more cells take more than 64 KiB."""

_READ_REFUSED = frozenset({"io", "sheet_name", "index_col", "engine", "storage_options", "header"})
_WRITE_REFUSED = frozenset(
    {
        *("excel_writer", "sheet_name", "index", "index_label", "engine", "header"),
        *("storage_options", "engine_kwargs", "merge_cells"),
    }
)
_NOT_IN_TITLES = set("\\*?:/[]")


class ExcelStorage:
    """A sheet of a workbook as a table, or several sheets as an object of tables by their names.

    ``sheet_name`` names the only sheet, or lists the sheets; without it, all are read. A write
    creates a workbook with the sheets of the value, which may be more than those; an append keeps
    the formats and the other sheets of the present workbook.

    Text is never written as a formula, and formulas and macros are never run: for a formula, the
    result that the spreadsheet program saved is read; a formula without a result is refused. Each
    cell keeps its type: text stays text, including ``007`` and ``NA``. A date is read as midnight
    of that day, a decimal as a number, empty text as null, and times are kept to the millisecond.
    Row labels that have a name, or are not integers, become columns. A sheet ends at its last row
    that has a value; a table whose last row holds only nulls is refused.

    ``read_kwargs`` and ``write_kwargs`` are passed to pandas, whose rules for types then apply,
    except that text stays text unless an argument such as ``decimal`` says how to parse it;
    ``dtype`` declares types.
    """

    storage_type = "excel"
    is_safe = True
    is_external = False
    can_append = True

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        _require_modules()
        names = _sheet_names(target.properties)
        sheets = _to_frames(_split_written(value, names))
        if names is not None and not set(names) <= sheets.keys():
            raise InvalidError(
                f"sheet_name declares {_join_names(names)}; the value has {_join_names(sheets)}"
            )
        _check_titles(sheets)
        rendition: tuple[str, bool] = "", False

        def dump() -> bytes:
            nonlocal rendition
            data = _dump(sheets, target.properties)
            rendition = _render_sheets(data, sheets, target.properties)
            return data

        data = _encode(target, dump)
        return value_files.store_bytes(
            data,
            target,
            extension="xlsx",
            python_type=python_type(value),
            rendition=rendition,
        )

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        if location is None:
            return self.write(value, target)
        present = self._read_frames(location)
        added = {
            name: _align_added(rows, name, present)
            for name, rows in _split_sheets(value, tuple(present)).items()
        }
        has_header = _has_header(location.properties)

        workbook = value_files.decode(location, workbooks.load_with_formats)
        data = _encode(target, lambda: workbooks.append_rows(workbook, added, present, has_header))
        loaded = _load(BytesIO(data), location.properties)
        for name, rows in added.items():
            _require_unchanged(rows, loaded[name].iloc[len(present[name]) :], location.properties)
        whole = _unwrap_single_sheet(loaded, location.properties)
        return value_files.store_bytes(
            data, target, extension="xlsx", python_type=python_type(whole), rendition=render(whole)
        )

    def read(self, location: ValueLocation) -> Any:
        frames = self._read_frames(location)
        kinds = _exposed_types(location.properties, tuple(frames))
        shown = {
            name: conversion.to_exposed_type(
                frame, {**location.properties, "exposed_type": kinds[name]}
            )
            for name, frame in frames.items()
        }
        return _unwrap_single_sheet(shown, location.properties)

    def read_json(self, location: ValueLocation, selection: Selection | None) -> str:
        value: Any = _unwrap_single_sheet(self._read_frames(location), location.properties)
        if selection is not None:
            value = select(value, selection)
        if is_frame(value):
            return msgspec.json.encode(conversion.to_plain_records(value)).decode()
        rows = {name: conversion.to_plain_records(frame) for name, frame in value.items()}
        return msgspec.json.encode(rows).decode()

    def from_json(self, data: object) -> object:
        _require_modules()
        if not isinstance(data, dict):
            return conversion.to_frame(data, self.storage_type)
        # An object of empty lists may hold columns or sheets; the properties decide on writing.
        _to_frames(_split_written(data, None))
        return data

    def _read_frames(self, location: ValueLocation) -> dict[str, Any]:
        _require_modules()

        def load(file: BinaryIO) -> dict[str, Any]:
            if not _is_workbook(file):
                raise InvalidError(
                    f"{location.uri or 'the value in the database'} cannot be read as excel: it is"
                    " not an .xlsx workbook; save it as one"
                )
            file.seek(0)
            return _load(file, location.properties)

        frames: dict[str, Any] = value_files.decode(location, load)
        return frames


def _is_workbook(file: BinaryIO) -> bool:
    if not is_zipfile(file):
        return False
    with ZipFile(file) as book:
        return "[Content_Types].xml" in book.namelist()


def _load(file: BinaryIO, properties: Mapping[str, Any]) -> dict[str, Any]:
    names, has_header = _sheet_names(properties), _has_header(properties)
    given = conversion.get_pandas_arguments(properties, "read_kwargs", _READ_REFUSED)
    dtype = properties.get("dtype")
    if given:
        options = {
            "header": 0 if has_header else None,
            "dtype_backend": "numpy_nullable",
            **given,
        }
        frames = workbooks.load_with_pandas(file, names, options, dtype)
    else:
        frames = workbooks.load(file, names, has_header)
    return {name: dtypes.apply_dtypes(frame, dtype) for name, frame in frames.items()}


def _dump(sheets: Mapping[str, Any], properties: Mapping[str, Any]) -> bytes:
    has_header = _has_header(properties)
    given = conversion.get_pandas_arguments(properties, "write_kwargs", _WRITE_REFUSED)
    if given:
        return workbooks.dump_with_pandas(sheets, {"header": has_header, **given})
    return workbooks.dump(sheets, has_header)


def _render_sheets(
    data: bytes, sheets: Mapping[str, Any], properties: Mapping[str, Any]
) -> tuple[str, bool]:
    """Return the rendition of the sheets as they are read back, of their first rows if large."""
    if (names := _sheet_names(properties)) is not None:
        sheets = {name: sheets[name] for name in names}
    is_small = sum(frame.size for frame in sheets.values()) <= _MAX_CELLS
    if is_small or any(properties.get(name) for name in ("read_kwargs", "write_kwargs", "dtype")):
        again = _load(BytesIO(data), properties)
        for name, frame in sheets.items():
            _require_unchanged(frame, again[name], properties)
        return render(_unwrap_single_sheet(again, properties))
    first = {name: _trim_empty_rows(frame.iloc[:MAX_ITEMS]) for name, frame in sheets.items()}
    if not _has_header(properties):
        # A header of numbers keeps columns whose first rows are null.
        first = {
            name: frame.set_axis(range(frame.shape[1]), axis=1) for name, frame in first.items()
        }
    file = BytesIO(workbooks.dump(first, has_header=True))
    return render(_unwrap_single_sheet(workbooks.load(file, None, has_header=True), properties))[
        0
    ], False


def _require_unchanged(frame: Any, again: Any, properties: Mapping[str, Any]) -> None:
    """Check that a table is read back as written, except where the options say otherwise."""
    reads, writes = properties.get("read_kwargs") or {}, properties.get("write_kwargs") or {}
    if not reads and not writes:
        return
    if _has_header(properties) and "names" not in reads:
        round_trip.require_same_names(frame, again)
    if frame.shape != again.shape:
        return
    frame = frame.copy(deep=False)
    for position in range(frame.shape[1]):
        series = frame.iloc[:, position]
        if series.dtype.kind not in "biufmM":
            # Empty text is written as an empty cell.
            frame.isetitem(position, series.where(series.ne(""), None))
    dates = reads.get("parse_dates")
    dtype = reads.get("dtype", properties.get("dtype"))
    declared = {
        *(reads.get("converters") or ()),
        *(dates if isinstance(dates, list | tuple) else ()),
        # Timestamps are native cells, exact to the millisecond.
        *(label for label, kind in again.dtypes.items() if kind.kind == "M"),
        *(label for label in again.columns if dtypes.dtype_of(dtype, label) is not None),
    }
    round_trip.require_same_values(frame, again, writes, declared)


def _trim_empty_rows(frame: Any) -> Any:
    """Return the rows up to the last one that has a value."""
    present = frame.notna().any(axis=1).to_numpy().nonzero()[0]
    return frame.iloc[: present[-1] + 1 if len(present) else 0]


def _encode(target: WriteTarget, dump: Callable[[], bytes]) -> bytes:
    try:
        return value_files.encode(None, target, lambda _: dump())
    except InvalidError as error:
        # The library keeps sheets in temporary files until the workbook is saved.
        if not isinstance(error.__cause__, OSError):
            raise
        raise UnavailableError(error.message) from error


def _require_modules() -> None:
    conversion.require_modules(ExcelStorage.storage_type, "pandas", "openpyxl")


def _has_header(properties: Mapping[str, Any]) -> bool:
    return bool(properties.get("has_header", True))


def _sheet_names(properties: Mapping[str, Any]) -> tuple[str, ...] | None:
    names = properties.get("sheet_name")
    if not names:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def _unwrap_single_sheet(sheets: dict[str, T], properties: Mapping[str, Any]) -> T | dict[str, T]:
    """Return the only sheet if the data node names one, else all sheets by name."""
    name = properties.get("sheet_name")
    return sheets[name] if isinstance(name, str) and name else sheets


def as_read(value: object, properties: Mapping[str, Any]) -> object:
    """Return a value that was written in the form in which it is read: sheets by name, or one."""
    return _unwrap_single_sheet(_split_written(value, _sheet_names(properties)), properties)


def _split_written(value: object, names: tuple[str, ...] | None) -> dict[str, object]:
    """Return the tables to write by sheet name.

    Where no sheet is named, an object is one of tables, even if these have one column only.
    """
    if names is None and isinstance(value, dict) and value and all(map(_is_list, value.values())):
        return {str(name): table for name, table in value.items()}
    return _split_sheets(value, names or (_DEFAULT_SHEET,))


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple) or getattr(value, "ndim", None) == 1 or _is_table(value)


def _split_sheets(value: object, names: tuple[str, ...]) -> dict[str, object]:
    """Return the tables of a value by sheet name; a single table belongs to the only sheet.

    Raises:
        InvalidError: The value is a single table, but there are several sheets.
    """
    if isinstance(value, dict) and value and (len(names) > 1 or _has_sheets(value.values())):
        return {str(name): table for name, table in value.items()}
    if len(names) > 1:
        raise InvalidError(
            f"the sheets are {_join_names(names)}; give an object of tables by sheet name,"
            f" or name one sheet in sheet_name; it was given {describe_type(value)}"
        )
    return {names[0]: value}


def _has_sheets(values: Collection[Any]) -> bool:
    """Whether the entries of an object are tables, not columns."""
    tables = [_is_table(value) for value in values]
    return any(tables) and all(
        is_table or (isinstance(value, list | tuple) and not value)
        for is_table, value in zip(tables, values, strict=True)
    )


def _is_table(value: Any) -> bool:
    if is_frame(value) or isinstance(value, Mapping) or getattr(value, "ndim", None) == 2:
        return True
    if hasattr(value, "__arrow_c_stream__") and hasattr(value, "columns"):
        return True
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and isinstance(row_of(value[0]), Mapping | list)
    )


def _to_frames(sheets: Mapping[str, object]) -> dict[str, Any]:
    return {name: _to_flat_frame(table) for name, table in sheets.items()}


def _to_flat_frame(value: object) -> Any:
    frame = conversion.to_frame(value, ExcelStorage.storage_type)
    return conversion.flatten(frame, ExcelStorage.storage_type)


def _align_added(value: object, name: str, present: Mapping[str, Any]) -> Any:
    if name not in present:
        raise InvalidError(
            f"there is no sheet {name!r} to append to; the sheets are {_join_names(present)}"
        )
    if not len(present[name].columns):
        return _to_flat_frame(value)
    return conversion.align_added_rows(
        _to_flat_frame(value), present[name].columns, ExcelStorage.storage_type
    )


def _check_titles(sheets: Mapping[str, Any]) -> None:
    for title in sheets:
        if not 1 <= len(title) <= _MAX_TITLE or set(title) & _NOT_IN_TITLES:
            raise InvalidError(
                f"{title!r} cannot be the name of a sheet; use 1 to {_MAX_TITLE} characters"
                f" without {' '.join(sorted(_NOT_IN_TITLES))}"
            )
    if len({title.lower() for title in sheets}) < len(sheets):
        raise InvalidError(
            f"two of the sheets {_join_names(sheets)} differ in case only; rename one"
        )


def _exposed_types(properties: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the form of each sheet: ``exposed_type`` has one for all sheets, or one for each."""
    kinds = properties.get("exposed_type")
    if isinstance(kinds, Mapping):
        return {name: kinds.get(name) for name in names}
    if not isinstance(kinds, list | tuple):
        return dict.fromkeys(names, kinds)
    if len(kinds) != len(names):
        raise InvalidError(
            f"exposed_type lists {len(kinds)} types for the {len(names)} sheets "
            f"{_join_names(names)}; give one for each sheet"
        )
    return dict(zip(names, kinds, strict=True))


def _join_names(names: Mapping[str, Any] | tuple[str, ...]) -> str:
    return ", ".join(map(repr, names))
