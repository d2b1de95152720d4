"""Threads of the server: one that fails begins again, and the server can do all that it could."""

import ctypes
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipelines
from scenarist.config import Application, ConfigRegistry
from scenarist.db.jobs import rows as job_rows
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import EntityType, JobStatus
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions
from scenarist.system import background
from scenarist.system.background import BackgroundLoop, BackgroundThread

TESTS = str(Path(__file__).parents[1])
PATIENCE_SECONDS = 40
# Threads of pools: what fails in them fails the call that they work for.
POOLS = ("sign-in", "request", "asyncio", "values", "large values", "comparisons", "streams")


@pytest.fixture
def earlier() -> set[threading.Thread]:
    """The threads of other tests."""
    return set(threading.enumerate())


@pytest.fixture
def server(
    earlier: set[threading.Thread],
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Server]:
    monkeypatch.setattr(background, "_PAUSE_SECONDS", 0.05)
    registry = ConfigRegistry()
    start = registry.configure_data_node("start", default_data=1)
    end = registry.configure_data_node("end")
    task = registry.configure_task("t", pipelines.increment, [start], [end])
    registry.configure_scenario("s", [task])
    application = Application(registry=registry, search_path=(TESTS,))
    settings = Settings(
        database=database_url, storage=str(tmp_path / "data"), workers=1, keep_jobs_days=1
    )
    with composition.open_server(application, settings) as opened:
        yield opened


def run_a_job(server: Server) -> JobStatus:
    services = server.services
    scenario = services.scenarios.create(ANYONE, NewScenario(config_id="s"))
    submission = services.submissions.submit(
        ANYONE, EntityType.SCENARIO, scenario.id, SubmitOptions()
    )
    (job_id,) = submission.job_ids
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        job = job_rows.find(server.database.reader, job_id)
        assert job is not None
        if job.status.is_finished or time.monotonic() > deadline:
            return job.status
        time.sleep(0.02)


def kill(thread: threading.Thread) -> None:
    """Have `SystemExit` raised in a thread, as soon as it does not wait."""
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
    )


def test_jobs_complete_though_any_thread_of_the_server_is_killed(
    earlier: set[threading.Thread], server: Server
) -> None:
    assert run_a_job(server) is JobStatus.COMPLETED
    new = set(threading.enumerate()) - earlier
    mine = [thread for thread in new if isinstance(thread, BackgroundThread)]
    names = {thread.name for thread in mine}
    assert names >= {"orchestrator", "leases", "outputs", "notifications", "local-executor"}
    assert names >= {"webhook election", "webhooks", "file watch", "maintenance"}
    others = [thread.name for thread in new if not isinstance(thread, BackgroundThread)]
    assert [name for name in others if not name.startswith(POOLS)] == []

    for thread in mine:
        kill(thread)
        assert run_a_job(server) is JobStatus.COMPLETED, thread.name
    assert all(thread.is_alive() for thread in mine)


def test_a_thread_that_fails_begins_again_and_shows_it() -> None:
    tries: list[str] = []
    over = threading.Event()

    def work() -> None:
        tries.append("begun")
        if len(tries) == 1:
            raise MemoryError
        over.wait()

    thread = BackgroundThread("weak", work)
    thread.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(tries) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)

    assert len(tries) == 2
    assert (
        background.find_fault()
        == "the thread 'weak' of the server failed; the server's log has the details"
    )
    over.set()
    thread.join()
    assert background.find_fault() is None


class Work:
    """Work of a loop that a test can follow: each call is in a queue, and fails or says its due."""

    def __init__(self, *results: float | Exception | None) -> None:
        self._results = iter(results)
        self._calls: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.done = 0
        self.faults: list[Exception] = []
        self.pause_seconds = 0.0

    def __call__(self) -> float | None:
        self.done += 1
        self._calls.put(self.done)
        result = next(self._results, None)
        if isinstance(result, Exception):
            raise result
        return result

    def log(self, error: Exception) -> float:
        self.faults.append(error)
        return self.pause_seconds

    def wait_for_call(self) -> int:
        return self._calls.get(timeout=PATIENCE_SECONDS)


def test_a_loop_works_at_its_start_when_it_is_due_and_when_it_is_woken() -> None:
    work = Work(0.001, None, None)
    loop = BackgroundLoop("steady", work, on_error=work.log)
    loop.start()
    by_itself = [work.wait_for_call(), work.wait_for_call()]

    loop.wake()

    assert by_itself == [1, 2]
    assert work.wait_for_call() == 3
    loop.stop()
    assert (work.done, work.faults) == (3, [])


def test_a_loop_that_is_woken_while_it_works_works_again() -> None:
    work = Work()

    def wake_and_work() -> float | None:
        if work.done == 0:
            loop.wake()
        return work()

    loop = BackgroundLoop("woken", wake_and_work, on_error=work.log)
    loop.start()

    assert [work.wait_for_call(), work.wait_for_call()] == [1, 2]
    loop.stop()


def test_a_loop_tries_again_after_a_failure() -> None:
    failure = ValueError("no")
    work = Work(failure, None)
    loop = BackgroundLoop("failing", work, on_error=work.log)

    loop.start()

    assert [work.wait_for_call(), work.wait_for_call()] == [1, 2]
    loop.stop()
    assert work.faults == [failure]
    assert background.find_fault() is None


def test_a_wake_does_not_shorten_the_pause_after_a_failure_and_a_stop_does() -> None:
    work = Work(ValueError("no"))
    work.pause_seconds = 3600
    has_failed = threading.Event()

    def log_and_tell(error: Exception) -> float:
        has_failed.set()
        return work.log(error)

    loop = BackgroundLoop("pausing", work, on_error=log_and_tell)
    loop.start()
    assert has_failed.wait(PATIENCE_SECONDS)
    for _ in range(100):
        loop.wake()

    loop.stop()

    assert work.done == 1


def test_a_loop_that_was_never_started_can_be_stopped() -> None:
    loop = BackgroundLoop("unused", Work())

    loop.stop()

    assert loop.is_stopping
    assert not loop.is_running


def test_what_a_loop_waits_for_is_interrupted_by_its_stop() -> None:
    is_over = threading.Event()
    loop = BackgroundLoop("blocked", lambda: is_over.wait() and None, interrupt=is_over.set)
    loop.start()

    loop.stop()

    assert not loop.is_running


def test_a_failure_that_nobody_handles_is_shown_and_the_loop_begins_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "_PAUSE_SECONDS", 0.001)
    work = Work(ValueError("no"))
    loop = BackgroundLoop("bare", work)
    loop.start()

    assert [work.wait_for_call(), work.wait_for_call()] == [1, 2]
    assert "the thread 'bare' of the server failed" in str(background.find_fault())
    loop.stop()
