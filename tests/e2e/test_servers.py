"""Several started servers on one database: whatever one accepts, the others know of."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.following import following
from conftest import FreshUrl
from executors.desks import number_in
from postgres_server import PostgresServer
from processes import children_of
from scenarist.db.engine import Database
from servers import StartedServer
from webhooks.receiver import Receiver

pytestmark = pytest.mark.e2e

API = "/api/v1"
NO_ORCHESTRATOR = ["--no-orchestrator"]


def write(server: StartedServer, node_id: str, value: object) -> None:
    response = server.http.put(f"{API}/datanodes/{node_id}/write", json=value)
    assert response.status_code == 200, response.text


def submit(server: StartedServer, sequence_id: str) -> str:
    """Submit a sequence of one task, and return the identifier of its job."""
    response = server.http.post(
        f"{API}/sequences/submit/{sequence_id}", headers={"Prefer": "return=representation"}
    )
    assert response.status_code == 200, response.text
    job_ids: list[str] = response.json()["submission"]["job_ids"]
    return job_ids[0]


@pytest.fixture(scope="module")
def runner(
    tmp_path_factory: pytest.TempPathFactory, fresh_url: FreshUrl
) -> Iterator[StartedServer]:
    """One for the tests that need no more, as is `server`; what a test stops it starts again."""
    with (
        fresh_url() as url,
        StartedServer(tmp_path_factory.mktemp("runner"), database=url) as started,
    ):
        yield started


@pytest.fixture(scope="module")
def server(runner: StartedServer) -> Iterator[StartedServer]:
    with StartedServer(runner.folder, database=runner.database, options=NO_ORCHESTRATOR) as started:
        yield started


class TestAServerWithoutAnOrchestrator:
    def test_what_it_accepts_runs_on_another_and_its_end_is_waited_for(
        self, server: StartedServer
    ) -> None:
        chain = server.create("chain")

        submission = server.submit(chain["sequences"]["all of it"]["id"])

        assert submission["status"] == "COMPLETED"

    def test_a_value_that_it_takes_releases_jobs_of_another(
        self, runner: StartedServer, server: StartedServer
    ) -> None:
        islands = runner.create("islands")
        done = runner.http.post(f"{API}/tasks/submit/{islands['task_of']['apart']}")
        where = done.headers["location"]
        with following(server, submission_id=where.rpartition("/")[2]) as stream:
            write(server, islands["node_of"]["given"], 1)

            told = stream.until(where.rpartition("/")[2])

        statuses = [item.data["status"] for item in told]
        assert statuses == ["PENDING", "RUNNING", "COMPLETED", "COMPLETED"]

    def test_a_job_that_runs_elsewhere_is_stopped(
        self, server: StartedServer, tmp_path: Path
    ) -> None:
        telling = server.create("telling")
        sign = tmp_path / "process"
        write(server, telling["node_of"]["gate"], str(sign))
        job_id = submit(server, telling["sequences"]["all"]["id"])
        process_id = number_in(sign)

        response = server.http.post(f"{API}/jobs/cancel/{job_id}")

        assert response.status_code == 204
        assert not Path(f"/proc/{process_id}").exists()
        assert server.http.get(f"{API}/jobs/{job_id}").json()["job"]["status"] == "CANCELED"

    @pytest.mark.parametrize("what", ["submissions", "orchestration"])
    def test_what_it_resumes_goes_on_elsewhere(self, server: StartedServer, what: str) -> None:
        chain = server.create("chain")
        assert server.http.post(f"{API}/orchestration/pause").status_code == 200
        where = server.http.post(f"{API}/sequences/submit/{chain['sequences']['half']['id']}")
        path = where.headers["location"]
        if what == "submissions":
            of = path.rpartition("/")[2]
            assert server.http.post(f"{API}/submissions/pause/{of}").status_code == 200
            assert server.http.post(f"{API}/orchestration/resume").status_code == 200
            # The orchestrator has heard of that before the next one is heard.
            server.submit(server.create("chain")["sequences"]["half"]["id"])
            resumed = server.http.post(f"{API}/submissions/resume/{of}")
        else:
            resumed = server.http.post(f"{API}/orchestration/resume")
        submission = server.http.get(path, headers={"Prefer": "wait=10"}).json()["submission"]

        assert resumed.status_code == 200
        assert submission["status"] == "COMPLETED"

    def test_it_has_workers_of_its_own_for_what_requests_need(self, server: StartedServer) -> None:
        scenario_ids = []
        for number in (30, 10):
            scenario = server.create("rated")
            write(server, scenario["node_of"]["given"], number)
            server.submit(scenario["sequences"]["scoring"]["id"])
            scenario_ids.append(scenario["id"])
        before = children_of(server.process.pid)

        response = server.http.post(
            f"{API}/scenarios/compare",
            json={"scenario_ids": scenario_ids, "data_node_config_ids": ["scored"]},
        )

        assert before == []
        assert response.json()["comparisons"]["scored"]["in_order"] == [31, 11]
        assert server.stop() == 0
        server.start()

    def test_it_is_ready_and_jobs_wait_while_nobody_runs_them(
        self, runner: StartedServer, server: StartedServer
    ) -> None:
        assert runner.stop() == 0
        chain = server.create("chain")
        with following(server) as stream:
            where = server.http.post(f"{API}/sequences/submit/{chain['sequences']['half']['id']}")
            ready = server.http.get("/readyz")
            runner.start()

            told = stream.until(where.headers["location"].rpartition("/")[2])

        assert ready.status_code == 200
        assert told[-1].data["status"] == "COMPLETED"
        assert "orchestrators that run the jobs: 0" in ready.json()["message"]


@dataclass
class Fleet:
    """Servers that answer requests, and orchestrators with two workers each, on one database."""

    folder: Path
    url: str
    servers: Sequence[StartedServer]
    orchestrators: Sequence[StartedServer]
    _turns: Iterator[int] = field(default_factory=itertools.count)

    @property
    def server(self) -> StartedServer:
        """The servers in turn, as a proxy before them would choose."""
        return self.servers[next(self._turns) % len(self.servers)]

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        with Database(self.url) as database:
            return [tuple(row) for row in database.reader.execute(text(question))]

    def tell(self, name: str) -> tuple[str, Path]:
        """Submit a job that tells its process; return its identifier, and the file that tells."""
        telling = self.server.create("telling")
        sign = self.folder / name
        write(self.server, telling["node_of"]["gate"], str(sign))
        return submit(self.server, telling["sequences"]["all"]["id"]), sign

    def job_when(self, job_id: str, is_right: Callable[[Any], bool]) -> Any:
        """Look at a job until it is as wanted; the timeout of the test is the patience."""
        while not is_right(job := self.server.http.get(f"{API}/jobs/{job_id}").json()["job"]):
            time.sleep(0.02)
        return job


def parent_of(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[1])


def has_ended(job: Any) -> bool:
    return job["finished_at"] is not None


@pytest.mark.timeout(240)  # four processes start for each
class TestSeveralOrchestrators:
    @pytest.fixture
    def fleet(self, tmp_path: Path, database_url: str) -> Iterator[Fleet]:
        with ExitStack() as stack:

            def start(command: str, *options: str) -> StartedServer:
                return StartedServer(
                    tmp_path,
                    options=["--webhook-private-addresses", *options],
                    database=database_url,
                    command=command,
                )

            with ThreadPoolExecutor(4) as pool:
                servers = [pool.submit(start, "serve", "--no-orchestrator") for _ in range(2)]
                orchestrators = [
                    pool.submit(start, "orchestrate", "--lease-seconds=2") for _ in range(2)
                ]
            yield Fleet(
                tmp_path,
                database_url,
                [stack.enter_context(started.result()) for started in servers],
                [stack.enter_context(started.result()) for started in orchestrators],
            )

    def test_one_submits_another_waits_and_cancels(self, fleet: Fleet) -> None:
        chain = fleet.server.create("chain")
        job_id, sign = fleet.tell("sign")
        where = fleet.server.http.post(
            f"{API}/sequences/submit/{chain['sequences']['all of it']['id']}"
        ).headers["location"]
        process_id = number_in(sign)

        waited = fleet.server.http.get(where, headers={"Prefer": "wait=30"})
        cancelled = fleet.server.http.post(f"{API}/jobs/cancel/{job_id}")

        assert waited.json()["submission"]["status"] == "COMPLETED"
        assert cancelled.status_code == 204
        assert not Path(f"/proc/{process_id}").exists()
        assert [process.stop() for process in fleet.orchestrators] == [0, 0]
        assert fleet.ask("SELECT count(*) FROM holders") == [(0,)]

    def test_the_jobs_of_a_killed_orchestrator_are_finished_by_another(self, fleet: Fleet) -> None:
        told = [fleet.tell(f"sign{number}") for number in range(4)]
        # Workers are children of a template, which is one of the orchestrator.
        parents = {job_id: parent_of(parent_of(number_in(sign))) for job_id, sign in told}
        first, second = fleet.orchestrators
        lost = [job_id for job_id, parent in parents.items() if parent == first.process.pid]

        first.kill()
        for _, sign in told:
            Path(f"{sign}.go").touch()

        jobs = [fleet.job_when(job_id, has_ended) for job_id, _ in told]
        assert 0 < len(lost) < 4
        assert set(parents.values()) == {first.process.pid, second.process.pid}
        assert {job["status"] for job in jobs} == {"COMPLETED"}
        assert {job["id"] for job in jobs if job["attempts"] == 2} == set(lost)
        counted = "SELECT count(job_id), count(DISTINCT job_id) FROM edits"
        assert fleet.ask(counted) == [(4, 4)]

    def test_an_orchestrator_that_was_stopped_for_a_while_harms_nobody(self, fleet: Fleet) -> None:
        job_id, sign = fleet.tell("sign")
        first_process = number_in(sign)
        stopped = parent_of(parent_of(first_process))

        os.kill(stopped, signal.SIGSTOP)
        fleet.job_when(job_id, lambda job: job["attempts"] == 2)
        Path(f"{sign}.go").touch()
        job = fleet.job_when(job_id, has_ended)
        os.kill(stopped, signal.SIGCONT)

        (other,) = (item for item in fleet.orchestrators if item.process.pid != stopped)
        other.kill()  # from now on it is the only one
        chain = fleet.server.create("chain")
        assert fleet.server.submit(chain["sequences"]["half"]["id"])["status"] == "COMPLETED"
        assert (job["status"], job["attempts"]) == ("COMPLETED", 2)
        assert fleet.job_when(job_id, has_ended) == job
        counted = f"SELECT count(*) FROM edits WHERE job_id = '{job_id}'"
        assert fleet.ask(counted) == [(1,)]

    def test_a_task_that_holds_the_interpreter_for_longer_than_a_lease_runs_once(
        self, fleet: Fleet
    ) -> None:
        holding = fleet.server.create("holding")

        submission = fleet.server.submit(holding["sequences"]["all"]["id"])

        (job,) = fleet.server.jobs(submission)
        assert (job["status"], job["attempts"]) == ("COMPLETED", 1)

    def test_webhooks_go_on_when_who_sends_them_is_killed(self, fleet: Fleet) -> None:
        chain = fleet.server.create("chain")
        sequence_id = chain["sequences"]["half"]["id"]
        told = []
        with Receiver() as receiver:
            subscribed = fleet.server.http.post(
                f"{API}/sequences/{sequence_id}/subscribers", json={"url": receiver.url}
            )
            assert subscribed.status_code == 201, subscribed.text
            # One of the two sends.
            for orchestrator in fleet.orchestrators:
                orchestrator.kill()
                fleet.server.submit(sequence_id)
                told += [receiver.next().json["type"] for _ in range(3)]
                orchestrator.start()

        assert told == ["job.pending", "job.running", "job.completed"] * 2

    def test_of_a_thousand_jobs_each_is_claimed_once(self, fleet: Fleet) -> None:
        sequences = [fleet.server.create("chain")["sequences"]["half"]["id"] for _ in range(100)]

        def submit_ten(sequence_id: str) -> list[str]:
            server = fleet.server
            return [
                server.http.post(f"{API}/sequences/submit/{sequence_id}").headers["location"]
                for _ in range(10)
            ]

        with ThreadPoolExecutor(8) as pool:
            last = [locations[-1] for locations in pool.map(submit_ten, sequences)]
        for where in last:
            fleet.server.http.get(where, headers={"Prefer": "wait=60"})

        claimed = "SELECT status, count(*), min(attempt), max(attempt) FROM jobs GROUP BY status"
        assert fleet.ask(claimed) == [("COMPLETED", 1000, 1, 1)]
        counted = "SELECT count(job_id), count(DISTINCT job_id) FROM edits"
        assert fleet.ask(counted) == [(1000, 1000)]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_servers_that_start_at_once_make_one_database(
    tmp_path: Path, postgres_server: PostgresServer, kind: str
) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    if kind == "postgresql":
        postgres_server.run("CREATE DATABASE made_at_once")
        url = postgres_server.url("made_at_once")

    def start(_: int) -> StartedServer:
        return StartedServer(tmp_path, database=url)

    with ThreadPoolExecutor(3) as pool:
        started = list(pool.map(start, range(3)))

    with ExitStack() as stack:
        for server in started:
            stack.enter_context(server)
        assert {server.http.get("/readyz").status_code for server in started} == {200}
    if kind == "postgresql":
        postgres_server.run("DROP DATABASE made_at_once WITH (FORCE)")
