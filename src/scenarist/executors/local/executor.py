"""Executor that runs requests on a pool of warm local processes; each can be killed on its own."""

import contextlib
import math
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources
from scenarist.executors.base import (
    JobOutcome,
    JobOutputs,
    JobRequest,
    OutcomeCallback,
    WorkerOptions,
)
from scenarist.executors.isolation.children import kill_sessions
from scenarist.executors.local.start_backoff import StartBackoff
from scenarist.executors.local.template_process import (
    TemplateProcess,
    TemplateReady,
    TemplateReport,
    WorkerEnded,
    WorkerNotStarted,
    WorkerStarted,
)
from scenarist.executors.local.worker_process import WorkerProcess, describe_exit
from scenarist.executors.outcomes import build_outcome
from scenarist.executors.prefetch import Prefetch
from scenarist.observability import tracing
from scenarist.system.background import BackgroundThread

_TRACE_EXPORT_SECONDS = 2.0  # the time workers have to export their traces at the end

_DEFAULT_OPTIONS = WorkerOptions()
_TEMPLATE_LOST = "the template process of its worker ended"

_log = structlog.get_logger(__name__)


class LocalExecutor:
    """Executor with a pool of worker processes on this machine (docs/decisions/0008).

    A template process starts the workers, and one thread watches them all. If a worker ends during
    a job, only that job is affected: its outcome says how the worker ended, and the worker is
    replaced.

    Args:
        size: How many jobs run at the same time.
        options: Settings of the worker processes.
    """

    def __init__(
        self, deliver: OutcomeCallback, *, size: int, options: WorkerOptions = _DEFAULT_OPTIONS
    ) -> None:
        self._deliver = deliver
        self._size = size
        self._options = options
        self._lock = threading.RLock()
        self._queue: deque[JobRequest] = deque()
        self._template: TemplateProcess | None = None
        self._workers: dict[int, WorkerProcess] = {}
        self._prefetch = Prefetch()
        self._on_output: Callable[[], None] = lambda: None
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._register(self._wake_reader, None, self._clear_wake)
        self._is_closing = False
        self._undelivered: list[JobOutcome] = []
        self._wakes_at = math.inf  # monotonic: when the thread wakes up by itself
        self._start_backoff = StartBackoff()
        self._thread = BackgroundThread("local-executor", self._loop)
        self._thread.start()

    @property
    def free_slots(self) -> int:
        with self._lock:
            if not any(worker.is_ready for worker in self._workers.values()):
                return 0
            ahead = self._prefetch.per_worker * self._size
            idle = sum(1 for worker in self._workers.values() if worker.is_idle)
            return max(0, idle + ahead - len(self._queue))

    @property
    def slots(self) -> int:
        with self._lock:
            return sum(1 for worker in self._workers.values() if worker.is_ready)

    @property
    def fault(self) -> str | None:
        return None if self.slots else self._start_backoff.fault

    @property
    def machines_version(self) -> int:
        return 0

    def find_missing(self, resources: Resources) -> str | None:
        # Jobs meant for large machines can be tried out on a small one.
        return None

    @property
    def process_ids(self) -> list[int]:
        """The process IDs of the workers that are ready."""
        with self._lock:
            workers = [worker for worker in self._workers.values() if worker.is_ready]
            return [worker.process_id for worker in workers if worker.process_id is not None]

    def submit(self, requests: Sequence[JobRequest]) -> None:
        with self._lock:
            self._queue.extend(requests)
            self._assign()
            needs_thread = len(self._active_workers()) < self._size or any(
                worker.has_unsent_data
                or (worker.read_by is not None and worker.read_by < self._wakes_at)
                for worker in self._workers.values()
            )
        if needs_thread:
            self._wake()

    def cancel(self, number: int) -> bool:
        with self._lock:
            for request in self._queue:
                if request.number == number:
                    self._queue.remove(request)
                    outcome = build_outcome(request, JobEvent.CANCEL_REQUESTED, has_begun=False)
                    self._deliver([outcome])
                    return True
            for worker in self._workers.values():
                if worker.request is not None and worker.request.number == number:
                    worker.stop(JobEvent.CANCEL_REQUESTED, "")
                    self._wake()
                    return True
        return False

    def on_output(self, callback: Callable[[], None]) -> None:
        self._on_output = callback

    def read_output(self) -> JobOutputs:
        with self._lock:
            return {
                (worker.request.number, worker.request.attempt): worker.log_so_far()
                for worker in self._workers.values()
                if worker.request is not None and worker.has_new_output
            }

    def close(self) -> None:
        with self._lock:
            self._is_closing = True
            self._queue.clear()
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # a wake-up is pending already, or the thread has ended
            self._wake_writer.send(b"\0", socket.MSG_DONTWAIT)

    def _clear_wake(self) -> list[JobOutcome]:
        self._wake_reader.recv(4096)
        return []

    def _active_workers(self) -> list[WorkerProcess]:
        """Return the workers that occupy a slot, without those that only have to end."""
        return [
            worker
            for worker in self._workers.values()
            if not worker.is_retired or worker.request is not None
        ]

    def _assign(self) -> None:
        """Give queued requests to idle workers. The caller holds the lock."""
        if not self._queue:
            return
        starting = None
        for worker in self._workers.values():
            if not worker.is_idle:
                continue
            if not (worker.has_run and self._queue[0].fresh):
                worker.start(self._queue.popleft())
            else:
                if starting is None:
                    starting = sum(not other.is_ready for other in self._workers.values())
                starting = self._assign_to_used(worker, starting)
            if not self._queue:
                return

    def _assign_to_used(self, worker: WorkerProcess, starting: int) -> int:
        """Give a used worker the first request that does not need a fresh worker.

        Retire the worker if an earlier request needs a fresh one and no worker is starting for it.

        Args:
            starting: How many fresh workers are starting.

        Returns:
            How many fresh workers are starting now.
        """
        for position, request in enumerate(self._queue):
            if not request.fresh:
                del self._queue[position]
                worker.start(request)
                return starting
            if position >= starting:
                worker.retire()
                return starting + 1
        return starting

    def _loop(self) -> None:
        with self._lock:
            self._start_missing()
        while not self._is_closing:
            events = self._selector.select(self._seconds_to_next_deadline())
            with self._lock:
                self._read_events(events)
                for worker in self._workers.values():
                    worker.enforce_deadlines()
                if self._template is not None and any(
                    worker.is_overdue for worker in self._workers.values()
                ):
                    self._template.kill()
                self._start_missing()
                self._assign()
                self._select_writers()
            if self._undelivered:
                outcomes, self._undelivered = self._undelivered, []
                self._deliver(outcomes)
        self._shut_down()

    def _select_writers(self) -> None:
        """Select for writing the workers with unsent data. The caller holds the lock."""
        for worker in self._workers.values():
            key = self._selector.get_map().get(worker.connection)
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.has_unsent_data else 0)
            if key is not None and key.events != wanted:
                self._selector.modify(worker.connection, wanted, key.data)

    def _read_events(self, events: Sequence[tuple[selectors.SelectorKey, int]]) -> None:
        for key, _ in events:
            owner, callback = key.data
            # An earlier event may have closed the stream, and its descriptor may be reused.
            is_registered = (
                self._workers.get(owner.number) is owner
                if isinstance(owner, WorkerProcess)
                else owner is None or owner is self._template
            )
            if is_registered:
                self._undelivered += callback()

    def _shut_down(self) -> None:
        for worker in self._workers.values():
            worker.close_sending()
        deadline = time.monotonic() + (_TRACE_EXPORT_SECONDS if tracing.is_on() else 0.0)
        while self._workers and (left := deadline - time.monotonic()) > 0:
            events = self._selector.select(left)
            with self._lock:
                self._read_events(events)
        if self._template is not None:
            self._template.close()
        for worker in self._workers.values():
            worker.close()
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()

    def _read_outcomes(self, worker: WorkerProcess) -> list[JobOutcome]:
        was_ready = worker.is_ready
        worker.flush()
        outcomes = worker.receive()
        if outcomes is None:
            # The template reports when the process has ended.
            self._selector.unregister(worker.connection)
            return []
        if worker.is_ready and not was_ready:
            self._start_backoff.record_ready()
            self._deliver([])
        for outcome in outcomes:
            self._prefetch.record(outcome)
        return outcomes

    def _read_log(self, worker: WorkerProcess) -> list[JobOutcome]:
        had_new_output = worker.has_new_output
        if not worker.read_log():
            self._selector.unregister(worker.log_reader)
        if worker.has_new_output and not had_new_output and worker.request is not None:
            self._on_output()
        return []

    def _read_template(self) -> list[JobOutcome]:
        template = self._template
        if template is None:
            return []
        messages = template.receive()
        if messages is None:
            return self._remove_template(template)
        return [outcome for message in messages for outcome in self._apply_report(message)]

    def _apply_report(self, message: TemplateReport) -> list[JobOutcome]:
        match message:
            case WorkerStarted(number, process_id):
                self._workers[number].process_id = process_id
            case WorkerEnded(number, code, left):
                if left:
                    _log.error("processes that a job has started do not end", processes=left)
                return self._remove_worker(self._workers[number], describe_exit(code))
            case WorkerNotStarted(number, reason):
                return self._remove_worker(self._workers[number], reason)
            case TemplateReady(obstacle) if obstacle is not None:
                _log.debug("workers are not forked", reason=obstacle)
        return []

    def _read_template_output(self) -> list[JobOutcome]:
        template = self._template
        if template is not None and not template.read_output():
            self._selector.unregister(template.output_reader)
        return []

    def _remove_worker(
        self, worker: WorkerProcess, ending: str, event: JobEvent = JobEvent.WORKER_LOST
    ) -> list[JobOutcome]:
        """Remove a worker that has ended; if it had a job, return the job's outcome."""
        # An outcome that it sent before it ended still counts.
        outcomes = (
            self._read_outcomes(worker) if worker.connection in self._selector.get_map() else []
        )
        del self._workers[worker.number]
        for stream in (worker.connection, worker.log_reader):
            if stream in self._selector.get_map():
                self._selector.unregister(stream)
        outcome = worker.build_last_outcome(ending, event)
        if not worker.is_ready:
            self._start_backoff.record_fault(worker.take_log() or ending)
        worker.close()
        return outcomes if outcome is None else [*outcomes, outcome]

    def _remove_template(self, template: TemplateProcess) -> list[JobOutcome]:
        """Handle the end of the template, and of all workers with it."""
        template.read_output()
        kill_sessions(self.process_ids)
        has_worked = any(worker.is_ready for worker in self._workers.values())
        outcomes: list[JobOutcome] = []
        for worker in list(self._workers.values()):
            worker.is_ready = True  # not a failed start of the worker: the template ended
            outcomes += self._remove_worker(worker, _TEMPLATE_LOST, JobEvent.LOST_TOGETHER)
        for stream in (template.control, template.output_reader):
            if stream in self._selector.get_map():
                self._selector.unregister(stream)
        template.abandon()
        self._template = None
        self._start_backoff.record_none_ready()
        if has_worked:
            _log.error("workers lost", reason=template.output or _TEMPLATE_LOST)
        else:
            self._start_backoff.record_fault(template.output)
        return outcomes

    def _start_missing(self) -> None:
        if not self._start_backoff.clear_if_due():
            return
        try:
            if self._template is None:
                self._open_template()
            while self._template is not None and len(self._active_workers()) < self._size:
                self._add_worker(self._template)
        except OSError as error:
            self._start_backoff.record_fault(str(error))

    def _open_template(self) -> None:
        template = self._template = TemplateProcess(self._options)
        self._register(template.control, template, self._read_template)
        self._register(template.output_reader, template, self._read_template_output)

    def _add_worker(self, template: TemplateProcess) -> None:
        worker = WorkerProcess(template)
        self._workers[worker.number] = worker
        self._register(worker.connection, worker, lambda: self._read_outcomes(worker))
        self._register(worker.log_reader, worker, lambda: self._read_log(worker))

    def _register(
        self,
        stream: socket.socket | int,
        owner: WorkerProcess | TemplateProcess | None,
        callback: Callable[[], list[JobOutcome]],
    ) -> None:
        self._selector.register(stream, selectors.EVENT_READ, (owner, callback))

    def _seconds_to_next_deadline(self) -> float | None:
        with self._lock:
            deadlines = [at for worker in self._workers.values() for at in worker.deadlines]
            if self._start_backoff.retry_at is not None:
                deadlines.append(self._start_backoff.retry_at)
            self._wakes_at = min(deadlines, default=math.inf)
        return max(0.0, self._wakes_at - time.monotonic()) if deadlines else None
