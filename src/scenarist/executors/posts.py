"""What an actor of Ray does: it runs the jobs that it is given together, one after the other."""

import threading
from collections import deque
from collections.abc import Sequence

import ray

from scenarist.executors import remote

_ASIDE = "aside"
_OUTPUT = "output"

_Outcomes = list[tuple[int, bytes]]
_Output = dict[tuple[int, int], str]


class Post:
    """Runs jobs in a worker of Ray; what is asked beside that, another thread answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._ended: _Outcomes = []
        self._said: _Output = {}
        self._has_said = threading.Condition(self._lock)

    def run(self, assignments: Sequence[tuple[int, bytes]]) -> _Outcomes:
        """Run jobs; return those outcomes, by number, that were not given back before."""
        with self._lock:
            self._waiting.extend(assignments)
        while (next_one := self._next()) is not None:
            number, assignment = next_one
            outcome = remote.run(assignment, self._tell)
            with self._lock:
                self._ended.append((number, outcome))
                self._said = {}  # the outcome has all of it
        with self._lock:
            return self._take_ended()

    @ray.method(concurrency_group=_ASIDE)
    def give_back(self) -> tuple[_Outcomes, list[int]]:
        """Return the outcomes there are, and the numbers of the jobs that will not begin here."""
        with self._lock:
            not_begun = [number for number, _ in self._waiting]
            self._waiting.clear()
            return self._take_ended(), not_begun

    @ray.method(concurrency_group=_OUTPUT)
    def listen(self) -> _Output:
        """Wait until a job has written something, and return what it has written so far."""
        with self._lock:
            while not self._said:
                self._has_said.wait()
            said, self._said = self._said, {}
            return said

    @ray.method(concurrency_group=_ASIDE)
    def stop(self, session: str, number: int, attempt: int) -> None:
        """Stop a job that runs, or refuse it when its turn comes."""
        remote.stop(session, number, attempt)

    @ray.method(concurrency_group=_ASIDE)
    def is_up(self) -> bool:
        return True

    def _tell(self, number: int, attempt: int, text: str) -> None:
        with self._lock:
            self._said = {(number, attempt): text}
            self._has_said.notify()

    def _next(self) -> tuple[int, bytes] | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _take_ended(self) -> _Outcomes:
        ended, self._ended = self._ended, []
        return ended


CONCURRENCY = {_ASIDE: 1, _OUTPUT: 1}
"""How many of the calls that are asked beside run at the same time."""
