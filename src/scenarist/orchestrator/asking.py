"""Requests that are no jobs: nothing of them is recorded, and their outcomes go to the asker."""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from scenarist.domain.errors import UnavailableError
from scenarist.executors.base import Executor, JobOutcome, JobRequest

_NOBODY_TO_ASK = "no worker can be asked here and now; try again later"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request on its way: its outcome, and how to stop it."""

    outcome: "Future[JobOutcome]"
    cancel: Callable[[], bool]


class Asking:
    """Has requests run by an executor, under numbers that no job has.

    Args:
        find_executor: Returns the executor; None when there is none.
    """

    def __init__(self, find_executor: Callable[[], Executor | None]) -> None:
        self._find_executor = find_executor
        self._asked: dict[int, Future[JobOutcome]] = {}
        self._numbers = itertools.count(-1, -1)
        self._has_hung_up = False

    def ask(self, request: JobRequest) -> Asked:
        """Have a request run.

        Raises:
            UnavailableError: Nothing is being run here.
        """
        executor = None if self._has_hung_up else self._find_executor()
        if executor is None:
            raise UnavailableError(_NOBODY_TO_ASK)
        number = next(self._numbers)
        asked = self._asked[number] = Future()
        # After it stands there, so that one of the two sees the other.
        if self._has_hung_up:
            self._asked.pop(number, None)
            raise UnavailableError(_NOBODY_TO_ASK)
        executor.submit([replace(request, number=number)])
        return Asked(asked, lambda: executor.cancel(number))

    def deliver(self, outcomes: Sequence[JobOutcome]) -> None:
        """Take what came back from the executor; jobs are passed over."""
        for outcome in outcomes:
            if (asked := self._asked.pop(outcome.number, None)) is not None:
                asked.set_result(outcome)

    def hang_up(self) -> None:
        """Let nobody wait for a worker any more: the server stops.

        Those who ask, or have asked and have no outcome yet, get an UnavailableError.
        """
        self._has_hung_up = True
        for number in list(self._asked):
            asked = self._asked.pop(number, None)
            if asked is not None:
                asked.set_exception(UnavailableError(_NOBODY_TO_ASK))
