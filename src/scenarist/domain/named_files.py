"""Files that a user named as the location of a value; any program may replace them."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scenarist.domain.environment import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES

_KEYS = ("path", "default_path")
_COMPRESSED = (".gz", ".bz2", ".zip", ".xz", ".zst")
_NOT_IN_FILES = EXTERNAL_STORAGE_TYPES | {"in_memory"}


@dataclass(frozen=True, slots=True)
class FileState:
    """The state of a named file, or of a folder that is read as one value, at one time.

    Args:
        stamp: Changes with each change of the file: made of inode, size and time of change.
        size: In bytes; for a folder, the total of its files.
    """

    path: str
    stamp: str
    size: int
    modified_at: datetime


FindFile = Callable[[str, Mapping[str, Any]], FileState | None]
"""Returns the state of the file at the path in the properties of a storage type, if any."""


def named_path(properties: Mapping[str, Any]) -> str | None:
    """Return the absolute path that the user declared for a data node, if any."""
    path = next((properties[key] for key in _KEYS if properties.get(key)), None)
    return os.path.abspath(path) if path else None


def file_path(storage_type: str, properties: Mapping[str, Any]) -> str | None:
    """Return the absolute path of the file that a user named for a data node, if any.

    References to the environment are resolved; they are kept if a variable is not set.
    """
    if storage_type in _NOT_IN_FILES:
        return None
    path = {key: properties[key] for key in _KEYS if properties.get(key)}
    if not path:
        return None
    try:
        return named_path(resolve(path, os.environ))
    except InvalidError:
        return named_path(path)


def explain_compressed(path: str) -> str | None:
    """Return what is wrong with a path for text, if it is named like a compressed file."""
    if not path.lower().endswith(_COMPRESSED):
        return None
    return (
        f"{path!r} is named like a compressed file, but text is neither compressed nor "
        "decompressed; name an uncompressed file, or use parquet, which compresses"
    )
