"""What every executor promises: one outcome for each request, whatever the function does."""

import os
import pickle
import queue
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import LOG_LIMIT, Executor, JobOutcome, JobRequest
from scenarist.executors.inline import InlineExecutor
from scenarist.executors.local import LocalExecutor
from scenarist.storage.base import Place, Target

TESTS = str(Path(__file__).parents[1])
PATIENCE_SECONDS = 30


class Desk:
    """Collects the outcomes of one executor."""

    def __init__(self) -> None:
        self.executor: Executor
        self._outcomes: queue.SimpleQueue[JobOutcome] = queue.SimpleQueue()
        self._number = 0

    def deliver(self, outcomes: Sequence[JobOutcome]) -> None:
        for outcome in outcomes:
            self._outcomes.put(outcome)

    def request(
        self,
        function: str,
        *inputs: object,
        outputs: Sequence[Target] = (),
        timeout: float | None = None,
    ) -> JobRequest:
        self._number += 1
        return JobRequest(
            number=self._number,
            attempt=1,
            function=f"pipelines:{function}",
            inputs=tuple(
                Place(storage_type="pickle", content=pickle.dumps(value)) for value in inputs
            ),
            outputs=tuple(outputs),
            timeout_seconds=timeout,
        )

    def next(self) -> JobOutcome:
        return self._outcomes.get(timeout=PATIENCE_SECONDS)

    def run(self, function: str, *inputs: object, **more: object) -> JobOutcome:
        self.executor.submit([self.request(function, *inputs, **more)])  # type: ignore[arg-type]
        return self.next()


