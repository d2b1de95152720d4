"""Code in the workers of an engine: runs each job in a separate process (docs/decisions/0041).

That process is a worker of the local executor. So stops, timeouts and output work in the same way
everywhere, and a job that ends its process does not take the engine's worker with it.
"""

import select
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import JobOutcome, JobRequest, WorkerOptions
from scenarist.executors.isolation.children import kill_sessions
from scenarist.executors.local.template_process import (
    TemplateProcess,
    WorkerEnded,
    WorkerNotStarted,
    WorkerStarted,
)
from scenarist.executors.local.worker_process import WorkerProcess, describe_exit
from scenarist.executors.messages import Assignment
from scenarist.executors.outcomes import build_outcome

# The longest wait before deadlines are checked again.
_POLL_MILLISECONDS = 100
# The interval between two reports of a job's output; a shorter job sends none.
_OUTPUT_SECONDS = 0.5
_SESSIONS_LIMIT = 4  # per thread; older ones are closed, as a session may end without notice
_REFUSED_LIMIT = 10_000

_decoder = msgspec.msgpack.Decoder(Assignment)
_encoder = msgspec.msgpack.Encoder()

OutputCallback = Callable[[int, int, str], None]
"""Receives the output of a job so far, by number and attempt; returns at once, and never raises."""


class _Slot:
    """Slot for one job at a time: a worker process, owned by one thread of the engine's worker.

    The thread waits for the process itself, because each further thread between the two would cost
    as much as a small job.
    """

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._template: TemplateProcess | None = None
        self._worker: WorkerProcess | None = None
        self._poll = select.poll()

    def run(self, request: JobRequest, on_output: OutputCallback) -> JobOutcome:
        worker = self._worker
        if worker is None or worker.is_retired or (request.fresh and worker.has_run):
            worker = self._replace()
        with self._lock:
            worker.start(request)
        tell_at = time.monotonic() + _OUTPUT_SECONDS
        while True:
            outcome = self._poll_worker(worker)
            if outcome is not None:
                return outcome
            if worker.has_new_output and time.monotonic() >= tell_at:
                on_output(request.number, request.attempt, worker.log_so_far())
                tell_at = time.monotonic() + _OUTPUT_SECONDS

    def stop(self) -> None:
        with self._lock:
            worker = self._worker
            if worker is not None and worker.request is not None:
                worker.stop(JobEvent.CANCEL_REQUESTED, "")

    def kill(self) -> None:
        worker = self._worker
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """End the worker process, and all processes that it has started."""
        with self._lock:
            template, self._template = self._template, None
            worker, self._worker = self._worker, None
        if template is not None:
            template.close()
        if worker is not None:
            worker.close()

    def _replace(self) -> WorkerProcess:
        """Start another worker process, from the same template if it is running.

        Raises:
            OSError: No process can be started.
        """
        old, self._worker = self._worker, None
        if old is not None:
            old.close()
        if self._template is None:
            self._template = TemplateProcess(self._options)
        worker = self._worker = WorkerProcess(self._template)
        self._poll = select.poll()
        for stream in (
            worker.connection.fileno(),
            worker.log_reader,
            self._template.control.fileno(),
            self._template.output_reader,
        ):
            self._poll.register(stream, select.POLLIN)
        return worker

    def _poll_worker(self, worker: WorkerProcess) -> JobOutcome | None:
        """Wait briefly for the worker; return the outcome if it has arrived."""
        template = self._template
        if template is None:
            raise OSError("its session has ended")
        readable = self._wait(worker)
        if worker.log_reader in readable and not worker.read_log():
            self._poll.unregister(worker.log_reader)
        if template.output_reader in readable and not template.read_output():
            self._poll.unregister(template.output_reader)
        if worker.connection.fileno() in readable and (outcome := self._receive(worker)):
            return outcome
        if template.control.fileno() in readable:
            return self._read_template(template, worker)
        with self._lock:
            worker.enforce_deadlines()
        return None

    def _wait(self, worker: WorkerProcess) -> set[int]:
        """Wait briefly and return the readable descriptors; send data that the worker accepts."""
        is_sending = worker.has_unsent_data
        if is_sending:
            self._poll.modify(worker.connection.fileno(), select.POLLIN | select.POLLOUT)
        readable = {stream for stream, _ in self._poll.poll(_POLL_MILLISECONDS)}
        if is_sending:
            with self._lock:
                worker.flush()
            self._poll.modify(worker.connection.fileno(), select.POLLIN)
        return readable

    def _receive(self, worker: WorkerProcess) -> JobOutcome | None:
        with self._lock:
            outcomes = worker.receive()
        if outcomes is None:
            # The template reports when the process has ended.
            self._poll.unregister(worker.connection.fileno())
        return outcomes[0] if outcomes else None

    def _read_template(self, template: TemplateProcess, worker: WorkerProcess) -> JobOutcome | None:
        messages = template.receive()
        if messages is None:
            kill_sessions([] if worker.process_id is None else [worker.process_id])
            reason = "the template process of its worker ended"
            outcome = worker.build_last_outcome(template.output or reason)
            self.close()
            return outcome
        for message in messages:
            match message:
                case WorkerStarted(worker.number, process_id):
                    worker.process_id = process_id
                case WorkerEnded(worker.number, code):
                    return self._remove_worker(worker, describe_exit(code))
                case WorkerNotStarted(worker.number, reason):
                    return self._remove_worker(worker, reason)
        return None

    def _remove_worker(self, worker: WorkerProcess, ending: str) -> JobOutcome | None:
        with self._lock:
            # An outcome that it sent before it ended still counts.
            outcomes = worker.receive()
            outcome = outcomes[0] if outcomes else worker.build_last_outcome(ending)
            self._worker = None
        worker.close()
        return outcome


