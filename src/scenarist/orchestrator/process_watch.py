"""Identifies processes of this machine, and detects when they end."""

import os
import select
import socket
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_HAS_PROCESSES = sys.platform == "linux"
_ENDED = frozenset("ZX")  # states of a process that has ended and was not yet collected


def boot_seconds() -> float:
    """Return a monotonic time that includes sleep of the machine, where the system has one."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def identify_own_process() -> str:
    """Return an identifier of this process, unique across machines; empty except on Linux."""
    if not _HAS_PROCESSES:
        return ""
    _, started = _read_stat(os.getpid()) or ("", "")
    return f"{_read_pid_scope()} {os.getpid()} {started}"


def is_gone(process: str) -> bool:
    """Return whether a process has certainly ended; False for other machines and containers."""
    number = _find_local_pid(process)
    if number is None:
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    found = _read_stat(number)
    if found is None:  # it has just ended, or this process may not see it
        return False
    state, started = found
    return state in _ENDED or started != process.rpartition(" ")[2]


class ProcessWatch:
    """Waits until one of the watched processes ends, or until it is woken."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._reader, select.POLLIN)
        self._watched: dict[str, int] = {}

    def watch(self, processes: Collection[str]) -> None:
        """Watch these processes and no others; ignore those of other machines."""
        for process in self._watched.keys() - set(processes):
            self._unwatch(process)
        for process in processes:
            number = _find_local_pid(process)
            if number is None or process in self._watched:
                continue
            with suppress(OSError):
                self._watched[process] = descriptor = os.pidfd_open(number)
                self._poll.register(descriptor, select.POLLIN)

    def wait(self, seconds: float | None) -> bool:
        """Return whether a watched process ended, before the timeout and before `interrupt`."""
        found = self._poll.poll(None if seconds is None else seconds * 1000)
        ready = {descriptor for descriptor, _ in found}
        if self._reader.fileno() in ready:
            with suppress(BlockingIOError):
                self._reader.recv(4096)
        ended = [process for process, descriptor in self._watched.items() if descriptor in ready]
        for process in ended:
            self._unwatch(process)
        return bool(ended)

    def interrupt(self) -> None:
        """Make `wait` return; may be called from any thread."""
        with suppress(OSError):  # a wake-up is pending already, or the socket is closed
            self._writer.send(b"\0")

    def close(self) -> None:
        for process in list(self._watched):
            self._unwatch(process)
        self._reader.close()
        self._writer.close()

    def _unwatch(self, process: str) -> None:
        descriptor = self._watched.pop(process)
        self._poll.unregister(descriptor)
        os.close(descriptor)


def _read_pid_scope() -> str:
    """Return the scope in which process numbers are valid: this boot and PID namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def _find_local_pid(process: str) -> int | None:
    place, _, rest = process.rpartition(" ")[0].rpartition(" ")
    return int(rest) if _HAS_PROCESSES and process and place == _read_pid_scope() else None


def _read_stat(number: int) -> tuple[str, str] | None:
    """Return the state of a process, and its start time in ticks since the boot."""
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]
