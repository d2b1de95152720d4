"""Files that a user named: whether they exist, and whether they have changed."""

import os
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from scenarist.domain.errors import UnavailableError
from scenarist.domain.machine_faults import is_machine_fault
from scenarist.domain.named_files import FileState, file_path
from scenarist.domain.short_reads import require_thread
from scenarist.storage.files.path_errors import explain_unreadable

_READ_AS_FOLDERS = frozenset({"parquet"})


def find_file_state(storage_type: str, properties: Mapping[str, Any]) -> FileState | None:
    """Return the state of the file that a user named for a data node.

    None when no path is named, when there is nothing that the storage can read, and when the path
    cannot be examined. A folder with files in it counts for storages that read folders.
    """
    try:
        return require_file_state(storage_type, properties)
    except UnavailableError:
        return None


def require_file_state(storage_type: str, properties: Mapping[str, Any]) -> FileState | None:
    """Return what `find_file_state` does, but raise if the path cannot be examined.

    Raises:
        UnavailableError: The machine cannot examine the path now, so the file may exist.
    """
    path = file_path(storage_type, properties)
    if path is None:
        return None
    require_thread()
    try:
        found = os.stat(path)
        if stat.S_ISREG(found.st_mode):
            return FileState(path, stamp_of(found), found.st_size, _time_of(found))
        if stat.S_ISDIR(found.st_mode) and storage_type in _READ_AS_FOLDERS:
            return _find_folder_state(path)
    except (OSError, ValueError) as error:
        if is_machine_fault(error):
            raise UnavailableError(explain_unreadable(path, error)) from error
    return None


def explain_missing(storage_type: str, properties: Mapping[str, Any]) -> str | None:
    """Return why there is no file at the path of a data node; None when no path is named."""
    path = file_path(storage_type, properties)
    if path is None:
        return None
    require_thread()
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode) and storage_type in _READ_AS_FOLDERS:
            _find_folder_state(path)
    except (OSError, ValueError) as error:
        return explain_unreadable(getattr(error, "filename", None) or path, error)
    if stat.S_ISREG(mode):
        return f"the file at {path} has just appeared"
    if not stat.S_ISDIR(mode):
        return f"{path} is not a regular file"
    if storage_type in _READ_AS_FOLDERS:
        return f"the folder {path} has no files"
    return f"{path} is a folder, but a {storage_type} data node needs a file"


def stamp_of(found: os.stat_result) -> str:
    """Return a text that differs once a file was changed or replaced: inode, size and mtime."""
    return f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"


def _find_folder_state(path: str) -> FileState | None:
    digest = blake2b(digest_size=16)
    size = 0
    modified_at = datetime.min.replace(tzinfo=UTC)
    for name, found in sorted(_iter_files(path)):
        digest.update(f"{name}\0{stamp_of(found)}\0".encode(errors="surrogateescape"))
        size += found.st_size
        modified_at = max(modified_at, _time_of(found))
    if modified_at.year == 1:
        return None
    return FileState(path, digest.hexdigest(), size, modified_at)


def _iter_files(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files of a data set; skip names that begin with a dot or an underscore.

    Raises:
        OSError: A folder cannot be listed: without its files the data set would be another one.
    """
    for folder, folders, names in os.walk(path, onerror=_fail):
        folders[:] = [name for name in folders if name[0] not in "._"]
        for name in names:
            if name[0] not in "._":
                file = os.path.join(folder, name)
                yield file, os.stat(file)


def _fail(error: OSError) -> None:
    raise error


def _time_of(found: os.stat_result) -> datetime:
    return datetime.fromtimestamp(found.st_mtime, UTC)
