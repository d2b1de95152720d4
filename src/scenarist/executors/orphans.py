"""What a job has left running or open when its function has ended: threads, processes, files."""

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

from scenarist.executors.children import children

Identity = tuple[int, int, int]
"""A device, the number of what is open there, and its mode."""

_LISTING = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
_KILL_SECONDS = 5.0  # with processes that do not end although they were killed
_SPARE_SECONDS = 2.0  # for servers of multiprocessing, which remove what jobs have left
_LOOK_SECONDS = 0.001
_JOIN_SECONDS = 0.01  # for threads that are just about to end
_DESCRIPTORS_LIMIT = 256  # more than there were at first
# The module, the object, what keeps its process while it is open, and the process.
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


class Threads:
    """The threads of Python that are there now; those that libraries have in C do not count."""

    def __init__(self) -> None:
        self._count = _thread._count()
        self._known = set(threading.enumerate())

    def find(self) -> list[str]:
        """Return the names of further threads that do not end at once."""
        if _thread._count() <= self._count:
            return []
        deadline = time.monotonic() + _JOIN_SECONDS
        left = [thread for thread in threading.enumerate() if thread not in self._known]
        for thread in left:
            # A thread that was not made by Python cannot be waited for.
            with contextlib.suppress(RuntimeError, AssertionError):
                thread.join(max(0.0, deadline - time.monotonic()))
        names = [thread.name for thread in left if thread.is_alive()]
        return names + ["without a name"] * (_thread._count() - self._count - len(names))


class Children:
    """The processes that this one is the parent of now."""

    def __init__(self) -> None:
        self._known = children()

    def end(self) -> int:
        """Kill and collect all further ones, and theirs; return how many were running.

        Theirs become children of this process, where it is a subreaper.
        """
        if _has_nochildren():
            return 0
        servers = _release_servers()
        killed: set[int] = set()
        deadline = time.monotonic() + _KILL_SECONDS
        spare_until = time.monotonic() + _SPARE_SECONDS
        while (left := self._running()) and time.monotonic() < deadline:
            # A server ends by itself when none of those that were using it is left.
            spared = servers if time.monotonic() < spare_until else set()
            for process in left - spared:
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)
            killed |= left - spared
            time.sleep(_LOOK_SECONDS)
        return len(killed)

    def _running(self) -> set[int]:
        """Return the children, without those that have ended; they are collected."""
        left = set()
        for process in children() - self._known:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(process, os.WNOHANG) == (0, 0):
                    left.add(process)
        return left


class Descriptors:
    """The files, sockets and pipes that are open now.

    Connections, and files that are only read and not locked, may stay open: an application keeps
    them to use them again.
    """

    def __init__(self) -> None:
        self._listing = _Listing()
        self._open = self._listing.remember()
        self._limit = len(self._open) + _DESCRIPTORS_LIMIT
        self._files = _files(self._open)
        self._watched = self._files

    def look(self) -> str | None:
        """Say what a job has left open that others would notice, or has closed."""
        if self._listing.is_same() and all(
            identity_of(number) == identity for number, identity in self._watched
        ):
            return None
        gc.collect()  # what is open may hang on a cycle, such as that of an exception
        now = self._listing.remember()
        if closed := [number for number in self._open if number not in now]:
            return f"it closed descriptors of the worker: {closed}"
        if changed := [number for number, identity in self._files if now[number] != identity]:
            return f"it opened other files in the place of those of the worker: {changed}"
        new = now.keys() - self._open.keys()
        for number in new:
            if (held := _held(number, now[number][2])) is not None:
                return held
        if len(now) > self._limit:
            return f"jobs have left {len(now)} files and connections open"
        # Another job may open something else at the same number.
        self._watched = [*self._files, *((number, now[number]) for number in new)]
        return None


class _Listing:
    """The numbers of the descriptors that are open.

    Linux has told since version 6.2 how many they are, as the size of the folder that lists them.
    When there are as many as before and all of those are open, there are no others.
    """

    def remember(self) -> dict[int, Identity]:
        """Take those that are open now; return what each of them is."""
        listed = os.listdir(_LISTING)
        # Without the one that was open for the listing itself.
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
        """Whether those that are open are those that were remembered."""
        if not self._can_count:
            return os.listdir(_LISTING) == self._listed
        return os.stat(_LISTING).st_size == self._count and not any(
            event & select.POLLNVAL for _, event in self._poll.poll(0)
        )


def _files(identities: dict[int, Identity]) -> list[tuple[int, Identity]]:
    return [each for each in identities.items() if stat.S_ISREG(each[1][2])]


def _held(number: int, mode: int) -> str | None:
    """Say what an open descriptor keeps from others, if anything."""
    if stat.S_ISSOCK(mode):
        return _held_by_socket(number)
    is_file = stat.S_ISREG(mode)
    if is_file and fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
        return f"it left a file open for writing: {_path_of(number)}"
    if (is_file or stat.S_ISDIR(mode)) and _is_locked(number):
        return f"it left a file locked: {_path_of(number)}"
    return None


def _held_by_socket(number: int) -> str | None:
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
    """Return what a descriptor is open on, and its mode; None when it is closed."""
    try:
        status = os.fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mode


def _has_nochildren() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _release_servers() -> set[int]:
    """Let the processes end that multiprocessing keeps for later; they start again when needed.

    They are not waited for here: children of a job may keep them as well. Returns which they are.
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
