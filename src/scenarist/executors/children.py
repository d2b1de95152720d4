"""The processes that the function of a job starts: how they end."""

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


def end_fork(error: BaseException | None) -> NoReturn:
    """End a forked child that has come back from where it was forked, as it would end outside."""
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
    """Have Linux make this process the parent of descendants whose own parent has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with(parent: int) -> None:
    """Have Linux kill this process when its parent is gone; elsewhere its socket tells."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def wake_without_parent() -> None:
    """Have Linux wake this process when its parent is gone, should somebody have stopped it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def children() -> set[int]:
    """Return the children of this process; none where the system does not tell them."""
    found: set[int] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, file.read_text().split()))
    return found


def kill_sessions(leaders: Collection[int]) -> None:
    """Kill all processes of some sessions, as far as the system tells which these are."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            session = file.read_text().rpartition(")")[2].split()[3]
            if int(session) in leaders:
                os.kill(int(file.parent.name), signal.SIGKILL)
