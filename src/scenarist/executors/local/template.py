"""The template: a process that imports the application once, and forks workers from itself.

`scenarist.executors.local.template_process` starts it and sends it commands over a socket.
Processes that a job leaves behind become children of the template: when a worker has ended, the
template kills them, and only then reports the end of the worker (docs/decisions/0061 and 0062).
"""

import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence

import msgspec

from scenarist.executors.base import WorkerOptions
from scenarist.executors.framing import encode_frame
from scenarist.executors.isolation.children import (
    adopt_orphans,
    continue_without_parent,
    list_children,
)
from scenarist.executors.isolation.job_logs import configure_logging
from scenarist.executors.isolation.namespaces import load_modules
from scenarist.executors.isolation.process_state import stop_timers
from scenarist.executors.isolation.randomness import RandomGenerators
from scenarist.executors.local import worker
from scenarist.executors.local.spawning import SourceSnapshot, add_application_path, spawn_worker
from scenarist.executors.local.template_process import (
    COMMAND,
    FORK,
    TemplateReady,
    TemplateReport,
    WorkerEnded,
    WorkerNotStarted,
    WorkerStarted,
)

_POLL_SECONDS = 0.005
_KILL_SECONDS = 5.0  # the longest wait for processes that do not end although killed
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
# jemalloc stops this thread around a fork, and starts it again on both sides.
_HARMLESS_THREADS = frozenset({"jemalloc_bg_thd"})

_encoder = msgspec.msgpack.Encoder()


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    options = msgspec.json.decode(sys.argv[2], type=WorkerOptions)
    _ignore_signals()
    adopt_orphans()
    continue_without_parent()
    configure_logging(options.log_level)
    load_modules()
    template = _TemplateServer(control, options)
    template.prepare()
    template.serve()


