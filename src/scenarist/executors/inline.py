"""Runs each request at once in the caller's thread: for tests and for looking at one step."""

from collections.abc import Sequence

from scenarist.executors.base import Deliver, JobRequest
from scenarist.executors.runner import run


class InlineExecutor:
    """An executor without processes; its outcomes are there when `submit` returns."""

    slots = 1
    free_slots = 1
    fault = None

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver

    def submit(self, requests: Sequence[JobRequest]) -> None:
        for request in requests:
            self._deliver([run(request)])

    def cancel(self, number: int) -> bool:
        return False

    def close(self) -> None:
        pass
