"""What runs in a worker of an engine: it has each job run by a process of its own, beside it.

That process is a worker of the local executor. So a job can be stopped, timed out and listened to
in the same way everywhere, and takes nothing of the engine along when it ends its process.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import msgspec

from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import JobOutcome, JobRequest
from scenarist.executors.endings import ended
from scenarist.executors.local import LocalExecutor
from scenarist.executors.messages import Assignment

# How often a wait looks up, so that an interrupt that came meanwhile is taken.
_LOOK_SECONDS = 0.1
_SESSIONS_LIMIT = 4  # of one thread; processes of sessions that are gone without a word are ended
_REFUSED_LIMIT = 10_000

_decoder = msgspec.msgpack.Decoder(Assignment)
_encoder = msgspec.msgpack.Encoder()


class _Seat:
    """The process beside one thread of a worker of an engine, for one job at a time."""

    def __init__(self, search_path: Sequence[str]) -> None:
        self._outcome: Future[JobOutcome] = Future()
        self._executor = LocalExecutor(self._deliver, size=1, search_path=search_path)

    def run(self, request: JobRequest) -> JobOutcome:
        self._outcome = Future()
        self._executor.submit([request])
        while True:
            try:
                return self._outcome.result(_LOOK_SECONDS)
            except TimeoutError:
                continue
            except KeyboardInterrupt:  # how Ray asks a task to stop
                self.stop(request.number)

    def stop(self, number: int) -> None:
        self._executor.cancel(number)

    def close(self) -> None:
        self._executor.close()

    def _deliver(self, outcomes: Sequence[JobOutcome]) -> None:
        for outcome in outcomes:
            self._outcome.set_result(outcome)


class _Office:
    """The seats of one worker of an engine, by session, and what is run on them now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seats: OrderedDict[tuple[int, str], _Seat] = OrderedDict()
        self._running: dict[tuple[str, int, int], _Seat] = {}
        self._refused: OrderedDict[tuple[str, int, int], None] = OrderedDict()

    def run(self, assignment: Assignment) -> JobOutcome:
        request = assignment.request
        key = (assignment.session, request.number, request.attempt)
        with self._seat(assignment) as seat:
            with self._lock:
                if key in self._refused:
                    return ended(request, JobEvent.CANCEL_REQUESTED)
                self._running[key] = seat
            try:
                return seat.run(request)
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
            seat.stop(number)
        return seat is not None

    def leave(self, session: str) -> None:
        with self._lock:
            left = [key for key in self._seats if key[1] == session]
            seats = [self._seats.pop(key) for key in left]
        for seat in seats:
            seat.close()

    @contextmanager
    def _seat(self, assignment: Assignment) -> Iterator[_Seat]:
        if assignment.request.resources.gpus:
            # The engine gives each job other devices, which a process takes up once.
            seat = _Seat(assignment.search_path)
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
                seat = self._seats[key] = _Seat(assignment.search_path)
            self._seats.move_to_end(key)
            mine = [other for other in self._seats if other[0] == thread]
            old = [self._seats.pop(other) for other in mine[:-_SESSIONS_LIMIT]]
        for other in old:
            other.close()
        return seat


_office = _Office()


def run(content: bytes) -> bytes:
    """Run an `Assignment` and return its `JobOutcome`, both as bytes; never raises."""
    assignment = _decoder.decode(content)
    try:
        outcome = _office.run(assignment)
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
