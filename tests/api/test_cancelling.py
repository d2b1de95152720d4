"""Cancelling and retrying over REST, against a started server with real processes."""

from pathlib import Path
from typing import Any

import pytest

from executors.desks import await_file
from servers import StartedServer

REPRESENTED = {"Prefer": "return=representation"}


def submitted(server: StartedServer, config_id: str, sequence: str = "all") -> dict[str, Any]:
    """Submit a sequence of a new scenario without waiting for its end."""
    scenario = server.create(config_id)
    path = f"/api/v1/sequences/submit/{scenario['sequences'][sequence]['id']}"
    response = server.http.post(path, headers=REPRESENTED)
    assert response.status_code == 200, response.text
    submission: dict[str, Any] = response.json()["submission"]
    return submission


def follow(server: StartedServer, path: str, wanted: str) -> dict[str, Any]:
    """Look at an entity until it has a status; a watcher's patience is the timeout of the test."""
    while True:
        (entity,) = server.http.get(path).json().values()
        if entity["status"] == wanted:
            found: dict[str, Any] = entity
            return found


@pytest.fixture
def running(server: StartedServer) -> dict[str, Any]:
    """A job whose process sleeps for an hour."""
    submission = submitted(server, "endless")
    return follow(server, f"/api/v1/jobs/{submission['job_ids'][0]}", "RUNNING")


def test_cancelling_a_running_job_stops_its_process_and_the_pool_heals(
    server: StartedServer, running: dict[str, Any]
) -> None:
    response = server.http.post(f"/api/v1/jobs/cancel/{running['id']}")

    assert (response.status_code, response.content) == (204, b"")
    job = server.http.get(f"/api/v1/jobs/{running['id']}").json()["job"]
    assert job["status"] == "CANCELED"
    assert job["cancel_requested_at"] is not None
    chain = server.create("chain")
    assert server.submit(chain["sequences"]["half"]["id"])["status"] == "COMPLETED"


def test_a_process_that_does_not_want_to_stop_is_killed(
    server: StartedServer, tmp_path: Path
) -> None:
    scenario = server.create("stubborn")
    sign = tmp_path / "deaf"
    server.http.put(f"/api/v1/datanodes/{scenario['node_of']['gate']}/write", json=str(sign))
    path = f"/api/v1/sequences/submit/{scenario['sequences']['all']['id']}"
    (job_id,) = server.http.post(path, headers=REPRESENTED).json()["submission"]["job_ids"]
    await_file(sign)

    response = server.http.post(f"/api/v1/jobs/cancel/{job_id}", headers=REPRESENTED)

    assert response.status_code == 200
    assert response.json()["job"]["status"] == "CANCELED"


def test_cancelling_a_submission_cancels_all_its_jobs(
    server: StartedServer, running: dict[str, Any]
) -> None:
    path = f"/api/v1/submissions/cancel/{running['submission_id']}"

    response = server.http.post(path, headers=REPRESENTED)

    assert response.status_code == 200
    submission = response.json()["submission"]
    assert submission["status"] == "CANCELED"
    assert submission["job_counts"] == {"CANCELED": 2}
    assert server.http.post(path).status_code == 204


@pytest.mark.parametrize("kind", ["jobs", "submissions"])
def test_what_has_ended_cannot_be_cancelled(server: StartedServer, kind: str) -> None:
    scenario = server.create("chain")
    submission = server.submit(scenario["sequences"]["half"]["id"])
    id = submission["id"] if kind == "submissions" else submission["job_ids"][0]

    response = server.http.post(f"/api/v1/{kind}/cancel/{id}")

    assert response.status_code == 409
    assert "is COMPLETED; only" in response.json()["message"]


@pytest.mark.parametrize("path", ["jobs/cancel", "submissions/cancel", "submissions/retry"])
def test_cancelling_what_is_unknown_is_404(server: StartedServer, path: str) -> None:
    assert server.http.post(f"/api/v1/{path}/SUBMISSION_x").status_code == 404


def test_a_retry_makes_a_new_submission_of_what_did_not_succeed(
    server: StartedServer, tmp_path: Path
) -> None:
    scenario = server.create("gated_pair")
    gate = tmp_path / "gate"
    node = scenario["node_of"]["gate"]
    server.http.put(f"/api/v1/datanodes/{node}/write", json=str(gate))
    first = server.submit(scenario["sequences"]["all"]["id"])
    assert first["status"] == "FAILED"
    gate.touch()

    response = server.http.post(
        f"/api/v1/submissions/retry/{first['id']}", headers={"Prefer": "wait=30"}
    )

    assert response.status_code == 202
    again = response.json()["submission"]
    assert (again["status"], again["retry_of"]) == ("COMPLETED", first["id"])
    assert again["job_counts"] == {"COMPLETED": 2}
    assert response.headers["location"] == f"/api/v1/submissions/{again['id']}"


def test_a_submission_without_faults_is_not_retried(server: StartedServer) -> None:
    scenario = server.create("chain")
    submission = server.submit(scenario["sequences"]["half"]["id"])

    response = server.http.post(f"/api/v1/submissions/retry/{submission['id']}")

    assert response.status_code == 409
    assert response.json()["code"] == "nothing_to_retry"


@pytest.mark.parametrize("kind", ["jobs", "submissions"])
def test_what_has_ended_is_deleted_and_lists_go_on(server: StartedServer, kind: str) -> None:
    scenario = server.create("chain")
    submission = server.submit(scenario["sequences"]["all of it"]["id"])
    id = submission["id"] if kind == "submissions" else submission["job_ids"][0]

    assert server.http.delete(f"/api/v1/{kind}/{id}").status_code == 200
    assert server.http.delete(f"/api/v1/{kind}/{id}").status_code == 404
    for every in ("jobs", "submissions", "tasks", "sequences", "scenarios", "datanodes"):
        assert server.http.get(f"/api/v1/{every}").status_code == 200


def test_what_runs_is_not_deleted(server: StartedServer, running: dict[str, Any]) -> None:
    for path in (f"jobs/{running['id']}", f"submissions/{running['submission_id']}"):
        response = server.http.delete(f"/api/v1/{path}")
        assert response.status_code == 409
        assert "cancel it first" in response.json()["message"]
    server.http.post(f"/api/v1/jobs/cancel/{running['id']}")
