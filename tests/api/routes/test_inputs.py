"""Inputs by name, with a create, with a submit and in a request of their own."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers import StartedServer
from signed_in import audit_of, bearer, token_of, with_users

PATH = "/api/v1/scenarios"
BOTH = {"Prefer": "wait=30, return=representation"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as started:
        yield started


def value_of(server: StartedServer, scenario: dict[str, Any], config_id: str) -> Any:
    listed = server.http.get(
        "/api/v1/datanodes", params={"scenario_id": scenario["id"], "config_id": config_id}
    ).json()["results"]
    return server.http.get(f"/api/v1/datanodes/{listed[0]['id']}/read").json()["data"]


def test_a_scenario_is_created_with_values(server: StartedServer) -> None:
    response = server.http.post(PATH, json={"config_id": "rated", "inputs": {"given": 41}})

    assert response.status_code == 201
    assert value_of(server, response.json()["scenario"], "given") == 41


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (
            '{"config_id": "chain", "inputs": {"strat": 1, "end": 2}}',
            ["/inputs/strat", "/inputs/end"],
        ),
        ('{"config_id": "chain", "inputs": {"start": 1, "start": 2}}', ["/inputs/start"]),
        ('{"config_id": "chain", "inputs": [1]}', [None]),
    ],
)
def test_a_scenario_with_wrong_inputs_is_not_created(
    server: StartedServer, body: str, pointers: list[str | None]
) -> None:
    before = len(server.http.get(PATH).json()["results"])

    response = server.http.post(PATH, content=body)

    assert response.status_code == 400
    assert [fault.get("pointer") for fault in response.json()["errors"]] == pointers
    assert len(server.http.get(PATH).json()["results"]) == before


@pytest.mark.parametrize("noun", ["scenarios", "sequences"])
def test_a_submit_runs_with_its_values(
    server: StartedServer, chain: dict[str, Any], noun: str
) -> None:
    of = {"scenarios": chain, "sequences": chain["sequences"]["all of it"]}[noun]

    response = server.http.post(
        f"/api/v1/{noun}/submit/{of['id']}", json={"inputs": {"start": 40}}, headers=BOTH
    )

    assert response.json()["submission"]["status"] == "COMPLETED"
    assert value_of(server, chain, "end") == 42


def test_a_submit_with_a_wrong_name_creates_no_job(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    response = server.http.post(f"{PATH}/submit/{chain['id']}", json={"inputs": {"middle": 40}})

    assert response.status_code == 400
    assert response.json()["code"] == "inputs_invalid"
    assert response.json()["errors"][0]["pointer"] == "/inputs/middle"
    listed = server.http.get("/api/v1/submissions", params={"scenario_id": chain["id"]})
    assert listed.json()["results"] == []


def test_a_task_takes_no_inputs(server: StartedServer, chain: dict[str, Any]) -> None:
    response = server.http.post(
        f"/api/v1/tasks/submit/{chain['task_of']['first']}", json={"inputs": {"start": 40}}
    )

    assert response.status_code == 400
    assert "unknown field inputs" in response.json()["message"]


def test_inputs_are_shown_and_changed_unless_they_have_changed(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    path = f"{PATH}/{chain['id']}/inputs"
    seen = server.http.get(path)
    assert seen.json()["inputs"]["start"]["value"] == 1
    assert server.http.get(path, headers={"If-None-Match": seen.headers["etag"]}).status_code == 304

    guard = {"If-Match": seen.headers["etag"]}
    changed = server.http.patch(path, json={"start": 2}, headers=guard, params={"comment": "why"})
    refused = server.http.patch(path, json={"start": 3}, headers=guard)

    assert changed.json()["inputs"]["start"]["value"] == 2
    assert changed.headers["etag"] == server.http.get(path).headers["etag"]
    assert refused.status_code == 412
    assert value_of(server, chain, "start") == 2


def test_a_change_points_at_each_fault_in_its_body(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    response = server.http.patch(
        f"{PATH}/{chain['id']}/inputs", json={"inputs": {"start": 1}, "start": 2, "end": 3}
    )

    assert response.status_code == 400
    assert [fault["pointer"] for fault in response.json()["errors"]] == ["/inputs", "/end"]
    assert value_of(server, chain, "start") == 1


def test_a_submit_with_inputs_needs_the_role_for_writes_and_the_refusal_is_audited(
    guarded: StartedServer,
) -> None:
    tokens = {name: token_of(guarded, name) for name in ("exel", "edda", "adam")}
    made = guarded.http.post(PATH, json={"config_id": "chain"}, headers=bearer(tokens["edda"]))
    scenario_id = made.json()["scenario"]["id"]
    path, body = f"{PATH}/submit/{scenario_id}", {"inputs": {"start": 5}}

    refused = guarded.http.post(path, json=body, headers=bearer(tokens["exel"]))
    accepted = guarded.http.post(path, json={"inputs": {}}, headers=bearer(tokens["exel"]))

    assert refused.status_code == 403
    assert "TAIPY_EDITOR" in refused.json()["message"]
    assert accepted.status_code == 202
    entries = audit_of(guarded, tokens["adam"], actor="exel", entity_id=scenario_id)
    assert [entry["is_allowed"] for entry in entries] == [True, False]


def test_a_worker_gives_a_function_its_inputs_in_their_declared_types(
    server: StartedServer,
) -> None:
    made = server.http.post(PATH, json={"config_id": "levers", "inputs": {"growth": 1}})
    scenario = made.json()["scenario"]

    submitted = server.http.post(
        f"{PATH}/submit/{scenario['id']}", json={"inputs": {"price": 2}}, headers=BOTH
    )

    assert submitted.json()["submission"]["status"] == "COMPLETED"
    assert value_of(server, scenario, "end") == ["1", "1.0", "2"]


def test_a_value_out_of_bounds_is_refused_wherever_it_is_given(server: StartedServer) -> None:
    scenario = server.create("levers")
    path = f"/api/v1/datanodes/{scenario['node_of']['growth']}/write"

    refused = [
        server.http.post(PATH, json={"config_id": "levers", "inputs": {"growth": 2}}),
        server.http.post(f"{PATH}/submit/{scenario['id']}", json={"inputs": {"growth": 2}}),
        server.http.patch(f"{PATH}/{scenario['id']}/inputs", json={"growth": 2}),
        server.http.put(path, json=2),
    ]

    assert [response.status_code for response in refused] == [400] * 4
    faults = [response.json()["errors"][0] for response in refused]
    pointers = [fault["pointer"] for fault in faults]
    assert pointers == ["/inputs/growth", "/inputs/growth", "/growth", ""]
    assert {fault["message"] for fault in faults} == {"2 is greater than the maximum of 1"}
    assert value_of(server, scenario, "growth") == 0.05
