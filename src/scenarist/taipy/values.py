"""Where the values of Taipy's data nodes are."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenarist.domain.vocabulary import FILE_STORAGE_TYPES
from scenarist.taipy.applications import TaipyApplication
from scenarist.taipy.folders import UnreadableFileError
from scenarist.taipy.records import TaipyDataNode

_EXTENSIONS = {"csv": "csv", "excel": "xlsx", "parquet": "parquet", "pickle": "p", "json": "json"}
_READING = ("encoding", "has_header", "sheet_name", "engine")
"""Properties that determine how a value is read, and that have the same meaning here."""


def find_named_path(application: TaipyApplication, node: TaipyDataNode) -> Path | None:
    """Return the path that a user has named for a value, which may be anywhere; None if none."""
    properties = node.data_node_properties
    text = properties.get("path") or properties.get("default_path")
    if node.storage_type not in FILE_STORAGE_TYPES or properties.get("is_generated"):
        return None
    return application.folder.root / text if isinstance(text, str) and text else None


def find_value_file(application: TaipyApplication, node: TaipyDataNode) -> Path:
    """Return the file with the value of a data node.

    Raises:
        UnreadableFileError: There is none, it is no regular file, or it is not in the folders of
            the application.
    """
    folder = application.folder
    named = find_named_path(application, node)
    if named is not None:
        text, path = str(named), folder.find_named(str(named))
    else:
        found = node.data_node_properties.get("path")
        text = found if isinstance(found, str) else ""
        if not text:  # as in 3.1
            name = f"{node.id}.{_EXTENSIONS[node.storage_type]}"
            text = f"{application.storage_folder}/{node.storage_type}s/{name}"
        path = folder.find_generated(text)
    if path is None:
        raise UnreadableFileError(f"its file {text} is missing")
    folder.require_inside(path)
    if not os.path.isfile(path):
        raise UnreadableFileError(f"{path} is not a regular file")
    return path


def select_reading_properties(node: TaipyDataNode) -> Mapping[str, Any]:
    """Return the properties with which the value of a data node is read."""
    found = node.data_node_properties
    return {key: found[key] for key in _READING if found.get(key) is not None}
