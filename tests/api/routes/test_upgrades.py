"""Upgrades of scenarios over REST."""

from typing import Any

from servers import StartedServer

PATH = "/api/v1/scenarios"


def without_sequence(server: StartedServer) -> dict[str, Any]:
    """Create a scenario, and delete the sequence that its config declares."""
    scenario = server.create("rated")
    server.http.delete(f"/api/v1/sequences/{scenario['sequences']['scoring']['id']}")
    return scenario


def test_an_upgrade_says_what_it_changed_and_what_it_kept(server: StartedServer) -> None:
    made = without_sequence(server)

    response = server.http.post(f"{PATH}/{made['id']}/upgrade")

    assert response.status_code == 200
    body = response.json()
    kept = {kind: set(ids) for kind, ids in body["upgrade"].pop("kept").items()}
    assert body["message"] == f"Scenario {made['id']} was upgraded: 1 created."
    assert body["upgrade"] == {
        "changes": [
            {
                "action": "CREATED",
                "entity_type": "SEQUENCE",
                "name": "scoring",
                "id": made["sequences"]["scoring"]["id"],
                "former_id": None,
                "because": "the config declares it now",
            }
        ],
        "notes": [],
    }
    assert kept == {
        "tasks": set(made["tasks"]),
        "data_nodes": set(made["data_nodes"]),
        "sequences": {made["sequences"]["summing"]["id"]},
    }
    found = server.http.get(f"{PATH}/{made['id']}").json()["scenario"]
    assert body["scenario"] == found
    assert found["sequences"]["scoring"]["tasks"] == made["sequences"]["scoring"]["tasks"]


def test_a_dry_run_changes_nothing_and_a_second_upgrade_has_nothing_to_do(
    server: StartedServer,
) -> None:
    made = without_sequence(server)
    where = f"{PATH}/{made['id']}"
    before = server.http.get(where)

    planned = server.http.post(f"{where}/upgrade", json={"dry_run": True}).json()
    between = server.http.get(where)
    server.http.post(f"{where}/upgrade", json={"dry_run": False})
    again = server.http.post(f"{where}/upgrade").json()

    assert planned["message"] == f"Scenario {made['id']} would be upgraded: 1 created."
    assert [change["id"] for change in planned["upgrade"]["changes"]] == [None]
    assert between.headers["etag"] == before.headers["etag"]
    assert again["message"].endswith("is as its config declares it; there is nothing to upgrade.")
    assert again["upgrade"]["changes"] == []


def test_an_upgrade_of_what_has_changed_since_it_was_read_is_refused(
    server: StartedServer,
) -> None:
    where = f"{PATH}/{without_sequence(server)['id']}"
    tag = server.http.get(where).headers["etag"]
    server.http.patch(where, json={"name": "another"})

    late = server.http.post(f"{where}/upgrade", headers={"If-Match": tag})
    tag = server.http.get(where).headers["etag"]
    in_time = server.http.post(f"{where}/upgrade", headers={"If-Match": tag})

    assert (late.status_code, in_time.status_code) == (412, 200)


def test_an_upgrade_during_a_submission_and_an_option_that_is_none_are_refused(
    server: StartedServer,
) -> None:
    made = without_sequence(server)
    where = f"{PATH}/{made['id']}"
    server.http.post(f"{PATH}/submit/{made['id']}")  # waits for a first value

    refused = server.http.post(f"{where}/upgrade")
    unknown = server.http.post(f"{where}/upgrade", json={"force": True})

    assert (refused.status_code, refused.json()["code"]) == (409, "submission_under_way")
    assert unknown.status_code == 400
