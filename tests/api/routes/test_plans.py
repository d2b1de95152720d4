"""Plans over REST: what a submit would run, and why."""

from typing import Any

import pytest

from servers import StartedServer


def plan(server: StartedServer, path: str, **body: Any) -> dict[str, Any]:
    response = server.http.post(f"/api/v1/{path}/plan", json=body)
    assert response.status_code == 200, response.text
    planned: dict[str, Any] = response.json()["plan"]
    return planned


@pytest.mark.parametrize("kind", ["scenarios", "sequences", "tasks"])
def test_a_plan_tells_the_tasks_and_their_number(
    server: StartedServer, chain: dict[str, Any], kind: str
) -> None:
    ids = {
        "scenarios": chain["id"],
        "sequences": chain["sequences"]["all of it"]["id"],
        "tasks": chain["task_of"]["first"],
    }

    planned = plan(server, f"{kind}/{ids[kind]}")

    expected = ["first"] if kind == "tasks" else ["first", "second"]
    assert [task["task_config_id"] for task in planned["tasks"]] == expected
    assert [task["task_id"] for task in planned["tasks"]] == [
        chain["task_of"][name] for name in expected
    ]
    assert planned["entity_id"] == ids[kind]
    assert planned["entity_type"] == kind.removesuffix("s").upper()
    assert planned["counts"] == {"RUN": len(expected)}
    assert planned["tasks"][0]["reason"] == "NOT_SKIPPABLE"


def test_what_has_run_has_an_estimate(server: StartedServer, chain: dict[str, Any]) -> None:
    server.submit(chain["sequences"]["all of it"]["id"])

    planned = plan(server, f"scenarios/{chain['id']}")

    seconds = [task["seconds"] for task in planned["tasks"]]
    assert all(isinstance(item, float) for item in seconds)
    assert planned["seconds"] == pytest.approx(sum(seconds))


@pytest.mark.parametrize("kind", ["scenarios", "sequences", "tasks"])
def test_nothing_is_planned_for_what_there_is_not(server: StartedServer, kind: str) -> None:
    response = server.http.post(f"/api/v1/{kind}/none/plan")

    assert response.status_code == 404
    assert "none" in response.json()["message"]


@pytest.mark.parametrize("body", [{"priority": 3}, {"force": "yes"}, []])
def test_options_that_a_plan_does_not_have_are_refused(
    server: StartedServer, chain: dict[str, Any], body: Any
) -> None:
    response = server.http.post(f"/api/v1/scenarios/{chain['id']}/plan", json=body)

    assert response.status_code == 400
