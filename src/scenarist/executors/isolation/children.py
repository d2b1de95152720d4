"""Finds and ends the processes that the function of a job starts (docs/decisions/0062)."""

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def exit_fork(error: BaseException | None) -> NoReturn:
    """End a forked child that returned from the function, in the way a script would end."""
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if not isinstance(error.code, int | None):
            sys.stderr.write(f"{error.code}\n")
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code & 0xFF)


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent has ended (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def exit_with_parent(parent: int) -> None:
    """Make Linux kill this process when its parent ends; elsewhere it notices at its socket."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def continue_without_parent() -> None:
    """Make Linux continue this process when its parent ends, in case it was suspended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def list_children() -> set[int]:
    """Return the children of this process; an empty set if the system does not list them."""
    found: set[int] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, file.read_text().split()))
    return found


def kill_sessions(leaders: Collection[int]) -> None:
    """Kill all processes of some sessions, as far as the system lists them."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            session = file.read_text().rpartition(")")[2].split()[3]
            if int(session) in leaders:
                os.kill(int(file.parent.name), signal.SIGKILL)
