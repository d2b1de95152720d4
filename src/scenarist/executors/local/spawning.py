"""Starts workers as new interpreters, for applications that cannot be shared over a fork."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

from scenarist.executors.base import WorkerOptions
from scenarist.system.search_path import extend_search_path


def add_application_path(options: WorkerOptions) -> None:
    """Add the application's folders to the module search path, after our own imports."""
    extend_search_path(options.search_path)


def spawn_worker(options: WorkerOptions, connection: int, log: int) -> int:
    """Start a worker that imports the application itself; return its process ID.

    Raises:
        OSError: The process cannot be started.
    """
    module = "scenarist.executors.local.worker"
    arguments = [str(connection), msgspec.json.encode(options).decode(), str(os.getpid())]
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(connection,),
    )
    process.returncode = 0  # the caller collects all its children itself
    return process.pid


class SourceSnapshot:
    """Snapshot of the files of the application's modules."""

    def __init__(self, states: dict[str, tuple[int, int] | None]) -> None:
        self._states = states

    @classmethod
    def of_loaded(cls, folders: Sequence[str]) -> Self:
        """Take a snapshot of the modules that this process has imported from these folders."""
        files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        inside = tuple(os.path.join(folder, "") for folder in folders)
        return cls({file: _file_state(file) for file in files if file and file.startswith(inside)})

    def find_changed(self) -> str | None:
        """Return a file that has changed since; None if none has."""
        return next(
            (file for file, state in self._states.items() if _file_state(file) != state), None
        )


def _file_state(file: str) -> tuple[int, int] | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
