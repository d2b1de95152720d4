"""Promises 1 and 2: a server that is killed loses nothing that it acknowledged."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from processes import children_of
from scenarist.db.engine import Database
from servers import PATIENCE_SECONDS, StartedServer

pytestmark = pytest.mark.e2e

SCENARIOS = 10
SUBMISSIONS = 200


def test_a_server_killed_under_200_submissions_completes_them_all_after_a_new_start(
    tmp_path: Path, database_url: str
) -> None:
    with StartedServer(tmp_path, database=database_url) as server:
        scenarios = [server.create("counting") for _ in range(SCENARIOS)]
        for number, scenario in enumerate(scenarios):
            node = scenario["node_of"]["counter"]
            written = server.http.put(
                f"/api/v1/datanodes/{node}/write", json=str(tmp_path / f"runs{number}")
            )
            assert written.status_code == 200
        sequences = [scenario["sequences"]["all"]["id"] for scenario in scenarios]
        acknowledged: list[str] = []

        def submit(number: int) -> None:
            where = f"/api/v1/sequences/submit/{sequences[number % SCENARIOS]}"
            try:
                response = server.http.post(where, headers={"Idempotency-Key": f"no. {number}"})
            except httpx.TransportError:
                return
            assert response.status_code == 204
            acknowledged.append(response.headers["location"])

        with ThreadPoolExecutor(16) as threads:
            futures = [threads.submit(submit, number) for number in range(SUBMISSIONS)]
            while len(acknowledged) < SUBMISSIONS // 2:
                time.sleep(0.001)
            server.kill()
            for future in futures:
                future.result()
        before = len(acknowledged)
        server.start()
        for number in range(SUBMISSIONS):
            submit(number)

        wait_until_nothing_is_under_way(server)

        assert before >= SUBMISSIONS // 2
        assert len(set(acknowledged)) == SUBMISSIONS
        submissions = [server.http.get(where).json()["submission"] for where in acknowledged]
        assert {submission["status"] for submission in submissions} == {"COMPLETED"}
        (jobs,) = ask(database_url, "SELECT count(*) FROM jobs")
        (edits,) = ask(database_url, "SELECT count(job_id), count(DISTINCT job_id) FROM edits")
        (leftovers,) = ask(
            database_url,
            "SELECT (SELECT count(*) FROM job_holds), (SELECT count(*) FROM job_waits)",
        )
        assert jobs == (SUBMISSIONS,)
        assert edits == (SUBMISSIONS, SUBMISSIONS)
        assert leftovers == (0, 0)
        runs = sum(
            len((tmp_path / f"runs{number}").read_text().splitlines())
            for number in range(SCENARIOS)
        )
        assert SUBMISSIONS <= runs <= 2 * SUBMISSIONS  # what ran at the kill ran again


def test_workers_die_with_a_server_that_is_killed(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        chain = server.create("chain")
        server.submit(chain["sequences"]["half"]["id"])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(workers := workers_of(server)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)

        server.kill()

        while any(is_alive(worker) for worker in workers):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def workers_of(server: StartedServer) -> list[int]:
    """Return the processes that the template of a server has forked."""
    return [
        worker
        for template in children_of(server.process.pid)
        for worker in children_of(template)
        if "template" in Path(f"/proc/{template}/cmdline").read_text()
    ]


def test_a_server_that_is_asked_to_stop_hands_back_what_it_ran(
    tmp_path: Path, database_url: str
) -> None:
    with StartedServer(tmp_path, database=database_url) as server:
        gated = server.create("gated")
        gate = tmp_path / "gate"
        server.http.put(f"/api/v1/datanodes/{gated['node_of']['gate']}/write", json=str(gate))
        where = server.http.post(
            f"/api/v1/sequences/submit/{gated['sequences']['all']['id']}"
        ).headers["location"]
        while server.http.get(where).json()["submission"]["status"] != "RUNNING":
            time.sleep(0.005)

        assert server.stop() == 0

        assert ask(database_url, "SELECT status FROM jobs") == [("PENDING",)]
        gate.touch()
        server.start()
        wait_until_nothing_is_under_way(server)
        assert server.http.get(where).json()["submission"]["status"] == "COMPLETED"


def test_a_stop_does_not_wait_for_a_worker_that_a_request_waits_for(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server, ThreadPoolExecutor(1) as pool:
        ids = [server.create("endless_comparison")["id"] for _ in range(2)]
        body = {"scenario_ids": ids}
        request = pool.submit(server.http.post, "/api/v1/scenarios/compare", json=body)
        while not (tmp_path / "comparing").exists():
            time.sleep(0.01)

        # The patience of the test is half of that with a worker.
        assert server.stop() == 0

        assert request.result().status_code == 503


def ask(database_url: str, question: str) -> list[tuple[object, ...]]:
    with Database(database_url) as database:
        return [tuple(row) for row in database.reader.execute(text(question))]


def wait_until_nothing_is_under_way(server: StartedServer) -> None:
    def is_under_way(status: str) -> bool:
        found = server.http.get(f"/api/v1/submissions?status={status}&limit=1").json()
        return bool(found["results"])

    deadline = time.monotonic() + PATIENCE_SECONDS
    # In the order of a job's life, so that none can slip past from one question to the next.
    while any(is_under_way(status) for status in ("BLOCKED", "PENDING", "RUNNING")):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
