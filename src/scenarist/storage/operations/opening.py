"""Function that a worker runs to open values which were written elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scenarist.storage.operations.reading import location_from
from scenarist.storage.python.objects import describe_error, python_type
from scenarist.storage.python.rendition import render
from scenarist.storage.registry import find_storage


def open_values(locations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Read values, one after another, and describe each.

    Args:
        locations: Each a `ValueLocation` as plain data, with references to the environment not yet
            resolved.

    Returns:
        For each value its ``python_type``, ``rendition`` and ``is_complete``, or why it cannot be
        read as ``fault``.
    """
    return list(_iter_descriptions(locations))


def _iter_descriptions(locations: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for location in locations:
        try:
            found = location_from(location)
            value = find_storage(found.storage_type).read(found)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - opening a value may run code of its own
            yield {"fault": getattr(error, "message", None) or describe_error(error)}
            continue
        rendition, is_complete = render(value)
        yield {
            "python_type": python_type(value),
            "rendition": rendition,
            "is_complete": is_complete,
        }
