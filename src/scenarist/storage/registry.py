"""Registry of storages by type, and the functions of this package that other packages call."""

from collections.abc import Callable
from dataclasses import replace

from scenarist.domain.errors import InvalidError
from scenarist.domain.named_files import named_path
from scenarist.domain.selections import Selection
from scenarist.storage.base import Storage, ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.external.generic import GenericStorage
from scenarist.storage.external.mongo import MongoStorage
from scenarist.storage.external.s3 import S3Storage
from scenarist.storage.external.sql import SqlStorage
from scenarist.storage.external.sql_table import SqlTableStorage
from scenarist.storage.files.named import explain_missing, find_file_state, require_file_state
from scenarist.storage.files.value_files import (
    FileReplacement,
    discard,
    has_bytes,
    publish,
    remove_files,
)
from scenarist.storage.formats.csv import CsvStorage
from scenarist.storage.formats.excel import ExcelStorage, as_read
from scenarist.storage.formats.json import JsonStorage
from scenarist.storage.formats.parquet import ParquetStorage
from scenarist.storage.formats.pickle import InMemoryStorage, PickleStorage
from scenarist.storage.python.figures import take_figures
from scenarist.storage.python.rendition import render

__all__ = [
    "FileReplacement",
    "append_value",
    "discard",
    "explain_missing",
    "find_file_state",
    "find_storage",
    "has_bytes",
    "named_path",
    "publish",
    "read_json",
    "remove_files",
    "render",
    "require_file_state",
    "with_figures",
    "write_value",
]

_APPENDED_OUTSIDE = "the value was appended to outside of the server, and not looked into"

_JSON, _CSV, _EXCEL, _PARQUET = JsonStorage(), CsvStorage(), ExcelStorage(), ParquetStorage()
_STORAGES: dict[str, Storage] = {
    storage.storage_type: storage
    for storage in (
        *(PickleStorage(), _JSON, _CSV, _PARQUET, InMemoryStorage()),
        *(_EXCEL, SqlTableStorage(), SqlStorage()),
        *(GenericStorage(), MongoStorage(), S3Storage()),
    )
}
_JSON_READERS: dict[str, Callable[[ValueLocation, Selection | None], str]] = {
    storage.storage_type: storage.read_json for storage in (_JSON, _CSV, _EXCEL, _PARQUET)
}


def find_storage(storage_type: str) -> Storage:
    """Return the storage of a type.

    Raises:
        InvalidError: The type is unknown.
    """
    storage = _STORAGES.get(storage_type)
    if storage is None:
        known = ", ".join(sorted(_STORAGES))
        raise InvalidError(f"unknown storage type {storage_type!r}; use one of {known}")
    return storage


def write_value(value: object, target: WriteTarget) -> WrittenValue:
    """Write a value with the storage of the target; an error names the data node.

    Raises:
        InvalidError: The storage cannot hold the value.
    """
    try:
        return with_figures(find_storage(target.storage_type).write(value, target), value, target)
    except InvalidError as error:
        if target.data_node_id in error.message:
            raise
        raise InvalidError(
            f"the value for data node {target.data_node_id} cannot be written as"
            f" {target.storage_type}: {error.message}",
            code=error.reason,
            errors=error.errors,
        ) from error


def append_value(
    value: object, target: WriteTarget, location: ValueLocation | None
) -> WrittenValue:
    """Append a value with the storage of the target, and take the figures that it asks for.

    Raises:
        NotFoundError: There is no file at the location.
        InvalidError: The storage cannot append, or the values do not fit together.
    """
    storage = find_storage(target.storage_type)
    written = storage.append(value, target, location)
    if not target.figures:
        return written
    if storage.is_external:
        return replace(written, figures=dict.fromkeys(target.figures, _APPENDED_OUTSIDE))
    whole = ValueLocation(
        storage_type=target.storage_type,
        properties={key: item for key, item in target.properties.items() if key != "exposed_type"},
        uri=written.staged or written.uri,
        content=written.content,
    )
    return with_figures(written, storage.read(whole), target)


def with_figures(written: WrittenValue, value: object, target: WriteTarget) -> WrittenValue:
    """Return what was written, with the figures that the target asks for."""
    if not target.figures:
        return written
    rendition = written.rendition if written.is_complete else None
    if target.storage_type == _EXCEL.storage_type:
        value = as_read(value, target.properties)
    return replace(written, figures=take_figures(value, rendition, target.figures))


def read_json(location: ValueLocation, selection: Selection | None = None) -> str:
    """Return a value as strict JSON text, running none of the user's code.

    Args:
        selection: The part of a table or list of objects to return; None for the whole value.

    Raises:
        NotFoundError: There is no file at the location.
        InvalidError: The storage cannot be read safely, the file is not in its format, or the
            selection does not apply to the value.
    """
    reader = _JSON_READERS.get(find_storage(location.storage_type).storage_type)
    if reader is None:
        raise InvalidError(
            f"a value of storage type {location.storage_type!r} is read in worker processes only;"
            " use its rendition"
        )
    return reader(location, selection)
