"""Scenarios, and what they share, against a started server."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/scenarios"


def test_a_scenario_comes_with_its_tasks_data_nodes_and_sequences(server: StartedServer) -> None:
    response = server.http.post(f"{PATH}?config_id=chain")

    scenario = response.json()["scenario"]
    assert response.status_code == 201
    assert response.json()["message"] == f"Scenario {scenario['id']} was created."
    assert response.headers["location"] == f"{PATH}/{scenario['id']}"
    assert scenario["id"].startswith("SCENARIO_chain_")
    assert len(scenario["tasks"]) == 2
    assert len(scenario["data_nodes"]) == 3
    assert scenario["sequences"]["half"]["tasks"] == scenario["tasks"][:1]
    assert server.http.get(response.headers["location"]).json() == {"scenario": scenario}


def test_a_scenario_takes_name_properties_and_date_from_the_body(server: StartedServer) -> None:
    response = server.http.post(
        PATH,
        json={
            "config_id": "sharing",
            "name": "base case",
            "properties": {"author": "ines"},
            "creation_date": "2031-02-03T04:05:06+01:00",
        },
    )

    scenario = response.json()["scenario"]
    assert response.status_code == 201
    assert scenario["name"] == "base case"
    assert scenario["properties"] == {"author": "ines"}
    assert scenario["creation_date"] == "2031-02-03T03:05:06Z"
    assert scenario["cycle"].startswith("CYCLE_2031-02_")


def test_scenarios_of_one_period_share_a_cycle_and_what_it_holds(server: StartedServer) -> None:
    def create(_: int) -> dict[str, Any]:
        body = {"config_id": "sharing", "creation_date": "2044-05-06T00:00:00Z"}
        made: dict[str, Any] = server.http.post(PATH, json=body).json()["scenario"]
        return made

    with ThreadPoolExecutor(6) as threads:
        scenarios = list(threads.map(create, range(6)))

    assert len({scenario["cycle"] for scenario in scenarios}) == 1
    assert sum(scenario["primary_scenario"] for scenario in scenarios) == 1
    monthly = {
        node
        for scenario in scenarios
        for node in scenario["data_nodes"]
        if node.startswith("DATANODE_monthly")
    }
    assert len(monthly) == 1


def test_global_data_nodes_are_the_same_for_all_scenarios(server: StartedServer) -> None:
    dates = ("2050-01-01T00:00:00Z", "2060-01-01T00:00:00Z")
    bodies = [{"config_id": "sharing", "creation_date": date} for date in dates]

    one, other = (server.http.post(PATH, json=body).json()["scenario"] for body in bodies)

    shared = {node for node in one["data_nodes"] if node in other["data_nodes"]}
    assert [node.split("_")[1] for node in shared] == ["shared"]


@pytest.mark.parametrize(
    ("query", "body", "status", "said"),
    [
        ("?config_id=nope", None, 404, "there are: chain"),
        ("", None, 400, "config_id: missing"),
        ("", {}, 400, "config_id: missing"),
        ("?config_id=chain", {"config_id": "broken"}, 400, "differs between query and body"),
        ("", {"config_id": 5}, 400, "Expected str"),
        ("", {"config_id": "chain", "id": "mine"}, 400, "unknown field id"),
        ("", {"config_id": "chain", "creation_date": "yesterday"}, 400, "creation_date"),
        ("", {"config_id": "chain", "creation_date": "2031-02-30"}, 400, "creation_date"),
    ],
)
def test_a_scenario_that_cannot_be_is_refused(
    server: StartedServer, query: str, body: object, status: int, said: str
) -> None:
    before = len(server.http.get(PATH).json()["results"])

    content = None if body is None else json.dumps(body)
    response = server.http.post(PATH + query, content=content)

    assert response.status_code == status
    assert said in response.json()["message"]
    assert len(server.http.get(PATH).json()["results"]) == before


def test_a_scenario_is_submitted_as_a_whole(server: StartedServer, chain: dict[str, Any]) -> None:
    response = server.http.post(f"{PATH}/submit/{chain['id']}", headers={"Prefer": "wait=30"})

    assert response.status_code == 202
    assert response.json()["message"] == f"Scenario {chain['id']} was submitted."
    assert response.json()["scenario"]["id"] == chain["id"]
    assert response.json()["submission"]["status"] == "COMPLETED"


def test_a_single_task_is_submitted(server: StartedServer, chain: dict[str, Any]) -> None:
    response = server.http.post(
        f"/api/v1/tasks/submit/{chain['task_of']['first']}", headers={"Prefer": "wait=30"}
    )

    assert response.status_code == 204
    submission = server.http.get(response.headers["location"]).json()["submission"]
    assert (submission["entity_type"], submission["status"]) == ("TASK", "COMPLETED")


def test_lists_are_filtered_by_config(server: StartedServer, chain: dict[str, Any]) -> None:
    scenarios = server.http.get(PATH, params={"config_id": "chain"}).json()["results"]
    tasks = server.http.get(
        "/api/v1/tasks", params={"scenario_id": chain["id"], "config_id": "second"}
    ).json()["results"]

    assert {item["config_id"] for item in scenarios} == {"chain"}
    assert [item["id"] for item in tasks] == [chain["task_of"]["second"]]
    assert tasks[0]["function_module"] == "pipelines"
    assert tasks[0]["function_name"] == "increment"
    assert chain["id"] in tasks[0]["parent_ids"]


def test_a_list_is_searched_and_has_the_columns_that_are_asked_for(server: StartedServer) -> None:
    scenario = server.create("chain")
    server.http.patch(f"{PATH}/{scenario['id']}", json={"name": "A cold winter"})
    submission = server.submit(scenario["sequences"]["half"]["id"])
    query = "search=WINTER cold&last_submission=true&inputs=start"

    plain = server.http.get(f"{PATH}?search={scenario['id'][-12:]}").json()["results"]
    found = server.http.get(f"{PATH}?{query}").json()["results"]

    assert [item["id"] for item in plain] == [scenario["id"]]
    assert "last_submission" not in plain[0]
    assert "inputs" not in plain[0]
    (listed,) = found
    assert listed["inputs"] == {"start": 1}
    assert listed["last_submission"] == {
        "id": submission["id"],
        "entity_id": scenario["sequences"]["half"]["id"],
        "status": "COMPLETED",
        "submitted_at": submission["submitted_at"],
        "finished_at": submission["finished_at"],
    }
