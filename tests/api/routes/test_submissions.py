"""Submissions as lists show them."""

from servers import StartedServer


def test_submissions_of_a_scenario_are_those_of_its_parts_too(server: StartedServer) -> None:
    scenario, other = server.create("chain"), server.create("chain")
    server.submit(other["sequences"]["half"]["id"])
    server.submit(scenario["sequences"]["half"]["id"])
    server.http.post(f"/api/v1/tasks/submit/{scenario['task_of']['first']}")
    server.http.post(f"/api/v1/scenarios/submit/{scenario['id']}")

    found = server.http.get(f"/api/v1/submissions?scenario_id={scenario['id']}").json()["results"]

    assert [item["entity_type"] for item in found] == ["SEQUENCE", "TASK", "SCENARIO"]
