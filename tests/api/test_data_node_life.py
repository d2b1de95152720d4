"""How data nodes are made, shown, locked and deleted over REST."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/datanodes"


def get(server: StartedServer, data_node_id: str) -> dict[str, Any]:
    node: dict[str, Any] = server.http.get(f"{PATH}/{data_node_id}").json()["datanode"]
    return node


def test_a_data_node_is_made_from_its_config_once(shelves: StartedServer) -> None:
    first = shelves.http.post(f"{PATH}?config_id=alone")
    again = shelves.http.post(f"{PATH}/?config_id=alone")

    node = first.json()["datanode"]
    assert first.status_code == 201
    assert first.headers["location"] == f"{PATH}/{node['id']}"
    assert first.json()["message"] == f"Data node {node['id']} was created."
    assert node["owner_id"] is None
    assert again.status_code == 200
    assert again.json() == {
        "message": f"Data node {node['id']} already exists.",
        "datanode": node,
    }
    assert shelves.http.get(f"{PATH}/{node['id']}/read").json() == {"data": [1]}


@pytest.mark.parametrize(("query", "status"), [("", 400), ("?config_id=", 400)])
def test_a_missing_config_is_400(shelves: StartedServer, query: str, status: int) -> None:
    response = shelves.http.post(f"{PATH}{query}")

    assert response.status_code == status
    assert response.json()["errors"] == [{"field": "config_id", "message": "missing"}]


@pytest.mark.parametrize("config_id", ["nope", "..%2F..%2Fx", "%00", "%ff", "DATANODE_x"])
def test_an_unknown_config_is_404_and_those_there_are_are_named(
    shelves: StartedServer, config_id: str
) -> None:
    response = shelves.http.post(f"{PATH}?config_id={config_id}")

    assert response.status_code == 404
    assert "there are: " in response.json()["message"]
    assert "alone" in response.json()["message"]


def test_all_documented_fields_are_shown(shelves: StartedServer, shelf: dict[str, str]) -> None:
    before = get(shelves, shelf["items"])
    shelves.http.put(f"{PATH}/{shelf['items']}/write", json=[{"a": 1}])

    node = get(shelves, shelf["items"])

    assert before["last_edit_date"] is None
    assert before["expiration_date"] is None
    assert node["name"] == "stock"
    assert node["config_id"] == "items"
    assert node["scope"] == "SCENARIO"
    assert node["storage_type"] == "csv"
    assert node["parent_ids"] == [node["owner_id"]]
    assert node["job_ids"] == []
    assert node["properties"] == {"name": "stock"}
    assert (node["validity_days"], node["validity_seconds"]) == (1, 0.0)
    assert node["edit_in_progress"] is False
    assert (node["editor_id"], node["editor_expiration_date"]) == (None, None)
    written_at = datetime.fromisoformat(node["last_edit_date"])
    assert datetime.fromisoformat(node["expiration_date"]) == written_at + timedelta(days=1)


def test_secrets_are_shown_as_references_to_the_environment(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    one = get(shelves, shelf["vault"])["properties"]
    (of_list,) = (
        node["properties"]
        for node in shelves.http.get(f"{PATH}?storage_type=sql_table").json()["results"]
        if node["id"] == shelf["vault"]
    )

    assert one["db_password"] == "ENV[SCENARIST_DATANODE_vault_db_password]"
    assert one["db_host"] == "ENV[PYTHONPATH]"
    assert one["db_username"] == "keeper"
    assert of_list == one


def test_the_jobs_that_wrote_it_are_listed_with_the_newest_last(server: StartedServer) -> None:
    chain = server.create("chain")
    jobs = [server.jobs(server.submit(chain["sequences"]["half"]["id"]))[0]["id"] for _ in range(3)]

    assert get(server, chain["node_of"]["middle"])["job_ids"] == jobs
    assert get(server, chain["node_of"]["start"])["job_ids"] == []


def test_what_nothing_refers_to_is_deleted_with_its_values(shelves: StartedServer) -> None:
    node = shelves.http.post(f"{PATH}?config_id=items").json()["datanode"]["id"]
    shelves.http.put(f"{PATH}/{node}/write", json=[{"text": "x" * 100}] * 1000)
    files = shelves.folder / "data" / "csvs" / node
    assert len(list(files.iterdir())) == 1

    deleted = shelves.http.delete(f"{PATH}/{node}")

    assert deleted.status_code == 200
    assert deleted.json() == {"message": f"Data node {node} was deleted."}
    assert shelves.http.get(f"{PATH}/{node}").status_code == 404
    assert shelves.http.get(f"{PATH}/{node}/edits").status_code == 404
    assert shelves.http.delete(f"{PATH}/{node}").status_code == 404
    assert not files.exists()


def test_a_file_that_the_user_named_outlives_its_data_node(shelves: StartedServer) -> None:
    node = shelves.http.post(f"{PATH}?config_id=posted").json()["datanode"]["id"]
    shelves.http.put(f"{PATH}/{node}/write", json=[{"a": 1}])

    shelves.http.delete(f"{PATH}/{node}")

    assert (shelves.folder / "posted.csv").read_text() == "a\n1\n"


def test_what_a_task_or_scenario_has_is_not_deleted(
    server: StartedServer, shelves: StartedServer, shelf: dict[str, str]
) -> None:
    chain = server.create("chain")

    of_task = server.http.delete(f"{PATH}/{chain['node_of']['start']}")
    of_scenario = shelves.http.delete(f"{PATH}/{shelf['notes']}")

    assert of_task.status_code == of_scenario.status_code == 409
    assert of_task.json()["code"] == "data_node_referenced"
    assert chain["task_of"]["first"] in of_task.json()["message"]
    assert get(shelves, shelf["notes"])["owner_id"] in of_scenario.json()["message"]
    assert server.http.get("/api/v1/tasks").status_code == 200
    assert server.http.get("/api/v1/sequences").status_code == 200


def test_a_deletion_that_expects_another_version_is_412(shelves: StartedServer) -> None:
    node = shelves.http.post(f"{PATH}?config_id=notes").json()["datanode"]["id"]
    tag = shelves.http.get(f"{PATH}/{node}").headers["etag"]
    shelves.http.put(f"{PATH}/{node}/write", content="1")

    refused = shelves.http.delete(f"{PATH}/{node}", headers={"If-Match": tag})
    newest = shelves.http.get(f"{PATH}/{node}").headers["etag"]
    deleted = shelves.http.delete(f"{PATH}/{node}", headers={"If-Match": newest})

    assert refused.status_code == 412
    assert deleted.status_code == 200


def test_a_lock_names_its_editor_and_its_end(shelves: StartedServer, shelf: dict[str, str]) -> None:
    path = f"{PATH}/{shelf['notes']}"

    locked = shelves.http.post(f"{path}/lock", json={"editor_id": "anna", "seconds": 600})

    node = locked.json()["datanode"]
    assert locked.status_code == 200
    assert locked.json()["message"] == f"Data node {shelf['notes']} was locked."
    assert node["edit_in_progress"] is True
    assert node["editor_id"] == "anna"
    shown = get(shelves, shelf["notes"])
    assert node == {name: shown[name] for name in node}
    assert shown.keys() - node.keys() == {"is_stale", "stale_because"}
    assert datetime.fromisoformat(node["editor_expiration_date"]).tzinfo is not None


@pytest.mark.parametrize(
    ("method", "act"),
    [
        ("PUT", "write?editor_id=bert"),
        ("POST", "append"),
        ("POST", "upload"),
        ("POST", "lock"),
        ("POST", "unlock"),
        ("DELETE", ""),
    ],
)
def test_a_lock_keeps_others_out(shelves: StartedServer, method: str, act: str) -> None:
    node = shelves.http.post(f"{PATH}?config_id=notes").json()["datanode"]["id"]
    shelves.http.post(f"{PATH}/{node}/lock", json={"editor_id": "anna"})

    refused = shelves.http.request(method, f"{PATH}/{node}/{act}".rstrip("/"), content="{}")

    shelves.http.post(f"{PATH}/{node}/unlock", json={"editor_id": "anna"})
    assert refused.status_code == 409
    assert refused.json()["code"] == "data_node_locked"
    assert "locked by anna until 20" in refused.json()["message"]
    assert shelves.http.get(f"{PATH}/{node}/read").status_code in {200, 404}


@pytest.mark.parametrize(
    ("method", "act"), [("PUT", "write"), ("POST", "append"), ("POST", "upload")]
)
def test_a_write_by_the_editor_of_a_lock_ends_it(
    shelves: StartedServer, method: str, act: str
) -> None:
    node = shelves.http.post(f"{PATH}?config_id=notes").json()["datanode"]["id"]
    shelves.http.post(f"{PATH}/{node}/lock", json={"editor_id": "anna"})

    written = shelves.http.request(
        method, f"{PATH}/{node}/{act}?editor_id=anna", content='[{"a": 1}]'
    )

    assert written.status_code == 200, written.text
    assert get(shelves, node)["edit_in_progress"] is False
    assert shelves.http.put(f"{PATH}/{node}/write?editor_id=bert", content="[]").status_code == 200


def test_a_refused_write_leaves_the_lock(shelves: StartedServer, shelf: dict[str, str]) -> None:
    path = f"{PATH}/{shelf['notes']}"
    shelves.http.post(f"{path}/lock", json={"editor_id": "anna"})

    refused = shelves.http.put(f"{path}/write?editor_id=anna", content="{")

    still = get(shelves, shelf["notes"])
    shelves.http.post(f"{path}/unlock", json={"editor_id": "anna"})
    assert refused.status_code == 400
    assert still["editor_id"] == "anna"


def test_the_editor_of_a_lock_renews_and_ends_it(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    path = f"{PATH}/{shelf['notes']}"
    anna = {"editor_id": "anna"}
    first = shelves.http.post(f"{path}/lock", json={**anna, "seconds": 60}).json()["datanode"]

    again = shelves.http.post(f"{path}/lock", json={**anna, "seconds": 86400})
    still = get(shelves, shelf["notes"])
    ended = shelves.http.post(f"{path}/unlock", json=anna)
    once_more = shelves.http.post(f"{path}/unlock")

    assert again.status_code == ended.status_code == 200
    end = again.json()["datanode"]["editor_expiration_date"]
    assert end > first["editor_expiration_date"]
    assert still["editor_id"] == "anna"
    assert ended.json()["datanode"]["edit_in_progress"] is False
    assert once_more.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        '{"seconds": 0}',
        '{"seconds": -1}',
        '{"seconds": 86401}',
        '{"seconds": "long"}',
        '{"seconds": 1e400}',
        '{"editor_id": ""}',
        '{"editor_id": "a\\u0000b"}',
        '{"editor_id": "a\\nb"}',
        '{"editor_id": "\\ud800"}',
        '{"editor_id": 5}',
        '{"editor": "anna"}',
        "[]",
        "{",
    ],
)
def test_a_lock_that_cannot_be_is_400(
    shelves: StartedServer, shelf: dict[str, str], body: str
) -> None:
    response = shelves.http.post(f"{PATH}/{shelf['notes']}/lock", content=body)

    assert response.status_code == 400, response.text
    assert get(shelves, shelf["notes"])["edit_in_progress"] is False


def test_what_a_job_will_write_or_nobody_may_is_not_locked(
    shelves: StartedServer, tmp_path: Path
) -> None:
    gated = shelves.create("gated")
    gate = tmp_path / "gate"
    shelves.http.put(f"{PATH}/{gated['node_of']['gate']}/write", json=str(gate))
    shelves.http.post(f"/api/v1/sequences/submit/{gated['sequences']['all']['id']}")
    fixed = shelves.http.post(f"{PATH}?config_id=fixed").json()["datanode"]["id"]

    of_job = shelves.http.post(f"{PATH}/{gated['node_of']['opened']}/lock")
    of_fixed = shelves.http.post(f"{PATH}/{fixed}/lock")

    gate.touch()
    assert of_job.status_code == of_fixed.status_code == 409
    assert of_job.json()["code"] == "data_node_in_use"
    assert of_fixed.json()["code"] == "data_node_read_only"


@pytest.mark.parametrize(
    ("method", "act"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "read"),
        ("PUT", "write"),
        ("POST", "append"),
        ("GET", "download"),
        ("POST", "upload"),
        ("POST", "lock"),
        ("POST", "unlock"),
        ("GET", "edits"),
        ("GET", "edits/x"),
    ],
)
@pytest.mark.parametrize("data_node_id", ["DATANODE_nope", "%00", "%ff%fe", "..", "a%20b"])
def test_an_unknown_data_node_is_404_everywhere(
    shelves: StartedServer, method: str, act: str, data_node_id: str
) -> None:
    path = f"{shelves.address}{PATH}/{data_node_id}/{act}"

    response = shelves.http.request(method, path, content=b"{}" if method != "GET" else None)

    assert response.status_code == 404 if data_node_id != ".." else response.status_code < 500
    assert "message" in response.json() or response.status_code < 400
