"""Stale values over REST: which they are, and since which change."""

from typing import Any

from servers import StartedServer


def scenario_of(server: StartedServer, chain: dict[str, Any]) -> Any:
    return server.http.get(f"/api/v1/scenarios/{chain['id']}").json()["scenario"]


def node_of(server: StartedServer, chain: dict[str, Any], name: str) -> Any:
    return server.http.get(f"/api/v1/datanodes/{chain['node_of'][name]}").json()["datanode"]


def test_a_scenario_and_its_data_nodes_tell_what_is_stale_and_why(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    assert node_of(server, chain, "end")["is_stale"] is None
    server.submit(chain["sequences"]["all of it"]["id"])
    assert scenario_of(server, chain)["stale"] == []
    assert node_of(server, chain, "end")["is_stale"] is False

    server.http.put(f"/api/v1/datanodes/{chain['node_of']['start']}/write", json=5)

    edited = node_of(server, chain, "start")
    because = f"data node 'start' was written at {edited['last_edit_date']} by anyone"
    assert scenario_of(server, chain)["stale"] == [
        {"data_node_id": chain["node_of"][name], "config_id": name, "because": because}
        for name in ("middle", "end")
    ]
    assert (edited["is_stale"], edited["stale_because"]) == (None, None)
    end = node_of(server, chain, "end")
    assert (end["is_stale"], end["stale_because"]) == (True, because)

    server.submit(chain["sequences"]["all of it"]["id"])
    assert scenario_of(server, chain)["stale"] == []


def test_lists_do_not_tell(server: StartedServer, chain: dict[str, Any]) -> None:
    query = {"id": chain["id"]}
    (scenario,) = server.http.get("/api/v1/scenarios", params=query).json()["results"]
    nodes = server.http.get("/api/v1/datanodes", params={"scenario_id": chain["id"]}).json()

    assert "stale" not in scenario
    assert not any("is_stale" in node for node in nodes["results"])


def test_the_tag_of_a_scenario_changes_when_values_become_stale(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    server.submit(chain["sequences"]["all of it"]["id"])
    path = f"/api/v1/scenarios/{chain['id']}"
    before = server.http.get(path).headers["etag"]
    assert server.http.get(path).headers["etag"] == before

    server.http.put(f"/api/v1/datanodes/{chain['node_of']['start']}/write", json=5)

    response = server.http.get(path, headers={"If-None-Match": before})
    assert response.status_code == 200
    guard = {"If-Match": response.headers["etag"]}
    assert server.http.patch(path, json={"name": "late"}, headers=guard).status_code == 200


def test_a_fork_is_as_fresh_as_its_source_until_its_own_inputs_change(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    server.submit(chain["sequences"]["all of it"]["id"])
    path = f"/api/v1/scenarios/{chain['id']}/fork"

    same = server.http.post(path, json={}).json()["scenario"]
    other = server.http.post(path, json={"inputs": {"start": 5}}).json()["scenario"]

    assert same["stale"] == []
    assert [node["config_id"] for node in other["stale"]] == ["middle", "end"]
    assert all("'start' was written at" in node["because"] for node in other["stale"])
    (end,) = (node for node in same["data_nodes"] if "_end_" in node)
    assert server.http.get(f"/api/v1/datanodes/{end}").json()["datanode"]["is_stale"] is False

    later = server.http.post(f"/api/v1/scenarios/{other['id']}/fork", json={}).json()["scenario"]
    assert [node["config_id"] for node in later["stale"]] == ["middle", "end"]
    assert scenario_of(server, chain)["stale"] == []
