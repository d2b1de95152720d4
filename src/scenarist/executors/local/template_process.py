"""The template process, seen from the process that has it start workers."""

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
from array import array

import msgspec

from scenarist.executors.base import WorkerOptions
from scenarist.executors.environments import build_worker_environment
from scenarist.executors.framing import FrameDecoder

COMMAND = struct.Struct("!cQB")
"""A command to a template: the kind, the number of a worker, and the signal to send to it."""

FORK, SIGNAL = b"f", b"s"

_CLOSING_SECONDS = 8.0  # the template itself waits 5 s for processes that do not end
_OUTPUT_LIMIT = 4_096


class TemplateReady(msgspec.Struct, frozen=True, tag=True):
    """Report: the application is imported.

    Args:
        obstacle: Why workers are spawned and not forked; None if they are forked.
    """

    obstacle: str | None


class WorkerStarted(msgspec.Struct, frozen=True, tag=True):
    """Report: a worker has started."""

    number: int
    process: int


class WorkerEnded(msgspec.Struct, frozen=True, tag=True):
    """Report: a worker has ended, and all processes that its jobs had started.

    Args:
        code: The exit code, as from `os.waitstatus_to_exitcode`.
        left: Processes that could not be killed.
    """

    number: int
    code: int
    left: tuple[int, ...] = ()


class WorkerNotStarted(msgspec.Struct, frozen=True, tag=True):
    """Report: a worker cannot be started."""

    number: int
    reason: str


TemplateReport = TemplateReady | WorkerStarted | WorkerEnded | WorkerNotStarted

_decoder: msgspec.msgpack.Decoder[TemplateReport] = msgspec.msgpack.Decoder(TemplateReport)


class TemplateProcess:
    """Template process: starts workers, and ends together with them when it is closed.

    Raises:
        OSError: The process cannot be started.
    """

    def __init__(self, options: WorkerOptions) -> None:
        self.control, theirs = socket.socketpair()
        self.output_reader, output_writer = os.pipe()
        os.set_blocking(self.output_reader, False)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [
                    *(sys.executable, "-P", "-m", "scenarist.executors.local.template"),
                    *(str(theirs.fileno()), msgspec.json.encode(options).decode()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output_writer,
                stderr=output_writer,
                pass_fds=(theirs.fileno(),),
                env=build_worker_environment(),
                # It survives a signal to the server's group, to end the processes of the jobs.
                start_new_session=True,
            )
        except OSError:
            self.control.close()
            os.close(self.output_reader)
            raise
        finally:
            theirs.close()
            os.close(output_writer)
        self._frames = FrameDecoder()
        self._output = bytearray()
        self._last_number = 0

    @property
    def output(self) -> str:
        """The end of its printed output."""
        return self._output.decode(errors="replace").strip()

    def start_worker(self, connection: int, log: int) -> int:
        """Start a worker with these descriptors; return its number."""
        self._last_number += 1
        command = COMMAND.pack(FORK, self._last_number, 0)
        rights = array("i", [connection, log])
        with contextlib.suppress(OSError):  # `receive` reports that it has ended
            self.control.sendmsg(
                [command], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], socket.MSG_DONTWAIT
            )
        return self._last_number

    def signal_worker(self, number: int, signal_number: int) -> None:
        """Send a signal to a worker; ignored if it has ended.

        Never blocks: a template that does not read its commands must be killed.
        """
        with contextlib.suppress(OSError):
            self.control.send(COMMAND.pack(SIGNAL, number, signal_number), socket.MSG_DONTWAIT)

    def receive(self) -> list[TemplateReport] | None:
        """Return its messages since the last call; None if it has ended, and all its workers."""
        try:
            data = self.control.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except ConnectionError:
            return None
        return [_decoder.decode(content) for content in self._frames.feed(data)] if data else None

    def read_output(self) -> bool:
        """Read its printed output; return False if nothing more will come."""
        try:
            data = os.read(self.output_reader, 1 << 16)
        except BlockingIOError:
            return True
        self._output += data
        del self._output[:-_OUTPUT_LIMIT]
        return bool(data)

    def kill(self) -> None:
        """Kill it; its workers end with it, and `receive` reports the end."""
        self._process.kill()

    def abandon(self) -> None:
        """Kill the process and release it; a thread of its own waits for its end."""
        self._process.kill()
        threading.Thread(target=self._process.wait, name="end of template", daemon=True).start()
        self.control.close()
        os.close(self.output_reader)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.control.close()
        os.close(self.output_reader)
