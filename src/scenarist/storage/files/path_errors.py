"""Error messages for paths that cannot be read or written, with how to fix them."""

import os

from scenarist.storage.python.objects import describe_error


def explain_unreadable(path: str, error: OSError | ValueError, *, was_there: bool = False) -> str:
    """Return a message that says why a path cannot be read.

    Args:
        error: The error of ``stat`` or ``open`` on the path.
        was_there: Whether a file is known to have existed at the path.
    """
    match error:
        case FileNotFoundError() if os.path.islink(path):
            fix = "; restore it, or fix the link" if was_there else ""
            return f"{path} is a link to {os.readlink(path)}, which does not exist{fix}"
        case FileNotFoundError() if was_there:
            return (
                f"the file at {path} existed before and is gone; restore it, or write the data node"
            )
        case FileNotFoundError():
            return f"there is no file at {path}{_describe_missing_folder(path)}"
        case NotADirectoryError():
            return f"there is no file at {path}: {_find_file_above(path)} is a file, not a folder"
        case IsADirectoryError():
            return f"{path} is a folder; name a file"
    return f"{path} cannot be opened: {_describe(error, 'read')}"


def explain_unwritable(path: str, error: OSError | ValueError) -> str:
    """Return a message that says why a path cannot be written."""
    if isinstance(error, NotADirectoryError | FileExistsError) and (
        above := _find_file_above(path)
    ):
        return f"{path}: {above} is a file, not a folder; name another path"
    return f"{path}: {_describe(error, 'write')}"


def _describe(error: OSError | ValueError, act: str) -> str:
    if isinstance(error, PermissionError):
        return (
            f"permission denied; allow the user that runs the server to {act} it and to search the"
            " folders above it"
        )
    return str(error) if type(error) is ValueError else describe_error(error)


def _describe_missing_folder(path: str) -> str:
    folder = os.path.dirname(path)
    return "" if os.path.isdir(folder) else f", nor its folder {folder}"


def _find_file_above(path: str) -> str | None:
    folder = os.path.dirname(path)
    while folder and folder != os.path.dirname(folder):
        if os.path.exists(folder):
            return None if os.path.isdir(folder) else folder
        folder = os.path.dirname(folder)
    return None
