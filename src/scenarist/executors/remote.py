"""What runs in a worker of an engine: it has each job run by a process of its own, beside it.

That process is a worker of the local executor. So a job can be stopped, timed out and listened to
in the same way everywhere, and takes nothing of the engine along when it ends its process.
"""

import select
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import JobOutcome, JobRequest
from scenarist.executors.endings import ended
from scenarist.executors.environments import worker_environment
from scenarist.executors.messages import Assignment
from scenarist.executors.processes import NO_STREAM, WorkerProcess

# How often a wait looks up, so that a process is killed whose time is over.
_LOOK_MILLISECONDS = 100
# From one word to the server about what a job has written to the next; short jobs never send one.
_TELL_SECONDS = 0.5
_SESSIONS_LIMIT = 4  # of one thread; processes of sessions that are gone without a word are ended
_REFUSED_LIMIT = 10_000

_decoder = msgspec.msgpack.Decoder(Assignment)
_encoder = msgspec.msgpack.Encoder()

Tell = Callable[[int, int, str], None]
"""Takes what a job has written so far, by number and attempt; returns at once, and never raises."""


class _Seat:
    """The process beside one thread of a worker of an engine, for one job at a time.

    The thread waits for the process itself: each further thread between the two would cost as much
    as a small job.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._environment = worker_environment(
            assignment.search_path, log_level=assignment.log_level
        )
        self._process: WorkerProcess | None = None
        self._poll = select.poll()

    def run(self, request: JobRequest, tell: Tell) -> JobOutcome:
        process = self._process
        if process is None or process.stop_event is not None or process.process.poll() is not None:
            process = self._replace()
        process.start(request)
        tell_at = time.monotonic() + _TELL_SECONDS
        while True:
            outcome = self._look(process)
            if outcome is not None:
                return outcome
            if process.has_said_more and time.monotonic() >= tell_at:
                tell(request.number, request.attempt, process.log_so_far())
                tell_at = time.monotonic() + _TELL_SECONDS

    def stop(self) -> None:
        process = self._process
        if process is not None:
            process.stop(JobEvent.CANCEL_REQUESTED, "")

    def kill(self) -> None:
        process = self._process
        if process is not None:
            process.process.kill()

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _replace(self) -> WorkerProcess:
        self.close()
        process = self._process = WorkerProcess(self._environment)
        self._poll = select.poll()
        for stream in (process.connection.fileno(), process.log_reader, process.exit_reader):
            if stream != NO_STREAM:
                self._poll.register(stream, select.POLLIN)
        return process

    def _look(self, process: WorkerProcess) -> JobOutcome | None:
        """Wait a little for the process; return the outcome when it is there."""
        readable = {stream for stream, _ in self._poll.poll(_LOOK_MILLISECONDS)}
        if process.log_reader in readable and not process.read_log():
            self._poll.unregister(process.log_reader)
        if process.connection.fileno() in readable:
            return self._receive(process)
        if process.exit_reader in readable:
            return self._bury(process)
        process.keep_deadline()
        return None

    def _receive(self, process: WorkerProcess) -> JobOutcome | None:
        try:
            data = process.connection.recv(1 << 18)
            outcomes = [process.settle(message) for message in process.frames.feed(data) if message]
        except (ConnectionError, msgspec.MsgspecError):
            process.process.kill()
            return self._bury(process)
        if not data:
            return self._bury(process)
        if outcomes and process.stop_event is not None:
            self.close()  # it was asked to end, and will
        return outcomes[0] if outcomes else None

    def _bury(self, process: WorkerProcess) -> JobOutcome | None:
        outcome = process.last_outcome()
        self.close()
        return outcome


class _Office:
    """The seats of one worker of an engine, by session, and what is run on them now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seats: OrderedDict[tuple[int, str], _Seat] = OrderedDict()
        self._running: dict[tuple[str, int, int], _Seat] = {}
        self._refused: OrderedDict[tuple[str, int, int], None] = OrderedDict()

    def run(self, assignment: Assignment, tell: Tell) -> JobOutcome:
        request = assignment.request
        key = (assignment.session, request.number, request.attempt)
        with self._seat(assignment) as seat:
            with self._lock:
                if key in self._refused:
                    return ended(request, JobEvent.CANCEL_REQUESTED)
                self._running[key] = seat
            try:
                return seat.run(request, tell)
            finally:
                with self._lock:
                    del self._running[key]

    def stop(self, session: str, number: int, attempt: int) -> bool:
        key = (session, number, attempt)
        with self._lock:
            self._refused[key] = None
            while len(self._refused) > _REFUSED_LIMIT:
                self._refused.popitem(last=False)
            seat = self._running.get(key)
        if seat is not None:
            seat.stop()
        return seat is not None

    def leave(self, session: str) -> None:
        with self._lock:
            left = [key for key in self._seats if key[1] == session]
            seats = [self._seats.pop(key) for key in left]
            busy = list(self._running.values())
        for seat in seats:
            # A thread that waits for its process closes what it waits on by itself.
            if seat in busy:
                seat.kill()
            else:
                seat.close()

    @contextmanager
    def _seat(self, assignment: Assignment) -> Iterator[_Seat]:
        if assignment.request.resources.gpus:
            # The engine gives each job other devices, which a process takes up once.
            seat = _Seat(assignment)
            try:
                yield seat
            finally:
                seat.close()
        else:
            yield self._warm_seat(assignment)

    def _warm_seat(self, assignment: Assignment) -> _Seat:
        thread = threading.get_ident()
        key = (thread, assignment.session)
        with self._lock:
            seat = self._seats.get(key)
            if seat is None:
                seat = self._seats[key] = _Seat(assignment)
            self._seats.move_to_end(key)
            mine = [other for other in self._seats if other[0] == thread]
            old = [self._seats.pop(other) for other in mine[:-_SESSIONS_LIMIT]]
        for other in old:
            other.close()
        return seat


_office = _Office()


def run(content: bytes, tell: Tell) -> bytes:
    """Run an `Assignment` and return its `JobOutcome`, both as bytes; never raises."""
    assignment = _decoder.decode(content)
    try:
        outcome = _office.run(assignment, tell)
    except BaseException as error:  # noqa: BLE001 - outcomes cross borders, never exceptions
        reason = f"no process could run it: {type(error).__name__}: {error}"
        outcome = ended(assignment.request, JobEvent.WORKER_LOST, reason)
    return _encoder.encode(outcome)


def stop(session: str, number: int, attempt: int) -> bool:
    """Stop a job that runs in this worker, and refuse it if it comes later; whether it ran."""
    return _office.stop(session, number, attempt)


def leave(session: str) -> None:
    """End the processes of a session, and what they run."""
    _office.leave(session)
