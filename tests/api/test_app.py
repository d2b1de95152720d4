"""The rules of every path: errors, tags, unknown parameters, the description."""

from typing import Any

import pytest

from servers import StartedServer


def test_an_unknown_path_is_a_404_problem(server: StartedServer) -> None:
    response = server.http.get("/api/v1/pipelines")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["message"] == "there is no path /api/v1/pipelines"


@pytest.mark.parametrize("path", ["/api/v1/sequences", "/api/v1/sequences/SEQUENCE_x/"])
def test_a_wrong_method_is_405_with_the_right_ones(server: StartedServer, path: str) -> None:
    response = server.http.put(path, json={})

    assert response.status_code == 405
    assert "GET" in response.headers["allow"]
    assert response.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "query",
    ["scenario=x", "limit=0", "limit=1001", "limit=ten", "limit=5&cursor=nonsense", "cursor=bjA"],
)
def test_a_query_that_cannot_be_is_400(server: StartedServer, query: str) -> None:
    response = server.http.get(f"/api/v1/sequences?{query}")

    assert response.status_code == 400, response.text
    assert query.partition("=")[0].split("&")[-1] in response.text or "cursor" in response.text


def test_an_unknown_query_parameter_is_named_with_those_there_are(server: StartedServer) -> None:
    problem = server.http.get("/api/v1/submissions/x?scenario=x").json()
    of_list = server.http.get("/api/v1/sequences?scenario=x").json()

    assert problem["message"] == (
        "/api/v1/submissions/x has no query parameter 'scenario'; it has none"
    )
    assert of_list["message"] == (
        "/api/v1/sequences has no query parameter 'scenario'; it has count, created_after, "
        "created_before, cursor, id, limit, name, scenario_id, sort, version"
    )


def test_one_entity_has_a_tag_that_spares_a_second_answer(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    path = f"/api/v1/scenarios/{chain['id']}"
    tag = server.http.get(path).headers["etag"]

    again = server.http.get(path, headers={"If-None-Match": tag})
    other = server.http.get(path, headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert other.status_code == 200


@pytest.mark.parametrize("prefer", ["wait=soon", "wait=-1", "return=representation, wait=1.5s"])
def test_a_preference_that_cannot_be_read_is_400(
    server: StartedServer, chain: dict[str, Any], prefer: str
) -> None:
    path = f"/api/v1/sequences/submit/{chain['sequences']['half']['id']}"

    response = server.http.post(path, headers={"Prefer": prefer})

    assert response.status_code == 400
    assert server.http.get(f"/api/v1/submissions?entity_id={path.split('/')[-1]}").json() == {
        "results": []
    }


def test_the_description_has_every_path_with_its_statuses(server: StartedServer) -> None:
    description = server.http.get("/schema/openapi.json").json()

    assert description["openapi"].startswith("3.1")
    create = description["paths"]["/api/v1/sequences"]["post"]
    assert set(create["responses"]) >= {"201", "400", "404", "409"}
    submit = description["paths"]["/api/v1/sequences/submit/{sequence_id}"]["post"]
    assert set(submit["responses"]) >= {"200", "204", "404"}
    body = create["requestBody"]["content"]["application/json"]["schema"]
    name = body["$ref"].rpartition("/")[2]
    assert set(description["components"]["schemas"][name]["properties"]) == {
        "scenario_id",
        "sequence_name",
        "tasks",
        "task_ids",
        "properties",
    }


def test_the_description_says_that_a_value_is_written_as_json(server: StartedServer) -> None:
    description = server.http.get("/schema/openapi.json").json()

    write = description["paths"]["/api/v1/datanodes/{data_node_id}/write"]["put"]
    assert list(write["requestBody"]["content"]) == ["application/json"]


def test_a_body_that_is_too_large_is_413(server: StartedServer, chain: dict[str, Any]) -> None:
    path = f"/api/v1/datanodes/{chain['node_of']['start']}/write"

    response = server.http.put(path, content=b'"' + b"x" * (64 * 1024 * 1024) + b'"')

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


def test_health_is_told_to_machines(server: StartedServer) -> None:
    assert server.http.get("/healthz").json() == {"message": "alive"}
    assert server.http.get("/readyz").json() == {"message": "ready"}


def test_an_unknown_field_of_a_body_is_named(server: StartedServer, chain: dict[str, Any]) -> None:
    path = f"/api/v1/scenarios/{chain['id']}"

    problem = server.http.patch(path, json={"nme": "x"}).json()

    assert problem["errors"] == [{"field": "nme", "message": "Object contains unknown field nme"}]


@pytest.mark.parametrize("name", ["Idempotency-Key", "If-Match", "Last-Event-ID"])
def test_a_header_that_counts_once_is_refused_when_it_is_sent_twice(
    server: StartedServer, chain: dict[str, Any], name: str
) -> None:
    method, path = {
        "Idempotency-Key": ("POST", f"/api/v1/scenarios/submit/{chain['id']}"),
        "If-Match": ("DELETE", f"/api/v1/scenarios/{chain['id']}"),
        "Last-Event-ID": ("GET", "/api/v1/events"),
    }[name]

    response = server.http.request(method, path, headers=[(name, '"1.0"'), (name, '"1.0"')])

    assert response.status_code == 400
    assert response.json()["code"] == "header_repeated"
    assert response.json()["message"] == f"the header {name} is sent 2 times; send it once"
    left = server.http.get(f"/api/v1/submissions?entity_id={chain['id']}")
    assert left.json() == {"results": []}


def test_preferences_in_two_headers_count_both(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    path = f"/api/v1/sequences/submit/{chain['sequences']['half']['id']}"
    headers = [("Prefer", "return=representation"), ("Prefer", "wait=30, wait=0")]

    response = server.http.post(path, headers=headers)

    assert response.status_code == 200
    assert response.json()["submission"]["status"] == "COMPLETED"
    assert response.headers["preference-applied"] == "return=representation, wait=30"
