"""CSV storage: tables as comma-separated text."""

from codecs import BOM_UTF8, lookup
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage import bounds
from scenarist.storage.base import INLINE_LIMIT, ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.files import value_files
from scenarist.storage.formats import csv_reading, csv_writing
from scenarist.storage.python.data_frames import text_of, unique_texts
from scenarist.storage.python.objects import python_type
from scenarist.storage.python.rendition import MAX_ITEMS, render
from scenarist.storage.tables import conversion, dtypes, round_trip
from scenarist.storage.tables.series import TEXT, drop_needless_nullables, has_pandas_3

if TYPE_CHECKING:
    from pandas import DataFrame

_READ_REFUSED = frozenset(
    {
        *("filepath_or_buffer", "index_col", "iterator", "chunksize", "encoding", "compression"),
        *("storage_options", "memory_map", "encoding_errors", "sep", "delimiter", "header"),
    }
)
_WRITE_REFUSED = frozenset(
    {
        *("path_or_buf", "index", "index_label", "mode", "encoding", "compression", "errors"),
        *("storage_options", "sep", "header", "lineterminator"),
    }
)
_PARTIAL_ARGUMENTS = frozenset({"nrows", "skiprows", "skipfooter", "usecols", "columns"})
"""Arguments with which only a part of the table is read or written."""

_TYPE_ARGUMENTS = frozenset(
    {
        *("dtype", "converters", "parse_dates", "date_format", "dayfirst", "cache_dates"),
        *("decimal", "thousands", "true_values", "false_values", "dtype_backend"),
    }
)
"""Arguments of ``read_csv`` that control how texts are converted to other types."""


class CsvStorage:
    """A table as text; all cells of a column are read as the same type.

    A column is read as integers, numbers or booleans only if each of its cells is written as one;
    ``01067`` and ``NA`` are text. Text that could be read as numbers is quoted, and a column whose
    cells are all quoted is text. An empty cell is null, ``""`` is empty text. Dates, times and
    durations are written as pandas writes them, and read as text. Row labels that have a name, or
    are not integers, become columns.

    ``read_kwargs`` and ``write_kwargs`` are passed to pandas, whose rules for types then apply;
    ``dtype`` declares types. Without either, objects of a class are made of the texts of the cells,
    as Python's csv module does. A write is refused if the table could not be read back.
    """

    storage_type = "csv"
    is_safe = True
    is_external = False
    can_append = True

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        frame = _to_flat_frame(value)
        sheet = _Dialect(target.properties)
        rendition: tuple[str, bool] = "", False

        def dump(frame: "DataFrame") -> bytes:
            nonlocal rendition
            data, rendition = sheet.dump(frame)
            return data

        return value_files.store_bytes(
            value_files.encode(frame, target, dump),
            target,
            extension="csv",
            python_type=python_type(value),
            rendition=rendition,
        )

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        if location is None:
            return self.write(value, target)
        sheet = _Dialect(location.properties)
        present_data: bytes = value_files.decode(location, lambda file: file.read())
        present = value_files.decode(location, lambda _: sheet.parse(present_data))
        if not len(present.columns):
            return self.write(value, target)
        rows = conversion.align_added_rows(
            _to_flat_frame(value), list(present.columns), self.storage_type
        )
        whole: Any = None

        def dump(rows: "DataFrame") -> bytes:
            nonlocal whole
            data = sheet.append_rows(present_data, present, rows)
            whole = sheet.parse(data)
            return data

        data = value_files.encode(rows, target, dump)
        return value_files.store_bytes(
            data,
            target,
            extension="csv",
            python_type=python_type(whole),
            rendition=render(whole),
        )

    def read(self, location: ValueLocation) -> Any:
        frame = self._read_frame(location, is_text=_is_read_as_text(location.properties))
        return conversion.to_exposed_type(frame, location.properties)

    def read_json(self, location: ValueLocation, selection: Selection | None) -> str:
        return conversion.to_json_text(self._read_frame(location), selection)

    def from_json(self, data: object) -> object:
        frame = conversion.to_frame(data, self.storage_type)
        for label, column in frame.items():
            if column.map(type).isin([dict, list]).any():
                raise InvalidError(
                    f"column {label!r} holds objects or lists; a cell of a csv table is text,"
                    " a number, true, false or null"
                )
        return frame

    def _read_frame(self, location: ValueLocation, *, is_text: bool = False) -> "DataFrame":
        conversion.require_modules(self.storage_type, "pandas", "pyarrow")
        sheet = _Dialect(location.properties)
        parse = sheet.parse_as_text if is_text else sheet.parse
        frame: DataFrame = value_files.decode(location, lambda file: parse(file.read()))
        return frame


