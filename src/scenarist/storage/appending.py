"""Appends in a worker process, where code of the user may run."""

import os
from typing import Any

import msgspec

from scenarist.domain.environment import resolve
from scenarist.storage.base import Place, Target
from scenarist.storage.kinds import find_storage


def append(data: object, target: dict[str, Any], place: dict[str, Any] | None) -> dict[str, Any]:
    """Append data that came as JSON to a value; the server calls it as it calls a task's function.

    Args:
        target: A `Target` as plain data, its references to the environment not yet resolved.
        place: The `Place` of the value, likewise; None where nothing has been written yet.

    Returns:
        The `Written` as plain data; it is not published yet.
    """
    storage = find_storage(target["storage_type"])
    written = storage.append(
        storage.from_json(data),
        msgspec.convert(_resolved(target), Target),
        None if place is None else msgspec.convert(_resolved(place), Place),
    )
    plain: dict[str, Any] = msgspec.to_builtins(written)
    return plain


def _resolved(end: dict[str, Any]) -> dict[str, Any]:
    """Put in what the environment of this process says; secrets never travel with a request."""
    return {**end, "properties": resolve(end["properties"], os.environ)}
