"""Data from JSON requests, converted to the types of the value that it replaces or extends."""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scenarist.domain.errors import DamagedError, InvalidError, NotFoundError
from scenarist.storage.base import INLINE_LIMIT, ValueLocation
from scenarist.storage.files import value_files
from scenarist.storage.formats.exposed_type import apply_exposed_type
from scenarist.storage.formats.json import has_class_names, may_hold_other_types, read_safely
from scenarist.storage.python.data_frames import is_frame
from scenarist.storage.registry import find_storage
from scenarist.storage.tables.retyped_tables import as_frame
from scenarist.storage.tables.retyping import retype, retype_appended

_FORM_PROPERTIES = frozenset({"custom_document", "exposed_type"})
"""Properties that declare the form in which a function receives a value."""

_TYPED_STORAGES = frozenset(
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


_SERVER_TABLES = frozenset({"excel", "parquet"})
"""Storages that the server reads itself and whose rows have types that JSON lacks."""


def needs_worker(location: ValueLocation) -> bool:
    """Whether a value has, or may have, classes that only a worker can import; imports nothing."""
    try:
        if location.storage_type == "json":
            return has_class_names(location)
        if location.storage_type in {"pickle", "in_memory"}:
            return not _is_plain_pickle(location)
    except (DamagedError, InvalidError, NotFoundError):
        # The write will report the error, or replace the damaged value.
        return False
    return False


def prepare_rewrite(
    data: object,
    storage_type: str,
    properties: Mapping[str, Any],
    location: ValueLocation | None,
    read: Callable[[ValueLocation], Any] | None = None,
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
        return apply_exposed_type(value, properties)
    if location is not None and storage_type in _TYPED_STORAGES:
        plain = {
            key: item for key, item in location.properties.items() if key not in _FORM_PROPERTIES
        }
        try:
            present = (read or storage.read)(replace(location, properties=plain))
        except (DamagedError, InvalidError, NotFoundError):
            pass
        else:
            value = retype(data, present)
    return value


def prepare_append(
    data: object, storage_type: str, properties: Mapping[str, Any], location: ValueLocation | None
) -> Any:
    """Convert data to what is appended to a value, with the types of that value.

    Raises:
        InvalidError: The data cannot be converted, or does not have the form of the present value.
    """
    storage = find_storage(storage_type)
    value = storage.from_json(data)
    if storage_type == "json" and properties.get("exposed_type"):
        return apply_exposed_type(value, properties)
    if location is None or storage_type not in _SERVER_TABLES | {"json"}:
        return value
    plain = {key: item for key, item in location.properties.items() if key not in _FORM_PROPERTIES}
    present = storage.read(replace(location, properties=plain))
    if storage_type == "json":
        return retype_appended(value, present)
    return as_frame(value, present) if is_frame(present) else value


def prepare_append_safely(data: object, storage_type: str, location: ValueLocation | None) -> Any:
    """Do the same as `prepare_append` without user code, where no worker is needed.

    Raises:
        InvalidError: As `prepare_append`.
    """
    # For a JSON document, the storage itself looks at the present value.
    return prepare_append(data, storage_type, {}, None if storage_type == "json" else location)


def prepare_rewrite_safely(
    data: object, storage_type: str, properties: Mapping[str, Any], location: ValueLocation | None
) -> Any:
    """Do the same as `prepare_rewrite` without user code, where no worker is needed.

    Raises:
        InvalidError: As `prepare_rewrite`.
    """
    if storage_type in {"pickle", "in_memory", "csv"} or _is_plain_document(location):
        # The present value has JSON types only, or is text.
        location = None
    read = read_safely if storage_type == "json" else None
    return prepare_rewrite(data, storage_type, properties, location, read)


def _is_plain_document(location: ValueLocation | None) -> bool:
    """Whether a value is a JSON document of JSON types only; also if it cannot be read."""
    if location is None or location.storage_type != "json":
        return False
    try:
        return not may_hold_other_types(location)
    except (DamagedError, InvalidError, NotFoundError):
        return True


def _is_plain_pickle(location: ValueLocation) -> bool:
    """Whether a pickle builds only types that JSON has; False for one too large to check."""
    if location.content is not None and len(location.content) > INLINE_LIMIT:
        return False
    data = value_files.decode(location, lambda file: file.read(INLINE_LIMIT + 1))
    if len(data) > INLINE_LIMIT:
        return False
    try:
        return all(code.name in _PLAIN_OPCODES for code, *_ in pickletools.genops(data))
    except ValueError:
        # Not a pickle.
        return True
