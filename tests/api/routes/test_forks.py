"""Forks over REST."""

from typing import Any

from servers import StartedServer

PATH = "/api/v1/scenarios"


def test_a_scenario_is_forked_with_another_input(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    response = server.http.post(
        f"{PATH}/{chain['id']}/fork", json={"name": "other", "inputs": {"start": 41}}
    )

    made = response.json()
    fork = made["scenario"]
    assert (response.status_code, response.headers["Location"]) == (201, f"{PATH}/{fork['id']}")
    assert (fork["forked_from"], fork["name"]) == (chain["id"], "other")
    assert [(item["name"], item["new"]) for item in made["diff"]] == [("start", 41)]
    assert made["not_shared"] == []
    listed = server.http.get(PATH, params={"forked_from": chain["id"]}).json()["results"]
    assert [scenario["id"] for scenario in listed] == [fork["id"]]


def test_a_fork_with_faults_names_each_of_them(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    body = {"inputs": {"strat": 1, "end": 2}}

    response = server.http.post(f"{PATH}/{chain['id']}/fork", json=body)

    assert response.status_code == 400
    faults = response.json()["errors"]
    assert [fault["pointer"] for fault in faults] == ["/inputs/strat", "/inputs/end"]


def test_a_scenario_that_is_gone_cannot_be_forked(server: StartedServer) -> None:
    response = server.http.post(f"{PATH}/SCENARIO_chain_0/fork")

    assert response.status_code == 404
