"""Data from JSON requests, converted to the types of the value that it replaces or extends."""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scenarist.domain.errors import DamagedError, InvalidError, NotFoundError
from scenarist.storage.base import INLINE_LIMIT, Place
from scenarist.storage.files import value_files
from scenarist.storage.formats.exposed_type import exposed
from scenarist.storage.formats.json import names_classes, read_safely
from scenarist.storage.python.data_frames import is_frame
from scenarist.storage.registry import find_storage
from scenarist.storage.tables.retyped_tables import as_frame
from scenarist.storage.tables.retyping import retyped, retyped_added

_FORMS = frozenset({"custom_document", "exposed_type"})
"""Properties that declare the form in which a function receives a value."""

_TYPED = frozenset(
    {"excel", "in_memory", "json", "mongo_collection", "parquet", "pickle", "s3_object"}
    | {"sql_table"}
)
"""Storages whose values may have types that JSON lacks, and are readable before a write."""

_PLAIN_OPCODES = frozenset(
    {"PROTO", "FRAME", "STOP", "MEMOIZE", "BINGET", "LONG_BINGET", "MARK"}
    | {"NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
    | {"SHORT_BINUNICODE", "BINUNICODE", "EMPTY_LIST", "APPEND", "APPENDS"}
    | {"EMPTY_DICT", "SETITEM", "SETITEMS"}
)
"""Opcodes of a pickle that only builds types that JSON has."""


_TABLES = frozenset({"excel", "parquet"})
"""Storages that the server reads itself and whose rows have types that JSON lacks."""


def needs_worker(place: Place) -> bool:
    """Whether a value has, or may have, classes that only a worker can import; imports nothing."""
    try:
        if place.storage_type == "json":
            return names_classes(place)
        if place.storage_type in {"pickle", "in_memory"}:
            return not _is_plain(place)
    except (DamagedError, InvalidError, NotFoundError):
        # The write will report the error, or replace the damaged value.
        return False
    return False


def rewritten(
    data: object,
    storage_type: str,
    properties: Mapping[str, Any],
    place: Place | None,
    read: Callable[[Place], Any] | None = None,
) -> Any:
    """Convert data to the value that a storage writes in place of another, with its types.

    Without a present value that can be read, the result is what the storage makes of the data.

    Args:
        read: Reads the present value; by default the storage does, allowed in workers only.

    Raises:
        InvalidError: The data cannot be converted, or does not have the form of the present value.
    """
    storage = find_storage(storage_type)
    value = storage.from_json(data)
    if storage_type == "json" and properties.get("exposed_type"):
        # The declared class takes precedence over the types of the present value.
        return exposed(value, properties)
    if place is not None and storage_type in _TYPED:
        plain = {key: item for key, item in place.properties.items() if key not in _FORMS}
        try:
            present = (read or storage.read)(replace(place, properties=plain))
        except (DamagedError, InvalidError, NotFoundError):
            pass
        else:
            value = retyped(data, present)
    return value


def added(
    data: object, storage_type: str, properties: Mapping[str, Any], place: Place | None
) -> Any:
    """Convert data to what is appended to a value, with the types of that value.

    Raises:
        InvalidError: The data cannot be converted, or does not have the form of the present value.
    """
    storage = find_storage(storage_type)
    value = storage.from_json(data)
    if storage_type == "json" and properties.get("exposed_type"):
        return exposed(value, properties)
    if place is None or storage_type not in _TABLES | {"json"}:
        return value
    plain = {key: item for key, item in place.properties.items() if key not in _FORMS}
    present = storage.read(replace(place, properties=plain))
    if storage_type == "json":
        return retyped_added(value, present)
    return as_frame(value, present) if is_frame(present) else value


def added_safely(data: object, storage_type: str, place: Place | None) -> Any:
    """Do the same as `added` without user code, for a location that does not need a worker.

    Raises:
        InvalidError: As `added`.
    """
    # For a JSON document, the storage itself looks at the present value.
    return added(data, storage_type, {}, None if storage_type == "json" else place)


def rewritten_safely(
    data: object, storage_type: str, properties: Mapping[str, Any], place: Place | None
) -> Any:
    """Do the same as `rewritten` without user code, for a location that does not need a worker.

    Raises:
        InvalidError: As `rewritten`.
    """
    if storage_type in {"pickle", "in_memory", "csv"}:
        # The present value has JSON types only, or is text.
        place = None
    read = read_safely if storage_type == "json" else None
    return rewritten(data, storage_type, properties, place, read)


def _is_plain(place: Place) -> bool:
    """Whether a pickle builds only types that JSON has; False for one too large to check."""
    if place.content is not None and len(place.content) > INLINE_LIMIT:
        return False
    data = value_files.decode(place, lambda file: file.read(INLINE_LIMIT + 1))
    if len(data) > INLINE_LIMIT:
        return False
    try:
        return all(code.name in _PLAIN_OPCODES for code, *_ in pickletools.genops(data))
    except ValueError:
        # Not a pickle.
        return True
