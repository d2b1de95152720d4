"""Ray actor: runs batches of jobs, one job after the other (docs/decisions/0051)."""

import threading
from collections import deque
from collections.abc import Sequence

import ray

from scenarist.executors.cluster import worker

_CONTROL = "aside"
_OUTPUT = "output"

_Outcomes = list[tuple[int, bytes]]
_Output = dict[tuple[int, int], str]


class RayActor:
    """Ray actor that runs jobs; other threads answer the calls made in the meantime."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._ended: _Outcomes = []
        self._output: _Output = {}
        self._has_output = threading.Condition(self._lock)

    def run(self, assignments: Sequence[tuple[int, bytes]]) -> _Outcomes:
        """Run jobs; return their outcomes by number, except those that `reclaim` returned."""
        with self._lock:
            self._waiting.extend(assignments)
        while (next_one := self._next()) is not None:
            number, assignment = next_one
            outcome = worker.run_assignment(assignment, self._store_output)
            with self._lock:
                self._ended.append((number, outcome))
                self._output = {}  # the outcome contains all output
        with self._lock:
            return self._take_ended()

    @ray.method(concurrency_group=_CONTROL)
    def reclaim(self) -> tuple[_Outcomes, list[int]]:
        """Drop the jobs that have not begun; return the outcomes so far and the dropped numbers."""
        with self._lock:
            not_begun = [number for number, _ in self._waiting]
            self._waiting.clear()
            return self._take_ended(), not_begun

    @ray.method(concurrency_group=_OUTPUT)
    def wait_for_output(self) -> _Output:
        """Wait until a job has written something, and return its output so far."""
        with self._lock:
            while not self._output:
                self._has_output.wait()
            output, self._output = self._output, {}
            return output

    @ray.method(concurrency_group=_CONTROL)
    def stop(self, session: str, number: int, attempt: int) -> None:
        """Stop a running job, or make it be refused when it is about to start."""
        worker.stop_job(session, number, attempt)

    @ray.method(concurrency_group=_CONTROL)
    def is_up(self) -> bool:
        return True

    def _store_output(self, number: int, attempt: int, text: str) -> None:
        with self._lock:
            self._output = {(number, attempt): text}
            self._has_output.notify()

    def _next(self) -> tuple[int, bytes] | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _take_ended(self) -> _Outcomes:
        ended, self._ended = self._ended, []
        return ended


CONCURRENCY_GROUPS = {_CONTROL: 1, _OUTPUT: 1}
"""How many calls of each concurrency group run at the same time, beside `RayActor.run`."""
