"""The version of the application over REST: a field of everything, and a filter of each list."""

from typing import Any

import pytest

from servers import StartedServer

API = "/api/v1"
LISTS = ["scenarios", "sequences", "tasks", "datanodes", "submissions", "jobs"]


@pytest.fixture(scope="module")
def done(server: StartedServer) -> dict[str, Any]:
    """A scenario whose jobs have run."""
    scenario = server.create("chain")
    server.submit(scenario["sequences"]["all of it"]["id"])
    server.http.post(f"{API}/scenarios/submit/{scenario['id']}", headers={"Prefer": "wait=30"})
    return scenario


def versions(server: StartedServer, path: str, query: str = "") -> list[str]:
    response = server.http.get(f"{API}/{path}{query}")
    assert response.status_code == 200, response.text
    return [item["version"] for item in response.json()["results"]]


@pytest.mark.parametrize("path", LISTS)
def test_each_list_is_of_all_versions_or_of_those_that_are_asked_for(
    server: StartedServer, done: dict[str, Any], path: str
) -> None:
    everything = versions(server, path)

    assert set(everything) == {"latest"}
    assert versions(server, path, "?version=latest") == everything
    assert versions(server, path, "?version=1.0&version=latest") == everything
    assert versions(server, path, "?version=1.0") == []


def test_lists_of_one_entity_have_the_filter_too(
    server: StartedServer, done: dict[str, Any]
) -> None:
    paths = [
        f"scenarios/{done['id']}/submissions",
        f"sequences/{done['sequences']['all of it']['id']}/submissions",
        f"datanodes/{done['node_of']['start']}/edits",
        f"datanodes/{done['node_of']['end']}/edits",
    ]

    for path in paths:
        assert set(versions(server, path, "?version=latest")) == {"latest"}, path
        assert versions(server, path, "?version=1.0") == [], path


def test_a_cursor_goes_on_within_a_version(server: StartedServer, done: dict[str, Any]) -> None:
    first = server.http.get(f"{API}/tasks?version=latest&limit=1").json()

    rest = server.http.get(
        f"{API}/tasks", params={"version": "latest", "limit": 1000, "cursor": first["next"]}
    ).json()

    everything = server.http.get(f"{API}/tasks?version=latest").json()["results"]
    assert first["results"] + rest["results"] == everything
