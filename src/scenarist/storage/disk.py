"""Files of values in folders of this machine: written and synced, opened, removed."""

import contextlib
import os
import stat
from collections.abc import Iterable
from functools import partial
from typing import BinaryIO

from scenarist import modes
from scenarist.domain.errors import InvalidError, NotFoundError, UnavailableError
from scenarist.domain.machine import is_of_machine
from scenarist.storage.objects import reason
from scenarist.storage.paths import why_unreadable, why_unwritable


def below(folder: str, *names: str) -> str:
    """Return the name of a file below a folder."""
    return os.path.join(os.path.abspath(folder), *names)


def write_new(
    path: str, data: bytes, *, mode: int = modes.FILE, folder_mode: int = modes.FOLDER
) -> None:
    """Write a file that does not exist yet, and sync it and its folder; all or nothing.

    Args:
        mode: Of the file, without what the umask takes away.
        folder_mode: Of the folders that have to be made for it, likewise.

    Raises:
        UnavailableError: It exists, or could not be written; says why.
    """
    try:
        _write_new(path, data, mode, folder_mode)
    except (OSError, ValueError) as error:
        raise UnavailableError(why_unwritable(path, error)) from error


def open_file(path: str) -> BinaryIO:
    """Open a file to read it.

    Raises:
        NotFoundError: It is gone.
        InvalidError: It cannot be opened; says why.
        UnavailableError: The machine cannot open it now.
    """
    try:
        return open(path, "rb", opener=_open_file)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(why_unreadable(path, error, was_there=True)) from None
    except (OSError, ValueError) as error:
        fault = UnavailableError if is_of_machine(error) else InvalidError
        raise fault(why_unreadable(path, error)) from error


def _open_file(path: str, flags: int) -> int:
    """Open a file, and neither wait for the writer of a named pipe nor read a device."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        os.close(descriptor)
        raise ValueError("it is not a regular file")
    return descriptor


open_whole = open_file
"""Of a file here, what is not asked for is not read."""


def remove(paths: Iterable[str]) -> dict[str, str]:
    """Remove files; return why those are left that could not be. One that is gone is no error."""
    left = {}
    for path in paths:
        try:
            os.remove(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            left[path] = reason(error)
    return left


def remove_empty_folders(paths: Iterable[str]) -> None:
    """Remove the folders in which files lay, where they are empty now."""
    for folder in {os.path.dirname(path) for path in paths}:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def sync_folder(folder: str) -> None:
    """Make the names in a folder durable, where the system can (Windows cannot)."""
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
    # A raw write may take only a part, as it does when the disk fills up.
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
