"""Files of values in local folders: write and sync, open, remove."""

import contextlib
import os
import stat
from collections.abc import Iterable
from functools import partial
from typing import BinaryIO

from scenarist.domain.errors import InvalidError, NotFoundError, UnavailableError
from scenarist.domain.machine_faults import is_machine_fault
from scenarist.storage.files.path_errors import explain_unreadable, explain_unwritable
from scenarist.storage.python.objects import describe_error
from scenarist.system import file_modes


def join_path(folder: str, *names: str) -> str:
    """Return the name of a file below a folder."""
    return os.path.join(os.path.abspath(folder), *names)


def write_new(
    path: str,
    data: bytes,
    *,
    mode: int = file_modes.FILE_MODE,
    folder_mode: int = file_modes.FOLDER_MODE,
) -> None:
    """Write a file that does not exist yet, and sync it and its folder; all or nothing.

    Args:
        mode: The mode of the file, before the umask is applied.
        folder_mode: The mode of the folders that are created for it, before the umask is applied.

    Raises:
        UnavailableError: The file exists, or could not be written; says why.
    """
    try:
        _write_new(path, data, mode, folder_mode)
    except (OSError, ValueError) as error:
        raise UnavailableError(explain_unwritable(path, error)) from error


def open_file(path: str) -> BinaryIO:
    """Open a file to read it.

    Raises:
        NotFoundError: The file is gone.
        InvalidError: The file cannot be opened; says why.
        UnavailableError: The machine cannot open it now.
    """
    try:
        return open(path, "rb", opener=_open_file)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(explain_unreadable(path, error, was_there=True)) from None
    except (OSError, ValueError) as error:
        fault = UnavailableError if is_machine_fault(error) else InvalidError
        raise fault(explain_unreadable(path, error)) from error


def _open_file(path: str, flags: int) -> int:
    """Open a regular file or folder; refuse a named pipe or a device without waiting for it."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        os.close(descriptor)
        raise ValueError("it is not a regular file")
    return descriptor


open_whole = open_file
"""A local file needs no other way to read it whole: only the requested parts are read."""


def remove(paths: Iterable[str]) -> dict[str, str]:
    """Remove files; return those that could not be removed with the reason; ignore missing ones."""
    left = {}
    for path in paths:
        try:
            os.remove(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            left[path] = describe_error(error)
    return left


def remove_empty_folders(paths: Iterable[str]) -> None:
    """Remove the parent folders of files if they are empty."""
    for folder in {os.path.dirname(path) for path in paths}:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def sync_folder(folder: str) -> None:
    """Sync a folder so that the names in it are durable; do nothing on Windows, which cannot."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: str, data: bytes, mode: int, folder_mode: int) -> None:
    folder = os.path.dirname(path)
    _make_folder(folder, folder_mode)
    with open(path, "xb", buffering=0, opener=partial(os.open, mode=mode)) as file:
        try:
            _write_all(file.fileno(), data)
            os.fsync(file.fileno())
            sync_folder(folder)
        except BaseException:
            os.remove(path)
            raise


def _write_all(descriptor: int, data: bytes) -> None:
    # A raw write may be partial, for instance when the disk fills up.
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _make_folder(folder: str, mode: int) -> None:
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    _make_folder(parent, mode)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, mode)
    sync_folder(parent)
