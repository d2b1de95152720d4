"""Bounds on the memory of a decoded value: estimated before it is read, counted while it is.

A file of a few kilobytes may expand to gigabytes. Nothing is bounded before `apply_limits` or
`enforce_limits` is called, so the values that jobs read and write are not. See docs/decisions/0094.
"""

import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, BinaryIO
from xml.etree import ElementTree

from scenarist.domain.errors import TooLargeError

CELL_BYTES = 16
"""Least number of bytes that a cell of a table takes, besides its text."""

OBJECT_BYTES = 64
"""Bytes of a cell held as a Python object."""

_MANY_CELLS = 1_000_000
_MAX_SPARSITY = 100
_LIST, _DICT, _ITEM = 72, 200, 40
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_RANGE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7}):\$?([A-Za-z]{1,3})\$?(\d{1,7})")
CELL_OBJECT_BYTES = 512
"""Bytes of a cell of a workbook that is loaded with its formats."""

_MIB = 1024 * 1024
_SERVER_FILE, _SERVER_MEMORY = _MIB, 16 * _MIB
"""Largest file, and most memory in bytes, for a value that the server reads itself."""

_PARSED_PARTS = (".xml", ".rels", ".vml")
_MAX_PARTS = 10_000
_PART_FACTOR = 10
"""Memory of a part of a workbook that is parsed as a tree, as a multiple of its size."""

_MAX_PART_FACTOR = 40
"""As `_PART_FACTOR`, for a part that consists of elements alone."""

_PLAIN_CODECS = frozenset({"UNCOMPRESSED", "SNAPPY"})
"""Codecs that expand data to at most about 20 times its size."""

