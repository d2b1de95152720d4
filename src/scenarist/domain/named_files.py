"""Files that a user named as the place of a value, where any program may replace them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scenarist.domain.environment import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES

_KEYS = ("path", "default_path")
_NOT_IN_FILES = EXTERNAL_STORAGE_TYPES | {"in_memory"}


@dataclass(frozen=True, slots=True)
class FileState:
    """A named file, or a folder that is read as one value, as it was when it was looked at.

    Args:
        stamp: Differs after each change: made of the inode, the size and the time of the change.
        size: In bytes; of a folder, of all files in it.
    """

    path: str
    stamp: str
    size: int
    modified_at: datetime


def named_path(properties: Mapping[str, Any]) -> str | None:
    """Return the absolute path that the user gave to a data node, if there is one."""
    path = next((properties[key] for key in _KEYS if properties.get(key)), None)
    return os.path.abspath(path) if path else None


def file_path(storage_type: str, properties: Mapping[str, Any]) -> str | None:
    """Return the absolute path of the file that a user named for a data node, if it is in one.

    It has in it what the environment of this process says; where a variable is not set, the
    reference to it stays.
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
