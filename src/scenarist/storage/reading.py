"""Functions for the server to have run by a worker, where a value is not read in the server."""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from scenarist.domain.environment import resolve
from scenarist.domain.errors import ConflictError, InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage.base import Place
from scenarist.storage.kinds import read_json
from scenarist.storage.rendition import render
from scenarist.storage.rewriting import rewritten
from scenarist.storage.shown import shown, strict


def show_value(
    value: Any, selection: Mapping[str, Any], path: str, is_whole: bool
) -> dict[str, bool]:
    """Write what a selection leaves of a value to a file as JSON text: of a table, its rows.

    What has no such form is shown as text.

    Args:
        selection: What `Selection.to_data` makes.
        path: A file that is there.
        is_whole: Whether all of a large value is wanted, and not its beginning.

    Raises:
        InvalidError: The value cannot be filtered so.
    """
    data = shown(value, Selection.from_data(selection))
    text, is_complete = (strict(data), True) if is_whole else render(data)
    _put(text, path)
    return {"is_complete": is_complete}


def show_file(place: Mapping[str, Any], selection: Mapping[str, Any], path: str) -> None:
    """Write what a selection leaves of a value to a file as JSON text, running no code of a user.

    Raises:
        ConflictError: What lies there cannot be read.
        InvalidError: The value cannot be filtered so.
    """
    _put(read_safely(place_from(place), Selection.from_data(selection)), path)


def read_safely(place: Place, wanted: Selection) -> str:
    """Return what a selection leaves of a value as JSON text, running no code of a user.

    Raises:
        ConflictError: What lies there cannot be read.
        InvalidError: The value cannot be filtered so.
    """
    try:
        return read_json(place, wanted)
    except InvalidError as error:
        if wanted != Selection():
            read_safely(place, Selection())
            raise
        # The request was right; what lies there is not.
        raise ConflictError(error.message, code="data_node_unreadable") from error


def prepared(data: object, target: Mapping[str, Any], place: Mapping[str, Any] | None) -> object:
    """Return data that came as JSON as the value that a storage writes in place of another.

    Args:
        target: Storage type and properties of the data node, as plain data, its references to
            the environment not yet resolved.
        place: The `Place` of the value that is there, likewise; None where there is none.

    Raises:
        InvalidError: The data has no such form.
    """
    properties = resolve(target["properties"], os.environ)
    present = None if place is None else place_from(place)
    return rewritten(data, target["storage_type"], properties, present)


def _put(text: str, path: str) -> None:
    # One that is not there any more is wanted by nobody, and not made again.
    with open(path, "r+b") as file:
        file.write(text.encode())


def place_from(place: Mapping[str, Any]) -> Place:
    """Return the place that plain data tells of, with what the environment of this process says.

    Secrets never travel with a request.
    """
    return msgspec.convert({**place, "properties": resolve(place["properties"], os.environ)}, Place)
