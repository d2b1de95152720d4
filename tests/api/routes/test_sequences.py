"""The four paths of the documented page, against a started server."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/sequences"


def body_for(scenario: dict[str, Any], name: str, *task_names: str) -> dict[str, Any]:
    return {
        "scenario_id": scenario["id"],
        "sequence_name": name,
        "tasks": [scenario["task_of"][task] for task in task_names],
    }


def curl(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        ["curl", "-s", "-w", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


def test_the_documented_curl_lines_work_byte_for_byte(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    """Only the host, the port and the identifiers are filled in."""
    base = f"{server.address}/api/v1/sequences"
    data = f'{{"scenario_id": "{chain["id"]}", "sequence_name": "sequence", "tasks": []}}'
    made = f"SEQUENCE_sequence_{chain['id']}"

    assert curl("-X", "GET", base)[0] == 200
    assert curl("-X", "POST", "--data", data, base)[0] == 201
    assert curl("-X", "POST", f"{base}/submit/{made}") == (204, "")
    assert curl("-X", "GET", f"{base}/{made}")[0] == 200
    assert curl("-X", "DELETE", f"{base}/{made}")[0] == 200
    assert curl("-X", "GET", f"{base}/{made}")[0] == 404


def test_a_sequence_is_created_with_its_tasks(server: StartedServer, chain: dict[str, Any]) -> None:
    response = server.http.post(PATH, json=body_for(chain, "planning", "first", "second"))

    made = response.json()["sequence"]
    assert response.status_code == 201
    assert response.json()["message"] == f"Sequence {made['id']} was created."
    assert response.headers["location"] == f"{PATH}/{made['id']}"
    assert made["id"] == f"SEQUENCE_planning_{chain['id']}"
    assert made["tasks"] == [chain["task_of"]["first"], chain["task_of"]["second"]]
    assert (made["owner_id"], made["parent_ids"]) == (chain["id"], [chain["id"]])
    assert made["properties"] == {"name": "planning"}
    assert server.http.get(response.headers["location"]).json() == {"sequence": made}


def test_task_ids_is_another_name_of_tasks(server: StartedServer, chain: dict[str, Any]) -> None:
    body = body_for(chain, "renamed", "first")
    body["task_ids"] = body.pop("tasks")

    response = server.http.post(PATH, json=body)

    assert response.status_code == 201
    assert response.json()["sequence"]["tasks"] == body["task_ids"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_path_answers_with_and_without_a_slash_and_without_a_redirect(
    server: StartedServer, chain: dict[str, Any], slash: str
) -> None:
    made = server.http.post(f"{PATH}{slash}", json=body_for(chain, "slashes", "first"))
    where = f"{PATH}/{made.json()['sequence']['id']}{slash}"
    submit = f"{PATH}/submit/{made.json()['sequence']['id']}{slash}"

    assert made.status_code == 201
    assert server.http.get(f"{PATH}{slash}").status_code == 200
    assert server.http.get(where).status_code == 200
    assert server.http.post(submit, headers={"Prefer": "wait=30"}).status_code == 204
    assert server.http.delete(where).status_code == 200


def test_a_list_holds_every_sequence_of_the_scenario_asked_for(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    listed = server.http.get(PATH, params={"scenario_id": chain["id"]}).json()

    assert set(listed) == {"results"}
    assert [item["name"] for item in listed["results"]] == ["all of it", "half"]


def test_pages_follow_one_another_until_the_cursor_is_null(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    for number in range(5):
        server.http.post(PATH, json=body_for(chain, f"page{number}"))
    names = []
    query: dict[str, Any] = {"scenario_id": chain["id"], "limit": 3}

    first = server.http.get(PATH, params=query)
    answer = first.json()
    names += [item["name"] for item in answer["results"]]
    while answer["next"] is not None:
        answer = server.http.get(PATH, params={**query, "cursor": answer["next"]}).json()
        names += [item["name"] for item in answer["results"]]

    assert names == ["all of it", "half", "page0", "page1", "page2", "page3", "page4"]
    assert first.headers["link"].endswith('>; rel="next"')
    link = first.headers["link"].partition(">")[0][1:]
    assert [item["name"] for item in server.http.get(link).json()["results"]] == [
        "page1",
        "page2",
        "page3",
    ]


def test_a_long_list_is_whole(server: StartedServer) -> None:
    scenario = server.create("chain")
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                lambda number: server.http.post(PATH, json=body_for(scenario, f"s{number}")),
                range(1100),
            )
        )

    listed = server.http.get(PATH, params={"scenario_id": scenario["id"]}).json()["results"]

    assert len({item["id"] for item in listed}) == 1102


def test_submitting_answers_204_and_names_the_submission(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    response = server.http.post(f"{PATH}/submit/{chain['sequences']['all of it']['id']}")

    assert (response.status_code, response.content) == (204, b"")
    submission = server.http.get(response.headers["location"]).json()["submission"]
    assert submission["entity_id"] == chain["sequences"]["all of it"]["id"]
    assert submission["entity_type"] == "SEQUENCE"
    assert len(submission["job_ids"]) == 2


def test_the_documented_body_of_a_submit_comes_on_request(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    sequence_id = chain["sequences"]["half"]["id"]

    response = server.http.post(
        f"{PATH}/submit/{sequence_id}", headers={"Prefer": "return=representation"}
    )

    assert response.status_code == 200
    assert response.json()["message"] == f"Sequence {sequence_id} was submitted."
    assert response.json()["sequence"]["id"] == sequence_id
    assert response.headers["location"].endswith(response.json()["submission"]["id"])
    assert response.headers["preference-applied"] == "return=representation"


def test_a_submit_that_waits_answers_when_the_jobs_have_ended(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    submission = server.submit(chain["sequences"]["all of it"]["id"])

    assert submission["status"] == "COMPLETED"
    assert [job["status"] for job in server.jobs(submission)] == ["COMPLETED", "COMPLETED"]
    read = server.http.get(f"/api/v1/datanodes/{chain['node_of']['end']}/read")
    assert read.json() == {"data": 3}


def test_a_repeat_with_the_same_idempotency_key_returns_the_first_submission(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    where = f"{PATH}/submit/{chain['sequences']['half']['id']}"
    other = f"{PATH}/submit/{chain['sequences']['all of it']['id']}"
    headers = {"Idempotency-Key": f"key of {chain['id']}"}

    first, again = (server.http.post(where, headers=headers) for _ in range(2))
    refused = server.http.post(other, headers=headers)

    assert first.status_code == again.status_code == 204
    assert first.headers["location"] == again.headers["location"]
    assert refused.status_code == 409
    assert refused.json()["code"] == "idempotency_key_reused"


def test_an_empty_sequence_completes_at_once(server: StartedServer, chain: dict[str, Any]) -> None:
    made = server.http.post(PATH, json=body_for(chain, "empty")).json()["sequence"]

    assert server.submit(made["id"], wait=0)["status"] == "COMPLETED"


def test_deleting_leaves_the_jobs_and_their_results(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    sequence_id = chain["sequences"]["half"]["id"]
    submission = server.submit(sequence_id)

    response = server.http.delete(f"{PATH}/{sequence_id}")

    assert response.json() == {"message": f"Sequence {sequence_id} was deleted."}
    assert [job["status"] for job in server.jobs(submission)] == ["COMPLETED"]
    assert server.http.get(PATH).status_code == 200
    assert server.http.delete(f"{PATH}/{sequence_id}").status_code == 404


def test_a_sequence_with_a_submission_under_way_is_not_deleted(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    gated = server.create("gated")
    sequence_id = gated["sequences"]["all"]["id"]
    where = server.http.post(f"{PATH}/submit/{sequence_id}").headers["location"]

    refused = server.http.delete(f"{PATH}/{sequence_id}")

    assert refused.status_code == 409
    assert where.rpartition("/")[2] in refused.json()["message"]


def test_twenty_sequences_created_at_once_are_twenty_stored(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(20) as threads:
        statuses = list(
            threads.map(
                lambda number: (
                    server.http.post(
                        PATH, json=body_for(chain, f"at once {number}", "first")
                    ).status_code
                ),
                range(20),
            )
        )

    stored = server.http.get(PATH, params={"scenario_id": chain["id"]}).json()["results"]
    assert statuses == [201] * 20
    assert len([item for item in stored if item["name"].startswith("at once")]) == 20


def test_one_name_created_twenty_times_at_once_is_created_once(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(20) as threads:
        statuses = list(
            threads.map(
                lambda _: server.http.post(PATH, json=body_for(chain, "only one")).status_code,
                range(20),
            )
        )

    assert sorted(statuses) == [201] + [409] * 19


@pytest.mark.parametrize(
    "name", ["1abc", "class", "a-b", "x/y", "_TASK_", "Größe", "TPSPACE", "a  b"]
)
def test_any_printable_name_can_be_created_fetched_submitted_and_deleted(
    server: StartedServer, chain: dict[str, Any], name: str
) -> None:
    made = server.http.post(PATH, json=body_for(chain, name)).json()["sequence"]

    assert made["name"] == name
    assert server.http.get(f"{PATH}/{made['id']}").json()["sequence"]["name"] == name
    assert server.http.post(f"{PATH}/submit/{made['id']}").status_code == 204
    assert server.http.delete(f"{PATH}/{made['id']}").status_code == 200


class TestRefusals:
    """Each with its documented status, a message that names the offender, and nothing stored."""

    @pytest.fixture(autouse=True)
    def nothing_is_stored(self, server: StartedServer, chain: dict[str, Any]) -> Any:
        yield
        stored = server.http.get(PATH, params={"scenario_id": chain["id"]}).json()["results"]
        assert [item["name"] for item in stored] == ["all of it", "half"]

    def refused(self, server: StartedServer, body: object, status: int) -> dict[str, Any]:
        response = server.http.post(PATH, json=body)
        problem: dict[str, Any] = response.json()
        assert response.status_code == problem["status"] == status, problem
        assert response.headers["content-type"] == "application/problem+json"
        assert problem["message"] == problem["detail"]
        assert {"type", "title", "code"} <= set(problem)
        return problem

    def test_an_unknown_scenario_is_404(self, server: StartedServer, chain: dict[str, Any]) -> None:
        body = {**body_for(chain, "x"), "scenario_id": "SCENARIO_nope"}
        assert "SCENARIO_nope" in self.refused(server, body, 404)["message"]

    def test_a_missing_name_is_404_as_the_page_says(
        self, server: StartedServer, chain: dict[str, Any]
    ) -> None:
        body = body_for(chain, "x")
        del body["sequence_name"]
        assert "sequence_name" in self.refused(server, body, 404)["message"]

    def test_a_name_that_is_taken_is_409(
        self, server: StartedServer, chain: dict[str, Any]
    ) -> None:
        assert "'half'" in self.refused(server, body_for(chain, "half"), 409)["message"]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"scenario_id": None}, "scenario_id"),
            ({"scenario_id": 5}, "scenario_id"),
            ({"sequence_name": 5}, "sequence_name"),
            ({"sequence_name": None}, "sequence_name"),
            ({"sequence_name": ""}, "sequence_name"),
            ({"sequence_name": " x"}, "sequence_name"),
            ({"sequence_name": "a\nb"}, "sequence_name"),
            ({"sequence_name": "x" * 129}, "sequence_name"),
            ({"tasks": "TASK_x"}, "tasks"),
            ({"tasks": None}, "tasks"),
            ({"tasks": [5]}, "tasks[0]"),
            ({"tasks": ["TASK_nope"]}, "tasks[0]"),
            ({"task_ids": ["other"]}, "task_ids"),
            ({"properties": []}, "properties"),
        ],
    )
    def test_a_field_that_cannot_be_is_400_and_named(
        self,
        server: StartedServer,
        chain: dict[str, Any],
        change: dict[str, Any],
        field: str,
    ) -> None:
        body = {**body_for(chain, "x", "first"), **change}
        problem = self.refused(server, body, 400)
        assert [fault["field"] for fault in problem["errors"]] == [field]

    def test_missing_tasks_are_400(self, server: StartedServer, chain: dict[str, Any]) -> None:
        body = body_for(chain, "x")
        del body["tasks"]
        assert "tasks is missing" in self.refused(server, body, 400)["message"]

    def test_a_missing_scenario_is_400(self, server: StartedServer, chain: dict[str, Any]) -> None:
        body = body_for(chain, "x")
        del body["scenario_id"]
        assert "scenario_id" in self.refused(server, body, 400)["message"]

    def test_an_unknown_field_is_400(self, server: StartedServer, chain: dict[str, Any]) -> None:
        problem = self.refused(server, {**body_for(chain, "x"), "taks": []}, 400)
        assert "unknown field taks" in problem["message"]

    def test_a_task_of_another_scenario_is_400(
        self, server: StartedServer, chain: dict[str, Any]
    ) -> None:
        foreign = server.create("chain")["task_of"]["first"]
        body = body_for(chain, "x", "first")
        body["tasks"].append(foreign)
        problem = self.refused(server, body, 400)
        assert problem["errors"] == [
            {
                "field": "tasks[1]",
                "message": f"task {foreign} does not belong to scenario {chain['id']}",
            }
        ]

    def test_a_task_named_twice_is_400(self, server: StartedServer, chain: dict[str, Any]) -> None:
        problem = self.refused(server, body_for(chain, "x", "first", "first"), 400)
        assert "is named more than once" in problem["message"]

    def test_tasks_that_are_not_connected_are_400(
        self, server: StartedServer, chain: dict[str, Any]
    ) -> None:
        islands = server.create("islands")
        problem = self.refused(server, body_for(islands, "x", "first", "apart"), 400)
        assert problem["code"] == "tasks_not_connected"
        assert islands["task_of"]["apart"] in problem["message"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('{"scenario_id": ', "truncated (after byte 16)"),
            ("{,}", "byte 1"),
            ("[]", "Expected object, got array"),
            ('"x"', "Expected object, got str"),
            ("5", "Expected object, got int"),
            ("", "the request has no body"),
            ("scenario_id=x&sequence_name=y", "not JSON"),
            ("{" + '"properties":{' * 20_000, "nested too deeply"),
            ('{"scenario_id": "\ud800"}', "not JSON"),
        ],
    )
    def test_a_body_that_is_not_a_json_object_is_400(
        self, server: StartedServer, chain: dict[str, Any], text: str, said: str
    ) -> None:
        response = server.http.post(PATH, content=text.encode(errors="surrogatepass"))
        assert response.status_code == 400
        assert said in response.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PATH + "/SEQUENCE_nope"),
        ("DELETE", PATH + "/SEQUENCE_nope"),
        ("POST", PATH + "/submit/SEQUENCE_nope"),
        ("GET", "/api/v1/scenarios/SCENARIO_nope"),
        ("GET", "/api/v1/tasks/TASK_nope"),
        ("GET", "/api/v1/datanodes/DATANODE_nope"),
        ("GET", "/api/v1/datanodes/DATANODE_nope/read"),
        ("GET", "/api/v1/submissions/SUBMISSION_nope"),
        ("GET", "/api/v1/jobs/JOB_nope"),
        ("GET", "/api/v1/jobs/JOB_nope/log"),
        ("POST", "/api/v1/scenarios/submit/SCENARIO_nope"),
        ("POST", "/api/v1/tasks/submit/TASK_nope"),
    ],
)
def test_an_unknown_identifier_is_404_and_named(
    server: StartedServer, method: str, path: str
) -> None:
    response = server.http.request(method, path)

    assert response.status_code == 404
    named = next(part for part in path.split("/") if part.endswith("_nope"))
    assert named in response.json()["message"]
