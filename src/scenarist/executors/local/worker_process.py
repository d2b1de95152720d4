"""A worker process, seen from the process that sends it requests."""

import contextlib
import fcntl
import os
import signal
import socket
import sys
import termios
import time
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.text import sanitize_text
from scenarist.executors import messages
from scenarist.executors.base import LOG_LIMIT, JobOutcome, JobRequest
from scenarist.executors.framing import (
    MESSAGE_LIMIT,
    FrameDecoder,
    MessageTooLargeError,
    encode_frame,
)
from scenarist.executors.local.template_process import TemplateProcess
from scenarist.executors.outcomes import build_outcome

_READ_SECONDS = 20.0  # the longest time for a worker to read more of the data sent to it
_KILL_SECONDS = 15.0  # from a kill to its report; the template waits 5 s for unkillable processes
_RETIRE_SECONDS = 5.0  # the time for a retired worker to end by itself

_READS_PER_CALL = 32  # reads of a log per call, each of up to the capacity of a pipe

_decoder = msgspec.msgpack.Decoder(JobOutcome)
_encoder = msgspec.msgpack.Encoder()


class _UnexpectedOutcomeError(Exception):
    """A worker has sent the outcome of a request that it does not have."""


class WorkerProcess:
    """Worker process, with its socket, its log and its current request.

    A worker whose job was stopped runs no further request: it is retired, and ends.
    """

    def __init__(self, template: TemplateProcess) -> None:
        self._template = template
        self.connection, theirs = socket.socketpair()
        self.log_reader, log_writer = os.pipe()
        os.set_blocking(self.log_reader, False)
        self.number = template.start_worker(theirs.fileno(), log_writer)
        theirs.close()
        os.close(log_writer)
        self.process_id: int | None = None
        self.frames = FrameDecoder(MESSAGE_LIMIT)
        self.is_ready = False
        self.is_retired = False
        self.has_run = False
        self.request: JobRequest | None = None
        self.started_at: datetime | None = None
        self.deadline: float | None = None  # monotonic: when to stop it, or kill it
        self.stop_event: JobEvent | None = None
        self._stop_reason = ""
        self._stopped_at: datetime | None = None
        self._stop_stacktrace: str | None = (
            None  # the stack trace of where the function was stopped
        )
        self._outgoing = bytearray()
        self.read_by: float | None = None  # monotonic: by when it must have read the sent data
        self._killed_by: float | None = None  # monotonic: by when a kill must have been reported
        self._log_head = bytearray()
        self._log_tail = bytearray()
        self._log_lost = 0
        self.has_new_output = False  # whether it has written to its log since `log_so_far`

    @property
    def is_idle(self) -> bool:
        return self.is_ready and self.request is None and not self.is_retired

    @property
    def has_unsent_data(self) -> bool:
        """Whether part of a message to it is not sent yet."""
        return bool(self._outgoing)

    @property
    def deadlines(self) -> list[float]:
        """The times at which `enforce_deadlines` has something to do, in monotonic seconds."""
        found = (self.deadline, self.read_by, self._killed_by)
        return [at for at in found if at is not None]

    @property
    def is_overdue(self) -> bool:
        """Whether the report of its kill is overdue, so its template does not work any more."""
        return self._killed_by is not None and time.monotonic() >= self._killed_by

    def start(self, request: JobRequest) -> None:
        self.request = request
        self.read_by = time.monotonic() + _READ_SECONDS
        self.has_run = True
        self.started_at = datetime.now(UTC)
        self._send(_encoder.encode(request))

    def stop(self, event: JobEvent, reason: str) -> None:
        """Ask the process to end; `enforce_deadlines` kills it after its grace period."""
        if self.stop_event is not None:
            return  # a second request does not extend the grace period
        self.stop_event = event
        self._stop_reason = reason
        self._stopped_at = datetime.now(UTC)
        grace = 0.0 if self.request is None else self.request.grace_seconds
        self.deadline = time.monotonic() + grace
        self._send(messages.STOP)
        self._template.signal_worker(self.number, signal.SIGTERM)

    def kill(self) -> None:
        if self._killed_by is None:
            self._killed_by = time.monotonic() + _KILL_SECONDS
        self._template.signal_worker(self.number, signal.SIGKILL)

    def retire(self) -> None:
        """Send it no more requests: it ends by itself, or is killed after a while."""
        self.is_retired = True
        self.close_sending()
        if self.request is None:
            self.deadline = time.monotonic() + _RETIRE_SECONDS

    def enforce_deadlines(self) -> None:
        """Stop a process whose request has timed out, and kill one that does not read or end."""
        now = time.monotonic()
        if self.read_by is not None and now >= self.read_by:
            self.read_by = None
            if self.request is not None and self.stop_event is None and self._has_unread_data():
                reason = f"its process did not read the request within {_READ_SECONDS:g} s"
                self._kill_broken(JobEvent.WORKER_LOST, reason)
        if self.deadline is None or now < self.deadline:
            return
        if self.request is None or self.stop_event is not None:
            self.kill()
            self.deadline = None
        else:
            limit = self.request.timeout_seconds
            self.stop(JobEvent.TIMED_OUT, f"it ran longer than its timeout of {limit:g} s")

    def receive(self) -> list[JobOutcome] | None:
        """Read messages from it; return the outcomes, or None if nothing more will come.

        The outcome of a job that was stopped comes from `build_last_outcome` when the process has
        ended: only then have all processes that the job started ended too (docs/decisions/0062).
        """
        try:
            data = self.connection.recv(1 << 18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.is_retired = True
            return None
        try:
            outcomes = [self._read_message(message) for message in self.frames.feed(data)]
        except MessageTooLargeError as error:
            self._kill_broken(JobEvent.RAISED, f"its process sent {error}")
            return None
        except MemoryError:
            reason = "the server had no memory for the message that its process sent"
            self._kill_broken(JobEvent.WORKER_LOST, reason)
            return None
        except (msgspec.MsgspecError, _UnexpectedOutcomeError):
            # A task has written to its worker's socket; the messages cannot be trusted any more.
            reason = "its process sent an invalid message"
            self._kill_broken(JobEvent.WORKER_LOST, reason)
            return None
        return [outcome for outcome in outcomes if outcome is not None]

    def _kill_broken(self, event: JobEvent, reason: str) -> None:
        """Kill a process whose messages cannot be read any more."""
        self.frames = FrameDecoder(MESSAGE_LIMIT)
        self.is_retired = True
        if self.stop_event is None:
            self.stop_event, self._stop_reason = event, reason
        self.kill()

    def build_last_outcome(
        self, ending: str, event: JobEvent = JobEvent.WORKER_LOST
    ) -> JobOutcome | None:
        """Return the outcome of its job, given how the process ended; None if it had no job."""
        self.read_log()
        if self.request is None:
            return None
        reason = ending
        if self.stop_event is not None:
            event, reason = self.stop_event, self._stop_reason
        outcome = build_outcome(self.request, event, reason or None, started_at=self.started_at)
        if event is JobEvent.TIMED_OUT:
            outcome = replace(
                outcome, stopped_at=self._stopped_at, stacktrace=self._stop_stacktrace
            )
        return outcome.with_log(self.take_log())

    def read_log(self) -> bool:
        """Read what the process has written; return False if nothing more will come.

        The number of reads is bounded; the rest is read by the next call.
        """
        for _ in range(_READS_PER_CALL):
            try:
                data = os.read(self.log_reader, 1 << 16)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.has_new_output = True
            room = LOG_LIMIT // 2 - len(self._log_head)
            self._log_head += data[:room]
            self._log_tail += data[room:]
            overflow = len(self._log_tail) - LOG_LIMIT // 2
            if overflow > 0:
                del self._log_tail[:overflow]
                self._log_lost += overflow
        return True

    def log_so_far(self) -> str:
        self.has_new_output = False
        if not self._log_head:
            return ""
        gap = f"\n… {self._log_lost} bytes left out …\n".encode() if self._log_lost else b""
        text = (bytes(self._log_head) + gap + bytes(self._log_tail)).decode(errors="replace")
        return sanitize_text(text)

    def take_log(self) -> str:
        text = self.log_so_far()
        self._log_head.clear()
        self._log_tail.clear()
        self._log_lost = 0
        return text

    def close_sending(self) -> None:
        """Close the sending side: the process ends by itself when it has no request."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Release the descriptors of a process that has ended."""
        self.connection.close()
        os.close(self.log_reader)

    def _send(self, message: bytes) -> None:
        self._outgoing += encode_frame(message)
        self.flush()

    def flush(self) -> None:
        """Send as much as the socket accepts, without blocking."""
        try:
            while self._outgoing:
                sent = self.connection.send(self._outgoing, socket.MSG_DONTWAIT)
                del self._outgoing[:sent]
                if self.read_by is not None:
                    self.read_by = time.monotonic() + _READ_SECONDS
        except BlockingIOError:
            pass
        except OSError:  # it has ended, which the template reports
            self._outgoing.clear()

    def _has_unread_data(self) -> bool:
        """Return whether the process has unread data, as far as the system can tell."""
        if self._outgoing:
            return True
        try:
            unread = fcntl.ioctl(self.connection, termios.TIOCOUTQ, bytes(4))
        except OSError:
            return False
        return int.from_bytes(unread, sys.byteorder) > 0

    def _read_message(self, message: bytes) -> JobOutcome | None:
        match message:
            case messages.READY:
                self.is_ready = True
            case messages.STARTED:
                self._start_timeout()
            case messages.RETIRE:
                self.is_retired = True
            case _:
                return self._accept_outcome(_decoder.decode(message))
        return None

    def _start_timeout(self) -> None:
        limit = None if self.request is None else self.request.timeout_seconds
        if limit is not None and self.stop_event is None:
            self.deadline = time.monotonic() + limit

    def _accept_outcome(self, outcome: JobOutcome) -> JobOutcome | None:
        request = self.request
        if request is None or (request.number, request.attempt) != (
            outcome.number,
            outcome.attempt,
        ):
            raise _UnexpectedOutcomeError
        self.read_log()
        if self.stop_event is not None:
            self.is_retired = True
            if outcome.was_stopped:
                self._stop_stacktrace = outcome.stacktrace
                return None
        settled = outcome.with_log(self.take_log())
        self.request = None
        self.deadline = None
        if self.is_retired:
            self.retire()
        return settled


def describe_exit(code: int) -> str:
    """Describe how a process ended during its job, by its exit code or negated signal."""
    if code >= 0:
        return f"its process exited with code {code} without returning a result"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    return f"its process was killed by signal {-code} ({name})"
