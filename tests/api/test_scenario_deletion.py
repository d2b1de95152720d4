"""Deleting scenarios with all that goes with them, against a started server."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/scenarios"
LISTS = ("cycles", "scenarios", "sequences", "tasks", "datanodes", "submissions", "jobs")
LARGE = ["a line of some length"] * 10_000


def create(server: StartedServer, config_id: str, date: str) -> dict[str, Any]:
    body = {"config_id": config_id, "creation_date": f"{date}T00:00:00Z"}
    response = server.http.post(PATH, json=body)
    assert response.status_code == 201, response.text
    scenario: dict[str, Any] = response.json()["scenario"]
    return scenario


def node_of(scenario: dict[str, Any], config_id: str) -> str:
    nodes: list[str] = scenario["data_nodes"]
    return next(item for item in nodes if item.startswith(f"DATANODE_{config_id}_"))


def status_of(server: StartedServer, kind: str, identifier: str) -> int:
    return server.http.get(f"/api/v1/{kind}/{identifier}").status_code


def identifiers(server: StartedServer, kind: str) -> set[str]:
    response = server.http.get(f"/api/v1/{kind}")
    assert response.status_code == 200
    return {item["id"] for item in response.json()["results"]}


def files_of(server: StartedServer, data_node_id: str) -> list[Path]:
    return sorted((server.folder / "data").rglob(f"{data_node_id}/*"))


def test_a_scenario_goes_with_all_that_it_owns_and_all_that_was_submitted_of_it(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    before = {kind: identifiers(server, kind) for kind in LISTS}
    scenario = server.create("chain")
    submissions = [server.submit(scenario["sequences"]["all of it"]["id"])["id"]]
    for what, entity in (("scenarios", scenario["id"]), ("tasks", scenario["tasks"][0])):
        where = server.http.post(
            f"/api/v1/{what}/submit/{entity}", headers={"Prefer": "wait=30"}
        ).headers["location"]
        submissions.append(where.rpartition("/")[2])

    response = server.http.delete(f"{PATH}/{scenario['id']}")

    gone = response.json()["deleted"]
    assert response.status_code == 200
    assert response.json()["message"] == f"Scenario {scenario['id']} was deleted."
    assert gone["cycles"] == []
    assert gone["scenarios"] == [scenario["id"]]
    assert gone["tasks"] == scenario["tasks"]
    assert sorted(gone["data_nodes"]) == sorted(scenario["data_nodes"])
    assert gone["submissions"] == submissions
    assert len(gone["jobs"]) == 5
    assert {kind: identifiers(server, kind) for kind in LISTS} == before
    assert server.http.delete(f"{PATH}/{scenario['id']}").status_code == 404


def test_a_dry_run_tells_what_would_go_and_changes_nothing(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    before = {kind: identifiers(server, kind) for kind in LISTS}

    looked = server.http.delete(f"{PATH}/{chain['id']}?dry_run=true")

    assert looked.status_code == 200
    assert looked.json()["message"] == f"Scenario {chain['id']} would be deleted."
    assert {kind: identifiers(server, kind) for kind in LISTS} == before
    done = server.http.delete(f"{PATH}/{chain['id']}").json()
    assert done["deleted"] == looked.json()["deleted"]


def test_the_jobs_of_a_sequence_that_is_gone_go_with_their_tasks(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    submission = server.submit(chain["sequences"]["half"]["id"])
    server.http.delete(f"/api/v1/sequences/{chain['sequences']['half']['id']}")

    gone = server.http.delete(f"{PATH}/{chain['id']}").json()["deleted"]

    assert gone["submissions"] == [submission["id"]]
    assert status_of(server, "submissions", submission["id"]) == 404
    assert status_of(server, "jobs", submission["job_ids"][0]) == 404


def test_what_others_share_stays(server: StartedServer) -> None:
    first, second = (create(server, "rated", "2052-01-02") for _ in range(2))

    gone = server.http.delete(f"{PATH}/{second['id']}").json()["deleted"]

    shared = {node_of(first, "weekly"), node_of(first, "weekly_sum")}
    assert gone["cycles"] == []
    assert len(gone["tasks"]) == 1
    assert not shared & set(gone["data_nodes"])
    assert status_of(server, "datanodes", node_of(first, "weekly_sum")) == 200
    assert status_of(server, "tasks", first["tasks"][1]) == 200
    assert server.submit(first["sequences"]["summing"]["id"])["status"] == "COMPLETED"


def test_the_last_scenario_of_a_cycle_takes_the_cycle_with_it(server: StartedServer) -> None:
    scenario = create(server, "sharing", "2053-01-02")
    monthly, shared = node_of(scenario, "monthly"), node_of(scenario, "shared")

    gone = server.http.delete(f"{PATH}/{scenario['id']}").json()["deleted"]

    assert gone["cycles"] == [scenario["cycle"]]
    assert monthly in gone["data_nodes"]
    assert shared not in gone["data_nodes"]
    assert status_of(server, "cycles", scenario["cycle"]) == 404
    assert status_of(server, "datanodes", shared) == 200
    assert create(server, "sharing", "2053-01-02")["primary_scenario"] is True


def test_a_primary_scenario_with_siblings_is_not_deleted_before_another_is_promoted(
    server: StartedServer,
) -> None:
    first, second = (create(server, "sharing", "2054-01-02") for _ in range(2))

    refused = server.http.delete(f"{PATH}/{first['id']}")
    looked = server.http.delete(f"{PATH}/{first['id']}?dry_run=true")
    server.http.post(f"{PATH}/promote/{second['id']}")
    done = server.http.delete(f"{PATH}/{first['id']}")

    assert refused.status_code == looked.status_code == 409
    assert refused.json()["code"] == "scenario_is_primary"
    assert "promote one of them first" in refused.json()["message"]
    assert done.status_code == 200


@pytest.mark.parametrize("kind", ["scenario", "sequence", "task"])
def test_a_scenario_with_a_submission_under_way_is_not_deleted(
    server: StartedServer, kind: str
) -> None:
    gated = server.create("gated")
    entity = {
        "scenario": f"scenarios/submit/{gated['id']}",
        "sequence": f"sequences/submit/{gated['sequences']['all']['id']}",
        "task": f"tasks/submit/{gated['task_of']['waits']}",
    }[kind]
    where = server.http.post(f"/api/v1/{entity}").headers["location"]

    refused = server.http.delete(f"{PATH}/{gated['id']}")
    server.http.post(where.replace("submissions/", "submissions/cancel/"))
    done = server.http.delete(f"{PATH}/{gated['id']}")

    assert refused.status_code == 409
    assert refused.json()["code"] == "submission_under_way"
    assert where.rpartition("/")[2] in refused.json()["message"]
    assert done.status_code == 200


def test_files_that_the_system_named_are_removed_and_those_of_users_stay(
    server: StartedServer,
) -> None:
    scenario = create(server, "rated", "2055-01-02")
    for name in ("noted", "kept"):
        written = server.http.put(f"/api/v1/datanodes/{node_of(scenario, name)}/write", json=LARGE)
        assert written.status_code == 200, written.text
    files = files_of(server, node_of(scenario, "noted"))

    server.http.delete(f"{PATH}/{scenario['id']}")

    assert len(files) == 1
    assert not files[0].parent.exists()
    assert (server.folder / "kept.json").exists()


def test_a_file_that_is_gone_already_does_not_keep_a_scenario(server: StartedServer) -> None:
    scenario = create(server, "rated", "2056-01-02")
    noted = node_of(scenario, "noted")
    server.http.put(f"/api/v1/datanodes/{noted}/write", json=LARGE)
    files_of(server, noted)[0].unlink()

    assert server.http.delete(f"{PATH}/{scenario['id']}").status_code == 200


def test_scenarios_that_are_made_and_deleted_at_once_leave_whole_lists(
    server: StartedServer,
) -> None:
    server.create("sharing")  # with what all of them share
    before = {kind: identifiers(server, kind) for kind in LISTS}

    def live(number: int) -> list[int]:
        scenario = create(server, "sharing", "2057-01-02")
        listed = [server.http.get(f"/api/v1/{kind}").status_code for kind in LISTS]
        while server.http.delete(f"{PATH}/{scenario['id']}").status_code == 409:
            # The primary one goes last, when no sibling is left.
            pass
        return listed

    with ThreadPoolExecutor(6) as threads:
        statuses = list(threads.map(live, range(12)))

    assert statuses == [[200] * len(LISTS)] * 12
    assert {kind: identifiers(server, kind) for kind in LISTS} == before