@pytest.fixture(params=["inline", "local"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = Desk()
    if request.param == "inline":
        desk.executor = InlineExecutor(desk.deliver)
    else:
        desk.executor = LocalExecutor(desk.deliver, size=1, search_path=[TESTS])
    yield desk
    desk.executor.close()


@pytest.fixture
def pool() -> Iterator[Callable[[int], tuple[Desk, LocalExecutor]]]:
    opened: list[LocalExecutor] = []

    def open_pool(size: int) -> tuple[Desk, LocalExecutor]:
        desk = Desk()
        executor = LocalExecutor(desk.deliver, size=size, search_path=[TESTS])
        desk.executor = executor
        opened.append(executor)
        return desk, executor

    yield open_pool
    for executor in opened:
        executor.close()


def target(folder: Path, name: str = "out") -> Target:
    return Target(
        data_node_id=name, edit_id=f"edit-{name}", storage_type="pickle", folder=str(folder)
    )


def test_a_function_that_returns_succeeds_with_its_outputs_written(
    desk: Desk, tmp_path: Path
) -> None:
    outcome = desk.run("increment", 41, outputs=[target(tmp_path)])

    assert outcome.event == JobEvent.SUCCEEDED
    assert [item.content for item in outcome.written] == [pickle.dumps(42, protocol=5)]
    assert [item.rendition for item in outcome.written] == ["42"]


def test_what_a_function_says_can_be_stored(desk: Desk) -> None:
    outcome = desk.run("fail_strangely")

    assert outcome.reason == "ValueError: nul \ufffd and half \ufffd of a character"
    assert "\0" not in f"{outcome.stacktrace}{outcome.log}"


def test_several_outputs_take_the_result_apart(desk: Desk, tmp_path: Path) -> None:
    outcome = desk.run("twice", 4, outputs=[target(tmp_path, "one"), target(tmp_path, "two")])

    assert [item.rendition for item in outcome.written] == ["4", "8"]


def test_a_result_without_outputs_is_dropped(desk: Desk) -> None:
    outcome = desk.run("one")

    assert (outcome.event, outcome.written) == (JobEvent.SUCCEEDED, ())


def test_an_exception_becomes_an_outcome_with_its_traceback(desk: Desk) -> None:
    outcome = desk.run("fail", 1)

    assert outcome.event == JobEvent.RAISED
    assert outcome.reason == "ValueError: no luck with (1,)"
    assert str(outcome.stacktrace).startswith("Traceback (most recent call last):\n  File ")


def test_leaving_by_sys_exit_is_an_exception_like_others(desk: Desk) -> None:
    outcome = desk.run("leave")

    assert (outcome.event, outcome.reason) == (JobEvent.RAISED, "SystemExit: enough")


def test_a_value_that_cannot_be_stored_leaves_nothing_behind(desk: Desk, tmp_path: Path) -> None:
    outcome = desk.run("unstorable", outputs=[target(tmp_path)])

    assert outcome.event == JobEvent.RAISED
    assert list(tmp_path.rglob("*.p")) == []


def test_a_function_that_does_not_exist_is_told_by_its_name(desk: Desk) -> None:
    outcome = desk.run("no_such_function")

    assert outcome.reason == (
        "AttributeError: module 'pipelines' has no attribute 'no_such_function'"
    )


def test_the_next_request_runs_after_any_failure(desk: Desk) -> None:
    desk.run("fail")
    desk.run("leave")

    assert desk.run("one").event == JobEvent.SUCCEEDED


def test_requests_are_taken_up_oldest_first(desk: Desk) -> None:
    requests = [desk.request("nothing") for _ in range(20)]

    desk.executor.submit(requests)

    assert [desk.next().number for _ in requests] == [request.number for request in requests]


@pytest.mark.parametrize(
    ("function", "ending"),
    [
        ("vanish", "its process exited with code 3 before the function returned"),
        ("kill_itself", "its process was killed by signal 9 (SIGKILL)"),
    ],
)
def test_a_worker_that_ends_takes_only_its_own_job_along(
    pool: Callable[[int], tuple[Desk, LocalExecutor]], function: str, ending: str
) -> None:
    desk, executor = pool(1)
    deadly, harmless = desk.request(function), desk.request("one")

    executor.submit([deadly, harmless])
    first, second = desk.next(), desk.next()

    assert (first.number, first.event, first.reason) == (
        deadly.number,
        JobEvent.WORKER_LOST,
        ending,
    )
    assert (second.number, second.event) == (harmless.number, JobEvent.SUCCEEDED)


def test_an_idle_worker_that_is_killed_is_replaced(
    pool: Callable[[int], tuple[Desk, LocalExecutor]],
) -> None:
    desk, executor = pool(1)
    desk.run("one")
    (process_id,) = executor.process_ids

    os.kill(process_id, signal.SIGKILL)

    assert desk.run("one").event in {JobEvent.SUCCEEDED, JobEvent.WORKER_LOST}
    assert desk.run("one").event == JobEvent.SUCCEEDED
    assert executor.process_ids != [process_id]


def test_a_job_that_runs_longer_than_its_timeout_is_killed(
    pool: Callable[[int], tuple[Desk, LocalExecutor]],
) -> None:
    desk, _ = pool(1)

    outcome = desk.run("sleep_long", timeout=0.2)

    assert outcome.event == JobEvent.TIMED_OUT
    assert outcome.reason == "it ran longer than its timeout of 0.2 s"
    assert desk.run("one").event == JobEvent.SUCCEEDED


def test_a_running_job_can_be_cancelled(
    pool: Callable[[int], tuple[Desk, LocalExecutor]], tmp_path: Path
) -> None:
    desk, executor = pool(1)
    desk.run("one")
    request = desk.request("wait_for_file", str(tmp_path / "never"))
    executor.submit([request])

    assert executor.cancel(request.number)

    assert desk.next().event == JobEvent.CANCEL_REQUESTED
    assert desk.run("one").event == JobEvent.SUCCEEDED


def test_a_job_that_is_not_here_cannot_be_cancelled(
    pool: Callable[[int], tuple[Desk, LocalExecutor]],
) -> None:
    _, executor = pool(1)

    assert not executor.cancel(77)


def test_a_pool_runs_as_many_jobs_at_once_as_its_size(
    pool: Callable[[int], tuple[Desk, LocalExecutor]], tmp_path: Path
) -> None:
    desk, executor = pool(2)
    gates = [tmp_path / name for name in ("first", "second", "third")]
    executor.submit([desk.request("wait_for_file", str(gate)) for gate in gates])

    gates[1].touch()
    assert desk.next().number == 2
    gates[2].touch()
    assert desk.next().number == 3
    gates[0].touch()
    assert desk.next().number == 1


def test_what_a_job_writes_is_its_log(pool: Callable[[int], tuple[Desk, LocalExecutor]]) -> None:
    desk, _ = pool(1)

    outcome = desk.run("speak")

    assert sorted(outcome.log.splitlines()) == [
        "WARNING task from logging",
        "from print",
        "from the descriptor",
    ]
    assert desk.run("one").log == ""


def test_a_long_log_keeps_its_start_and_its_end(
    pool: Callable[[int], tuple[Desk, LocalExecutor]],
) -> None:
    desk, _ = pool(1)

    log = desk.run("speak_at_length").log

    assert log.startswith("start")
    assert log.endswith("end\n")
    assert "bytes left out" in log
    assert len(log) < LOG_LIMIT + 100


def test_a_process_that_a_task_leaves_behind_does_not_hide_the_end_of_its_worker(
    pool: Callable[[int], tuple[Desk, LocalExecutor]], tmp_path: Path
) -> None:
    desk, _ = pool(1)

    outcome = desk.run("fork_and_vanish", str(tmp_path / "gate"))

    (tmp_path / "gate").touch()
    assert outcome.event == JobEvent.WORKER_LOST


def test_workers_end_with_the_pool() -> None:
    desk = Desk()
    executor = LocalExecutor(desk.deliver, size=2, search_path=[TESTS])
    desk.executor = executor
    desk.run("one")
    process_ids = [worker.process.pid for worker in executor._workers]

    executor.close()

    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(Path(f"/proc/{process_id}").exists() for process_id in process_ids):
        assert time.monotonic() < deadline
