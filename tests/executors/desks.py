"""What tests of executors have in common: a desk for outcomes, and what they wait for."""

import itertools
import pickle
import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scenarist.domain.resources import Resources
from scenarist.executors.base import Executor, JobOutcome, JobRequest, WorkerOptions
from scenarist.storage.base import ValueLocation, WriteTarget

TESTS = str(Path(__file__).parents[1])
TERMS = WorkerOptions(search_path=(TESTS,))
PATIENCE_SECONDS = 40

_numbers = itertools.count(1)


class Desk:
    """Collects the outcomes of what was requested here.

    Args:
        size: How many jobs its executor runs at the same time.
    """

    def __init__(self, *, size: int) -> None:
        self.executor: Executor
        self.size = size
        self._outcomes: queue.SimpleQueue[JobOutcome] = queue.SimpleQueue()
        self._requested: set[int] = set()

    def deliver(self, outcomes: Sequence[JobOutcome]) -> None:
        for outcome in outcomes:
            if outcome.number in self._requested:
                self._outcomes.put(outcome)

    def request(
        self,
        function: str,
        *inputs: object,
        outputs: Sequence[WriteTarget] = (),
        timeout: float | None = None,
        places: Sequence[ValueLocation] = (),
        cpus: float | None = None,
        grace: float = 2.0,
        retry_on: Sequence[str] = (),
    ) -> JobRequest:
        number = next(_numbers)
        self._requested.add(number)
        values = [
            ValueLocation(storage_type="pickle", content=pickle.dumps(value)) for value in inputs
        ]
        return JobRequest(
            number=number,
            attempt=1,
            function=function if ":" in function else f"pipelines:{function}",
            inputs=(*values, *places),
            outputs=tuple(outputs),
            timeout_seconds=timeout,
            grace_seconds=grace,
            retry_on=tuple(retry_on),
            resources=Resources(cpus=cpus),
        )

    def next(self) -> JobOutcome:
        return self._outcomes.get(timeout=PATIENCE_SECONDS)

    def run(self, function: str, *inputs: object, **more: object) -> JobOutcome:
        self.executor.submit([self.request(function, *inputs, **more)])  # type: ignore[arg-type]
        return self.next()


class Relay:
    """Gives the outcomes of an executor that many tests share to the desk that uses it now."""

    def __init__(self) -> None:
        self.executor: Executor
        self._desk: Desk | None = None

    def deliver(self, outcomes: Sequence[JobOutcome]) -> None:
        if self._desk is not None:
            self._desk.deliver(outcomes)

    @contextmanager
    def serving(self, desk: Desk) -> Iterator[None]:
        desk.executor = self.executor
        self._desk = desk
        yield
        self._desk = None


def await_file(file: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} was not made"
        time.sleep(0.005)


def number_in(file: Path) -> int:
    """Wait until a file has a number, and return it."""
    await_file(file)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (text := file.read_text()):
        assert time.monotonic() < deadline, f"{file} is empty"
        time.sleep(0.005)
    return int(text)


def await_end_of(process_id: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while Path(f"/proc/{process_id}").exists():
        assert time.monotonic() < deadline, f"process {process_id} lives"
        time.sleep(0.005)
