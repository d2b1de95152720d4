"""What is wrong at a path, in words that say how to mend it."""

import os

from scenarist.storage.objects import reason


def why_unreadable(path: str, error: OSError | ValueError, *, was_there: bool = False) -> str:
    """Say why nothing can be read at a path.

    Args:
        error: What came of looking at it, or of opening it.
        was_there: Whether there has been a file before.
    """
    match error:
        case FileNotFoundError() if os.path.islink(path):
            mend = "; put it back, or mend the link" if was_there else ""
            return f"{path} is a link to {os.readlink(path)}, where there is no file{mend}"
        case FileNotFoundError() if was_there:
            return (
                f"the file at {path} was there before and is gone; put it back, or write the data"
                " node"
            )
        case FileNotFoundError():
            return f"there is no file at {path}{_missing_folder(path)}"
        case NotADirectoryError():
            return f"there is no file at {path}: {_file_above(path)} is a file and no folder"
        case IsADirectoryError():
            return f"{path} is a folder; name a file"
    return f"{path} cannot be opened: {_told(error, 'read')}"


def why_unwritable(path: str, error: OSError | ValueError) -> str:
    """Say why nothing can be written at a path."""
    if isinstance(error, NotADirectoryError | FileExistsError) and (above := _file_above(path)):
        return f"{path}: {above} is a file and no folder; name another path"
    return f"{path}: {_told(error, 'write')}"


def _told(error: OSError | ValueError, act: str) -> str:
    if isinstance(error, PermissionError):
        return (
            f"permission denied; let the user that the server runs as {act} it, and enter the"
            " folders above it"
        )
    return reason(error)


def _missing_folder(path: str) -> str:
    folder = os.path.dirname(path)
    return "" if os.path.isdir(folder) else f", nor its folder {folder}"


def _file_above(path: str) -> str | None:
    folder = os.path.dirname(path)
    while folder and folder != os.path.dirname(folder):
        if os.path.exists(folder):
            return None if os.path.isdir(folder) else folder
        folder = os.path.dirname(folder)
    return None
