"""Jobs as they are seen over REST: how they end, what they say, what they wait for."""

import time
from pathlib import Path
from typing import Any

import pytest

from servers import StartedServer


def run_all(server: StartedServer, config_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    scenario = server.create(config_id)
    name = next(iter(scenario["sequences"]))
    submission = server.submit(scenario["sequences"][name]["id"])
    return submission, server.jobs(submission)


def test_a_task_that_raises_is_failed_with_its_traceback_and_its_followers_are_abandoned(
    server: StartedServer,
) -> None:
    submission, (failed, abandoned) = run_all(server, "broken")

    assert submission["status"] == "FAILED"
    assert failed["status"] == "FAILED"
    assert failed["reason"] == "ValueError: no luck with (1,)"
    assert "ValueError: no luck with (1,)" in failed["stacktrace"][0]
    assert abandoned["status"] == "ABANDONED"
    assert failed["id"] in abandoned["reason"]


def test_a_task_that_leaves_its_process_is_failed_with_the_reason_and_the_next_job_runs(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    _, (job,) = run_all(server, "deadly")

    assert job["status"] == "FAILED"
    assert job["reason"] == (
        "it has lost its worker 3 times; "
        "the last time its process exited with code 3 without returning a result"
    )
    assert job["attempts"] == 3
    assert server.submit(chain["sequences"]["all of it"]["id"])["status"] == "COMPLETED"


def test_a_task_that_returns_what_cannot_be_stored_is_failed_with_the_reason(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    _, (job,) = run_all(server, "unstorable")

    assert job["status"] == "FAILED"
    assert "pickle" in job["reason"]
    assert server.submit(chain["sequences"]["all of it"]["id"])["status"] == "COMPLETED"


def test_what_a_job_wrote_is_its_log(server: StartedServer) -> None:
    _, (job,) = run_all(server, "speaking")

    (attempt,) = server.http.get(f"/api/v1/jobs/{job['id']}/log").json()["attempts"]

    assert attempt["attempt"] == 1
    assert "from print\n" in attempt["text"]
    assert "from the descriptor\n" in attempt["text"]


def test_a_job_has_every_documented_field(server: StartedServer, chain: dict[str, Any]) -> None:
    submission = server.submit(chain["sequences"]["half"]["id"])

    (job,) = server.jobs(submission)

    assert job["task_id"] == chain["task_of"]["first"]
    assert job["submission_id"] == submission["id"]
    assert job["submit_entity_id"] == chain["sequences"]["half"]["id"]
    assert job["status"] == "COMPLETED"
    assert (job["force"], job["attempts"], job["waiting_for"]) == (False, 1, [])
    assert job["creation_date"] <= job["run_at"] <= job["finished_at"]
    assert (job["subscribers"], job["version"]) == ([], "latest")
    assert server.http.get(f"/api/v1/jobs/{job['id']}").json() == {"job": job}


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED"])
def test_jobs_are_listed_by_status(server: StartedServer, status: str) -> None:
    run_all(server, "broken")
    run_all(server, "speaking")

    plain = server.http.get(f"/api/v1/jobs?status={status}").json()["results"]
    dotted = server.http.get(f"/api/v1/jobs?status=Status.{status}").json()["results"]

    assert {job["status"] for job in plain} == {status}
    assert dotted == plain


def test_an_unknown_status_is_400(server: StartedServer) -> None:
    response = server.http.get("/api/v1/jobs?status=DONE")

    assert response.status_code == 400
    assert "DONE" in response.json()["message"]


def test_the_newest_job_of_each_task_of_a_scenario_is_found_whatever_was_submitted(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    server.submit(chain["sequences"]["all of it"]["id"])
    whole = server.submit(chain["sequences"]["all of it"]["id"])
    half = server.submit(chain["sequences"]["half"]["id"])
    server.submit(server.create("chain")["sequences"]["half"]["id"])

    found = server.http.get(f"/api/v1/jobs?newest_of={chain['id']}").json()["results"]

    assert [job["id"] for job in found] == [whole["job_ids"][1], half["job_ids"][0]]


def test_what_a_job_has_written_is_read_while_it_runs(
    server: StartedServer, tmp_path: Path
) -> None:
    scenario = server.create("speaking_on")
    gate = tmp_path / "gate"
    server.http.put(f"/api/v1/datanodes/{scenario['node_of']['gate']}/write", json=str(gate))
    submitted = server.http.post(f"/api/v1/scenarios/submit/{scenario['id']}").json()["submission"]
    path = f"/api/v1/jobs/{submitted['job_ids'][0]}"

    while not (early := server.http.get(f"{path}/log").json()["attempts"]):
        time.sleep(0.02)  # the timeout of the test is the patience
    status = server.http.get(path).json()["job"]["status"]
    gate.touch()
    server.http.get(path, headers={"Prefer": "wait=30"})

    assert (early, status) == ([{"attempt": 1, "text": "waiting for it\n"}], "RUNNING")
    assert server.http.get(f"{path}/log").json()["attempts"] == [
        {"attempt": 1, "text": "waiting for it\nthere it is\n"}
    ]


def test_a_job_says_why_it_ran(server: StartedServer, chain: dict[str, Any]) -> None:
    submitted = server.submit(chain["sequences"]["half"]["id"])

    (job,) = server.jobs(submitted)

    assert (job["run_reason"], job["because"]) == ("NOT_SKIPPABLE", "it is not skippable")
