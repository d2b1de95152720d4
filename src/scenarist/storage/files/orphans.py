"""Orphans: old files and folders in the storage folder, for maintenance to compare and remove."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from scenarist.domain.errors import UnavailableError
from scenarist.storage.files import remote

# A comparison made by a worker has no data node; its file lasts until the request is answered.
_NODE_FOLDER_NAME = re.compile(r"DATANODE_[^/]+|COMPARISON")
_EDIT_FILE_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.\w+")

# Uploads and responses are stored there during a request; their names are not recorded.
_REQUEST_FILE_NAME = re.compile(r"\.(upload-\w{8}|answer-\w{8}\.json)")


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """Folder of a data node, with the files in it that have not changed for some time."""

    data_node_id: str
    path: str
    old_files: tuple[str, ...]
    is_old: bool  #: whether no file was added or removed for the same time


def iter_node_folders(folder: str, unchanged_since: datetime) -> Iterator[NodeFolder]:
    """Yield the folders of data nodes in the storage; ignore everything else there.

    Raises:
        UnavailableError: A folder, or the storage, cannot be read.
    """
    if remote.is_url(folder):
        yield from _iter_remote_node_folders(folder, unchanged_since)
        return
    limit = unchanged_since.timestamp()
    try:
        for kind in _list_folders(folder):
            for node in _list_folders(kind.path):
                if _NODE_FOLDER_NAME.fullmatch(node.name):
                    yield _scan_node_folder(node, limit)
    except OSError as error:
        raise UnavailableError(
            f"{error.filename or folder} cannot be read: {error.strerror}"
        ) from error


def edit_id_of(path: str) -> str:
    """Return the identifier of the edit for which a file was written; files are named after it."""
    return os.path.basename(path).partition(".")[0]


def find_request_files(folder: str, unchanged_since: datetime) -> list[str]:
    """Return the temporary files in the storage folder left by requests of a killed server.

    Raises:
        UnavailableError: The folder cannot be read.
    """
    if remote.is_url(folder):  # then they are in the machine's folder for temporary files
        return []
    limit = unchanged_since.timestamp()
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.path
                for entry in entries
                if _REQUEST_FILE_NAME.fullmatch(entry.name) and _is_old_file(entry, limit)
            )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnavailableError(f"{folder} cannot be read: {error.strerror}") from error


def _is_old_file(entry: "os.DirEntry[str]", limit: float) -> bool:
    with suppress(FileNotFoundError):
        return (
            entry.is_file(follow_symlinks=False)
            and entry.stat(follow_symlinks=False).st_mtime < limit
        )
    return False


def _iter_remote_node_folders(url: str, unchanged_since: datetime) -> Iterator[NodeFolder]:
    """Yield the folders that URLs of files name; an object store has no folders to remove."""
    old_files: dict[str, list[str]] = {}
    for file in remote.iter_files(url):
        path, _, name = file.uri.removeprefix(f"{url}/").rpartition("/")
        is_of_edit = _EDIT_FILE_NAME.fullmatch(name) and _NODE_FOLDER_NAME.fullmatch(
            path.partition("/")[2]
        )
        if is_of_edit and file.modified_at < unchanged_since:
            old_files.setdefault(path, []).append(file.uri)
    for path, uris in old_files.items():
        node_id = path.partition("/")[2]
        yield NodeFolder(node_id, f"{url}/{path}", tuple(sorted(uris)), is_old=False)


def remove_empty_folder(path: str) -> None:
    """Remove a folder if it is empty."""
    with suppress(OSError):
        os.rmdir(path)


def _list_folders(folder: str) -> "list[os.DirEntry[str]]":
    with os.scandir(folder) as entries:
        return sorted(
            (entry for entry in entries if entry.is_dir(follow_symlinks=False)),
            key=lambda entry: entry.name,
        )


def _scan_node_folder(node: "os.DirEntry[str]", limit: float) -> NodeFolder:
    old_files = []
    with suppress(FileNotFoundError), os.scandir(node.path) as entries:
        old_files = [
            entry.path
            for entry in entries
            if _EDIT_FILE_NAME.fullmatch(entry.name) and _is_old_file(entry, limit)
        ]
    is_old = False
    with suppress(FileNotFoundError):
        is_old = os.stat(node.path).st_mtime < limit
    return NodeFolder(node.name, node.path, tuple(sorted(old_files)), is_old)
