"""Reading and writing values over REST."""

import json
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/datanodes"


@pytest.fixture(scope="module")
def tables(server: StartedServer) -> dict[str, Any]:
    return server.create("tables")


def read(server: StartedServer, data_node_id: str) -> Any:
    return server.http.get(f"{PATH}/{data_node_id}/read")


def test_a_default_value_is_there_at_once(server: StartedServer, chain: dict[str, Any]) -> None:
    assert read(server, chain["node_of"]["start"]).json() == {"data": 1}


def test_a_data_node_without_a_value_is_404_and_says_what_to_do(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    response = read(server, chain["node_of"]["end"])

    assert response.status_code == 404
    assert response.json()["code"] == "data_node_not_written"


@pytest.mark.parametrize(
    "value", [5, 1.5, "text", None, True, [1, [2]], {"a": {"b": None}}, "Grüße 🙂"]
)
def test_what_is_written_is_read(server: StartedServer, chain: dict[str, Any], value: Any) -> None:
    node = chain["node_of"]["start"]

    written = server.http.put(f"{PATH}/{node}/write", content=json.dumps(value))

    assert written.json()["message"] == f"Data node {node} was successfully written."
    assert read(server, node).json() == {"data": value}


def test_records_are_written_to_a_table_and_missing_cells_are_null(
    server: StartedServer, tables: dict[str, Any]
) -> None:
    node = tables["node_of"]["table"]

    server.http.put(f"{PATH}/{node}/write", json=[{"a": 1, "b": "x"}, {"a": 2}])

    assert read(server, node).json() == {"data": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]}


def test_a_scalar_is_refused_by_a_table(server: StartedServer, tables: dict[str, Any]) -> None:
    response = server.http.put(f"{PATH}/{tables['node_of']['table']}/write", content="5")

    assert response.status_code == 400
    assert "list of" in response.json()["message"]


@pytest.mark.parametrize("text", ["", "{", "nan", "NaN", "'x'"])
def test_a_body_that_is_not_json_is_refused_and_the_value_stays(
    server: StartedServer, chain: dict[str, Any], text: str
) -> None:
    node = chain["node_of"]["start"]

    response = server.http.put(f"{PATH}/{node}/write", content=text)

    assert response.status_code == 400
    assert read(server, node).json() == {"data": 1}


def test_a_value_above_the_limit_of_a_row_is_read_whole_when_its_storage_is_safe(
    server: StartedServer, tables: dict[str, Any]
) -> None:
    node = tables["node_of"]["table"]
    records = [{"number": number, "text": "x" * 50} for number in range(5_000)]

    server.http.put(f"{PATH}/{node}/write", json=records)

    assert read(server, node).json() == {"data": records}


def test_a_large_pickled_value_is_shown_as_a_preview(server: StartedServer) -> None:
    large = server.create("large")
    server.submit(large["sequences"]["all"]["id"])

    answer = read(server, large["node_of"]["big"]).json()

    assert answer["truncated"] is True
    assert answer["data"][0] == {"number": 0, "text": "some text"}
    assert len(answer["data"]) == 100


def test_a_data_node_tells_when_and_what_writes_it(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    gated = server.create("gated")
    server.http.post(f"/api/v1/sequences/submit/{gated['sequences']['all']['id']}")
    (job,) = server.http.get(f"/api/v1/jobs?task_id={gated['task_of']['waits']}").json()["results"]

    node = server.http.get(f"{PATH}/{gated['node_of']['opened']}").json()["datanode"]
    refused = server.http.put(f"{PATH}/{gated['node_of']['opened']}/write", json="mine")

    assert node["edit_in_progress"] is True
    assert node["editor_id"] == job["id"]
    assert refused.status_code == 409
    assert job["id"] in refused.json()["message"]


def test_writing_a_missing_input_releases_the_jobs_that_waited(
    server: StartedServer, tmp_path: Any
) -> None:
    gated = server.create("gated")
    where = server.http.post(f"/api/v1/sequences/submit/{gated['sequences']['all']['id']}").headers[
        "location"
    ]
    assert server.http.get(where).json()["submission"]["status"] == "BLOCKED"
    gate = tmp_path / "gate"
    gate.touch()

    server.http.put(f"{PATH}/{gated['node_of']['gate']}/write", json=str(gate))

    again = server.submit(gated["sequences"]["all"]["id"])
    assert again["status"] == "COMPLETED"
    assert server.http.get(where).json()["submission"]["status"] == "COMPLETED"


def test_a_file_that_was_changed_is_a_409_everywhere_until_it_is_written_again(
    server: StartedServer, tables: dict[str, Any]
) -> None:
    node = tables["node_of"]["table"]
    server.http.put(f"{PATH}/{node}/write", json=[{"text": "x" * 100}] * 2_000)
    file = max((server.folder / "data" / "csvs" / node).iterdir())
    file.write_bytes(b'"\xff\xfe')

    refused = [
        read(server, node),
        server.http.get(f"{PATH}/{node}/download"),
        server.http.post(f"{PATH}/{node}/append", json=[{"text": "y"}]),
    ]

    assert [response.status_code for response in refused] == [409] * 3
    assert {response.json()["code"] for response in refused} == {"data_node_damaged"}
    assert all("3 bytes" in response.json()["detail"] for response in refused)
    assert server.http.put(f"{PATH}/{node}/write", json=[{"text": "x"}]).status_code == 200
    assert read(server, node).json()["data"] == [{"text": "x"}]


def test_a_read_only_data_node_is_read_and_never_written(server: StartedServer) -> None:
    node = server.create("fixed_input")["node_of"]["fixed"]

    refused = server.http.put(f"{PATH}/{node}/write", content="2")

    assert refused.status_code == 409
    assert refused.json()["code"] == "data_node_read_only"
    assert read(server, node).json() == {"data": 1}
