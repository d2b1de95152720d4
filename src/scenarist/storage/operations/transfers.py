"""Downloads and uploads of values: file formats, opening files, and storing uploaded bytes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.files import value_files
from scenarist.storage.formats.json import read_uploaded
from scenarist.storage.python.objects import python_type
from scenarist.storage.python.rendition import render
from scenarist.storage.registry import find_storage, with_figures

_CLASS_PROPERTIES = {"decoder", "encoder", "exposed_type"}


@dataclass(frozen=True, slots=True)
class FileFormat:
    """File format of the values of a storage."""

    extension: str
    media_type: str


_FORMATS: Mapping[str, FileFormat] = {
    "csv": FileFormat("csv", "text/csv"),
    "excel": FileFormat(
        "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ),
    "json": FileFormat("json", "application/json"),
    "parquet": FileFormat("parquet", "application/vnd.apache.parquet"),
    "pickle": FileFormat("p", "application/octet-stream"),
}


def find_format(storage_type: str) -> FileFormat | None:
    """Return the file format of the values of a storage; None if they are not files."""
    return _FORMATS.get(storage_type)


def open_file(uri: str) -> BinaryIO:
    """Open the file of a value to read it in pieces.

    Raises:
        NotFoundError: The file is gone.
        ConflictError: The file cannot be opened.
        UnavailableError: The storage cannot be reached.
    """
    try:
        return value_files.open_file(uri)
    except NotFoundError as error:
        raise NotFoundError(error.message, code="data_node_file_missing") from None
    except InvalidError as error:
        raise ConflictError(error.message, code="data_node_unreadable") from error


def store_upload(data: bytes, target: WriteTarget) -> WrittenValue:
    """Store uploaded bytes unchanged, after reading them as the storage does, without user code.

    Raises:
        InvalidError: The bytes are not in the storage's format; says what is wrong.
        UnavailableError: The bytes could not be stored.
    """
    storage = find_storage(target.storage_type)
    form = _FORMATS[target.storage_type]
    plain = {
        name: value for name, value in target.properties.items() if name not in _CLASS_PROPERTIES
    }
    location = ValueLocation(storage_type=target.storage_type, properties=plain, content=data)
    try:
        if target.storage_type == "json":
            value = read_uploaded(replace(location, properties=target.properties))
        else:
            value = storage.read(location)
    except InvalidError as error:
        why = error.message.removeprefix(
            f"the value in the database cannot be read as {target.storage_type}: "
        )
        raise InvalidError(
            f"the upload cannot be read as {target.storage_type}: {why}",
            code="upload_invalid",
        ) from error
    written = value_files.store_bytes(
        data,
        target,
        extension=form.extension,
        python_type=python_type(value),
        rendition=render(value),
    )
    return with_figures(written, value, target)


def is_uploadable(storage_type: str) -> bool:
    """Whether uploaded bytes may become a value: not when reading them could run code."""
    return storage_type in _FORMATS and find_storage(storage_type).is_safe


def size_of(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
