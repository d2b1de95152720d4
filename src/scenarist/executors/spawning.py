"""Workers that are started from nothing, where the application cannot be shared over a fork."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

from scenarist.executors.base import WorkerTerms
from scenarist.search_path import search_also


def search(terms: WorkerTerms) -> None:
    """Have this process search the folders of the application, now that ours is imported."""
    search_also(terms.search_path)


def spawn(terms: WorkerTerms, connection: int, log: int) -> int:
    """Start a worker that imports the application itself; return its process.

    Raises:
        OSError: It cannot be started.
    """
    module = "scenarist.executors.worker"
    arguments = [str(connection), msgspec.json.encode(terms).decode(), str(os.getpid())]
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(connection,),
    )
    process.returncode = 0  # whoever called this waits for all its children itself
    return process.pid


class Sources:
    """The files of the application's modules, as they were at one time."""

    def __init__(self, states: dict[str, tuple[int, int] | None]) -> None:
        self._states = states

    @classmethod
    def of_loaded(cls, folders: Sequence[str]) -> Self:
        """Look at the files of the modules that this process has imported from some folders."""
        files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        inside = tuple(os.path.join(folder, "") for folder in folders)
        return cls({file: _state(file) for file in files if file and file.startswith(inside)})

    def changed(self) -> str | None:
        """Return a file that has changed since; None when all are the same."""
        return next((file for file, state in self._states.items() if _state(file) != state), None)


def _state(file: str) -> tuple[int, int] | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
