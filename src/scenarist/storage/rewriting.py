"""Data that came as JSON in place of a value, with the types of what is there."""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scenarist.domain.errors import DamagedError, InvalidError, NotFoundError
from scenarist.storage import files
from scenarist.storage.base import INLINE_LIMIT, Place
from scenarist.storage.declared import exposed
from scenarist.storage.frames import is_frame
from scenarist.storage.json import names_classes, read_safely
from scenarist.storage.kinds import find_storage
from scenarist.storage.retyped_tables import as_frame
from scenarist.storage.retyping import retyped, retyped_added

_FORMS = frozenset({"custom_document", "exposed_type"})
"""Properties that say in which form a function gets a value."""

_TYPED = frozenset(
    {"excel", "in_memory", "json", "mongo_collection", "parquet", "pickle", "s3_object"}
    | {"sql_table"}
)
"""Storages whose values may have types that JSON lacks, and can be read before they are written."""

_PLAIN_OPCODES = frozenset(
    {"PROTO", "FRAME", "STOP", "MEMOIZE", "BINGET", "LONG_BINGET", "MARK"}
    | {"NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
    | {"SHORT_BINUNICODE", "BINUNICODE", "EMPTY_LIST", "APPEND", "APPENDS"}
    | {"EMPTY_DICT", "SETITEM", "SETITEMS"}
)
"""Operations of a pickle that makes nothing but what JSON has."""


_TABLES = frozenset({"excel", "parquet"})
"""Storages of the server's whose rows have types that JSON lacks."""


def needs_worker(place: Place) -> bool:
    """Whether a value is, or may be, of classes that only a worker knows; nothing is loaded."""
    try:
        if place.storage_type == "json":
            return names_classes(place)
        if place.storage_type in {"pickle", "in_memory"}:
            return not _is_plain(place)
    except (DamagedError, InvalidError, NotFoundError):
        # The write will tell, or mend it.
        return False
    return False


def rewritten(
    data: object,
    storage_type: str,
    properties: Mapping[str, Any],
    place: Place | None,
    read: Callable[[Place], Any] | None = None,
) -> Any:
    """Return data as the value that a storage writes where another one is, with its types.

    Where nothing is, or nothing that can be read, it is what the storage makes of the data.

    Args:
        read: Reads what is there; the storage itself when left out, which workers only may do.

    Raises:
        InvalidError: The data has no such form, or not that of the value that is there.
    """
    storage = find_storage(storage_type)
    value = storage.from_json(data)
    if storage_type == "json" and properties.get("exposed_type"):
        # What is declared says more than what is there.
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
    """Return data as what is appended to a value, with its types.

    Raises:
        InvalidError: The data has no such form, or not that of the value that is there.
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
    """Return the same without code of the user, for a place that does not need a worker.

    Raises:
        InvalidError: As `added`.
    """
    # A document is looked at by the storage itself.
    return added(data, storage_type, {}, None if storage_type == "json" else place)


def rewritten_safely(
    data: object, storage_type: str, properties: Mapping[str, Any], place: Place | None
) -> Any:
    """Return the same without code of the user, for a place that does not need a worker.

    Raises:
        InvalidError: As `rewritten`.
    """
    if storage_type in {"pickle", "in_memory", "csv"}:
        # What is there is as JSON has it, or text.
        place = None
    read = read_safely if storage_type == "json" else None
    return rewritten(data, storage_type, properties, place, read)


def _is_plain(place: Place) -> bool:
    """Whether a pickle makes nothing but what JSON has, as far as this can be told quickly."""
    if place.content is not None and len(place.content) > INLINE_LIMIT:
        return False
    data = files.decode(place, lambda file: file.read(INLINE_LIMIT + 1))
    if len(data) > INLINE_LIMIT:
        return False
    try:
        return all(code.name in _PLAIN_OPCODES for code, *_ in pickletools.genops(data))
    except ValueError:
        # No pickle at all.
        return True
