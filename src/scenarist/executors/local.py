"""Runs requests on a pool of warm processes, each of which can be killed alone."""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import structlog

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.texts import storable
from scenarist.executors.base import LOG_LIMIT, Deliver, JobOutcome, JobRequest
from scenarist.executors.frames import Frames, frame

# Ahead of its idle workers, the pool takes as many requests as they run in this time, so that
# they never wait for the database; longer jobs stay queued, for whichever worker is free.
_AHEAD_SECONDS = 0.02
_AHEAD_LIMIT = 64  # requests for each worker
_KILL_GRACE_SECONDS = 2.0
_RESTART_SECONDS = 1.0
_NO_STREAM = -1

_log = structlog.get_logger(__name__)
_decoder = msgspec.msgpack.Decoder(JobOutcome)
_encoder = msgspec.msgpack.Encoder()


class LocalExecutor:
    """A pool of worker processes on this machine.

    One thread watches all workers. A worker that ends under a job takes only that job along, as an
    outcome that says how it ended, and is replaced.

    Args:
        size: How many jobs run at the same time.
        search_path: Folders that workers put first on their module search path.
    """

    def __init__(self, deliver: Deliver, *, size: int, search_path: Sequence[str] = ()) -> None:
        self._deliver = deliver
        self._size = size
        self._environment = _worker_environment(search_path)
        self._lock = threading.RLock()
        self._queue: deque[JobRequest] = deque()
        self._workers: list[_Worker] = []
        self._mean_seconds = 1.0
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._is_closing = False
        self._restart_at: float | None = None
        self._thread = threading.Thread(target=self._watch, name="local-executor", daemon=True)
        self._thread.start()

    @property
    def free_slots(self) -> int:
        with self._lock:
            if not self._workers:
                return 0
            ahead = min(int(_AHEAD_SECONDS / self._mean_seconds), _AHEAD_LIMIT) * self._size
            idle = sum(1 for worker in self._workers if worker.is_idle)
            return max(0, idle + ahead - len(self._queue))

    @property
    def process_ids(self) -> list[int]:
        """The processes of the workers that are up."""
        with self._lock:
            return [worker.process.pid for worker in self._workers if worker.is_ready]

    def submit(self, requests: Sequence[JobRequest]) -> None:
        with self._lock:
            self._queue.extend(requests)
            self._hand_out()
            has_deadline = any(request.timeout_seconds is not None for request in requests)
        if has_deadline:
            self._wake()

    def cancel(self, number: int) -> bool:
        with self._lock:
            for request in self._queue:
                if request.number == number:
                    self._queue.remove(request)
                    self._deliver([_stopped(request, JobEvent.CANCEL_REQUESTED, None)])
                    return True
            for worker in self._workers:
                if worker.request is not None and worker.request.number == number:
                    worker.stop(JobEvent.CANCEL_REQUESTED, "")
                    self._wake()
                    return True
        return False

    def close(self) -> None:
        with self._lock:
            self._is_closing = True
            self._queue.clear()
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        self._wake_writer.send(b"\0")

    def _hand_out(self) -> None:
        """Give queued requests to idle workers; the lock is held."""
        if not self._queue:
            return
        for worker in self._workers:
            if worker.is_idle:
                worker.start(self._queue.popleft())
                if not self._queue:
                    return

    def _watch(self) -> None:
        # Workers die with the thread that started them, so this one starts and outlives them all.
        self._restart()
        while not self._is_closing:
            events = self._selector.select(self._seconds_to_next_deadline())
            outcomes: list[JobOutcome] = []
            with self._lock:
                for key, _ in events:
                    if key.data is None:
                        self._wake_reader.recv(4096)
                    elif key.data[0] in self._workers:
                        worker, listen = key.data
                        outcomes += listen(worker)
                self._keep_deadlines()
                self._restart()
                self._hand_out()
            if outcomes:
                self._deliver(outcomes)
        for worker in self._workers:
            worker.end()
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()

    def _listen(self, worker: "_Worker") -> list[JobOutcome]:
        try:
            data = worker.connection.recv(1 << 18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except ConnectionError:
            data = b""
        if not data:
            return self._bury(worker)
        if not worker.is_ready:
            worker.is_ready = True
            self._deliver([])
        try:
            outcomes = [worker.settle(message) for message in worker.frames.feed(data) if message]
        except msgspec.MsgspecError:
            # A task has written on its worker's socket; who wrote what cannot be told any more.
            worker.process.kill()
            return self._bury(worker)
        for outcome in outcomes:
            if outcome.started_at is not None and outcome.finished_at is not None:
                seconds = (outcome.finished_at - outcome.started_at).total_seconds()
                self._mean_seconds += (max(seconds, 1e-5) - self._mean_seconds) / 8
        return outcomes

    def _listen_to_log(self, worker: "_Worker") -> list[JobOutcome]:
        if not worker.read_log():
            self._selector.unregister(worker.log_reader)
        return []

    def _see_end(self, worker: "_Worker") -> list[JobOutcome]:
        # What it sent before it ended still counts. A process that it left behind may hold its
        # socket open, so the end of the socket alone would not tell.
        outcomes = self._listen(worker)
        return outcomes + self._bury(worker) if worker in self._workers else outcomes

    def _bury(self, worker: "_Worker") -> list[JobOutcome]:
        """Replace a worker that has ended; its job, if it had one, gets an outcome."""
        self._workers.remove(worker)
        for stream in (worker.connection, worker.log_reader, worker.exit_reader):
            if stream in self._selector.get_map():
                self._selector.unregister(stream)
        outcome = worker.last_outcome()
        if not worker.is_ready:
            _log.error("worker did not start", log=worker.take_log())
            self._restart_at = time.monotonic() + _RESTART_SECONDS
        worker.end()
        return [] if outcome is None else [outcome]

    def _restart(self) -> None:
        if self._restart_at is not None:
            if time.monotonic() < self._restart_at:
                return
            self._restart_at = None
        while len(self._workers) < self._size and not self._is_closing:
            try:
                worker = _Worker(self._environment)
            except OSError as error:
                _log.error("worker cannot be started", reason=str(error))
                self._restart_at = time.monotonic() + _RESTART_SECONDS
                return
            for stream, listen in (
                (worker.connection, self._listen),
                (worker.log_reader, self._listen_to_log),
                (worker.exit_reader, self._see_end),
            ):
                if stream != _NO_STREAM:
                    self._selector.register(stream, selectors.EVENT_READ, (worker, listen))
            self._workers.append(worker)

    def _seconds_to_next_deadline(self) -> float | None:
        with self._lock:
            deadlines = [worker.deadline for worker in self._workers if worker.deadline is not None]
        if self._restart_at is not None:
            deadlines.append(self._restart_at)
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _keep_deadlines(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if worker.deadline is None or now < worker.deadline or worker.request is None:
                continue
            if worker.stop_event is not None:
                worker.process.kill()
                worker.deadline = None
            else:
                limit = worker.request.timeout_seconds
                worker.stop(JobEvent.TIMED_OUT, f"it ran longer than its timeout of {limit:g} s")


class _Worker:
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
        self.exit_reader = os.pidfd_open(self.process.pid) if has_exit else _NO_STREAM
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
        """Ask the process to end, and have it killed when it does not."""
        self.stop_event = event
        self._stop_reason = reason
        self.deadline = time.monotonic() + _KILL_GRACE_SECONDS
        self.process.send_signal(signal.SIGTERM)

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
        outcome = _stopped(self.request, JobEvent.WORKER_LOST, self.started_at, _ending(code))
        if self.stop_event is not None:
            outcome = _stopped(
                self.request, self.stop_event, self.started_at, self._stop_reason or None
            )
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
            room = LOG_LIMIT // 2 - len(self._log_head)
            self._log_head += data[:room]
            self._log_tail += data[room:]
            overflow = len(self._log_tail) - LOG_LIMIT // 2
            if overflow > 0:
                del self._log_tail[:overflow]
                self._log_lost += overflow

    def take_log(self) -> str:
        if not self._log_head:
            return ""
        gap = f"\n… {self._log_lost} bytes left out …\n".encode() if self._log_lost else b""
        text = (bytes(self._log_head) + gap + bytes(self._log_tail)).decode(errors="replace")
        text = storable(text)
        self._log_head.clear()
        self._log_tail.clear()
        self._log_lost = 0
        return text

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()
        os.close(self.log_reader)
        if self.exit_reader != _NO_STREAM:
            os.close(self.exit_reader)


def _stopped(
    request: JobRequest,
    event: JobEvent,
    started_at: datetime | None,
    reason: str | None = None,
) -> JobOutcome:
    return JobOutcome(
        number=request.number,
        attempt=request.attempt,
        event=event,
        reason=reason,
        started_at=started_at,
        finished_at=datetime.now(UTC),
    )


def _ending(code: int) -> str:
    if code >= 0:
        return f"its process exited with code {code} before the function returned"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    return f"its process was killed by signal {-code} ({name})"


def _worker_environment(search_path: Sequence[str]) -> dict[str, str]:
    environment = dict(os.environ)
    # The functions of tasks have no use for the key that signs tokens.
    environment.pop("SCENARIST_SECRET_KEY", None)
    folders = [*search_path, *filter(None, [environment.get("PYTHONPATH")])]
    if folders:
        environment["PYTHONPATH"] = os.pathsep.join(folders)
    return environment
