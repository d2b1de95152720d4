"""The history of values over REST: who wrote what, why, and under which condition."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/datanodes"


def write(server: StartedServer, node: str, value: Any, query: str = "") -> str:
    response = server.http.put(f"{PATH}/{node}/write{query}", content=json.dumps(value))
    assert response.status_code == 200, response.text
    edit_id: str = response.json()["edit_id"]
    return edit_id


def edits(server: StartedServer, node: str, query: str = "") -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = server.http.get(f"{PATH}/{node}/edits{query}").json()["results"]
    return results


def test_each_write_is_an_edit_with_its_author_and_comment(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    node = shelf["notes"]
    first = write(shelves, node, [1])
    second = write(shelves, node, {"a": 2}, "?editor_id=anna&comment=better%20so%0Anow")

    newest, oldest = edits(shelves, node)

    assert (newest["id"], oldest["id"]) == (second, first)
    assert newest["data_node_id"] == node
    assert newest["editor_id"] == "anna"
    assert newest["comment"] == "better so\nnow"
    assert newest["job_id"] is None
    assert newest["python_type"] == "dict"
    assert newest["size"] == len('{"a": 2}')
    assert newest["digest"].startswith("sha256:")
    assert "preview" not in newest
    assert (oldest["editor_id"], oldest["comment"]) == ("anyone", None)
    shown = shelves.http.get(f"{PATH}/{node}").json()["datanode"]
    assert (shown["last_edit_id"], shown["last_edit_date"]) == (second, newest["timestamp"])


def test_a_jobs_edit_names_the_job(server: StartedServer, chain: dict[str, Any]) -> None:
    (job,) = server.jobs(server.submit(chain["sequences"]["half"]["id"]))

    (edit,) = edits(server, chain["node_of"]["middle"])

    assert edit["job_id"] == job["id"]
    assert edit["editor_id"] is None


def test_an_edit_has_a_preview_of_its_value(shelves: StartedServer, shelf: dict[str, str]) -> None:
    node = shelf["items"]
    small = write(shelves, node, [{"a": 1}])
    large = write(shelves, node, [{"a": number, "text": "x" * 100} for number in range(2000)])

    one = shelves.http.get(f"{PATH}/{node}/edits/{small}")
    other = shelves.http.get(f"{PATH}/{node}/edits/{large}").json()["edit"]

    assert one.json()["edit"]["preview"] == [{"a": 1}]
    assert one.json()["edit"]["is_complete"] is True
    assert other["preview"][0] == {"a": 0, "text": "x" * 100}
    assert len(other["preview"]) == 100
    assert other["is_complete"] is False
    again = {"If-None-Match": one.headers["etag"]}
    assert shelves.http.get(f"{PATH}/{node}/edits/{small}", headers=again).status_code == 304


def test_a_past_value_is_read_by_its_edit(shelves: StartedServer, shelf: dict[str, str]) -> None:
    for kind in ("notes", "items", "pillars", "loose"):
        past = write(shelves, shelf[kind], [{"a": 1}, {"a": 2}])
        write(shelves, shelf[kind], [{"a": 3}])

        whole = shelves.http.get(f"{PATH}/{shelf[kind]}/read?edit_id={past}")
        part = shelves.http.get(f"{PATH}/{shelf[kind]}/read?edit_id={past}&where=a:EQUAL:2")

        assert whole.json() == {"data": [{"a": 1}, {"a": 2}]}
        assert part.json() == {"data": [{"a": 2}]}


def test_what_was_in_a_replaced_file_is_shown_as_far_as_it_was_noted(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    node = shelf["posted"]
    small = write(shelves, node, [{"a": 1}, {"a": 2}])
    large = write(shelves, node, [{"a": number, "text": "x" * 100} for number in range(2000)])
    write(shelves, node, [{"a": 4}])

    def past(edit_id: str, query: str = "") -> Any:
        return shelves.http.get(f"{PATH}/{node}/read?edit_id={edit_id}{query}")

    assert past(small).json() == {"data": [{"a": 1}, {"a": 2}]}
    assert past(small, "&where=a:EQUAL:2").json() == {"data": [{"a": 2}]}
    assert past(large).json()["truncated"] is True
    assert past(large, "&limit=1").status_code == 409
    assert past(large, "&limit=1").json()["code"] == "edit_replaced"


@pytest.mark.parametrize("act", ["edits/{}", "read?edit_id={}", "download?edit_id={}"])
def test_the_edit_of_another_data_node_is_unknown(
    shelves: StartedServer, shelf: dict[str, str], act: str
) -> None:
    other = write(shelves, shelf["items"], [{"a": 1}])
    write(shelves, shelf["notes"], 1)

    for edit_id in (other, "nope", "%00", "..%2F.."):
        response = shelves.http.get(f"{PATH}/{shelf['notes']}/{act.format(edit_id)}")

        assert response.status_code == 404, response.text


def test_edits_come_in_pages_in_both_orders(shelves: StartedServer, shelf: dict[str, str]) -> None:
    node = shelf["notes"]
    made = [write(shelves, node, number) for number in range(5)]

    path = f"{PATH}/{node}/edits?limit=2&count=true"
    pages = []
    query = ""
    while True:
        page = shelves.http.get(path + query).json()
        pages.append([edit["id"] for edit in page["results"]])
        assert page["total"] == 5
        if page["next"] is None:
            break
        query = f"&cursor={page['next']}"

    assert pages == [[made[4], made[3]], [made[2], made[1]], [made[0]]]
    assert [edit["id"] for edit in edits(shelves, node, "?sort=timestamp")] == made
    assert shelves.http.get(f"{PATH}/{node}/edits?sort=size").status_code == 400
    other_order = shelves.http.get(f"{path}&sort=timestamp&cursor={query[8:]}")
    assert other_order.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "editor_id=",
        "editor_id=" + "x" * 257,
        "editor_id=a%0Ab",
        "editor_id=%00",
        "editor_id=%ff%00",
        "comment=%00",
        "comment=" + "x" * 1001,
        "editor=anna",
    ],
)
def test_an_author_or_comment_that_cannot_be_is_400(
    shelves: StartedServer, shelf: dict[str, str], query: str
) -> None:
    response = shelves.http.put(f"{PATH}/{shelf['notes']}/write?{query}", content="1")

    assert response.status_code == 400, response.text
    assert edits(shelves, shelf["notes"]) == []


@pytest.mark.parametrize("what", ["", "/read"])
def test_a_write_may_expect_what_it_replaces(
    shelves: StartedServer, shelf: dict[str, str], what: str
) -> None:
    for kind in ("notes", "posted"):
        node = shelf[kind]
        write(shelves, node, [{"a": 1}])
        tag = shelves.http.get(f"{PATH}/{node}{what}").headers["etag"]

        first = shelves.http.put(f"{PATH}/{node}/write", json=[{"a": 2}], headers={"If-Match": tag})
        second = shelves.http.put(
            f"{PATH}/{node}/write", json=[{"a": 3}], headers={"If-Match": tag}
        )

        assert first.status_code == 200
        assert second.status_code == 412
        assert shelves.http.get(f"{PATH}/{node}/read").json() == {"data": [{"a": 2}]}


def test_a_refused_write_leaves_no_file(shelves: StartedServer, shelf: dict[str, str]) -> None:
    node = shelf["items"]

    refused = shelves.http.put(
        f"{PATH}/{node}/write",
        json=[{"text": "x" * 100}] * 1000,
        headers={"If-Match": '"another"'},
    )

    folder = shelves.folder / "data" / "csvs" / node
    assert refused.status_code == 412
    assert not folder.exists() or list(folder.iterdir()) == []


def test_every_change_of_a_data_node_is_logged(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    node = shelves.http.post(f"{PATH}?config_id=recalled").json()["datanode"]["id"]
    write(shelves, node, 1)
    shelves.http.post(f"{PATH}/{node}/lock")
    shelves.http.post(f"{PATH}/{node}/unlock")
    shelves.http.post(f"{PATH}/{node}/unlock")
    shelves.http.delete(f"{PATH}/{node}")

    with sqlite3.connect(shelves.folder / "scenarist.db") as database:
        rows = database.execute("SELECT changes FROM events ORDER BY number").fetchall()
    database.close()
    changes = [change for (row,) in rows for change in json.loads(row) if change["id"] == node]
    assert [change["change"] for change in changes] == [
        "CREATED",
        "UPDATED",
        "UPDATED",
        "UPDATED",
        "DELETED",
    ]
    assert {change["kind"] for change in changes} == {"DATA_NODE"}
    assert all(change["actor"] == {"name": "anyone", "id": "anyone"} for change in changes)


@pytest.mark.parametrize(
    ("method", "act"), [("PUT", "write"), ("POST", "append"), ("POST", "upload")]
)
def test_a_missing_input_that_is_given_wakes_the_job_that_waits(
    shelves: StartedServer, tmp_path: Path, method: str, act: str
) -> None:
    gated = shelves.create("gated")
    sequence = gated["sequences"]["all"]["id"]
    there = tmp_path / "there"
    there.touch()
    where = shelves.http.post(f"/api/v1/sequences/submit/{sequence}").headers["location"]
    assert shelves.http.get(where).json()["submission"]["status"] == "BLOCKED"

    path = f"{PATH}/{gated['node_of']['gate']}/{act}"
    given = shelves.http.request(method, path, content=json.dumps(str(there)))

    assert given.status_code == 200, given.text
    assert shelves.submit(sequence)["status"] == "COMPLETED"
    assert shelves.http.get(where).json()["submission"]["status"] == "COMPLETED"
