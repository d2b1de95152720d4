"""Waiting for an end with a GET: `Prefer: wait` on submissions and jobs."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.following import following
from servers import StartedServer
from signed_in import ask, bearer, token_of, with_users


@pytest.fixture
def gated(server: StartedServer, tmp_path: Path) -> dict[str, Any]:
    """The submission of a job that runs until there is a file, whose path it has."""
    scenario = server.create("gated")
    gate = tmp_path / "gate"
    server.http.put(f"/api/v1/datanodes/{scenario['node_of']['gate']}/write", json=str(gate))
    submission = server.submit(scenario["sequences"]["all"]["id"], wait=0)
    return {**submission, "gate": gate}


@pytest.mark.parametrize("kind", ["submissions", "jobs"])
def test_the_answer_comes_when_it_has_ended(
    server: StartedServer, gated: dict[str, Any], kind: str
) -> None:
    id = gated["id"] if kind == "submissions" else gated["job_ids"][0]
    path = f"/api/v1/{kind}/{id}"
    at_once = server.http.get(path, headers={"Prefer": "wait=0"})
    gated["gate"].touch()

    held = server.http.get(path, headers={"Prefer": "wait=30"})

    assert at_once.headers["preference-applied"] == "wait=0"
    assert held.headers["preference-applied"] == "wait=30"
    assert held.json()[kind.removesuffix("s")]["status"] == "COMPLETED"
    known = {"Prefer": "wait=30", "If-None-Match": held.headers["etag"]}
    assert server.http.get(path, headers=known).status_code == 304


def test_when_the_time_is_over_it_is_shown_as_it_is(
    server: StartedServer, gated: dict[str, Any]
) -> None:
    (job_id,) = gated["job_ids"]

    held = server.http.get(f"/api/v1/jobs/{job_id}", headers={"Prefer": "wait=1"})

    gated["gate"].touch()
    assert held.json()["job"]["finished_at"] is None


def test_a_time_that_is_no_number_of_seconds_is_refused(
    server: StartedServer, gated: dict[str, Any]
) -> None:
    gated["gate"].touch()

    answer = server.http.get(f"/api/v1/submissions/{gated['id']}", headers={"Prefer": "wait=soon"})

    assert answer.status_code == 400
    assert "wait=soon" in answer.json()["detail"]


def test_a_stream_begins_with_a_place_to_come_back_to(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    with following(server) as stream:
        opening = stream.opening
    submission = server.submit(chain["sequences"]["half"]["id"])

    with following(server, last=opening) as again:
        told = again.until(submission["id"])

    assert told[0].type != "gap"
    assert told[0].data["entity_id"] == submission["id"]
    with following(server, last=told[2].id) as later:
        assert later.opening == told[2].id


def test_an_answer_that_waits_is_not_given_to_a_session_that_ended_meanwhile(
    tmp_path: Path,
) -> None:
    with with_users(tmp_path) as server, ThreadPoolExecutor() as threads:
        executor, editor = token_of(server, "exel"), token_of(server, "edda")
        created = ask(server, editor, "POST", "/api/v1/scenarios?config_id=gated").json()
        scenario_id = created["scenario"]["id"]
        nodes = ask(server, editor, "GET", f"/api/v1/datanodes?scenario_id={scenario_id}").json()
        (gate_id,) = [one["id"] for one in nodes["results"] if one["config_id"] == "gate"]
        gate = tmp_path / "gate"
        server.http.put(
            f"/api/v1/datanodes/{gate_id}/write", json=str(gate), headers=bearer(editor)
        )
        submitted = ask(server, executor, "POST", f"/api/v1/scenarios/submit/{scenario_id}").json()
        path = f"/api/v1/submissions/{submitted['submission']['id']}"
        reader = token_of(server, "rita")
        with httpx.Client(base_url=server.http.base_url, timeout=30) as http:
            held = threads.submit(http.get, path, headers={"Prefer": "wait=30", **bearer(reader)})
            ask(server, reader, "POST", "/api/v1/auth/logout")
            gate.touch()

            answer = held.result()

    assert answer.status_code == 401
