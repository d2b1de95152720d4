"""Appending to a value in a worker process, where user code may run."""

import os
from typing import Any

import msgspec

from scenarist.domain.environment import resolve
from scenarist.storage.base import WriteTarget
from scenarist.storage.operations.reading import location_from
from scenarist.storage.operations.rewriting import prepare_append
from scenarist.storage.registry import find_storage


def append(data: object, target: dict[str, Any], place: dict[str, Any] | None) -> dict[str, Any]:
    """Append data from a JSON request to a value; the server calls it like a task's function.

    Args:
        target: A `WriteTarget` as plain data, with references to the environment not yet resolved.
        place: The `Place` of the value, also unresolved plain data; None if nothing is written yet.

    Returns:
        The `Written` as plain data; it is not published yet.
    """
    there = None if place is None else location_from(place)
    whole = {**target, "properties": resolve(target["properties"], os.environ)}
    value = prepare_append(data, target["storage_type"], whole["properties"], there)
    written = find_storage(target["storage_type"]).append(
        value, msgspec.convert(whole, WriteTarget), there
    )
    plain: dict[str, Any] = msgspec.to_builtins(written)
    return plain
