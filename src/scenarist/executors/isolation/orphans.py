"""Detects what a job leaves running or open when its function has ended: threads, processes, files.

Processes are killed. What remains open and would affect others makes the worker be replaced
(docs/decisions/0062 and 0065).
"""

import _thread
import contextlib
import fcntl
import gc
import os
import select
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

from scenarist.executors.isolation.children import list_children

Identity = tuple[int, int, int]
"""The device and inode that a descriptor is open on, and its mode."""

_LISTING = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
_KILL_SECONDS = 5.0  # the longest wait for processes that do not end although killed
_SPARE_SECONDS = 2.0  # the time for multiprocessing's servers to clean up what jobs have left
_POLL_SECONDS = 0.001
_JOIN_SECONDS = 0.01  # the time for threads that are about to end
_DESCRIPTORS_LIMIT = 256  # more than were open at first
# The module, the object, its descriptor that keeps the process alive, and its process.
_SERVERS = (
    (
        "multiprocessing.forkserver",
        "_forkserver",
        "_forkserver_alive_fd",
        "_forkserver_pid",
    ),
    ("multiprocessing.resource_tracker", "_resource_tracker", "_fd", "_pid"),
    ("joblib.externals.loky.backend.resource_tracker", "_resource_tracker", "_fd", "_pid"),
    ("loky.backend.resource_tracker", "_resource_tracker", "_fd", "_pid"),
)


class ThreadSnapshot:
    """Snapshot of the Python threads; native threads of libraries are not counted."""

    def __init__(self) -> None:
        self._count = _thread._count()
        self._known = set(threading.enumerate())

    def find_new(self) -> list[str]:
        """Return the names of newer threads that do not end at once."""
        if _thread._count() <= self._count:
            return []
        deadline = time.monotonic() + _JOIN_SECONDS
        left = [thread for thread in threading.enumerate() if thread not in self._known]
        for thread in left:
            # A thread that Python did not create cannot be joined.
            with contextlib.suppress(RuntimeError, AssertionError):
                thread.join(max(0.0, deadline - time.monotonic()))
        names = [thread.name for thread in left if thread.is_alive()]
        return names + ["without a name"] * (_thread._count() - self._count - len(names))


class ChildSnapshot:
    """Snapshot of the child processes of this process."""

    def __init__(self) -> None:
        self._known = list_children()

    def kill_new(self) -> int:
        """Kill and collect all newer children and their descendants; return how many were running.

        Descendants become children of this process if it is a subreaper.
        """
        if _has_no_children():
            return 0
        servers = _release_servers()
        killed: set[int] = set()
        deadline = time.monotonic() + _KILL_SECONDS
        spare_until = time.monotonic() + _SPARE_SECONDS
        while (left := self._running()) and time.monotonic() < deadline:
            # A server ends by itself when the last process that uses it has ended.
            spared = servers if time.monotonic() < spare_until else set()
            for process in left - spared:
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)
            killed |= left - spared
            time.sleep(_POLL_SECONDS)
        return len(killed)

    def _running(self) -> set[int]:
        """Return the newer children that are running; collect those that have ended."""
        left = set()
        for process in list_children() - self._known:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(process, os.WNOHANG) == (0, 0):
                    left.add(process)
        return left


class DescriptorSnapshot:
    """Snapshot of the open files, sockets and pipes.

    A job may leave open connections, and files that are read-only and not locked: applications
    keep them for reuse.
    """

    def __init__(self) -> None:
        self._listing = _DescriptorNumbers()
        self._open = self._listing.take()
        self._limit = len(self._open) + _DESCRIPTORS_LIMIT
        self._files = _regular_files(self._open)
        self._watched = self._files

    def find_damage(self) -> str | None:
        """Return what a job has closed, or left open that affects others; None if nothing."""
        if self._listing.is_same() and all(
            identity_of(number) == identity for number, identity in self._watched
        ):
            return None
        gc.collect()  # an open file may be referenced by a cycle only, such as of an exception
        now = self._listing.take()
        if closed := [number for number in self._open if number not in now]:
            return f"it closed descriptors of the worker: {closed}"
        if changed := [number for number, identity in self._files if now[number] != identity]:
            return f"it replaced open files of the worker: {changed}"
        new = now.keys() - self._open.keys()
        for number in new:
            if (held := _describe_open(number, now[number][2])) is not None:
                return held
        if len(now) > self._limit:
            return f"jobs have left {len(now)} files and connections open"
        # Watched too, because another job may reuse the number for something else.
        self._watched = [*self._files, *((number, now[number]) for number in new)]
        return None


class _DescriptorNumbers:
    """Snapshot of the numbers of the open descriptors.

    Since Linux 6.2, the size of the folder that lists them is their number. If it is unchanged and
    all earlier descriptors are open, there are no new ones.
    """

    def take(self) -> dict[int, Identity]:
        """Take a new snapshot; return the identity of each open descriptor."""
        listed = os.listdir(_LISTING)
        # Without the descriptor that was open for the listing itself.
        found = ((int(number), identity_of(int(number))) for number in listed)
        identities = {number: identity for number, identity in found if identity is not None}
        self._listed = listed
        self._count = len(identities)
        self._can_count = os.stat(_LISTING).st_size == self._count
        self._poll = select.poll()
        for number in identities:
            self._poll.register(number, 0)
        return identities

    def is_same(self) -> bool:
        """Return whether the same descriptors are open as in the snapshot."""
        if not self._can_count:
            return os.listdir(_LISTING) == self._listed
        return os.stat(_LISTING).st_size == self._count and not any(
            event & select.POLLNVAL for _, event in self._poll.poll(0)
        )


def _regular_files(identities: dict[int, Identity]) -> list[tuple[int, Identity]]:
    return [each for each in identities.items() if stat.S_ISREG(each[1][2])]


def _describe_open(number: int, mode: int) -> str | None:
    """Return how an open descriptor affects others; None if it does not."""
    if stat.S_ISSOCK(mode):
        return _describe_socket(number)
    is_file = stat.S_ISREG(mode)
    if is_file and fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
        return f"it left a file open for writing: {_path_of(number)}"
    if (is_file or stat.S_ISDIR(mode)) and _is_locked(number):
        return f"it left a file locked: {_path_of(number)}"
    return None


def _describe_socket(number: int) -> str | None:
    with socket.socket(fileno=os.dup(number)) as found:
        if found.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
            return None
        try:
            found.getpeername()
        except OSError:
            return f"it left a socket open that has no peer: {_path_of(number)}"
    return None


def _is_locked(number: int) -> bool:
    with contextlib.suppress(OSError):
        return "\nlock:" in Path(f"/proc/self/fdinfo/{number}").read_text()
    return False


def _path_of(number: int) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"{_LISTING}/{number}")
    return str(number)


def identity_of(number: int) -> Identity | None:
    """Return what a descriptor is open on, and its mode; None if it is closed."""
    try:
        status = os.fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mode


def _has_no_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _release_servers() -> set[int]:
    """Let the server processes of multiprocessing end, and return them; they restart when needed.

    This does not wait for their end, because children of a job may keep them alive too.
    """
    released = set()
    for module, name, keeper, process in _SERVERS:
        server: Any = getattr(sys.modules.get(module), name, None)
        if (descriptor := getattr(server, keeper, None)) is None:
            continue
        released.add(getattr(server, process))
        setattr(server, keeper, None)
        setattr(server, process, None)
        with contextlib.suppress(OSError):
            os.close(descriptor)
    return released
