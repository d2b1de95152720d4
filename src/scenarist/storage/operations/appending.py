"""Appending to a value in a worker process, where user code may run."""

import os
from typing import Any

import msgspec

from scenarist.domain.environment import resolve
from scenarist.storage.base import WriteTarget
from scenarist.storage.operations.reading import location_from
from scenarist.storage.operations.rewriting import prepare_append
from scenarist.storage.registry import append_value


def append(data: object, target: dict[str, Any], location: dict[str, Any] | None) -> dict[str, Any]:
    """Append data from a JSON request to a value; the server calls it like a task's function.

    Args:
        target: A `WriteTarget` as plain data, with references to the environment not yet resolved.
        location: The `ValueLocation` of the value, also unresolved plain data; None if nothing is
            written yet.

    Returns:
        The `WrittenValue` as plain data; it is not published yet.
    """
    present = None if location is None else location_from(location)
    whole = {**target, "properties": resolve(target["properties"], os.environ)}
    value = prepare_append(data, target["storage_type"], whole["properties"], present)
    written = append_value(value, msgspec.convert(whole, WriteTarget), present)
    plain: dict[str, Any] = msgspec.to_builtins(written)
    return plain
