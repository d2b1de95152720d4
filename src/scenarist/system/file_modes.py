"""Modes of the files and folders that a server creates: owner only, whatever the umask.

Does nothing on systems without such modes.
"""

import os
import stat
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
OTHERS = 0o077
OTHERS_WRITE = 0o022


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, accessible to their owner only.

    Raises:
        OSError: One of them cannot be created.
    """
    missing = list(takewhile(lambda path: not path.exists(), (folder, *folder.parents)))
    for path in reversed(missing):
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(folder))


def restrict_to_owner(path: Path | str) -> None:
    """Remove the rights of others from a file or folder, if it exists and is this user's own."""
    with suppress(OSError):
        found = os.stat(path)
        if os.name == "posix" and found.st_uid == os.geteuid() and found.st_mode & OTHERS:
            os.chmod(path, stat.S_IMODE(found.st_mode) & ~OTHERS)


def get_rights_of_others(folder: Path) -> int:
    """Return the bits of `OTHERS` that a folder has.

    Write bits are ignored if the folder is sticky, as ``/tmp`` is: others cannot replace files
    there.
    """
    try:
        found = folder.stat().st_mode
    except OSError:
        return 0
    if os.name != "posix":
        return 0
    return found & OTHERS & ~(OTHERS_WRITE if found & stat.S_ISVTX else 0)
