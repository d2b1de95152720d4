"""Starts `scenarist` commands in processes that have its modules already.

A process of the standard library's fork server imports them once for each test worker, which is
most of what a start costs; that a start from nothing works is shown by `e2e/test_start.py`.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["scenarist.server.composition", "scenarist.cli", "scenarist.server.preflight"]
)


class WarmProcess:
    """A command that runs; what it says on its standard error can be read here.

    Args:
        umask: That of the process; the one of these tests, if not given.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        umask: int | None = None,
    ) -> None:
        reader, writer = _context.Pipe(duplex=False)
        with reader, writer:
            self._process = _context.Process(
                target=_be, args=(list(arguments), folder, dict(environment), writer, umask)
            )
            self._process.start()
            self.stderr = os.fdopen(os.dup(reader.fileno()))
        self.pid = cast("int", self._process.pid)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        self._process.join(seconds)
        code = self._process.exitcode
        assert code is not None, f"process {self.pid} did not end"
        return code

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _be(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    stderr: Connection,
    umask: int | None,
) -> None:
    if umask is not None:
        os.umask(umask)
    os.dup2(stderr.fileno(), 2)
    stderr.close()
    os.chdir(folder)
    if "LD_PRELOAD" in environment:  # only a process that starts from nothing loads it
        os.execve(sys.executable, [sys.executable, "-m", "scenarist", *arguments], environment)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["scenarist", *arguments]

    from scenarist.cli import main

    main(arguments)
