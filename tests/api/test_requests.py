"""Parameters that are given twice, and headers of writes: they count, or they are refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers import StartedServer

Document = dict[str, Any]

VALUES = {
    "created_after": "2026-01-01",
    "created_before": "2036-01-01",
    "cursor": "x",
    "sort": "creation_date",
}
# Where what a filter asks for stands in the entities that are listed.
FIELDS: dict[str, dict[str, str]] = {
    "/api/v1/jobs": {
        "status": "status",
        "task_id": "task_id",
        "submission_id": "submission_id",
        "entity_id": "submit_entity_id",
    },
    "/api/v1/submissions": {
        "status": "status",
        "entity_id": "entity_id",
        "entity_type": "entity_type",
    },
    "/api/v1/scenarios": {"config_id": "config_id", "cycle_id": "cycle", "name": "name"},
    "/api/v1/sequences": {"scenario_id": "owner_id", "name": "name"},
    "/api/v1/tasks": {"config_id": "config_id"},
    "/api/v1/datanodes": {
        "config_id": "config_id",
        "owner_id": "owner_id",
        "scope": "scope",
        "storage_type": "storage_type",
    },
    "/api/v1/cycles": {"frequency": "frequency"},
}
CASES = [(path, name) for path, fields in FIELDS.items() for name in ("id", *fields)]


@pytest.fixture(scope="module")
def described(server: StartedServer) -> Document:
    document: Document = server.http.get("/schema/openapi.json").json()
    return document


@pytest.fixture(scope="module")
def filled(server: StartedServer) -> StartedServer:
    """A server with two or more of everything that lists can be narrowed by."""
    for config in ("chain", "broken", "sharing"):
        scenario = server.create(config)
        path = f"/api/v1/scenarios/{scenario['id']}"
        server.http.patch(path, json={"name": f"the {config}", "tags": [config, "all"]})
        for sequence in list(scenario["sequences"].values())[:1]:
            server.submit(sequence["id"])
        headers = {"Prefer": "wait=30"}
        server.http.post(f"/api/v1/scenarios/submit/{scenario['id']}", headers=headers)
    earlier = {"config_id": "sharing", "creation_date": "2024-02-29T12:00:00Z"}
    server.http.post("/api/v1/scenarios", json=earlier)
    for frequency in ("DAILY", "YEARLY"):
        server.http.post("/api/v1/cycles", json={"frequency": frequency})
    return server


def query_parameters(described: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield each parameter of the query of each operation, with its method and path.

    Paths of administrators answer 409 to everything while authorization is off; see test_audit.py.
    """
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", ()):
                if parameter.get("in") == "query" and operation.get("x-role") != "TAIPY_ADMIN":
                    yield method.upper(), path, parameter


def value_for(parameter: Document) -> str:
    schema = parameter["schema"]
    kind = schema.get("items", schema)
    if "enum" in kind:
        return str(kind["enum"][0])
    if kind.get("type") in {"integer", "number"}:
        return "1"
    return "true" if kind.get("type") == "boolean" else VALUES.get(parameter["name"], "x")


def ids_of(server: StartedServer, path: str, *query: tuple[str, str]) -> list[str]:
    response = server.http.get(path, params=list(query))
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["results"]]


def test_every_parameter_that_is_no_list_is_refused_when_it_is_given_twice(
    server: StartedServer, described: Document
) -> None:
    taken = []
    for method, path, parameter in query_parameters(described):
        if parameter["schema"].get("type") == "array":
            continue
        name, value = parameter["name"], value_for(parameter)
        address = path.replace("{", "").replace("}", "")
        response = server.http.request(method, address, params=[(name, value), (name, value)])
        problem = response.json()
        if (response.status_code, problem.get("code")) != (400, "parameter_repeated"):
            taken.append((method, path, name, response.text))
        else:
            assert problem["errors"] == [{"field": name, "message": "may be given once"}]

    assert taken == []


def test_every_filter_of_a_list_is_described_as_one_that_may_be_repeated(
    described: Document,
) -> None:
    once = {"limit", "cursor", "count", "sort", "created_after", "created_before"}
    truths = {"primary", "is_allowed"}
    single = {
        (path, parameter["name"])
        for method, path, parameter in query_parameters(described)
        if "limit"
        in {item.get("name") for item in described["paths"][path][method.lower()]["parameters"]}
        and parameter["name"] not in once | truths
        and parameter["schema"].get("type") != "array"
    }

    assert single == {
        ("/api/v1/datanodes/{data_node_id}/read", "join_operator"),
        ("/api/v1/datanodes/{data_node_id}/read", "edit_id"),
        ("/api/v1/scenarios", "last_submission"),
        ("/api/v1/scenarios", "search"),
    }


