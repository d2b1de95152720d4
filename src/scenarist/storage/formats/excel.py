"""Excel storage: tables as sheets of a workbook."""

from collections.abc import Callable, Collection, Mapping
from io import BytesIO
from typing import Any, BinaryIO, TypeVar
from zipfile import is_zipfile

import msgspec

from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.domain.selections import Selection
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.files import value_files
from scenarist.storage.formats import workbooks
from scenarist.storage.python.data_frames import is_frame
from scenarist.storage.python.objects import form, python_type, row_of
from scenarist.storage.python.rendition import MOST_ITEMS, render
from scenarist.storage.tables import conversion, dtypes, round_trip
from scenarist.storage.tables.selection import select

T = TypeVar("T")

_ONLY_SHEET = "Sheet1"
"""Default name of the only sheet."""

_MOST_TITLE = 31
_MOST_CELLS = 8 * 1024
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
    creates a workbook with the sheets of the value; an append keeps the formats and the other
    sheets of the present workbook.

    Text is never written as a formula, and formulas and macros are never run: for a formula, the
    result that the spreadsheet program saved is read; a formula without a result is refused. Each
    cell keeps its type: text stays text, including ``007`` and ``NA``. A date is read as midnight
    of that day, a decimal as a number, empty text as null, and times are kept to the millisecond.
    Row labels that have a name, or are not integers, become columns. A sheet ends at its last row
    that has a value; a table whose last row holds only nulls is refused.

    ``read_kwargs`` and ``write_kwargs`` are passed to pandas, whose rules for types then apply;
    ``dtype`` declares types.
    """

    storage_type = "excel"
    is_safe = True
    is_external = False
    can_append = True

    def write(self, value: object, target: Target) -> Written:
        _require()
        names = _names(target.properties)
        sheets = _frames(_sheets(value, names or (_ONLY_SHEET,)))
        if names is not None and sheets.keys() != set(names):
            raise InvalidError(
                f"sheet_name declares {_listed(names)}; the value has {_listed(sheets)}"
            )
        _check_titles(sheets)
        rendition: tuple[str, bool] = "", False

        def dump() -> bytes:
            nonlocal rendition
            data = _dumped(sheets, target.properties)
            rendition = _rendition(data, sheets, target.properties)
            return data

        data = _encode(target, dump)
        return value_files.keep(
            data,
            target,
            extension="xlsx",
            python_type=python_type(value),
            rendition=rendition,
        )

    def append(self, value: object, target: Target, place: Place | None) -> Written:
        if place is None:
            return self.write(value, target)
        present = self._read_frames(place)
        added = {
            name: _added(rows, name, present)
            for name, rows in _sheets(value, tuple(present)).items()
        }
        has_header = _has_header(place.properties)

        workbook = value_files.decode(place, workbooks.open_whole)
        data = _encode(target, lambda: workbooks.extend(workbook, added, present, has_header))
        loaded = _loaded(BytesIO(data), place.properties)
        for name, rows in added.items():
            _require_kept(rows, loaded[name].iloc[len(present[name]) :], place.properties)
        whole = _shaped(loaded, place.properties)
        return value_files.keep(
            data, target, extension="xlsx", python_type=python_type(whole), rendition=render(whole)
        )

    def read(self, place: Place) -> Any:
        frames = self._read_frames(place)
        kinds = _exposed_types(place.properties, tuple(frames))
        shown = {
            name: conversion.expose(frame, {**place.properties, "exposed_type": kinds[name]})
            for name, frame in frames.items()
        }
        return _shaped(shown, place.properties)

    def read_json(self, place: Place, selection: Selection | None) -> str:
        value: Any = _shaped(self._read_frames(place), place.properties)
        if selection is not None:
            value = select(value, selection)
        if is_frame(value):
            return msgspec.json.encode(conversion.plain_records(value)).decode()
        rows = {name: conversion.plain_records(frame) for name, frame in value.items()}
        return msgspec.json.encode(rows).decode()

    def from_json(self, data: object) -> object:
        _require()
        if not isinstance(data, dict):
            return conversion.to_frame(data, self.storage_type)
        # An object of empty lists may hold columns or sheets; the properties decide on writing.
        _frames(_sheets(data, (_ONLY_SHEET,)))
        return data

    def _read_frames(self, place: Place) -> dict[str, Any]:
        _require()

        def load(file: BinaryIO) -> dict[str, Any]:
            if not is_zipfile(file):
                raise InvalidError(
                    f"{place.uri or 'the value in the database'} cannot be read as excel: it is not"
                    " an .xlsx workbook; save it as one"
                )
            file.seek(0)
            return _loaded(file, place.properties)

        frames: dict[str, Any] = value_files.decode(place, load)
        return frames


def _loaded(file: BinaryIO, properties: Mapping[str, Any]) -> dict[str, Any]:
    names, has_header = _names(properties), _has_header(properties)
    given = conversion.checked_kwargs(properties, "read_kwargs", _READ_REFUSED)
    if given:
        options = {
            "header": 0 if has_header else None,
            "keep_default_na": False,
            "na_values": [""],
            "dtype_backend": "numpy_nullable",
            **given,
        }
        frames = workbooks.load_by_pandas(file, names, options)
    else:
        frames = workbooks.load(file, names, has_header)
    dtype = properties.get("dtype")
    return {name: dtypes.declared(frame, dtype) for name, frame in frames.items()}


def _dumped(sheets: Mapping[str, Any], properties: Mapping[str, Any]) -> bytes:
    has_header = _has_header(properties)
    given = conversion.checked_kwargs(properties, "write_kwargs", _WRITE_REFUSED)
    if given:
        return workbooks.dump_by_pandas(sheets, {"header": has_header, **given})
    return workbooks.dump(sheets, has_header)


def _rendition(
    data: bytes, sheets: Mapping[str, Any], properties: Mapping[str, Any]
) -> tuple[str, bool]:
    """Return the rendition of the sheets as they are read back, of their first rows if large."""
    is_small = sum(frame.size for frame in sheets.values()) <= _MOST_CELLS
    if is_small or any(properties.get(name) for name in ("read_kwargs", "write_kwargs", "dtype")):
        again = _loaded(BytesIO(data), properties)
        for name, frame in sheets.items():
            _require_kept(frame, again[name], properties)
        return render(_shaped(again, properties))
    first = {name: _until_a_value(frame.iloc[:MOST_ITEMS]) for name, frame in sheets.items()}
    if not _has_header(properties):
        # A header of numbers keeps columns whose first rows are null.
        first = {
            name: frame.set_axis(range(frame.shape[1]), axis=1) for name, frame in first.items()
        }
    file = BytesIO(workbooks.dump(first, has_header=True))
    return render(_shaped(workbooks.load(file, None, has_header=True), properties))[0], False


def _require_kept(frame: Any, again: Any, properties: Mapping[str, Any]) -> None:
    """Check that a table is read back as written, except where the options say otherwise."""
    reads, writes = properties.get("read_kwargs") or {}, properties.get("write_kwargs") or {}
    if not reads and not writes:
        return
    if _has_header(properties) and "names" not in reads:
        round_trip.require_names(frame, again)
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
    round_trip.require_values(frame, again, writes, declared)


def _until_a_value(frame: Any) -> Any:
    """Return the rows up to the last one that has a value."""
    present = frame.notna().any(axis=1).to_numpy().nonzero()[0]
    return frame.iloc[: present[-1] + 1 if len(present) else 0]


def _encode(target: Target, dump: Callable[[], bytes]) -> bytes:
    try:
        return value_files.encode(None, target, lambda _: dump())
    except InvalidError as error:
        # The library keeps sheets in temporary files until the workbook is saved.
        if not isinstance(error.__cause__, OSError):
            raise
        raise UnavailableError(error.message) from error


def _require() -> None:
    conversion.require(ExcelStorage.storage_type, "pandas", "openpyxl")


def _has_header(properties: Mapping[str, Any]) -> bool:
    return bool(properties.get("has_header", True))


def _names(properties: Mapping[str, Any]) -> tuple[str, ...] | None:
    names = properties.get("sheet_name")
    if not names:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def _shaped(sheets: dict[str, T], properties: Mapping[str, Any]) -> T | dict[str, T]:
    """Return the only sheet if the data node names one, else all sheets by name."""
    name = properties.get("sheet_name")
    return sheets[name] if isinstance(name, str) and name else sheets


def _sheets(value: object, names: tuple[str, ...]) -> dict[str, object]:
    """Return the tables of a value by sheet name; a single table belongs to the only sheet.

    Raises:
        InvalidError: The value is a single table, but there are several sheets.
    """
    if isinstance(value, dict) and value and (len(names) > 1 or _has_sheets(value.values())):
        return {str(name): table for name, table in value.items()}
    if len(names) > 1:
        raise InvalidError(
            f"the sheets are {_listed(names)}; give an object of tables by sheet name,"
            f" or name one sheet in sheet_name; it was given {form(value)}"
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


def _frames(sheets: Mapping[str, object]) -> dict[str, Any]:
    return {name: _flat(table) for name, table in sheets.items()}


def _flat(value: object) -> Any:
    frame = conversion.to_frame(value, ExcelStorage.storage_type)
    return conversion.flat(frame, ExcelStorage.storage_type)


def _added(value: object, name: str, present: Mapping[str, Any]) -> Any:
    if name not in present:
        raise InvalidError(
            f"there is no sheet {name!r} to append to; the sheets are {_listed(present)}"
        )
    if not len(present[name].columns):
        return _flat(value)
    return conversion.added_rows(_flat(value), present[name].columns, ExcelStorage.storage_type)


def _check_titles(sheets: Mapping[str, Any]) -> None:
    for title in sheets:
        if not 1 <= len(title) <= _MOST_TITLE or set(title) & _NOT_IN_TITLES:
            raise InvalidError(
                f"{title!r} cannot be the name of a sheet; use 1 to {_MOST_TITLE} characters"
                f" without {' '.join(sorted(_NOT_IN_TITLES))}"
            )
    if len({title.lower() for title in sheets}) < len(sheets):
        raise InvalidError(f"two of the sheets {_listed(sheets)} differ in case only; rename one")


def _exposed_types(properties: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the form of each sheet: ``exposed_type`` has one for all sheets, or one for each."""
    kinds = properties.get("exposed_type")
    if isinstance(kinds, Mapping):
        return {name: kinds.get(name) for name in names}
    if not isinstance(kinds, list | tuple):
        return dict.fromkeys(names, kinds)
    if len(kinds) != len(names):
        raise InvalidError(
            f"exposed_type lists {len(kinds)} types for the {len(names)} sheets {_listed(names)};"
            " give one for each sheet"
        )
    return dict(zip(names, kinds, strict=True))


def _listed(names: Mapping[str, Any] | tuple[str, ...]) -> str:
    return ", ".join(map(repr, names))
