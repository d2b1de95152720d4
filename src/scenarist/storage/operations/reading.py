"""Functions that a worker runs for the server to read values that the server does not read."""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from scenarist.domain.environment import resolve
from scenarist.domain.errors import ConflictError, InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage.base import ValueLocation
from scenarist.storage.operations.rewriting import prepare_rewrite
from scenarist.storage.python.rendition import render
from scenarist.storage.registry import read_json
from scenarist.storage.tables.json_data import encode_strict, to_json_data


def show_value(
    value: Any, selection: Mapping[str, Any], path: str, is_whole: bool
) -> dict[str, bool]:
    """Write the selected part of a value to a file as JSON text: of a table, its rows.

    A value without a JSON form is written as its ``repr``.

    Args:
        selection: The result of `Selection.to_data`.
        path: An existing file.
        is_whole: Whether to write all of a large value, rather than a preview.

    Raises:
        InvalidError: The selection does not apply to the value.
    """
    data = to_json_data(value, Selection.from_data(selection))
    text, is_complete = (encode_strict(data), True) if is_whole else render(data)
    _overwrite(text, path)
    return {"is_complete": is_complete}


def show_file(location: Mapping[str, Any], selection: Mapping[str, Any], path: str) -> None:
    """Write the selected part of a value to a file as JSON text, without running user code.

    Raises:
        ConflictError: The stored value cannot be read.
        InvalidError: The selection does not apply to the value.
    """
    _overwrite(read_selected(location_from(location), Selection.from_data(selection)), path)


def read_selected(location: ValueLocation, selection: Selection) -> str:
    """Return the selected part of a value as JSON text, without running user code.

    Raises:
        ConflictError: The stored value cannot be read.
        InvalidError: The selection does not apply to the value.
    """
    try:
        return read_json(location, selection)
    except InvalidError as error:
        if selection != Selection():
            read_selected(location, Selection())
            raise
        # The request was valid; the stored value is not.
        raise ConflictError(error.message, code="data_node_unreadable") from error


def prepare_value(
    data: object, target: Mapping[str, Any], location: Mapping[str, Any] | None
) -> object:
    """Convert data from a JSON request to the value that a storage writes in place of another.

    Args:
        target: Storage type and properties of the data node as plain data, with references to
            the environment not yet resolved.
        location: The `ValueLocation` of the present value, also unresolved plain data; None without
            one.

    Raises:
        InvalidError: The data cannot be converted.
    """
    properties = resolve(target["properties"], os.environ)
    present = None if location is None else location_from(location)
    return prepare_rewrite(data, target["storage_type"], properties, present)


def _overwrite(text: str, path: str) -> None:
    # Do not create it again if it is gone: then the request has ended.
    with open(path, "r+b") as file:
        file.write(text.encode())


def location_from(location: Mapping[str, Any]) -> ValueLocation:
    """Return a `ValueLocation` from plain data, with references to the environment resolved here.

    Secrets are never sent with a request.
    """
    return msgspec.convert(
        {**location, "properties": resolve(location["properties"], os.environ)}, ValueLocation
    )
