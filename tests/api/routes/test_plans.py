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


@pytest.mark.parametrize("kind", ["scenarios", "sequences"])
def test_values_of_inputs_are_planned_with_and_not_written(
    server: StartedServer, chain: dict[str, Any], kind: str
) -> None:
    ids = {"scenarios": chain["id"], "sequences": chain["sequences"]["all of it"]["id"]}
    inputs = f"/api/v1/scenarios/{chain['id']}/inputs"
    before = server.http.get(inputs).json()

    planned = plan(server, f"{kind}/{ids[kind]}", inputs={"start": 40})

    assert planned["counts"] == {"RUN": 2}
    assert server.http.get(inputs).json() == before


@pytest.mark.parametrize(
    ("config_id", "inputs"),
    [("chain", {"strat": 1, "end": 2}), ("levers", {"growth": 2, "price": "much"})],
)
def test_wrong_inputs_are_refused_as_by_the_submit(
    server: StartedServer, config_id: str, inputs: dict[str, Any]
) -> None:
    scenario_id = server.create(config_id)["id"]

    of_plan = server.http.post(f"/api/v1/scenarios/{scenario_id}/plan", json={"inputs": inputs})
    of_submit = server.http.post(f"/api/v1/scenarios/submit/{scenario_id}", json={"inputs": inputs})

    assert of_plan.status_code == 400
    assert of_plan.json() == of_submit.json()


def test_values_that_the_submit_could_not_write_now_are_refused_as_by_the_submit(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    lock = {"editor_id": "anna"}
    server.http.post(f"/api/v1/datanodes/{chain['node_of']['start']}/lock", json=lock)
    body = {"inputs": {"start": 5}}

    of_plan = server.http.post(f"/api/v1/scenarios/{chain['id']}/plan", json=body)
    of_submit = server.http.post(f"/api/v1/scenarios/submit/{chain['id']}", json=body)

    assert of_plan.status_code == 409
    assert of_plan.json()["code"] == of_submit.json()["code"] == "data_node_locked"


def test_the_plan_of_a_task_takes_no_inputs(server: StartedServer, chain: dict[str, Any]) -> None:
    response = server.http.post(
        f"/api/v1/tasks/{chain['task_of']['first']}/plan", json={"inputs": {"start": 40}}
    )

    assert response.status_code == 400


def test_a_value_that_is_made_in_a_file_is_planned_with_and_leaves_none(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    def list_files() -> set[str]:
        return {str(path) for path in server.folder.rglob("*") if path.is_file()}

    before = list_files()

    planned = plan(server, f"scenarios/{chain['id']}", inputs={"start": ["x" * 100] * 5_000})

    assert planned["counts"] == {"RUN": 2}
    assert {path for path in list_files() - before if "/data/" in path} == set()