class _SlotPool:
    """Pool of the slots in one worker of an engine, by thread and session, and their jobs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[int, str], _Slot] = OrderedDict()
        self._running: dict[tuple[str, int, int], _Slot] = {}
        self._refused: OrderedDict[tuple[str, int, int], None] = OrderedDict()

    def run(self, assignment: Assignment, on_output: OutputCallback) -> JobOutcome:
        request = assignment.request
        key = (assignment.session, request.number, request.attempt)
        with self._open_slot(assignment) as slot:
            with self._lock:
                if key in self._refused:
                    return build_outcome(request, JobEvent.CANCEL_REQUESTED, has_begun=False)
                self._running[key] = slot
            try:
                return slot.run(request, on_output)
            finally:
                with self._lock:
                    del self._running[key]

    def stop(self, session: str, number: int, attempt: int) -> bool:
        key = (session, number, attempt)
        with self._lock:
            self._refused[key] = None
            while len(self._refused) > _REFUSED_LIMIT:
                self._refused.popitem(last=False)
            slot = self._running.get(key)
        if slot is not None:
            slot.stop()
        return slot is not None

    def end_session(self, session: str) -> None:
        with self._lock:
            left = [key for key in self._slots if key[1] == session]
            slots = [self._slots.pop(key) for key in left]
            busy = list(self._running.values())
        for slot in slots:
            # A thread that is waiting for its process closes the slot itself.
            if slot in busy:
                slot.kill()
            else:
                slot.close()

    @contextmanager
    def _open_slot(self, assignment: Assignment) -> Iterator[_Slot]:
        if assignment.request.resources.gpus:
            # The engine assigns devices to each job anew; a process initialises its devices once.
            slot = _Slot(assignment.options)
            try:
                yield slot
            finally:
                slot.close()
        else:
            yield self._warm_slot(assignment)

    def _warm_slot(self, assignment: Assignment) -> _Slot:
        thread = threading.get_ident()
        key = (thread, assignment.session)
        with self._lock:
            slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = _Slot(assignment.options)
            self._slots.move_to_end(key)
            of_thread = [other for other in self._slots if other[0] == thread]
            old = [self._slots.pop(other) for other in of_thread[:-_SESSIONS_LIMIT]]
        for other in old:
            other.close()
        return slot


_pool = _SlotPool()


def run_assignment(content: bytes, on_output: OutputCallback) -> bytes:
    """Run an `Assignment` and return its `JobOutcome`, both as bytes; never raises."""
    assignment = _decoder.decode(content)
    try:
        outcome = _pool.run(assignment, on_output)
    except BaseException as error:  # noqa: BLE001 - outcomes cross borders, never exceptions
        reason = f"no process could run it: {type(error).__name__}: {error}"
        outcome = build_outcome(assignment.request, JobEvent.WORKER_LOST, reason)
    return _encoder.encode(outcome)


def stop_job(session: str, number: int, attempt: int) -> bool:
    """Stop a job, or refuse it if it arrives later; return whether it was running here."""
    return _pool.stop(session, number, attempt)


def end_session(session: str) -> None:
    """End the processes of a session, and the jobs that they run."""
    _pool.end_session(session)
