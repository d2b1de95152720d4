"""Reloading in development: a supervisor starts a new server whenever the application changes.

The supervisor forks each server and has a link to it. It loads nothing of the application itself,
so that every server begins with what the files contain then. See decision 121.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

import structlog

from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.server.http_server import open_listener

_POLL_SECONDS = 0.25
_TIME_LAG = 10_000_000  # nanoseconds
_LOADED, _GO, _RETIRE = b"l", b"g", b"r"
_LONGEST_MESSAGE = 1024 * 1024
_SUFFIXES = (".py", ".toml")

_STARTING = ("loading", "opening")

Address = tuple[str, int]
_Stamps = dict[str, tuple[int, int]]
"""The time of the last change, in nanoseconds, and the size of each file that is there."""

_log = structlog.get_logger(__name__)


class ReloadLink:
    """A server's connection to its supervisor.

    Args:
        listener: The socket on which servers before this one have listened, if any.
        address: The address of the settings for which it was opened.
    """

    def __init__(
        self, connection: socket.socket, listener: socket.socket | None, address: Address | None
    ) -> None:
        self._connection = connection
        self._listener = listener
        self._address = address

    @contextmanager
    def open_listener(self, address: Address) -> Iterator[socket.socket]:
        """Return the socket on which the servers listen; the first one binds it.

        From then on the server may run jobs, so the supervisor no longer kills it if files change.

        Raises:
            UnavailableError: The port cannot be used, or the supervisor has ended.
        """
        self._connection.send(_LOADED)
        if self._connection.recv(1) != _GO:
            raise UnavailableError("the process that looks for changed files has ended")
        if self._listener is None:
            with open_listener(*address) as listener:
                self._listener, self._address = listener, address
                yield listener
            return
        if address != self._address:
            _log.warning(
                "another host or port is declared; it is used after a restart", declared=address
            )
        with self._listener as listener:
            yield listener

    def announce(self, files: Sequence[str], *, on_retire: Callable[[], object]) -> None:
        """Tell the supervisor that this server accepts requests, and follow what it says.

        Args:
            files: The files that the application is made of.
            on_retire: Called in another thread when a new server has taken over.
        """
        if self._listener is None:
            raise RuntimeError("open the listener first")
        message = json.dumps({"files": files, "address": self._address}).encode()
        socket.send_fds(self._connection, [message + b"\n"], [self._listener.fileno()])
        threading.Thread(
            target=self._follow, args=(on_retire,), name="reload link", daemon=True
        ).start()

    def _follow(self, on_retire: Callable[[], object]) -> None:
        while self._connection.recv(1) == _RETIRE:
            on_retire()
        os.kill(os.getpid(), signal.SIGTERM)  # the supervisor is gone


@dataclass(eq=False, slots=True)
class _ServerProcess:
    pid: int
    connection: socket.socket
    started_at: int  #: nanoseconds
    role: Literal["loading", "opening", "serving", "retired"] = "loading"
    received: bytes = b""


class Supervisor:
    """Runs servers one after the other, each with the code as it was when the server started.

    A server that is ready takes over from the one before, which lets its running jobs end. If it
    does not start, it says why, and the one before goes on.

    Args:
        start: Runs a server in a process of its own; returns the exit code.
        on_refused: Called when a changed application was not served.
    """

    def __init__(
        self, start: Callable[[ReloadLink], int], *, on_refused: Callable[[], None]
    ) -> None:
        self._start = start
        self._on_refused = on_refused
        self._servers: list[_ServerProcess] = []
        self._listener: socket.socket | None = None
        self._address: Address | None = None
        self._files: Sequence[str] = ()
        self._seen: _Stamps = {}
        self._is_refused = False  # the changed application was not served
        self._is_changing = False  # files change at the moment: wait until they do not
        self._exit_code: int | None = None
        self._signals: list[int] = []

    def run(self) -> int:
        """Serve until SIGINT or SIGTERM, or until a server ends by itself; return its exit code."""
        with self._receive_signals() as wakeup:
            self._fork()
            while self._servers:
                watched = [wakeup, *(server.connection for server in self._servers)]
                select.select(watched, [], [], _POLL_SECONDS)
                self._pass_on_signals(wakeup)
                for server in list(self._servers):
                    self._receive(server)
                    self._reap(server)
                if self._exit_code is None and self._find("serving") is not None:
                    self._look_for_changes()
        return self._exit_code or 0

    @contextmanager
    def _receive_signals(self) -> Iterator[socket.socket]:
        reader, writer = socket.socketpair()
        with reader, writer:
            for end in (reader, writer):
                end.setblocking(False)
            signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda number, frame: self._signals.append(number))
            signal.signal(signal.SIGCHLD, lambda number, frame: None)
            yield reader

    def _pass_on_signals(self, wakeup: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while wakeup.recv(1024):
                pass
        while self._signals:
            self._signals.pop()
            self._exit_code = self._exit_code or 0
            self._stop_all()

    def _stop_all(self) -> None:
        for server in self._servers:
            os.kill(server.pid, signal.SIGTERM)

    def _find(self, role: str) -> _ServerProcess | None:
        return next((server for server in self._servers if server.role == role), None)

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        started_at = time.time_ns()
        pid = os.fork()
        if pid == 0:
            self._become_server(ours, theirs)
        theirs.close()
        self._servers.append(_ServerProcess(pid, ours, started_at))

    def _become_server(self, ours: socket.socket, theirs: socket.socket) -> None:
        code = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C is for the supervisor, which passes it on
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            for other in (ours, *(server.connection for server in self._servers)):
                other.close()
            code = self._start(ReloadLink(theirs, self._listener, self._address))
        except BaseException:  # noqa: BLE001 - nothing of the supervisor may run in this process
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                _flush(stream)
            os._exit(code)

    def _receive(self, server: _ServerProcess) -> None:
        """Take what a server says, if anything: that it is loaded, and that it is ready."""
        if server.role not in _STARTING or not select.select([server.connection], [], [], 0)[0]:
            return
        if server.role == "loading":
            if self._exit_code is not None:
                os.kill(server.pid, signal.SIGTERM)  # again, since it may have come too early
            elif server.connection.recv(1) == _LOADED:
                server.role = "opening"
                with contextlib.suppress(OSError):
                    server.connection.send(_GO)  # it waits for this
            return
        data, descriptors, *_ = socket.recv_fds(server.connection, _LONGEST_MESSAGE, 1)
        server.received += data
        if descriptors:
            listener = socket.socket(fileno=descriptors[0])
            if self._listener is not None:
                self._listener.close()
            self._listener = listener
        if server.received.endswith(b"\n"):
            self._take_over(server)

    def _take_over(self, server: _ServerProcess) -> None:
        message = json.loads(server.received)
        before = self._find("serving")
        if before is not None:
            before.role = "retired"
            with contextlib.suppress(OSError):
                before.connection.send(_RETIRE)
        server.role = "serving"
        self._address = tuple(message["address"])
        self._files = message["files"]
        self._is_refused = False
        self._look_at_files_of(server)

    def _look_at_files_of(self, server: _ServerProcess) -> None:
        """Look at the files as a server has loaded them, or has failed to."""
        self._seen = _stamp(self._files, with_folders=self._is_refused)
        # A file may have changed after the server had loaded it. Times of files lag a little. What
        # an application itself writes when it is loaded, such as an exported configuration, is not
        # one of its files.
        now = time.time_ns()
        self._is_changing = any(
            server.started_at - _TIME_LAG < changed_at <= now
            for file, (changed_at, _) in self._seen.items()
            if file in self._files or file.endswith(".py")
        )

    def _reap(self, server: _ServerProcess) -> None:
        pid, status = os.waitpid(server.pid, os.WNOHANG)
        if pid == 0:
            return
        server.connection.close()
        self._servers.remove(server)
        if server.role == "serving" or not self._servers:
            if not self._exit_code:
                self._exit_code = os.waitstatus_to_exitcode(status)
            self._stop_all()
        elif server.role in _STARTING and self._exit_code is None:
            self._on_refused()
            self._is_refused = True
            self._look_at_files_of(server)

    def _look_for_changes(self) -> None:
        if self._find("opening") is not None:
            return  # it runs jobs already; once it serves, its files are looked at
        seen = _stamp(self._files, with_folders=self._is_refused)
        if seen != self._seen:
            self._seen, self._is_changing = seen, True
        elif self._is_changing:
            self._is_changing = False
            loading = self._find("loading")
            if loading is not None:
                os.kill(loading.pid, signal.SIGKILL)
                loading.role = "retired"
            self._fork()


def require_local(executor: str) -> None:
    """Refuse an executor whose workers do not get their code from this process.

    Raises:
        InvalidError: It is another than the local one.
    """
    if executor != "local":
        raise InvalidError(
            f"--reload is for development on one machine, and the executor {executor!r} has the "
            "code of the application elsewhere; use the local executor, or restart the server"
        )


def _stamp(files: Iterable[str], *, with_folders: bool) -> _Stamps:
    """Return the stamps of files.

    Args:
        with_folders: Also of all modules and TOML files in their folders and in the packages there:
            one of them may be faulty, so that no server has loaded it.
    """
    found = set(files)
    if with_folders:
        for folder in {os.path.dirname(file) for file in files}:
            found |= _list_modules(folder)
    stamps: _Stamps = {}
    for file in found:
        with contextlib.suppress(OSError):
            status = Path(file).stat()
            stamps[file] = (status.st_ctime_ns, status.st_size)
    return stamps


def _list_modules(folder: str) -> set[str]:
    found: set[str] = set()
    packages: list[str] = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.endswith(_SUFFIXES):
                found.add(entry.path)
            elif entry.name.isidentifier() and entry.is_dir(follow_symlinks=False):
                packages.append(entry.path)
    if found:  # none is looked for below a folder without modules
        for package in packages:
            found |= _list_modules(package)
    return found


def _flush(stream: TextIO | None) -> None:
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.flush()
