"""Modes of the files and folders that a server makes: for its own user alone, whatever the umask.

Where a system has no such modes, nothing of it does anything.
"""

import os
import stat
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

FILE = 0o600
FOLDER = 0o700
OTHERS = 0o077
OTHERS_WRITE = 0o022


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing; none of these can be entered by others.

    Raises:
        OSError: One cannot be made.
    """
    missing = list(takewhile(lambda path: not path.exists(), (folder, *folder.parents)))
    for path in reversed(missing):
        path.mkdir(mode=FOLDER, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(folder))


def narrow(path: Path | str) -> None:
    """Take all rights of others to a file or folder away, if it is there and this user's own."""
    with suppress(OSError):
        found = os.stat(path)
        if os.name == "posix" and found.st_uid == os.geteuid() and found.st_mode & OTHERS:
            os.chmod(path, stat.S_IMODE(found.st_mode) & ~OTHERS)


def rights_of_others(folder: Path) -> int:
    """Return the bits of `OTHERS` that a folder has.

    Those to write do not count where nobody can replace the files of others there, as in ``/tmp``.
    """
    try:
        found = folder.stat().st_mode
    except OSError:
        return 0
    if os.name != "posix":
        return 0
    return found & OTHERS & ~(OTHERS_WRITE if found & stat.S_ISVTX else 0)
