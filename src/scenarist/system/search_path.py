"""Search path for applications' modules: after the standard library, before packages."""

import importlib
import os
import sys
import sysconfig
from collections.abc import Sequence

_application_folders: list[str] = []


def extend_search_path(folders: Sequence[str]) -> None:
    """Add folders to the search path, in this order.

    They come after the standard library, whose modules an application thus cannot replace for the
    libraries that import them, and before installed packages.
    """
    _application_folders[:] = folders
    place = _find_end_of_standard_library()
    for folder in folders:
        if folder in sys.path:
            place = max(place, sys.path.index(folder) + 1)
        else:
            sys.path.insert(place, folder)
            place += 1
    importlib.invalidate_caches()


def list_application_folders() -> list[str]:
    """Return the folders of the last `extend_search_path` that are still on the search path."""
    return [folder for folder in _application_folders if folder in sys.path]


def _find_end_of_standard_library() -> int:
    standard = sysconfig.get_path("stdlib")
    own = [
        position
        for position, folder in enumerate(sys.path)
        if f"{folder}{os.sep}".startswith(f"{standard}{os.sep}") and "-packages" not in folder
    ]
    return own[-1] + 1 if own else 0
