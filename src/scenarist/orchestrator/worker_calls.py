"""Calls of worker functions that are not jobs: not recorded, the caller gets the outcome."""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from scenarist.domain.errors import UnavailableError
from scenarist.executors.base import Executor, JobOutcome, JobRequest

_NO_WORKER = "no worker is available; try again later"


@dataclass(frozen=True, slots=True)
class WorkerCall:
    """Running call of a worker: its future outcome, and a function that stops it."""

    outcome: "Future[JobOutcome]"
    cancel: Callable[[], bool]


class WorkerCalls:
    """Runs requests on an executor, under negative numbers, which no job has.

    Args:
        find_executor: Returns the executor; None if there is none.
    """

    def __init__(self, find_executor: Callable[[], Executor | None]) -> None:
        self._find_executor = find_executor
        self._futures: dict[int, Future[JobOutcome]] = {}
        self._numbers = itertools.count(-1, -1)
        self._is_stopped = False

    def submit(self, request: JobRequest) -> WorkerCall:
        """Submit a request to the executor.

        Raises:
            UnavailableError: This process has no executor, or it is stopping.
        """
        executor = None if self._is_stopped else self._find_executor()
        if executor is None:
            raise UnavailableError(_NO_WORKER)
        number = next(self._numbers)
        future = self._futures[number] = Future()
        # Checked again after the call is registered, so that `stop_accepting` cannot miss it.
        if self._is_stopped:
            self._futures.pop(number, None)
            raise UnavailableError(_NO_WORKER)
        executor.submit([replace(request, number=number)])
        return WorkerCall(future, lambda: executor.cancel(number))

    def deliver(self, outcomes: Sequence[JobOutcome]) -> None:
        """Accept outcomes from the executor; ignore those of jobs."""
        for outcome in outcomes:
            if (future := self._futures.pop(outcome.number, None)) is not None:
                future.set_result(outcome)

    def stop_accepting(self) -> None:
        """Accept no more calls, because the server is stopping.

        New calls, and calls without an outcome, fail with UnavailableError.
        """
        self._is_stopped = True
        for number in list(self._futures):
            future = self._futures.pop(number, None)
            if future is not None:
                future.set_exception(UnavailableError(_NO_WORKER))
