"""Pausing and resuming over REST, on a started server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import StartedServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with StartedServer(tmp_path_factory.mktemp("server")) as started:
        yield started


def submit(server: StartedServer) -> str:
    scenario = server.create("chain")
    answer = server.http.post(
        f"/api/v1/sequences/submit/{scenario['sequences']['half']['id']}",
    )
    return answer.headers["location"]


def test_a_paused_orchestration_begins_nothing_until_it_is_resumed(server: StartedServer) -> None:
    paused = server.http.post("/api/v1/orchestration/pause")
    where = submit(server)
    shown = server.http.get("/api/v1/orchestration")
    (job_id,) = server.http.get(where).json()["submission"]["job_ids"]
    job = server.http.get(f"/api/v1/jobs/{job_id}").json()["job"]

    assert paused.status_code == 200, paused.text
    assert paused.json()["orchestration"] == shown.json()["orchestration"]
    assert shown.json()["orchestration"]["paused_by"] == "anyone"
    assert (job["status"], job["waiting_for"]) == ("PENDING", ["orchestration"])

    resumed = server.http.post("/api/v1/orchestration/resume")
    ended = server.http.get(where, headers={"Prefer": "wait=30"})

    assert resumed.json()["message"] == "Jobs are started again."
    assert ended.json()["submission"]["status"] == "COMPLETED"


def test_a_paused_submission_waits_until_it_is_resumed(server: StartedServer) -> None:
    server.http.post("/api/v1/orchestration/pause")
    where = submit(server)
    submission_id = where.rpartition("/")[2]

    paused = server.http.post(f"/api/v1/submissions/pause/{submission_id}")
    server.http.post("/api/v1/orchestration/resume")
    other = server.http.get(submit(server), headers={"Prefer": "wait=30"})
    waiting = server.http.get(where).json()["submission"]
    server.http.post(f"/api/v1/submissions/resume/{submission_id}")
    ended = server.http.get(where, headers={"Prefer": "wait=30"}).json()["submission"]

    assert paused.json()["message"] == f"Submission {submission_id} is paused."
    assert other.json()["submission"]["status"] == "COMPLETED"
    assert (waiting["status"], waiting["paused_at"]) == (
        "PENDING",
        paused.json()["submission"]["paused_at"],
    )
    assert (ended["status"], ended["paused_at"]) == ("COMPLETED", None)


@pytest.mark.parametrize("what", ["pause", "resume"])
def test_what_has_ended_or_is_not_there_is_neither_paused_nor_resumed(
    server: StartedServer, what: str
) -> None:
    where = submit(server)
    server.http.get(where, headers={"Prefer": "wait=30"})

    ended = server.http.post(f"/api/v1/submissions/{what}/{where.rpartition('/')[2]}")
    unknown = server.http.post(f"/api/v1/submissions/{what}/SUBMISSION_none")

    assert (ended.status_code, ended.json()["code"]) == (409, "submission_ended")
    assert unknown.status_code == 404


def test_a_pause_outlives_the_server(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        server.http.post("/api/v1/orchestration/pause")
        where = submit(server)
        server.kill()
        server.start()

        assert server.http.get(where).json()["submission"]["status"] == "PENDING"
        assert server.http.get("/readyz").status_code == 200
