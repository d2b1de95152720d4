"""Functions for the server to have run by a worker, where a value is not read in the server."""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from scenarist.domain.environment import resolve
from scenarist.domain.selections import Selection
from scenarist.storage.base import Place
from scenarist.storage.rewriting import rewritten
from scenarist.storage.shown import shown


def chosen(value: Any, selection: Mapping[str, Any] | None) -> Any:
    """Return what a selection leaves of a value, as plain JSON data: of a table, its rows.

    What has no such form is shown as text.

    Args:
        selection: What `Selection.to_data` makes; None for the whole value.

    Raises:
        InvalidError: The value cannot be filtered so.
    """
    return shown(value, None if selection is None else Selection.from_data(selection))


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


def place_from(place: Mapping[str, Any]) -> Place:
    """Return the place that plain data tells of, with what the environment of this process says.

    Secrets never travel with a request.
    """
    return msgspec.convert({**place, "properties": resolve(place["properties"], os.environ)}, Place)
