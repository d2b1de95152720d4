"""Runs each request immediately in the caller's thread, for tests and for debugging one step."""

from collections.abc import Callable, Sequence

from scenarist.domain.resources import Resources
from scenarist.executors.base import JobOutputs, JobRequest, OutcomeCallback
from scenarist.executors.runner import run_request


class InlineExecutor:
    """Executor without processes: it delivers the outcomes before `submit` returns."""

    slots = 1
    free_slots = 1
    fault = None
    machines_version = 0

    def __init__(self, deliver: OutcomeCallback) -> None:
        self._deliver = deliver

    def submit(self, requests: Sequence[JobRequest]) -> None:
        for request in requests:
            self._deliver([run_request(request)])

    def find_missing(self, resources: Resources) -> str | None:
        return None

    def cancel(self, number: int) -> bool:
        return False

    def on_output(self, callback: Callable[[], None]) -> None:
        pass

    def read_output(self) -> JobOutputs:
        return {}

    def close(self) -> None:
        pass