class _TemplateServer:
    def __init__(self, control: socket.socket, options: WorkerOptions) -> None:
        self._control = control
        self._options = options
        self._randomness = RandomGenerators()
        self._sources: SourceSnapshot | None = (
            None  # the imported files, if workers cannot be forked
        )
        self._workers: dict[int, int] = {}  # worker numbers by process ID
        self._ended: dict[int, int] = {}  # exit codes by worker number, until reported
        self._was_clear = False
        self._kill_until = 0.0
        self._wake_reader, wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        wake_writer.setblocking(False)
        self._wake_writer = wake_writer
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)

    def prepare(self) -> None:
        """Import the application, and check whether workers can be forked after that."""
        before = _list_descriptors(), _list_shared_memory()
        add_application_path(self._options)
        with self._randomness.record():
            for name in self._options.modules:
                _import_module(name)
        # The imports may have changed signal handlers, and without SIGCHLD no stopped job ends.
        stop_timers()
        _ignore_signals()
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        obstacle = _find_fork_obstacle(*before)
        if obstacle is not None:
            self._sources = SourceSnapshot.of_loaded(self._options.search_path)
        gc.collect()
        gc.freeze()
        self._send(TemplateReady(obstacle))

    def serve(self) -> None:
        while True:
            for key, _ in self._selector.select(_POLL_SECONDS if self._ended else None):
                if key.fileobj is self._wake_reader:
                    with contextlib.suppress(BlockingIOError):
                        self._wake_reader.recv(4096)
                elif not self._run_command():
                    self._kill_all()
                    return
            self._reap()
            self._report_ended()

    def _run_command(self) -> bool:
        """Carry out one command of the server; return False if the server is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, COMMAND.size, 2)
        except ConnectionError:
            return False
        if len(data) < COMMAND.size:
            return False
        kind, number, argument = COMMAND.unpack(data)
        if kind == FORK:
            self._start(number, descriptors)
        else:
            for process, own in self._workers.items():
                if own == number:
                    os.kill(process, argument)
        return True

    def _start(self, number: int, descriptors: Sequence[int]) -> None:
        connection, log = descriptors
        try:
            start = self._fork if self._sources is None else self._spawn
            process = start(connection, log)
        except OSError as error:
            self._send(WorkerNotStarted(number, f"{type(error).__name__}: {error}"))
        else:
            self._workers[process] = number
            self._send(WorkerStarted(number, process))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _fork(self, connection: int, log: int) -> int:
        parent = os.getpid()
        process = os.fork()
        if process:
            return process
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for own in (self._selector, self._wake_reader, self._wake_writer, self._control):
                own.close()
            for stream in (1, 2):
                os.dup2(log, stream)
            os.close(log)
            self._randomness.reseed()
            worker.become_worker(parent)
            worker.serve(socket.socket(fileno=connection), self._options)
        except BaseException:  # noqa: BLE001 - the child must not return into the template's code
            worker.exit_with_error()
        os._exit(0)

    def _spawn(self, connection: int, log: int) -> int:
        if self._sources is not None and (changed := self._sources.find_changed()) is not None:
            raise OSError(
                f"{changed} has changed since the server started, and all workers run the same "
                "code; restart the server"
            )
        return spawn_worker(self._options, connection, log)

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            number = self._workers.pop(process, None)
            if number is not None:
                if sys.platform != "linux":
                    with contextlib.suppress(OSError):
                        os.killpg(process, signal.SIGKILL)
                self._ended[number] = os.waitstatus_to_exitcode(status)
                self._was_clear = False
                self._kill_until = time.monotonic() + _KILL_SECONDS

    def _report_ended(self) -> None:
        """Kill the processes that ended workers have left, and report those workers once none is.

        The children of live workers are not affected: their parents are the workers.
        """
        if not self._ended:
            return
        left = self._kill_strays()
        is_over = time.monotonic() >= self._kill_until
        if left and not is_over:
            self._was_clear = False
            return
        # The list of children may miss one while another ends, so it must be empty twice.
        if not self._was_clear and not is_over:
            self._was_clear = True
            if self._kill_strays():
                self._was_clear = False
                return
        for number, code in self._ended.items():
            self._send(WorkerEnded(number, code, tuple(sorted(left))))
        self._ended.clear()

    def _kill_strays(self) -> set[int]:
        strays = list_children() - self._workers.keys()
        for process in strays:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        return strays

    def _kill_all(self) -> None:
        until = time.monotonic() + _KILL_SECONDS
        while (left := list_children() | self._workers.keys()) and time.monotonic() < until:
            for process in left:
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)
            self._reap()
            time.sleep(_POLL_SECONDS)

    def _send(self, message: TemplateReport) -> None:
        with contextlib.suppress(OSError):  # the server is gone; `serve` notices it at the socket
            self._control.sendall(encode_frame(_encoder.encode(message)))


def _ignore_signals() -> None:
    """Ignore signals that would end this process: it ends when the server closes the socket."""
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _import_module(name: str) -> None:
    """Import a module of the application; if that fails, its jobs import it again."""
    try:
        importlib.import_module(name)
    except BaseException:  # noqa: BLE001 - a module of the user may raise anything
        traceback.print_exc()


def _find_fork_obstacle(open_before: set[str], shared_before: set[str]) -> str | None:
    """Return what the imports have started or opened that forks cannot share; None if they can."""
    if sys.platform != "linux":
        return "forks are safe on Linux only"
    if list_children():
        return "importing the application has started processes"
    # A trial fork: libraries such as OpenBLAS end their threads before a fork, and start them
    # again when needed.
    trial = os.fork()
    if trial == 0:
        os._exit(0)
    os.waitpid(trial, 0)
    threads = _list_threads()
    if len(threads) > 1:
        return f"importing the application has started threads: {', '.join(threads[1:])}"
    opened = sorted(_list_descriptors() - open_before)
    if opened:
        return f"importing the application has opened {', '.join(opened)}"
    # Such as a lock of multiprocessing, which a killed worker would never release.
    shared = sorted(_list_shared_memory() - shared_before)
    if shared:
        return f"importing the application has made shared memory: {', '.join(shared)}"
    return None


def _list_threads() -> list[str]:
    """Return the names of this process's threads, without those that survive forks unharmed."""
    names = []
    for thread in sorted(map(int, os.listdir("/proc/self/task"))):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/comm") as file:
            names.append(file.read().strip())
    return [name for name in names if name not in _HARMLESS_THREADS]


def _list_descriptors() -> set[str]:
    """Return the open descriptors of this process, without append-only files such as logs."""
    opened = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{number}")
            with open(f"/proc/self/fdinfo/{number}") as file:
                flags = next(line.split()[1] for line in file if line.startswith("flags:"))
            if not int(flags, 8) & os.O_APPEND and not target.startswith("/proc/"):
                opened.add(f"{target} ({number})")
    return opened


def _list_shared_memory() -> set[str]:
    """Return the writable shared mappings of this process, semaphores included."""
    if sys.platform != "linux":
        return set()
    with open("/proc/self/maps") as file:
        maps = [line.split(maxsplit=5) for line in file]
    return {
        f"{line[-1].strip()} ({line[0]})"
        for line in maps
        if line[1].startswith("rw") and line[1].endswith("s")
    }


if __name__ == "__main__":
    main()
