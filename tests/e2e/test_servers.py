"""Several started servers on one database: whatever one accepts, the others know of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.following import following
from servers import StartedServer

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


class TestAServerWithoutAnOrchestrator:
    @pytest.fixture
    def runner(self, tmp_path: Path, database_url: str) -> Iterator[StartedServer]:
        with StartedServer(tmp_path, database=database_url) as server:
            yield server

    @pytest.fixture
    def server(
        self, runner: StartedServer, tmp_path: Path, database_url: str
    ) -> Iterator[StartedServer]:
        with StartedServer(tmp_path, database=database_url, options=NO_ORCHESTRATOR) as server:
            yield server

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
        while not sign.exists() or not sign.read_text():
            pass

        response = server.http.post(f"{API}/jobs/cancel/{job_id}")

        assert response.status_code == 204
        assert not Path(f"/proc/{sign.read_text()}").exists()
        assert server.http.get(f"{API}/jobs/{job_id}").json()["job"]["status"] == "CANCELED"

    def test_it_has_workers_of_its_own_for_what_requests_need(self, server: StartedServer) -> None:
        scenario_ids = []
        for number in (30, 10):
            scenario = server.create("rated")
            write(server, scenario["node_of"]["given"], number)
            server.submit(scenario["sequences"]["scoring"]["id"])
            scenario_ids.append(scenario["id"])
        children = Path(f"/proc/{server.process.pid}/task")
        before = [file.read_text() for file in children.glob("*/children")]

        response = server.http.post(
            f"{API}/scenarios/compare",
            json={"scenario_ids": scenario_ids, "data_node_config_ids": ["scored"]},
        )

        assert not any(before)
        assert response.json()["comparisons"]["scored"]["in_order"] == [31, 11]
        assert server.stop() == 0

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
