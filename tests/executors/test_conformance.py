"""What every executor promises: one outcome for each request, whatever the function does."""

import os
import pickle
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from executors.desks import (
    PATIENCE_SECONDS,
    TERMS,
    Desk,
    Relay,
    await_end_of,
    await_file,
    number_in,
)
from own_types import Order
from scenarist.config.value_schemas import SCHEMA_TYPE, describe_type
from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import LOG_LIMIT
from scenarist.executors.inline import InlineExecutor
from scenarist.executors.local.executor import LocalExecutor
from scenarist.storage.base import DeclaredType, ValueLocation, WriteTarget

CLUSTERS = [
    pytest.param("dask", marks=pytest.mark.dask),
    pytest.param("ray", marks=pytest.mark.ray),
]


@pytest.fixture(params=["inline", "local", *CLUSTERS])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    if request.param == "inline":
        desk = Desk(size=1)
        desk.executor = InlineExecutor(desk.deliver)
        yield desk
    else:
        yield from opened_desk(request, request.param)


@pytest.fixture(params=["local", *CLUSTERS])
def workers(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Executors with two workers, each in a process of its own."""
    yield from opened_desk(request, request.param)


def opened_desk(request: pytest.FixtureRequest, name: str) -> Iterator[Desk]:
    desk = Desk(size=2)
    if name == "local":
        desk.executor = LocalExecutor(desk.deliver, size=2, options=TERMS)
        yield desk
        desk.executor.close()
    else:
        relay: Relay = request.getfixturevalue(f"{name}_relay")
        with relay.serving(desk):
            yield desk


@pytest.fixture
def pool() -> Iterator[Callable[[int], tuple[Desk, LocalExecutor]]]:
    opened: list[LocalExecutor] = []

    def open_pool(size: int) -> tuple[Desk, LocalExecutor]:
        desk = Desk(size=size)
        executor = LocalExecutor(desk.deliver, size=size, options=TERMS)
        desk.executor = executor
        opened.append(executor)
        return desk, executor

    yield open_pool
    for executor in opened:
        executor.close()


def resident_bytes(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf(
        "SC_PAGE_SIZE"
    )


def target(folder: Path, name: str = "out") -> WriteTarget:
    return WriteTarget(
        data_node_id=name, edit_id=f"edit-{name}", storage_type="pickle", folder=str(folder)
    )


def test_a_function_that_returns_succeeds_with_its_outputs_written(
    desk: Desk, tmp_path: Path
) -> None:
    outcome = desk.run("increment", 41, outputs=[target(tmp_path)])

    assert outcome.event == JobEvent.SUCCEEDED
    assert [item.content for item in outcome.written] == [pickle.dumps(42, protocol=5)]
    assert [item.rendition for item in outcome.written] == ["42"]


def test_a_function_of_a_module_whose_name_is_no_identifier_runs(
    desk: Desk, tmp_path: Path
) -> None:
    outcome = desk.run("taipy_apps.apps.01-plain-steps:double", 21, outputs=[target(tmp_path)])

    assert [item.rendition for item in outcome.written] == ["42"]


def test_an_executor_that_has_run_something_has_slots(desk: Desk) -> None:
    desk.run("nothing")

    assert desk.executor.slots in {1, 2}


def test_what_a_function_says_can_be_stored(desk: Desk) -> None:
    outcome = desk.run("fail_strangely")

    assert outcome.reason == "ValueError: nul \ufffd and half \ufffd of a character"
    assert "\0" not in f"{outcome.stacktrace}{outcome.log}"


def test_an_exception_that_ends_the_process_when_it_is_asked_for_words_fails_its_job_only(
    desk: Desk,
) -> None:
    outcome = desk.run("fail_without_words")

    assert (outcome.event, outcome.reason) == (JobEvent.RAISED, "WordlessError")


def test_a_function_gets_a_value_in_its_declared_type(desk: Desk, tmp_path: Path) -> None:
    name = describe_type(list[Order])[SCHEMA_TYPE]
    place = ValueLocation(
        storage_type="json",
        content=b'[{"region": "north", "sold": 2}]',
        declared_type=DeclaredType(data_node="orders", name=name),
    )

    outcome = desk.run("first_of", places=[place], outputs=[target(tmp_path)])

    assert outcome.reason is None
    assert [item.python_type for item in outcome.written] == ["own_types.Order"]


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


def test_requests_are_taken_up_oldest_first(desk: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    others = [desk.request("wait_for_file", str(gate)) for _ in range(desk.size - 1)]
    desk.executor.submit(others)
    requests = [desk.request("nothing") for _ in range(20)]

    desk.executor.submit(requests)

    assert [desk.next().number for _ in requests] == [request.number for request in requests]
    gate.touch()
    assert [desk.next().number for _ in others] == [request.number for request in others]


def test_a_job_that_is_not_here_cannot_be_cancelled(desk: Desk) -> None:
    assert not desk.executor.cancel(77_000_000)


@pytest.mark.parametrize(
    ("function", "ending"),
    [
        ("vanish", "its process exited with code 3 without returning a result"),
        ("kill_itself", "its process was killed by signal 9 (SIGKILL)"),
    ],
)
def test_a_process_that_ends_takes_only_its_own_job_along(
    workers: Desk, function: str, ending: str
) -> None:
    deadly, harmless = workers.request(function), workers.request("one")

    workers.executor.submit([deadly, harmless])
    outcomes = {outcome.number: outcome for outcome in (workers.next(), workers.next())}

    assert (outcomes[deadly.number].event, outcomes[deadly.number].reason) == (
        JobEvent.WORKER_LOST,
        ending,
    )
    assert outcomes[harmless.number].event == JobEvent.SUCCEEDED


def test_a_job_that_runs_longer_than_its_timeout_is_killed(workers: Desk) -> None:
    outcome = workers.run("sleep_long", timeout=0.2)

    assert outcome.event == JobEvent.TIMED_OUT
    assert outcome.reason == "it ran longer than its timeout of 0.2 s"
    assert workers.run("one").event == JobEvent.SUCCEEDED


@pytest.mark.parametrize(
    ("retry_on", "may_be_retried"),
    [
        ([], True),
        (["builtins:ValueError"], True),
        (["no_such_module:Error", "builtins:Exception"], True),
        (["builtins:OSError", "pipelines:one"], False),
    ],
)
def test_what_a_function_raises_is_looked_for_among_the_exceptions_named(
    desk: Desk, retry_on: list[str], may_be_retried: bool
) -> None:
    outcome = desk.run("fail", retry_on=retry_on)

    assert (outcome.event, outcome.may_be_retried) == (JobEvent.RAISED, may_be_retried)


@pytest.mark.parametrize(
    ("retry_on", "may_be_retried"), [(["builtins:OSError"], True), (["builtins:ValueError"], False)]
)
def test_a_timeout_counts_as_python_s_own(
    workers: Desk, retry_on: list[str], may_be_retried: bool
) -> None:
    outcome = workers.run("sleep_long", timeout=0.1, retry_on=retry_on)

    assert (outcome.event, outcome.may_be_retried) == (JobEvent.TIMED_OUT, may_be_retried)


def test_a_job_that_does_not_end_when_asked_to_has_its_grace(workers: Desk, tmp_path: Path) -> None:
    file = tmp_path / "stays"
    request = workers.request("stay", str(file), grace=0.0)
    workers.executor.submit([request])
    await_file(file)

    assert workers.executor.cancel(request.number)

    assert workers.next().event == JobEvent.CANCEL_REQUESTED


def test_a_running_job_can_be_cancelled(workers: Desk, tmp_path: Path) -> None:
    process_file = tmp_path / "process"
    request = workers.request("tell_process", str(process_file))
    workers.executor.submit([request])
    process_id = number_in(process_file)

    assert workers.executor.cancel(request.number)

    outcome = workers.next()
    assert (outcome.number, outcome.event) == (request.number, JobEvent.CANCEL_REQUESTED)
    await_end_of(process_id)
    assert workers.run("one").event == JobEvent.SUCCEEDED


def test_a_job_that_does_not_end_when_asked_is_killed(workers: Desk, tmp_path: Path) -> None:
    request = workers.request("stay", str(tmp_path / "staying"))
    workers.executor.submit([request])
    await_file(tmp_path / "staying")

    assert workers.executor.cancel(request.number)

    assert workers.next().event == JobEvent.CANCEL_REQUESTED


def test_a_job_that_waits_for_a_worker_never_runs_when_it_is_cancelled(
    workers: Desk, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    workers.executor.submit([workers.request("wait_for_file", str(gate)) for _ in range(2)])
    waiting = workers.request("note", str(tmp_path / "noted"))
    workers.executor.submit([waiting])

    assert workers.executor.cancel(waiting.number)

    outcome = workers.next()
    gate.touch()
    assert (outcome.number, outcome.event) == (waiting.number, JobEvent.CANCEL_REQUESTED)
    assert [workers.next().event for _ in range(2)] == [JobEvent.SUCCEEDED] * 2
    assert workers.run("one").event == JobEvent.SUCCEEDED
    assert not (tmp_path / "noted").exists()


def test_as_many_jobs_run_at_once_as_there_are_workers(workers: Desk, tmp_path: Path) -> None:
    gates = [tmp_path / name for name in ("first", "second", "third")]
    requests = [workers.request("wait_for_file", str(gate)) for gate in gates]
    first, second, third = (request.number for request in requests)
    workers.executor.submit(requests)

    gates[1].touch()
    assert workers.next().number == second
    gates[2].touch()
    assert workers.next().number == third
    gates[0].touch()
    assert workers.next().number == first


def test_a_long_job_among_short_ones_holds_up_none_of_them(workers: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    # Whoever learns from these how long jobs take is wrong about the next ones.
    workers.executor.submit([workers.request("nothing") for _ in range(200)])
    assert {workers.next().event for _ in range(200)} == {JobEvent.SUCCEEDED}
    before, after = ([workers.request("nothing") for _ in range(20)] for _ in range(2))
    long_one = workers.request("wait_for_file", str(gate))

    workers.executor.submit([*before, long_one, *after])

    ended = {workers.next().number for _ in range(40)}
    gate.touch()
    assert ended == {request.number for request in (*before, *after)}
    assert workers.next().number == long_one.number


def test_a_job_behind_a_long_one_never_runs_when_it_is_cancelled(
    workers: Desk, tmp_path: Path
) -> None:
    workers.executor.submit([workers.request("nothing") for _ in range(200)])
    assert {workers.next().event for _ in range(200)} == {JobEvent.SUCCEEDED}
    gate = tmp_path / "gate"
    long_ones = [workers.request("wait_for_file", str(gate)) for _ in range(2)]
    behind = [workers.request("note", str(tmp_path / f"noted{place}")) for place in range(6)]
    workers.executor.submit([*long_ones, *behind])

    for request in behind:
        assert workers.executor.cancel(request.number)

    outcomes = [workers.next() for _ in behind]
    gate.touch()
    assert {outcome.event for outcome in outcomes} == {JobEvent.CANCEL_REQUESTED}
    assert {outcome.number for outcome in outcomes} == {request.number for request in behind}
    assert {workers.next().event for _ in long_ones} == {JobEvent.SUCCEEDED}
    assert not any((tmp_path / f"noted{place}").exists() for place in range(6))


def test_what_a_job_writes_is_its_log(workers: Desk) -> None:
    outcome = workers.run("speak")

    lines = [
        re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", "TIME ", line)
        for line in outcome.log.splitlines()
    ]
    assert sorted(lines) == ["TIME WARNING task from logging", "from print", "from the descriptor"]
    assert [workers.run("one").log for _ in range(2)] == ["", ""]


def test_what_a_running_job_has_written_can_be_read(workers: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    has_said = threading.Event()
    workers.executor.on_output(has_said.set)
    talker = workers.request("speak_and_wait", str(gate))
    workers.executor.submit([talker])

    said = ""
    while not said.endswith("\n"):  # the line and its end may come one after the other
        assert has_said.wait(PATIENCE_SECONDS)
        has_said.clear()
        said = workers.executor.read_output().get((talker.number, 1), said)
    said_since = workers.executor.read_output()
    gate.touch()

    assert said == "waiting for it\n"
    assert said_since == {}
    assert workers.next().log == "waiting for it\nthere it is\n"


@pytest.mark.parametrize("function", ["close_its_log", "hide_its_log"])
def test_what_a_job_does_to_its_log_is_undone_for_the_next(workers: Desk, function: str) -> None:
    endings = [workers.run(function).event for _ in range(workers.size)]

    logs = [workers.run("speak").log for _ in range(workers.size)]
    assert endings == [JobEvent.SUCCEEDED] * workers.size
    assert {len(log.splitlines()) for log in logs} == {3}


def test_a_job_that_closes_everything_takes_nothing_along(workers: Desk) -> None:
    outcomes = [workers.run("close_everything") for _ in range(workers.size)]

    assert {outcome.event for outcome in outcomes} == {JobEvent.WORKER_LOST}
    assert [workers.run("one").event for _ in range(workers.size)] == [
        JobEvent.SUCCEEDED
    ] * workers.size


def test_a_job_that_leaves_its_folder_does_not_take_the_next_along(
    workers: Desk, tmp_path: Path
) -> None:
    stored = target(tmp_path)
    before = workers.run("folder", outputs=[stored]).written[0].rendition
    for number in range(workers.size):
        workers.run("leave_its_folder", str(tmp_path / str(number)))

    after = [workers.run("folder", outputs=[stored]) for _ in range(workers.size)]

    assert [outcome.written[0].rendition for outcome in after] == [before] * workers.size


def test_a_job_that_takes_all_memory_is_killed_alone(workers: Desk, tmp_path: Path) -> None:
    """The system kills who takes too much, with SIGKILL; here that is done a little earlier."""
    greedy = workers.request("allocate", str(tmp_path / "process"))
    workers.executor.submit([greedy])
    process_id = number_in(tmp_path / "process")
    while resident_bytes(process_id) < 256 * 2**20:
        time.sleep(0.005)

    os.kill(process_id, signal.SIGKILL)

    outcome = workers.next()
    assert (outcome.number, outcome.event) == (greedy.number, JobEvent.WORKER_LOST)
    assert outcome.reason == "its process was killed by signal 9 (SIGKILL)"
    assert workers.run("one").event == JobEvent.SUCCEEDED


def test_a_long_log_keeps_its_start_and_its_end(workers: Desk) -> None:
    log = workers.run("speak_at_length").log

    assert log.startswith("start")
    assert log.endswith("end\n")
    assert "bytes left out" in log
    assert len(log) < LOG_LIMIT + 100


def test_a_process_that_a_task_leaves_behind_does_not_hide_the_end_of_its_worker(
    workers: Desk, tmp_path: Path
) -> None:
    outcome = workers.run("fork_and_vanish", str(tmp_path / "gate"))

    (tmp_path / "gate").touch()
    assert outcome.event == JobEvent.WORKER_LOST


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


def test_workers_start_in_a_folder_that_was_removed(
    pool: Callable[[int], tuple[Desk, LocalExecutor]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "removed").mkdir()
    monkeypatch.chdir(tmp_path / "removed")
    (tmp_path / "removed").rmdir()

    desk, _ = pool(1)

    assert [desk.run("one").event for _ in range(2)] == [JobEvent.SUCCEEDED] * 2


def test_workers_end_with_the_pool() -> None:
    desk = Desk(size=2)
    executor = LocalExecutor(desk.deliver, size=2, options=TERMS)
    desk.executor = executor
    desk.run("one")
    process_ids = executor.process_ids

    executor.close()

    for process_id in process_ids:
        await_end_of(process_id)
