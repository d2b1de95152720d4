"""Nothing of a job reaches the next one on the same worker."""

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from executors.desks import TESTS, Desk
from executors.leaks import LEAKS
from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import WorkerOptions
from scenarist.executors.local.executor import LocalExecutor
from scenarist.storage.base import WriteTarget

ENDINGS = ("returns", "raises", "exits")


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[str, ...]]:
    """What was seen before each leak, in its job, and after it; and why not, if the worker goes."""
    file = tmp_path_factory.mktemp("leaks") / "seen"
    subprocess.run(
        [sys.executable, "-m", "executors.leaks", str(file)],
        env={**os.environ, "PYTHONPATH": TESTS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    )
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return {(name, ending): tuple(seen) for name, ending, *seen in lines}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", LEAKS)
def test_the_next_job_finds_what_the_one_before_it_found(
    tried: dict[tuple[str, str], tuple[str, ...]], name: str, ending: str
) -> None:
    before, made, after, reason = tried[name, ending]

    assert made != before  # otherwise this shows nothing
    assert (reason is not None) == LEAKS[name].replaces
    assert after == before or reason is not None


@pytest.fixture(scope="module")
def worker() -> Iterator[Desk]:
    """One worker for all that follows: what a job leaves, the next one would show."""
    desk = Desk(size=1)
    executor = LocalExecutor(desk.deliver, size=1, options=WorkerOptions(search_path=(TESTS,)))
    desk.executor = executor
    yield desk
    executor.close()


def run(desk: Desk, function: str, *inputs: object) -> tuple[object, str]:
    """Run a function of `leaks`; return its value and its log."""
    target = WriteTarget(data_node_id="out", edit_id="edit", storage_type="pickle", folder="unused")
    outcome = desk.run(f"executors.leaks:{function}", *inputs, outputs=[target])
    assert outcome.event == JobEvent.SUCCEEDED, (outcome.reason, outcome.stacktrace)
    return pickle.loads(outcome.written[0].content or b""), outcome.log


def test_the_system_kills_the_next_job_as_readily_as_the_one_before_it(worker: Desk) -> None:
    first, second = [run(worker, "be_killed_first")[0] for _ in range(2)]

    assert first == second


@pytest.mark.parametrize("function", ["seed", "set_state"])
def test_random_numbers_are_fresh_in_each_job(worker: Desk, function: str) -> None:
    drawn = []
    for _ in range(2):
        run(worker, function)
        drawn.append(run(worker, "draw")[0])

    (first, second) = drawn
    assert not set(first) & set(second)  # type: ignore[call-overload]


def test_random_numbers_of_polars_are_fresh_in_each_job(worker: Desk) -> None:
    run(worker, "draw_from_polars")

    assert run(worker, "draw_from_polars")[0] != run(worker, "draw_from_polars")[0]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_that_is_left_holds_up_no_job(worker: Desk, method: str) -> None:
    assert run(worker, "leave_pool", method)[0] == [1, 2]


def test_each_job_draws_on_a_figure_of_its_own(worker: Desk) -> None:
    pytest.importorskip("matplotlib")

    first, second, third = [run(worker, "plot")[0] for _ in range(3)]

    assert first == second == third


def test_each_job_sees_its_own_warnings(worker: Desk) -> None:
    logs = [run(worker, "warn")[1] for _ in range(2)]

    assert ["UserWarning: look here" in log for log in logs] == [True, True]


def test_records_have_time_level_and_logger(worker: Desk) -> None:
    lines = run(worker, "log_something")[1].splitlines()

    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"
    assert len(lines) == 2
    assert re.fullmatch(f"{moment} INFO shop begun", lines[0])
    assert re.fullmatch(f"{moment} WARNING shop.orders something is amiss", lines[1])


def test_threads_that_ended_in_time_and_connections_cost_no_worker(worker: Desk) -> None:
    ids = {run(worker, name)[0] for name in ("process", "threads_for_a_while", "keep_connection")}

    assert ids == {run(worker, "process")[0]}


def test_a_thread_that_a_job_leaves_ends_with_it(worker: Desk) -> None:
    log = run(worker, "print_for_ever")[1]

    assert "1 thread (noisy) still running when the function ended" in log
    assert "noise" not in run(worker, "process")[1]


def test_processes_that_a_job_leaves_end_with_it(worker: Desk) -> None:
    log = run(worker, "leave_processes")[1]

    assert "still running when the function ended" in log
    assert run(worker, "process_count")[0] == 0


def test_what_a_job_prints_at_the_end_of_the_process_is_not_in_the_log_of_another(
    worker: Desk,
) -> None:
    process = run(worker, "print_at_exit")[0]
    left = run(worker, "leave_processes")[1]
    following, log = run(worker, "process")

    assert following != process  # the worker has ended after the second job
    assert "printed at exit" not in left + log


def test_processes_of_multiprocessing_itself_are_not_told_of(worker: Desk) -> None:
    assert run(worker, "use_pool") == ([1], "")


def test_a_lock_that_a_job_forgets_is_free_for_the_next(worker: Desk, tmp_path: Path) -> None:
    for _ in range(2):
        run(worker, "lock", str(tmp_path / "lock"))


def test_a_file_left_open_for_writing_costs_the_worker_also_at_a_number_that_was_open(
    worker: Desk, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("read", "written")]
    for file in files:
        file.touch()

    first, second = [
        run(worker, "open_at_one_number", str(file), mode)[0]
        for file, mode in zip(files, "rw", strict=True)
    ]

    assert first == second
    assert run(worker, "process")[0] != second
