"""Runs requests on a pool of warm processes, each of which can be killed alone."""

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
import structlog

from scenarist import tracing
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources
from scenarist.executors.base import Deliver, JobOutcome, JobRequest, Output
from scenarist.executors.endings import ended
from scenarist.executors.environments import worker_environment
from scenarist.executors.pace import Pace
from scenarist.executors.processes import NO_STREAM, WorkerProcess

_RESTART_SECONDS = 1.0
_FAREWELL_SECONDS = 2.0  # for workers to send the traces of what they ran

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
        log_level: What jobs log at least, where their application sets no level itself.
    """

    def __init__(
        self,
        deliver: Deliver,
        *,
        size: int,
        search_path: Sequence[str] = (),
        log_level: str | None = None,
    ) -> None:
        self._deliver = deliver
        self._size = size
        self._environment = worker_environment(search_path, log_level=log_level)
        self._lock = threading.RLock()
        self._queue: deque[JobRequest] = deque()
        self._workers: list[WorkerProcess] = []
        self._pace = Pace()
        self._tell_output: Callable[[], None] = lambda: None
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
            ahead = self._pace.ahead * self._size
            idle = sum(1 for worker in self._workers if worker.is_idle)
            return max(0, idle + ahead - len(self._queue))

    @property
    def slots(self) -> int:
        with self._lock:
            return sum(1 for worker in self._workers if worker.is_ready)

    @property
    def fault(self) -> str | None:
        return None

    @property
    def machines_version(self) -> int:
        return 0

    def lacks(self, resources: Resources) -> str | None:
        # What is made for large machines can be tried on a small one.
        return None

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
                    self._deliver([ended(request, JobEvent.CANCEL_REQUESTED)])
                    return True
            for worker in self._workers:
                if worker.request is not None and worker.request.number == number:
                    worker.stop(JobEvent.CANCEL_REQUESTED, "")
                    self._wake()
                    return True
        return False

    def on_output(self, tell: Callable[[], None]) -> None:
        self._tell_output = tell

    def read_output(self) -> Output:
        with self._lock:
            return {
                (worker.request.number, worker.request.attempt): worker.log_so_far()
                for worker in self._workers
                if worker.request is not None and worker.has_said_more
            }

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
            worker.hang_up()
        farewell_until = time.monotonic() + (_FAREWELL_SECONDS if tracing.is_on() else 0.0)
        for worker in self._workers:
            worker.end(patience_seconds=farewell_until - time.monotonic())
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()

    def _listen(self, worker: WorkerProcess) -> list[JobOutcome]:
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
            self._pace.note(outcome)
        return outcomes

    def _listen_to_log(self, worker: WorkerProcess) -> list[JobOutcome]:
        was_known = worker.has_said_more
        if not worker.read_log():
            self._selector.unregister(worker.log_reader)
        if worker.has_said_more and not was_known and worker.request is not None:
            self._tell_output()
        return []

    def _see_end(self, worker: WorkerProcess) -> list[JobOutcome]:
        # What it sent before it ended still counts. A process that it left behind may hold its
        # socket open, so the end of the socket alone would not tell.
        outcomes = self._listen(worker)
        return outcomes + self._bury(worker) if worker in self._workers else outcomes

    def _bury(self, worker: WorkerProcess) -> list[JobOutcome]:
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
                worker = WorkerProcess(self._environment)
            except OSError as error:
                _log.error("worker cannot be started", reason=str(error))
                self._restart_at = time.monotonic() + _RESTART_SECONDS
                return
            for stream, listen in (
                (worker.connection, self._listen),
                (worker.log_reader, self._listen_to_log),
                (worker.exit_reader, self._see_end),
            ):
                if stream != NO_STREAM:
                    self._selector.register(stream, selectors.EVENT_READ, (worker, listen))
            self._workers.append(worker)

    def _seconds_to_next_deadline(self) -> float | None:
        with self._lock:
            deadlines = [worker.deadline for worker in self._workers if worker.deadline is not None]
        if self._restart_at is not None:
            deadlines.append(self._restart_at)
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _keep_deadlines(self) -> None:
        for worker in self._workers:
            worker.keep_deadline()