class _Dialect:
    """CSV dialect: reads and writes text as the properties of a data node specify."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self.separator = csv_reading.check_separator(properties.get("separator") or ",")
        self.encoding = properties.get("encoding") or "utf-8"
        self._is_utf8 = _is_utf8(self.encoding)
        self.has_header = bool(properties.get("has_header", True))
        self.dtype = properties.get("dtype")
        self.read_kwargs = conversion.get_pandas_arguments(properties, "read_kwargs", _READ_REFUSED)
        self.write_kwargs = conversion.get_pandas_arguments(
            properties, "write_kwargs", _WRITE_REFUSED
        )

    def parse(self, data: bytes) -> "DataFrame":
        text = self._to_utf8(data)
        bounds.check_csv(text, self.separator, is_free=bool(self.read_kwargs))
        if self.read_kwargs:
            return self._parse_with_pandas(text)
        as_text: Sequence[Any] | None = ()
        if isinstance(self.dtype, Mapping):
            as_text = [
                str(name) for name, kind in self.dtype.items() if dtypes.is_read_from_text(kind)
            ]
        elif self.dtype is not None and dtypes.is_read_from_text(self.dtype):
            as_text = None
        frame = csv_reading.parse(text, self.separator, has_header=self.has_header, as_text=as_text)
        return dtypes.apply_dtypes(frame, self.dtype)

    def parse_as_text(self, data: bytes) -> "DataFrame":
        """Return the table with the text of each cell; an empty cell is empty text."""
        text = self._to_utf8(data)
        bounds.check_csv(text, self.separator, is_free=False)
        frame = csv_reading.parse(text, self.separator, has_header=self.has_header, as_text=None)
        return frame.astype(object).where(frame.notna(), "")

    def dump(self, frame: "DataFrame") -> tuple[bytes, tuple[str, bool]]:
        """Return a table as bytes, with the rendition of the table read back from them."""
        kinds = csv_writing.kinds_of_columns(frame)
        text = self._to_text(frame, kinds, has_header=self.has_header)
        data = text.encode(self.encoding)
        plain = data if self._is_utf8 else text.encode()
        is_plain = self.dtype is None and not self.read_kwargs and not self.write_kwargs
        if is_plain and len(data) > INLINE_LIMIT:
            head = csv_reading.take_head(plain, self.separator, MAX_ITEMS + self.has_header)
            names = unique_texts(frame.columns if self.has_header else range(frame.shape[1]))
            texts = [name for name, kind in zip(names, kinds, strict=True) if kind == TEXT]
            first = csv_reading.parse(
                head, self.separator, has_header=self.has_header, as_text=texts
            )
            return data, (render(first)[0], False)
        again = self.parse(data)
        self._require_unchanged(frame, kinds, again)
        return data, render(again)

    def append_rows(self, present_data: bytes, present: "DataFrame", rows: "DataFrame") -> bytes:
        """Return the present text with rows appended; the present text is unchanged.

        Raises:
            InvalidError: A column would get cells of a different kind.
        """
        before, added = csv_writing.kinds_of_columns(present), csv_writing.kinds_of_columns(rows)
        for label, old, new in zip(present.columns, before, added, strict=True):
            if old is not None and new is not None and old != new:
                raise InvalidError(f"column {label!r} holds {old}; {new} cannot be appended to it")
        text = present_data.decode(self.encoding)
        if text and not text.endswith(("\n", "\r")):
            text += "\n"
        data = (text + self._to_text(rows, added, has_header=False)).encode(self.encoding)
        whole = self.parse(data)
        if len(whole) != len(present) + len(rows):
            raise InvalidError("the rows would not be read back unchanged; write the whole table")
        kinds = [new if old is None else old for old, new in zip(before, added, strict=True)]
        _require_kinds(kinds, whole)
        self._require_values(rows, whole.iloc[len(present) :])
        return data

    def _to_text(self, frame: "DataFrame", kinds: Sequence[str | None], *, has_header: bool) -> str:
        if not len(frame.columns):
            return "\n"
        names = [text_of(label) for label in frame.columns] if has_header else []
        if "" in names:
            raise InvalidError("a column of a csv table needs a name; give it one")
        quoted = csv_writing.find_columns_to_quote(frame, kinds)
        if frame.shape[1] == 1 and (frame.iloc[:, 0] == "").any():
            raise InvalidError(
                "empty text in the only column of a csv table would be read as null; use null, or"
                " parquet"
            )
        if has_header and len(quoted) and all(map(self._needs_quotes, names)):
            raise InvalidError(
                "all column names contain quotes, separators or line ends, so that text would be"
                " read as numbers; rename one"
            )
        options = {**self.write_kwargs, "sep": self.separator, "header": has_header}
        return csv_writing.dump(frame, options, quoted)

    def _needs_quotes(self, name: str) -> bool:
        return any(sign in name for sign in (self.separator, '"', "\n", "\r"))

    def _to_utf8(self, data: bytes) -> bytes:
        if self._is_utf8:
            if not data.isascii():
                # Raises if the text has another encoding.
                data.decode()
        else:
            data = data.decode(self.encoding).encode()
        data = data.removeprefix(BOM_UTF8)
        # Old spreadsheet programs end lines with a carriage return.
        data = data if b"\n" in data else data.replace(b"\r", b"\n")
        return csv_reading.remove_separator_line(data, self.separator)

    def _parse_with_pandas(self, text: bytes) -> "DataFrame":
        import pandas

        options: dict[str, Any] = {
            "sep": self.separator,
            "header": 0 if self.has_header else None,
            "dtype_backend": "numpy_nullable",
            **({} if "engine" in self.read_kwargs else _default_engine_arguments()),
            **({} if self.dtype is None else {"dtype": self.dtype}),
            **self.read_kwargs,
        }
        options |= conversion.null_arguments(
            self.read_kwargs,
            lambda given: pandas.read_csv(BytesIO(text), **{**options, **given}).columns,
        )
        dtype, quoted, dates = options.get("dtype"), list[Any](), dict[Any, str]()
        if dtype is None or isinstance(dtype, Mapping):
            quoted = self._find_quoted_columns(text, options)
            if not has_pandas_3():
                # Otherwise pandas 2 would read a null among dates as the text <NA>.
                dates = dict.fromkeys(self._listed_dates, "object")
            dtype = {**dates, **dict.fromkeys(quoted, "str"), **(dtype or {})}
            options["dtype"] = dtype or None
        try:
            frame = pandas.read_csv(BytesIO(text), **options)
        except pandas.errors.EmptyDataError:
            # The text of a table without columns is empty.
            return pandas.DataFrame()
        frame = _undo_shift(frame)
        if dates:
            frame = frame.infer_objects()
        if "dtype_backend" in self.read_kwargs or not isinstance(dtype, Mapping):
            return frame
        return drop_needless_nullables(frame, keeping=dtype.keys() - set(quoted))

    def _find_quoted_columns(self, text: bytes, options: Mapping[str, Any]) -> list[Any]:
        """Return the columns that are text because all of their cells are quoted."""
        import pandas

        mark, marked = csv_reading.mark_quoted_cells(text, self.separator)
        if mark is None or options.keys() & {"quoting", "quotechar"}:
            return []
        plain = {name: value for name, value in options.items() if name not in _TYPE_ARGUMENTS}
        try:
            cells = pandas.read_csv(BytesIO(marked), dtype="str", **plain)
        except pandas.errors.EmptyDataError:
            return []
        quoted = csv_reading.find_quoted_columns(cells, mark)
        is_header_quoted = all(str(label).startswith(mark) for label in cells.columns)
        if is_header_quoted and len(quoted) == len(cells.columns):
            return []
        declared = {*(options.get("converters") or ()), *self._listed_dates}
        labels = [label.removeprefix(mark) if isinstance(label, str) else label for label in quoted]
        return [label for label in labels if label not in declared]

    def _require_unchanged(
        self, frame: "DataFrame", kinds: Sequence[str | None], again: "DataFrame"
    ) -> None:
        """Check that a table is read back as written, except where the properties say otherwise."""
        if self.has_header and self.read_kwargs and "names" not in self.read_kwargs:
            round_trip.require_same_names(frame, again)
        if frame.shape != again.shape:
            is_meant = _PARTIAL_ARGUMENTS & (self.read_kwargs.keys() | self.write_kwargs.keys())
            if is_meant or not len(frame.columns) or not (len(frame) or self.has_header):
                return
            raise InvalidError(
                f"of {frame.shape[0]} rows and {frame.shape[1]} columns, {again.shape[0]} and"
                f" {again.shape[1]} would be read back; make read_kwargs and write_kwargs match,"
                " or use parquet"
            )
        declared = {*self._declared_columns(again), *self._listed_dates}
        _require_kinds(
            [
                None if label in declared else kind
                for label, kind in zip(again.columns, kinds, strict=True)
            ],
            again,
            frame,
        )
        self._require_values(frame, again)

    def _require_values(self, frame: "DataFrame", again: "DataFrame") -> None:
        if self.read_kwargs or self.write_kwargs:
            round_trip.require_same_values(
                frame, again, self.write_kwargs, self._declared_columns(again)
            )

    def _declared_columns(self, again: "DataFrame") -> set[Any]:
        """Return the columns for which a converter or a type is declared."""
        dtype = self.read_kwargs.get("dtype", self.dtype)
        return {
            *(self.read_kwargs.get("converters") or ()),
            *(one for one in again.columns if dtypes.dtype_of(dtype, one) is not None),
        }

    @property
    def _listed_dates(self) -> Sequence[Any]:
        """The columns that ``parse_dates`` lists; none if it is not a list."""
        dates = self.read_kwargs.get("parse_dates")
        return dates if isinstance(dates, list | tuple) else ()


def _is_read_as_text(properties: Mapping[str, Any]) -> bool:
    """Return whether a class is declared for the rows, and nothing about the types of cells."""
    exposed_type = properties.get("exposed_type")
    is_class = isinstance(exposed_type, str) and ":" in exposed_type
    return is_class and not properties.get("dtype") and not properties.get("read_kwargs")


def _default_engine_arguments() -> dict[str, Any]:
    """Return arguments that only the default engine of ``read_csv`` takes."""
    # pandas 2 rounds floats differently than Python, unless it is told not to.
    exact_floats = {} if has_pandas_3() else {"float_precision": "round_trip"}
    return {"low_memory": False, **exact_floats}


def _is_utf8(encoding: str) -> bool:
    try:
        return lookup(encoding).name == "utf-8"
    except LookupError as error:
        raise InvalidError(f"encoding {encoding!r} is unknown to Python") from error


def _to_flat_frame(value: object) -> "DataFrame":
    conversion.require_modules(CsvStorage.storage_type, "pandas", "pyarrow")
    frame = conversion.to_frame(value, CsvStorage.storage_type)
    return conversion.flatten(frame, CsvStorage.storage_type)


def _require_kinds(
    kinds: Sequence[str | None], again: "DataFrame", frame: "DataFrame | None" = None
) -> None:
    """Check that columns are read back as the kind that was written."""
    found = csv_writing.kinds_of_columns(again)
    for position, (label, kind) in enumerate(zip(again.columns, kinds, strict=True)):
        is_lost = (
            kind is not None
            and frame is not None
            and (
                again.iloc[:, position].isna().to_numpy()
                != frame.iloc[:, position].isna().to_numpy()
            ).any()
        )
        if is_lost or (kind is not None and found[position] != kind):
            raise InvalidError(
                f"column {label!r} holds {kind}, but would be read as"
                f" {'null in places' if is_lost else found[position] or 'null'}; declare its type"
                " in dtype, or make read_kwargs and write_kwargs match"
            )


def _undo_shift(frame: "DataFrame") -> "DataFrame":
    """Undo that pandas reads the first cells as row labels when rows have surplus cells.

    Raises:
        InvalidError: The surplus cells are not all empty.
    """
    import pandas

    if isinstance(frame.index, pandas.RangeIndex):
        return frame
    labels, width = list(frame.columns), frame.shape[1]
    shifted = frame.reset_index(names=[f"label {at}" for at in range(frame.index.nlevels)])
    if shifted.iloc[:, width:].notna().any(axis=None):
        raise InvalidError(
            f"the rows have {shifted.shape[1]} cells, but the header has {width}; declare another"
            " separator, or fix the header"
        )
    return shifted.iloc[:, :width].set_axis(labels, axis=1)
