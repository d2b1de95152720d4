"""Workers that do not read, and what they send that cannot be taken: nobody waits for them."""

import os
import pickle
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from executors.desks import TERMS, Desk, await_file, number_in
from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.framing import FrameDecoder, MessageTooLargeError, encode_frame
from scenarist.executors.local import worker_process
from scenarist.executors.local.executor import LocalExecutor
from scenarist.executors.local.worker_process import WorkerProcess
from scenarist.storage.base import ValueLocation

LARGE = ValueLocation(storage_type="pickle", content=pickle.dumps("x" * 8_000_000))


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(size=2)
    desk.executor = LocalExecutor(desk.deliver, size=2, options=TERMS)
    yield desk
    desk.executor.close()


def stop_workers(desk: Desk) -> None:
    """Stop all workers, as a job that leaves something behind may do."""
    for process in processes_of(desk):
        os.kill(process, signal.SIGSTOP)


def processes_of(desk: Desk) -> list[int]:
    """Return the processes of the workers, once there are all."""
    assert isinstance(desk.executor, LocalExecutor)
    while len(desk.executor.process_ids) < desk.size:
        desk.run("one")
    return desk.executor.process_ids


def test_a_large_job_for_a_worker_that_does_not_read_holds_nobody_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "_READ_SECONDS", 3600.0)
    stop_workers(desk)
    made = [desk.request("same", places=[LARGE], grace=0.0) for _ in range(2)]

    desk.executor.submit(made)
    assert desk.executor.free_slots >= 0
    assert desk.executor.read_output() == {}
    for request in made:
        assert desk.executor.cancel(request.number)

    ended = [desk.next().event for _ in made]
    assert ended == [JobEvent.CANCEL_REQUESTED] * 2
    assert desk.run("one").event is JobEvent.SUCCEEDED


@pytest.mark.parametrize("places", [[LARGE], []])
def test_a_job_that_its_worker_does_not_take_up_is_lost(
    desk: Desk, places: list[ValueLocation], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_workers(desk)
    monkeypatch.setattr(worker_process, "_READ_SECONDS", 0.3)

    desk.executor.submit([desk.request("first_given", 1, places=places) for _ in range(2)])

    outcomes = [desk.next() for _ in range(2)]
    assert {outcome.event for outcome in outcomes} == {JobEvent.WORKER_LOST}
    assert {outcome.reason for outcome in outcomes} == {
        "its process did not read the request within 0.3 s"
    }
    assert desk.run("one").event is JobEvent.SUCCEEDED


def test_a_large_job_reaches_a_worker_that_reads(desk: Desk) -> None:
    assert desk.run("nothing", places=[LARGE]).event is JobEvent.SUCCEEDED


def test_a_template_that_does_nothing_any_more_is_replaced(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "_KILL_SECONDS", 0.2)
    made = desk.request("tell_parent", str(tmp_path / "template"), grace=0.0)
    desk.executor.submit([made])
    template = number_in(tmp_path / "template")
    os.kill(template, signal.SIGSTOP)
    stays = desk.request("stay", str(tmp_path / "stays"), grace=0.0)
    desk.executor.submit([stays])
    await_file(tmp_path / "stays")

    desk.executor.cancel(stays.number)

    outcomes = {outcome.number: outcome for outcome in (desk.next(), desk.next())}
    assert outcomes[stays.number].event is JobEvent.CANCEL_REQUESTED
    (tmp_path / "other.go").touch()
    assert desk.run("tell_parent", str(tmp_path / "other")).event is JobEvent.SUCCEEDED
    assert number_in(tmp_path / "other") != template


def test_a_message_that_is_too_large_is_refused_at_its_beginning() -> None:
    received = FrameDecoder(limit=10)

    assert received.feed(encode_frame(b"0123456789")) == [b"0123456789"]
    with pytest.raises(
        MessageTooLargeError, match="a message of 11 bytes, more than the limit of 10"
    ):
        received.feed(encode_frame(b"x" * 11)[:4])


def test_a_worker_that_sends_too_much_is_replaced_and_its_job_has_failed(desk: Desk) -> None:
    before = processes_of(desk)
    assert isinstance(desk.executor, LocalExecutor)
    for worker in desk.executor._workers.values():
        worker.frames = FrameDecoder(limit=200)

    outcome = desk.run("fail", "x" * 500)

    assert outcome.event is JobEvent.RAISED
    assert str(outcome.reason).endswith("more than the limit of 200")
    assert set(processes_of(desk)) != set(before)


def test_what_the_server_has_no_memory_for_costs_the_worker_and_not_the_pool(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, is_short = FrameDecoder.feed, [True]

    def trip(self: FrameDecoder, data: bytes) -> list[bytes]:
        if is_short and len(data) > 200:
            is_short.clear()
            raise MemoryError
        return feed(self, data)

    before = processes_of(desk)
    monkeypatch.setattr(FrameDecoder, "feed", trip)
    outcome = desk.run("fail", "x" * 500)

    assert outcome.event is JobEvent.WORKER_LOST
    assert outcome.reason == "the server had no memory for the message that its process sent"
    assert set(processes_of(desk)) != set(before)


def test_an_outcome_of_what_a_worker_does_not_run_costs_the_worker(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, is_first = WorkerProcess._accept_outcome, [True]

    def mistake(self: WorkerProcess, outcome: object) -> object:
        if is_first:
            is_first.clear()
            outcome = replace(outcome, attempt=7)  # type: ignore[type-var]
        return settle(self, outcome)  # type: ignore[arg-type]

    before = processes_of(desk)
    monkeypatch.setattr(WorkerProcess, "_accept_outcome", mistake)
    outcome = desk.run("one")

    assert outcome.event is JobEvent.WORKER_LOST
    assert outcome.reason == "its process sent an invalid message"
    assert set(processes_of(desk)) != set(before)


def test_a_job_that_ran_too_long_tells_where_it_was(desk: Desk) -> None:
    outcome = desk.run("sleep_long", timeout=0.2)

    assert outcome.event is JobEvent.TIMED_OUT
    assert "in sleep_long" in str(outcome.stacktrace)