_TEXT_TYPES = frozenset({"BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"})
_DICTIONARY_ENCODINGS = frozenset({"RLE_DICTIONARY", "PLAIN_DICTIONARY"})
_PREFIX_ENCODINGS = frozenset({"DELTA_BYTE_ARRAY"})
"""Encodings in which one text may be repeated in many values, or as the prefix of many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueLimits:
    """Limits of a request for one value.

    Args:
        memory: The setting ``value_memory``, in bytes.
        columns: The setting ``value_columns``.
        available: How many bytes of *memory* may be used here; None for all.
        max_file: The size in bytes of the largest file that may be read here; None for any.
        is_enforced: Whether the system enforces the limit, so that estimates may be too low.
    """

    memory: int = 2 * 2**30
    columns: int = 16_384
    available: int | None = None
    max_file: int | None = None
    is_enforced: bool = False

    def in_server(self, *, parts: int = 1) -> "ValueLimits":
        """Return the limits for values that the server reads itself, without a worker.

        Args:
            parts: How many copies of the value may be held at once.
        """
        return replace(
            self, available=min(_SERVER_MEMORY // parts, self.memory), max_file=_SERVER_FILE
        )


class _NeedsWorkerError(TooLargeError):
    """The value is too large for the server; a worker with limited memory must read it."""

    def __init__(self) -> None:
        super().__init__("the server does not read this itself")


_active: ContextVar[ValueLimits | None] = ContextVar("limits", default=None)


@contextmanager
def apply_limits(limits: ValueLimits) -> Iterator[None]:
    """Refuse values in this context that would exceed the limits when decoded."""
    token = _active.set(limits)
    try:
        yield
    finally:
        _active.reset(token)


def is_limited() -> bool:
    """Whether limits apply in this context."""
    return _active.get() is not None


def enforce_limits(limits: ValueLimits) -> None:
    """Apply the limits to this process until it exits; on Linux, limit its memory as well."""
    _active.set(ValueLimits(memory=limits.memory, columns=limits.columns, is_enforced=True))
    if sys.platform == "linux":
        most = _read_data_size() + limits.memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def check_memory(size: int, what: str) -> None:
    """Refuse a value that would take more memory than allowed.

    Raises:
        TooLargeError: It would; names the setting.
    """
    limits = _active.get()
    if limits is None:
        return
    room = limits.memory if limits.available is None else limits.available
    if size > room:
        raise TooLargeError(
            f"{what} would take about {_format_size(size)} of memory, but the setting value_memory "
            f"({_format_size(limits.memory)}) allows {_format_size(room)} here; read or write less "
            "at a time, or have the setting raised"
        )


def check_table(rows: int, columns: int, *, cell: int = CELL_BYTES, text: int = 0) -> None:
    """Refuse a table that has too many columns, or too many cells for the memory allowed.

    Args:
        text: Bytes in addition to those of the cells.

    Raises:
        TooLargeError: The table is too large; names the setting.
    """
    limits = _active.get()
    if limits is None:
        return
    if columns > limits.columns:
        raise TooLargeError(
            f"the table has {columns} columns, but the setting value_columns allows "
            f"{limits.columns}; turn columns into rows, or have the setting raised"
        )
    check_memory(rows * columns * cell + text, f"a table of {rows} rows and {columns} columns")


def check_density(cells: int, filled: int) -> None:
    """Refuse a large sparse table, which takes far more memory than its input suggests.

    Raises:
        TooLargeError: The table is too sparse; says how many cells have a value.
    """
    if is_limited() and cells > _MANY_CELLS and filled * _MAX_SPARSITY < cells:
        raise TooLargeError(
            f"the table would have {cells} cells, of which only {filled} have a value; in a table "
            f"of this size one cell in {_MAX_SPARSITY} must; leave out distant rows and columns"
        )


def check_row_names(rows: int, names: int) -> None:
    """Refuse too large a list of JSON objects, each of which repeats the names of all columns.

    Args:
        names: The total length of the names.
    """
    check_memory(rows * names, f"JSON of {rows} rows, each with the names of all columns,")


def check_file(size: int | None, conditions: int = 0) -> None:
    """Refuse to read a file here that is too large, or whose size is not known."""
    limits = _active.get()
    if limits is None or limits.max_file is None:
        return
    if size is None or size * (1 + conditions) > limits.max_file:
        raise _NeedsWorkerError


def check_json(data: bytes | str) -> None:
    """Refuse a document whose objects would take more memory than allowed.

    Raises:
        TooLargeError: They would; names the setting.
    """
    limits = _active.get()
    if limits is None:
        return
    size = _estimate_json(data)
    if size > (limits.memory if limits.available is None else limits.available):
        # Brackets and commas within strings make no objects.
        size -= _estimate_within_strings(
            data if isinstance(data, bytes) else data.encode("utf-8", "replace")
        )
    check_memory(size, "the JSON document")


def check_csv(data: bytes, separator: str, *, is_free: bool) -> None:
    """Refuse text whose cells would take more memory than allowed.

    Args:
        is_free: Whether a line other than the first may be the widest.
    """
    limits = _active.get()
    if limits is None:
        return
    check_file(len(data))
    mark = separator.encode()
    rows = data.count(b"\n") + 1
    lines = data.split(b"\n") if is_free else [data.partition(b"\n")[0]]
    columns = max(line.count(mark) for line in lines) + 1
    del lines
    given = data.count(mark) + rows
    cells = max(rows * columns, given)
    check_table(1, columns)
    check_density(cells, given)
    check_memory(
        cells * CELL_BYTES + 3 * len(data), f"a csv table of {rows} rows and {columns} columns"
    )


def check_workbook(file: BinaryIO) -> None:
    """Refuse a workbook whose parsed parts would take too much memory; cells are counted later.

    Raises:
        TooLargeError: They would; names the setting.
        zipfile.BadZipFile: The file is not a workbook.
    """
    limits = _active.get()
    if limits is None:
        return
    with zipfile.ZipFile(file) as book:
        parts = book.infolist()
    file.seek(0)
    if len(parts) > _MAX_PARTS:
        raise TooLargeError(f"the workbook has {len(parts)} parts; at most {_MAX_PARTS} are read")
    size = sum(
        part.file_size * _part_factor(part.filename, limits)
        for part in parts
        if part.filename.lower().endswith(_PARSED_PARTS)
    )
    check_memory(size, f"the workbook, of {len(parts)} parts,")


def _part_factor(name: str, limits: ValueLimits) -> int:
    """Return the memory that parsing a part of a workbook takes, as a multiple of its size."""
    if limits.max_file is not None:
        return _MAX_PART_FACTOR
    # Of a sheet, one row at a time is held.
    return 1 if "/worksheets/sheet" in name else _PART_FACTOR


def check_ranges(file: BinaryIO) -> None:
    """Refuse a workbook in which ranges of cells, such as merged ones, have too many cells.

    Loading a workbook with its formats makes an object of each cell in a range.
    """
    if _active.get() is None:
        return
    check_workbook(file)
    cells = 0
    with zipfile.ZipFile(file) as book:
        for part in book.infolist():
            if not part.filename.lower().endswith(".xml"):
                continue
            with book.open(part) as text:
                # The parser itself limits the expansion of entities.
                for _, element in ElementTree.iterparse(text):  # noqa: S314
                    cells += _count_cells(element.get("ref") if _is_range(element.tag) else None)
                    element.clear()
            check_memory(cells * CELL_OBJECT_BYTES, "the ranges of cells in the workbook")
    file.seek(0)


def check_parquet(data: bytes) -> None:
    """Refuse a Parquet file that, by its metadata, would take too much memory.

    Dictionary-encoded texts are measured only where the system limits the memory for that. The
    server itself reads only files that cannot expand beyond what their metadata says.

    Raises:
        TooLargeError: The file is too large; names the setting.
    """
    limits = _active.get()
    if limits is None:
        return
    check_file(len(data))
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    found = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
    metadata = found.metadata
    check_table(metadata.num_rows, metadata.num_columns)
    chunks = [
        group.column(position)
        for group in map(metadata.row_group, range(metadata.num_row_groups))
        for position in range(metadata.num_columns)
    ]
    check_memory(
        sum(CELL_BYTES * chunk.num_values + chunk.total_uncompressed_size for chunk in chunks),
        f"a Parquet file of {sum(chunk.num_values for chunk in chunks)} values",
    )
    columns = map(metadata.schema.column, range(metadata.num_columns))
    lengths = {column.path: max(column.length or 0, 0) for column in columns}
    fixed = sum(
        chunk.num_values * lengths.get(chunk.path_in_schema, 0)
        for chunk in chunks
        if chunk.physical_type == "FIXED_LEN_BYTE_ARRAY"
    )
    check_memory(fixed, "a Parquet file with values of one length")
    if not limits.is_enforced and not _is_plain(metadata, chunks):
        raise _NeedsWorkerError
    paths = {
        chunk.path_in_schema
        for chunk in chunks
        if chunk.physical_type in _TEXT_TYPES and _DICTIONARY_ENCODINGS & set(chunk.encodings)
    }
    if paths:
        _check_texts(data, paths, metadata.num_row_groups)


def _is_plain(metadata: Any, chunks: list[Any]) -> bool:
    """Whether a Parquet file cannot expand beyond what its metadata and dictionaries say."""
    schema = metadata.schema
    columns = [schema.column(position) for position in range(len(schema))]
    return not any(column.max_repetition_level for column in columns) and all(
        chunk.compression in _PLAIN_CODECS and not _PREFIX_ENCODINGS & set(chunk.encodings)
        for chunk in chunks
    )


def _check_texts(data: bytes, paths: set[str], groups: int) -> None:
    """Compute the size of the texts of columns from their dictionaries, without decoding them."""
    import pyarrow
    import pyarrow.compute as compute  # type: ignore[import-untyped]
    import pyarrow.parquet

    found = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data), read_dictionary=sorted(paths))
    size = 0
    for group in range(groups):
        for name in {path.partition(".")[0] for path in paths}:
            for chunk in found.read_row_group(group, columns=[name]).column(0).chunks:
                if pyarrow.types.is_dictionary(chunk.type):
                    lengths = compute.binary_length(chunk.dictionary)
                    size += compute.sum(lengths.take(chunk.indices)).as_py() or 0
                else:
                    size += chunk.nbytes
                check_memory(size, "a Parquet file with its texts written out")


def _is_range(tag: str) -> bool:
    return tag.rpartition("}")[2] in {"f", "hyperlink", "mergeCell"}


def _count_cells(reference: str | None) -> int:
    """Return how many cells a range such as ``A1:C3`` has; 0 for anything else."""
    found = _RANGE.fullmatch(reference or "")
    if found is None:
        return 0
    left, top, right, bottom = found.groups()
    return (abs(_column_number(right) - _column_number(left)) + 1) * (
        abs(int(bottom) - int(top)) + 1
    )


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def _estimate_json(data: bytes | str) -> int:
    if isinstance(data, str):
        lists, dicts, items = data.count("["), data.count("{"), data.count(",")
    else:
        lists, dicts, items = data.count(b"["), data.count(b"{"), data.count(b",")
    return len(data) + _LIST * lists + _DICT * dicts + _ITEM * items


def _estimate_within_strings(data: bytes) -> int:
    return sum(_estimate_json(text[0]) - len(text[0]) for text in _STRING.finditer(data))


def _format_size(size: int) -> str:
    return f"{size / _MIB:,.1f} MiB" if size < 10 * _MIB else f"{size / _MIB:,.0f} MiB"


def _read_data_size() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