@pytest.mark.parametrize(("path", "name"), CASES)
def test_a_filter_that_is_given_twice_takes_what_either_value_would(
    filled: StartedServer, path: str, name: str
) -> None:
    field = FIELDS[path].get(name, name)
    entities = filled.http.get(path).json()["results"]
    values = list(dict.fromkeys(item[field] for item in entities if item[field] is not None))[:2]
    assert len(values) == 2

    both = ids_of(filled, path, (name, values[0]), (name, values[1]))
    paged: list[str] = []
    query = [(name, values[0]), (name, values[1]), ("limit", "3"), ("count", "true")]
    link: str | None = str(filled.http.build_request("GET", path, params=query).url)
    while link is not None:
        response = filled.http.get(link)
        paged += [item["id"] for item in response.json()["results"]]
        assert response.json()["total"] == len(both)
        link = response.links.get("next", {}).get("url")

    expected = [item["id"] for item in entities if item[field] in values]
    assert both == paged == expected


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/jobs", "newest_of"),
        ("/api/v1/submissions", "scenario_id"),
        ("/api/v1/tasks", "scenario_id"),
        ("/api/v1/datanodes", "scenario_id"),
    ],
)
def test_what_belongs_to_two_scenarios_is_what_belongs_to_either(
    filled: StartedServer, path: str, name: str
) -> None:
    one, other = ids_of(filled, "/api/v1/scenarios", ("tag", "all"))[-2:]

    both = ids_of(filled, path, (name, one), (name, other))

    either = {*ids_of(filled, path, (name, one)), *ids_of(filled, path, (name, other))}
    assert set(both) == either
    assert len(both) == len(either)
    assert either > set(ids_of(filled, path, (name, one)))


def test_a_scenario_with_both_tags_is_listed_once(filled: StartedServer) -> None:
    found = ids_of(filled, "/api/v1/scenarios", ("tag", "chain"), ("tag", "all"))

    assert set(found) >= set(ids_of(filled, "/api/v1/scenarios", ("tag", "all")))
    assert len(found) == len(set(found))


def test_a_word_that_is_none_is_refused_beside_one_that_is(server: StartedServer) -> None:
    response = server.http.get("/api/v1/jobs?status=FAILED&status=LOST")

    assert response.status_code == 400
    assert "there is no status 'LOST'" in response.json()["message"]


def test_many_values_of_a_filter_are_looked_for(filled: StartedServer) -> None:
    path = "/api/v1/jobs"
    known = ids_of(filled, path)[0]
    of_known = filled.http.get(f"{path}/{known}").json()["job"]["task_id"]

    found = ids_of(
        filled,
        path,
        *[("task_id", f"TASK_{number}") for number in range(300)],
        ("task_id", of_known),
    )

    assert known in found


# Without authorization, these are refused before anything else.
OF_IDENTITIES = ("/api/v1/auth", "/api/v1/keys", "/api/v1/users")
WRITE_HEADERS = {
    "Content-Encoding": "gzip",
    "If-Match": '"x"',
    "If-Modified-Since": "Sun, 29 Nov 2026 12:00:00 GMT",
    "If-None-Match": "*",
    "If-Unmodified-Since": "Sun, 29 Nov 2026 12:00:00 GMT",
}


@pytest.mark.parametrize("name", WRITE_HEADERS)
def test_a_write_takes_the_headers_that_are_described_and_refuses_those_it_would_ignore(
    server: StartedServer, described: Document, name: str
) -> None:
    unlike = []
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if method == "get" or path.startswith(OF_IDENTITIES):
                continue
            references = {item.get("$ref", "") for item in operation.get("parameters", ())}
            is_described = f"#/components/parameters/{name}" in references
            answer = server.http.request(
                method, path.replace("{", "").replace("}", ""), headers={name: WRITE_HEADERS[name]}
            )
            is_refused = answer.status_code == 400 and answer.json()["code"] == "header_unsupported"
            if is_refused == is_described:
                unlike.append((method, path, answer.status_code))

    assert unlike == []


def test_a_write_may_say_that_its_body_is_not_encoded(server: StartedServer) -> None:
    answer = server.http.post(
        "/api/v1/scenarios", json={"config_id": "chain"}, headers={"Content-Encoding": "identity"}
    )

    assert answer.status_code == 201


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
def test_identity_is_no_version_that_a_write_could_be_asked_to_compare(
    server: StartedServer, name: str
) -> None:
    answer = server.http.post(
        "/api/v1/scenarios", json={"config_id": "chain"}, headers={name: "identity"}
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "header_unsupported")
