"""Tasks that are created from a config, and jobs that are made of one task."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from servers import StartedServer


def test_a_task_of_a_config_is_made_once(server: StartedServer) -> None:
    with ThreadPoolExecutor(6) as pool:
        responses = list(
            pool.map(lambda _: server.http.post("/api/v1/tasks?config_id=lonely"), range(6))
        )

    assert sorted(response.status_code for response in responses) == [200] * 5 + [201]
    assert len({response.json()["task"]["id"] for response in responses}) == 1
    task = responses[0].json()["task"]
    assert task["owner_id"] is None
    assert task["parent_ids"] == []
    assert responses[0].headers["location"] == f"/api/v1/tasks/{task['id']}"
    assert server.http.get(f"/api/v1/tasks/{task['id']}").json() == {"task": task}


@pytest.mark.parametrize(("query", "status"), [("", 400), ("?config_id=nothing", 404)])
def test_a_task_needs_a_config_that_there_is(
    server: StartedServer, query: str, status: int
) -> None:
    response = server.http.post(f"/api/v1/tasks{query}")

    assert response.status_code == status, response.text


def test_a_task_that_is_part_of_something_is_not_deleted(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    response = server.http.delete(f"/api/v1/tasks/{chain['task_of']['first']}")

    assert response.status_code == 409
    assert chain["id"] in response.json()["message"]


def test_a_task_that_stands_alone_is_deleted_with_its_jobs(server: StartedServer) -> None:
    job = server.http.post("/api/v1/jobs?task_id=deletable").json()["job"]
    submission = f"/api/v1/submissions/{job['submission_id']}"
    server.http.get(submission, headers={"Prefer": "wait=30"})

    assert server.http.delete(f"/api/v1/tasks/{job['task_id']}").status_code == 200

    for path in (f"/api/v1/jobs/{job['id']}", submission, f"/api/v1/tasks/{job['task_id']}"):
        assert server.http.get(path).status_code == 404


class TestJobs:
    def test_the_documented_post_submits_a_task_by_its_identifier(
        self, server: StartedServer, chain: dict[str, Any]
    ) -> None:
        task = chain["task_of"]["first"]

        response = server.http.post(f"/api/v1/jobs?task_id={task}")

        job = response.json()["job"]
        assert response.status_code == 201
        assert response.headers["location"] == f"/api/v1/jobs/{job['id']}"
        assert (job["task_id"], job["submit_entity_id"]) == (task, task)

    def test_and_by_its_config(self, server: StartedServer) -> None:
        job = server.http.post("/api/v1/jobs?task_id=lonely").json()["job"]

        task = server.http.get(f"/api/v1/tasks/{job['task_id']}").json()["task"]
        assert (task["config_id"], task["owner_id"]) == ("lonely", None)

    @pytest.mark.parametrize(("query", "status"), [("", 400), ("?task_id=TASK_x", 404)])
    def test_a_task_that_is_unknown_has_no_job(
        self, server: StartedServer, query: str, status: int
    ) -> None:
        assert server.http.post(f"/api/v1/jobs{query}").status_code == status

    def test_times_and_durations_tell_how_it_went(
        self, server: StartedServer, chain: dict[str, Any]
    ) -> None:
        submission = server.submit(chain["sequences"]["half"]["id"])

        (job,) = server.jobs(submission)

        assert job["submitted_at"] <= job["run_at"] <= job["finished_at"]
        assert job["pending_duration"] >= 0
        assert job["execution_duration"] >= 0
