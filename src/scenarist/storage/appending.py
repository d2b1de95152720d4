"""Appends in a worker process, where code of the user may run."""

import os
from dataclasses import replace
from typing import Any

import msgspec

from scenarist.domain.environment import resolve
from scenarist.storage.base import Place, Target
from scenarist.storage.kinds import find_storage
from scenarist.storage.reading import place_from
from scenarist.storage.retyping import retyped_added


def append(data: object, target: dict[str, Any], place: dict[str, Any] | None) -> dict[str, Any]:
    """Append data that came as JSON to a value; the server calls it as it calls a task's function.

    Args:
        target: A `Target` as plain data, its references to the environment not yet resolved.
        place: The `Place` of the value, likewise; None where nothing has been written yet.

    Returns:
        The `Written` as plain data; it is not published yet.
    """
    storage = find_storage(target["storage_type"])
    value = storage.from_json(data)
    there = None if place is None else place_from(place)
    if there is not None and storage.storage_type == "json":
        value = retyped_added(value, storage.read(_as_written(there)))
    whole = {**target, "properties": resolve(target["properties"], os.environ)}
    written = storage.append(value, msgspec.convert(whole, Target), there)
    plain: dict[str, Any] = msgspec.to_builtins(written)
    return plain


def _as_written(place: Place) -> Place:
    """Return a place to read from without the codecs and the class that functions read with."""
    return replace(place, properties={"encoding": place.properties.get("encoding")})
