"""The description of the API: valid, complete, and made of what is served."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from scenarist import schemas
from scenarist.domain.permissions import Role
from servers import StartedServer

Document = dict[str, Any]
OPEN = {"GET /healthz", "GET /readyz", "POST /api/v1/auth/login"}
FOR_ALL_SIGNED_IN = {
    "POST /api/v1/auth/logout",
    "GET /api/v1/auth/me",
    "POST /api/v1/auth/password",
}
ROLES = {
    "listSequences": Role.READER,
    "createSequence": Role.EDITOR,
    "getSequence": Role.READER,
    "deleteSequence": Role.EDITOR,
    "submitSequence": Role.EXECUTOR,
    "submitScenario": Role.EXECUTOR,
    "writeDataNode": Role.EDITOR,
}


@pytest.fixture(scope="module")
def described(server: StartedServer) -> Document:
    document: Document = server.http.get("/schema/openapi.json").json()
    return document


def operations(described: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def operation(described: Document, name: str) -> Document:
    return next(item for _, item in operations(described) if item["operationId"] == name)


def answers(described: Document, item: Document) -> Iterator[tuple[str, Document]]:
    """Yield each status with its answer, wherever the answer is written."""
    for status, answer in item["responses"].items():
        name = answer.get("$ref", "").rpartition("/")[2]
        yield status, described["components"]["responses"][name] if name else answer


def media_of(described: Document) -> Iterator[tuple[str, Document]]:
    """Yield every body and answer that has a schema."""
    for name, item in operations(described):
        for media in item.get("requestBody", {}).get("content", {}).values():
            yield f"{name} body", media
        for status, answer in answers(described, item):
            for media in answer.get("content", {}).values():
                yield f"{name} {status}", media


def test_it_is_valid(described: Document) -> None:
    OpenAPIV31SpecValidator(described).validate()


def test_every_operation_has_a_summary_and_a_name_of_its_own(described: Document) -> None:
    names = [item["operationId"] for _, item in operations(described)]

    assert sorted(set(names)) == sorted(names)
    assert all(name.isidentifier() and name[0].islower() for name in names)
    assert [name for name, item in operations(described) if not item.get("summary")] == []


def test_every_path_of_the_api_says_its_role(described: Document) -> None:
    for name, item in operations(described):
        role = item.get("x-role")
        if name in OPEN:
            assert "Requires no role." in item["description"], name
        elif name in FOR_ALL_SIGNED_IN:
            assert role == "any", name
        else:
            assert role in set(Role), name
            assert f"Requires the role {role}." in item["description"]


@pytest.mark.parametrize(("name", "role"), ROLES.items())
def test_the_roles_are_those_of_the_documented_pages(
    described: Document, name: str, role: Role
) -> None:
    assert operation(described, name)["x-role"] == role


def test_every_body_and_answer_has_an_example_that_fits(described: Document) -> None:
    for name, media in media_of(described):
        assert "example" in media, name
        schema = {**media["schema"], "components": described["components"]}
        errors = [
            f"{name}: {list(error.path)} {error.message}"
            for error in OAS31Validator(schema).iter_errors(media["example"])
        ]
        assert errors == []


def test_every_path_says_the_statuses_that_all_paths_may_answer(described: Document) -> None:
    for name, item in operations(described):
        wanted = {"400"}
        if name not in OPEN:
            wanted |= {"401", "503"}
        if item.get("x-role") in set(Role):
            wanted |= {"403"}
        if "requestBody" in item:
            wanted |= {"413"}
        assert wanted <= set(item["responses"]), name


def test_problems_say_when_to_try_again_and_how_to_sign_in(described: Document) -> None:
    for _, item in operations(described):
        found = dict(answers(described, item))
        for status, header in (("503", "Retry-After"), ("401", "WWW-Authenticate")):
            if status in found:
                assert found[status]["headers"][header]["required"] is True


def test_a_body_that_takes_no_unknown_field_says_so(described: Document) -> None:
    strict = {
        kind.__name__
        for kind in vars(schemas).values()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind.__struct_config__.forbid_unknown_fields
    }

    bodies = {
        media["schema"]["$ref"].rpartition("/")[2]
        for name, media in media_of(described)
        if name.endswith(" body") and "$ref" in media["schema"]
    }
    components = described["components"]["schemas"]
    assert "CreateSequence" in bodies
    for name in strict & set(components):
        assert components[name]["additionalProperties"] is False, name


def test_a_sequence_is_created_with_its_tasks_under_either_name(described: Document) -> None:
    schema = described["components"]["schemas"]["CreateSequence"]
    schema = {**schema, "components": described["components"]}
    named = {"scenario_id": "SCENARIO_x", "sequence_name": "outlook"}

    def fits(body: Document) -> bool:
        return bool(OAS31Validator(schema).is_valid(body))

    assert fits({**named, "tasks": []})
    assert fits({**named, "task_ids": ["TASK_x"]})
    assert not fits(named)
    assert not fits({"scenario_id": "SCENARIO_x", "tasks": []})
    assert not fits({**named, "tasks": [], "unknown": 1})


def test_moments_are_described_as_such(described: Document) -> None:
    fields = described["components"]["schemas"]["Job"]["properties"]

    assert fields["creation_date"] == {"type": "string", "format": "date-time"}
    assert fields["finished_at"]["anyOf"] == [
        {"type": "string", "format": "date-time"},
        {"type": "null"},
    ]


def test_no_query_parameter_may_be_null(described: Document) -> None:
    for name, item in operations(described):
        for parameter in item.get("parameters", ()):
            assert '"null"' not in str(parameter).replace("'", '"'), name


def test_the_words_of_a_status_are_listed_for_jobs_and_for_submissions(
    described: Document,
) -> None:
    words = {
        name: parameter["schema"]["items"]["enum"]
        for name in ("listJobs", "listSubmissions")
        for parameter in operation(described, name)["parameters"]
        if parameter["name"] == "status"
    }

    assert "ABANDONED" in words["listJobs"]
    assert "ABANDONED" not in words["listSubmissions"]


def test_what_is_created_links_to_the_paths_that_take_it(described: Document) -> None:
    created = operation(described, "createSequence")["responses"]["201"]

    assert set(created["links"]) >= {"getSequence", "deleteSequence", "submitSequence"}
    assert created["links"]["getSequence"]["parameters"] == {
        "sequence_id": "$response.body#/sequence/id"
    }
    assert created["headers"]["Location"]["required"] is True


def test_what_is_submitted_links_to_its_submission_and_jobs(described: Document) -> None:
    for name, status in (("submitSequence", "200"), ("submitScenario", "202")):
        submitted = operation(described, name)["responses"][status]

        assert submitted["links"]["getSubmission"]["parameters"] == {
            "submission_id": "$response.body#/submission/id"
        }
        assert "getJob" in submitted["links"]
        assert set(submitted["headers"]) == {"Location", "Preference-Applied"}


def test_a_list_links_to_its_entries(described: Document) -> None:
    listed = operation(described, "listTasks")["responses"]["200"]

    assert listed["links"] == {
        "getTask": {
            "operationId": "getTask",
            "parameters": {"task_id": "$response.body#/results/0/id"},
        }
    }
    assert set(listed["headers"]) == {"Link"}


def test_every_link_leads_to_an_operation(described: Document) -> None:
    known = {item["operationId"] for _, item in operations(described)}

    led_to = {
        link["operationId"]
        for _, item in operations(described)
        for answer in item["responses"].values()
        for link in answer.get("links", {}).values()
    }
    assert led_to <= known
    assert led_to


def test_one_entity_has_a_tag_and_takes_the_known_one(described: Document) -> None:
    item = operation(described, "getSequence")

    names = {parameter.get("$ref", "").rpartition("/")[2] for parameter in item["parameters"]}
    assert "If-None-Match" in names
    assert item["responses"]["200"]["headers"]["ETag"]["required"] is True
    assert "304" in item["responses"]


def test_submitting_takes_preferences_and_a_key(described: Document) -> None:
    item = operation(described, "submitSequence")

    names = {parameter.get("$ref", "").rpartition("/")[2] for parameter in item["parameters"]}
    assert {"Prefer", "Idempotency-Key"} <= names
    assert item["requestBody"]["required"] is False


@pytest.mark.parametrize("name", ["submitTask", "getJob", "getSubmission", "cancelJob"])
def test_whatever_takes_preferences_says_that_it_names_the_applied_ones(
    described: Document, name: str
) -> None:
    item = operation(described, name)

    names = {parameter.get("$ref", "").rpartition("/")[2] for parameter in item["parameters"]}
    assert "Prefer" in names
    assert "Preference-Applied" in item["responses"]["200"]["headers"]


def test_a_download_has_the_media_type_of_its_file(
    described: Document, server: StartedServer
) -> None:
    node_id = server.create("chain")["node_of"]["end"]
    path = f"/api/v1/datanodes/{node_id}"
    server.http.put(f"{path}/write", json=1).raise_for_status()

    sent = server.http.get(f"{path}/download").headers["content-type"]

    assert sent == "application/json"
    assert list(operation(described, "downloadDataNode")["responses"]["200"]["content"]) == ["*/*"]
