"""One worker process of this machine, as those see it who give it requests."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import msgspec

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.texts import storable
from scenarist.executors.base import LOG_LIMIT, JobOutcome, JobRequest
from scenarist.executors.endings import ended
from scenarist.executors.frames import Frames, frame

NO_STREAM = -1

_decoder = msgspec.msgpack.Decoder(JobOutcome)
_encoder = msgspec.msgpack.Encoder()


class WorkerProcess:
    """One process, the socket to it, its log, and the request that it has now."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.connection, theirs = socket.socketpair()
        self.log_reader, log_writer = os.pipe()
        os.set_blocking(self.log_reader, False)
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own module
                [
                    sys.executable,
                    "-m",
                    "scenarist.executors.worker",
                    str(theirs.fileno()),
                    str(os.getpid()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log_writer,
                stderr=log_writer,
                pass_fds=(theirs.fileno(),),
                env=environment,
            )
        finally:
            theirs.close()
            os.close(log_writer)
        # Linux tells the end of a process on a descriptor; elsewhere its closed socket does.
        has_exit = sys.platform == "linux"
        self.exit_reader = os.pidfd_open(self.process.pid) if has_exit else NO_STREAM
        self.frames = Frames()
        self.is_ready = False
        self.request: JobRequest | None = None
        self.started_at: datetime | None = None
        self.deadline: float | None = None  # monotonic: when to stop it, or to kill it
        self.stop_event: JobEvent | None = None
        self._stop_reason = ""
        self._log_head = bytearray()
        self._log_tail = bytearray()
        self._log_lost = 0
        self.has_said_more = False  # since somebody last looked

    @property
    def is_idle(self) -> bool:
        return self.is_ready and self.request is None and self.process.returncode is None

    def start(self, request: JobRequest) -> None:
        self.request = request
        self.started_at = datetime.now(UTC)
        if request.timeout_seconds is not None:
            self.deadline = time.monotonic() + request.timeout_seconds
        # When it has just ended, its closed socket tells the watching thread.
        with contextlib.suppress(ConnectionError):
            self.connection.sendall(frame(_encoder.encode(request)))

    def stop(self, event: JobEvent, reason: str) -> None:
        """Ask the process to end, and have it killed when it does not within its grace."""
        if self.stop_event is not None:
            return  # being asked again gives it no more time
        self.stop_event = event
        self._stop_reason = reason
        grace = 0.0 if self.request is None else self.request.grace_seconds
        self.deadline = time.monotonic() + grace
        self.process.send_signal(signal.SIGTERM)

    def keep_deadline(self) -> None:
        """Have the process end when its request runs too long, or when it does not end itself."""
        if self.deadline is None or self.request is None or time.monotonic() < self.deadline:
            return
        if self.stop_event is not None:
            self.process.kill()
            self.deadline = None
        else:
            limit = self.request.timeout_seconds
            self.stop(JobEvent.TIMED_OUT, f"it ran longer than its timeout of {limit:g} s")

    def settle(self, message: bytes) -> JobOutcome:
        self.read_log()
        self.request = None
        if self.stop_event is None:
            self.deadline = None
        return _decoder.decode(message).with_log(self.take_log())

    def last_outcome(self) -> JobOutcome | None:
        """Word what the end of the process means for the job it had, if any."""
        code = self.process.wait()
        self.read_log()
        if self.request is None:
            return None
        event, reason = JobEvent.WORKER_LOST, _ending(code)
        if self.stop_event is not None:
            event, reason = self.stop_event, self._stop_reason
        outcome = ended(self.request, event, reason or None, started_at=self.started_at)
        return outcome.with_log(self.take_log())

    def read_log(self) -> bool:
        """Take in what the process has written; False when it will write no more."""
        while True:
            try:
                data = os.read(self.log_reader, 1 << 16)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.has_said_more = True
            room = LOG_LIMIT // 2 - len(self._log_head)
            self._log_head += data[:room]
            self._log_tail += data[room:]
            overflow = len(self._log_tail) - LOG_LIMIT // 2
            if overflow > 0:
                del self._log_tail[:overflow]
                self._log_lost += overflow

    def log_so_far(self) -> str:
        self.has_said_more = False
        if not self._log_head:
            return ""
        gap = f"\n… {self._log_lost} bytes left out …\n".encode() if self._log_lost else b""
        text = (bytes(self._log_head) + gap + bytes(self._log_tail)).decode(errors="replace")
        return storable(text)

    def take_log(self) -> str:
        text = self.log_so_far()
        self._log_head.clear()
        self._log_tail.clear()
        self._log_lost = 0
        return text

    def hang_up(self) -> None:
        """Give it no more requests: it ends by itself when it has nothing to do."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)

    def end(self, *, patience_seconds: float = 0.0) -> None:
        if patience_seconds > 0:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_seconds)
        self.process.kill()
        self.process.wait()
        self.connection.close()
        os.close(self.log_reader)
        if self.exit_reader != NO_STREAM:
            os.close(self.exit_reader)


def _ending(code: int) -> str:
    if code >= 0:
        return f"its process exited with code {code} before the function returned"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    return f"its process was killed by signal {-code} ({name})"
