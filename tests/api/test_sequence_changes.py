"""Renaming sequences and giving them other tasks, against a started server."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/sequences"


@pytest.fixture
def half(chain: dict[str, Any]) -> str:
    sequence_id: str = chain["sequences"]["half"]["id"]
    return sequence_id


def one(server: StartedServer, sequence_id: str) -> dict[str, Any]:
    sequence: dict[str, Any] = server.http.get(f"{PATH}/{sequence_id}").json()["sequence"]
    return sequence


def test_a_renamed_sequence_has_another_identifier(
    server: StartedServer, chain: dict[str, Any], half: str
) -> None:
    before = one(server, half)

    response = server.http.patch(f"{PATH}/{half}", json={"name": "first part"})

    changed = response.json()["sequence"]
    assert response.status_code == 200
    assert changed["id"] == f"SEQUENCE_firstTPSPACEpart_{chain['id']}"
    assert response.headers["location"] == f"{PATH}/{changed['id']}"
    assert changed == {
        **before,
        "id": changed["id"],
        "name": "first part",
        "properties": {"name": "first part"},
    }
    assert server.http.get(f"{PATH}/{half}").status_code == 404
    now = server.http.get(response.headers["location"])
    assert (now.json(), now.headers["etag"]) == (response.json(), response.headers["etag"])
    names = server.http.get(PATH, params={"scenario_id": chain["id"]}).json()["results"]
    assert [item["name"] for item in names] == ["all of it", "first part"]


def test_what_was_submitted_follows_the_new_name(server: StartedServer, half: str) -> None:
    submission = server.submit(half)

    renamed = server.http.patch(f"{PATH}/{half}", json={"name": "renamed"}).json()["sequence"]

    listed = server.http.get(f"{PATH}/{renamed['id']}/submissions").json()["results"]
    assert [item["id"] for item in listed] == [submission["id"]]
    assert [job["submit_entity_id"] for job in server.jobs(submission)] == [renamed["id"]]
    again = server.submit(renamed["id"])
    assert (again["status"], again["entity_id"]) == ("COMPLETED", renamed["id"])


def test_a_sequence_takes_other_tasks_and_properties(
    server: StartedServer, chain: dict[str, Any], half: str
) -> None:
    both = [chain["task_of"]["first"], chain["task_of"]["second"]]
    server.http.patch(f"{PATH}/{half}", json={"properties": {"owner": "ines", "old": 1}})

    response = server.http.patch(
        f"{PATH}/{half}", json={"task_ids": both, "properties": {"old": None, "new": [1]}}
    )

    changed = response.json()["sequence"]
    assert response.status_code == 200
    assert changed["tasks"] == both
    assert changed["properties"] == {"name": "half", "owner": "ines", "new": [1]}
    assert server.submit(half)["status"] == "COMPLETED"


def test_a_sequence_may_lose_all_its_tasks(server: StartedServer, half: str) -> None:
    response = server.http.patch(f"{PATH}/{half}", json={"tasks": []})

    assert response.json()["sequence"]["tasks"] == []


def test_what_is_not_given_stays(server: StartedServer, half: str) -> None:
    before = server.http.get(f"{PATH}/{half}")

    response = server.http.patch(f"{PATH}/{half}", json={})

    assert response.status_code == 200
    assert response.content == before.content


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": " x"}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"tasks": ["TASK_nope"]}, "tasks[0]"),
        ({"tasks": None}, "tasks"),
        ({"task_ids": ["TASK_nope"], "tasks": []}, "task_ids"),
        ({"properties": [1]}, "properties"),
        ({"id": "mine"}, "id"),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    server: StartedServer, half: str, change: object, field: str
) -> None:
    before = server.http.get(f"{PATH}/{half}").content

    response = server.http.patch(f"{PATH}/{half}", json=change)

    assert response.status_code == 400
    assert [fault["field"] for fault in response.json()["errors"]] == [field]
    assert server.http.get(f"{PATH}/{half}").content == before


def test_tasks_that_are_named_twice_or_not_connected_are_refused(server: StartedServer) -> None:
    islands = server.create("islands")
    first, apart = islands["task_of"]["first"], islands["task_of"]["apart"]
    body = {"scenario_id": islands["id"], "sequence_name": "x", "tasks": [first]}
    where = f"{PATH}/{server.http.post(PATH, json=body).json()['sequence']['id']}"

    twice = server.http.patch(where, json={"tasks": [first, first]})
    apart_too = server.http.patch(where, json={"tasks": [first, apart]})

    assert (twice.status_code, apart_too.status_code) == (400, 400)
    assert apart_too.json()["code"] == "tasks_not_connected"
    assert one(server, where.rpartition("/")[2])["tasks"] == [first]


def test_a_name_that_the_scenario_has_already_is_409(server: StartedServer, half: str) -> None:
    response = server.http.patch(f"{PATH}/{half}", json={"name": "all of it"})

    assert response.status_code == 409
    assert "'all of it'" in response.json()["message"]
    assert one(server, half)["tasks"] != []


def test_while_a_submission_is_under_way_only_properties_change(server: StartedServer) -> None:
    gated = server.create("gated")
    sequence_id = gated["sequences"]["all"]["id"]
    location = server.http.post(f"{PATH}/submit/{sequence_id}").headers["location"]
    where = f"{PATH}/{sequence_id}"

    renamed = server.http.patch(where, json={"name": "other"})
    emptied = server.http.patch(where, json={"tasks": []})
    noted = server.http.patch(where, json={"name": "all", "properties": {"note": "waits"}})

    assert (renamed.status_code, emptied.status_code, noted.status_code) == (409, 409, 200)
    assert location.rpartition("/")[2] in renamed.json()["message"]
    assert noted.json()["sequence"]["properties"]["note"] == "waits"


def test_a_change_that_expects_an_older_version_is_refused(
    server: StartedServer, half: str
) -> None:
    where = f"{PATH}/{half}"
    old = server.http.get(where).headers["etag"]
    new = server.http.patch(where, json={"properties": {"a": 1}}, headers={"If-Match": old})

    refused = server.http.patch(where, json={"name": "x"}, headers={"If-Match": old})
    kept = server.http.delete(where, headers={"If-Match": old})
    deleted = server.http.delete(where, headers={"If-Match": new.headers["etag"]})

    assert (refused.status_code, kept.status_code, deleted.status_code) == (412, 412, 200)


def test_of_many_who_rename_to_one_name_one_succeeds(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    made = [
        server.http.post(
            PATH, json={"scenario_id": chain["id"], "sequence_name": f"s{number}", "tasks": []}
        ).json()["sequence"]["id"]
        for number in range(12)
    ]

    with ThreadPoolExecutor(12) as threads:
        statuses = list(
            threads.map(
                lambda item: (
                    server.http.patch(f"{PATH}/{item}", json={"name": "the one"}).status_code
                ),
                made,
            )
        )

    assert sorted(statuses) == [200] + [409] * 11


def test_the_submissions_of_a_sequence_are_listed_in_pages(
    server: StartedServer, half: str
) -> None:
    made = [server.submit(half)["id"] for _ in range(3)]
    where = f"{PATH}/{half}/submissions"

    first = server.http.get(where, params={"limit": 2})
    rest = server.http.get(first.headers["link"].partition(">")[0][1:])

    assert [item["id"] for item in first.json()["results"]] == made[:2]
    assert [item["id"] for item in rest.json()["results"]] == made[2:]
    assert server.http.get(f"{PATH}/SEQUENCE_nope/submissions").status_code == 404


def test_submissions_of_a_sequence_that_is_gone_do_not_break_a_list(
    server: StartedServer, half: str
) -> None:
    submission = server.submit(half)

    server.http.delete(f"{PATH}/{half}")

    listed = server.http.get("/api/v1/submissions", params={"entity_id": half}).json()["results"]
    assert [item["id"] for item in listed] == [submission["id"]]
    for kind in ("sequences", "scenarios", "submissions", "jobs", "tasks"):
        assert server.http.get(f"/api/v1/{kind}").status_code == 200


def test_the_name_among_the_properties_is_the_name(server: StartedServer, half: str) -> None:
    shown = one(server, half)["properties"]

    renamed = server.http.patch(
        f"{PATH}/{half}", json={"name": "newer", "properties": shown}
    ).json()["sequence"]

    assert renamed["properties"] == {"name": "newer"}


def test_an_unknown_sequence_is_404(server: StartedServer) -> None:
    assert server.http.patch(f"{PATH}/SEQUENCE_nope", json={}).status_code == 404
