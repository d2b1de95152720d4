"""Threads of the server: one that fails begins again, and the server can do all that it could."""

import ctypes
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
from scenarist.system.background import BackgroundThread

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
