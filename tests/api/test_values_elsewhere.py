"""Values that lie where the config says, where others change them too: read as they are now."""

import json
import os
import pickle
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/datanodes"


@pytest.fixture(autouse=True)
def drawer(shelves: StartedServer) -> Path:
    """The file behind the functions of the drawer."""
    file = shelves.folder / "drawer.json"
    file.write_text("[]")
    return file


def write(server: StartedServer, node: str, value: Any, query: str = "") -> Any:
    return server.http.put(f"{PATH}/{node}/write{query}", content=json.dumps(value))


def read(server: StartedServer, node: str, query: str = "") -> Any:
    return server.http.get(f"{PATH}/{node}/read{query}")


def show(server: StartedServer, node: str) -> dict[str, Any]:
    shown: dict[str, Any] = server.http.get(f"{PATH}/{node}").json()["datanode"]
    return shown


def test_a_user_named_file_that_somebody_replaced_is_read_as_it_is_now(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    node = shelf["posted"]
    write(shelves, node, [{"a": 1}])
    before = read(shelves, node)
    (shelves.folder / "posted.csv").write_text("a\n2222\n")

    after = read(shelves, node, "?where=a:GREATER_THAN:5")
    fresh = shelves.http.get(
        f"{PATH}/{node}/read", headers={"If-None-Match": before.headers["etag"]}
    )

    assert before.json() == {"data": [{"a": 1}]}
    assert after.json() == fresh.json() == {"data": [{"a": 2222}]}


def test_a_pickle_that_somebody_replaced_is_read_by_a_worker(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    node = shelf["jar"]
    write(shelves, node, [{"a": 1}])
    same = read(shelves, node)
    (shelves.folder / "jar.p").write_bytes(pickle.dumps([{"a": 2}, {"a": 3}]))

    whole = read(shelves, node)
    part = read(shelves, node, "?where=a:EQUAL:3")

    assert same.json() == {"data": [{"a": 1}]}
    assert whole.json() == {"data": [{"a": 2}, {"a": 3}]}
    assert part.json() == {"data": [{"a": 3}]}


def test_a_pickle_that_cannot_be_read_is_409(shelves: StartedServer, shelf: dict[str, str]) -> None:
    write(shelves, shelf["jar"], 1)
    (shelves.folder / "jar.p").write_bytes(b"no pickle")

    response = read(shelves, shelf["jar"])

    assert response.status_code == 409
    assert response.json()["code"] == "data_node_unreadable"


@pytest.mark.parametrize(("kind", "name"), [("posted", "posted.csv"), ("jar", "jar.p")])
def test_a_named_pipe_in_place_of_a_user_named_file_is_409_at_once_and_stays(
    shelves: StartedServer, shelf: dict[str, str], kind: str, name: str
) -> None:
    write(shelves, shelf[kind], [{"a": 1}])
    (shelves.folder / name).unlink()
    os.mkfifo(shelves.folder / name)

    responses = [read(shelves, shelf[kind]), read(shelves, shelf[kind], "?limit=1")]
    written = write(shelves, shelf[kind], [{"a": 2}])
    node = show(shelves, shelf[kind])

    is_still_there = (shelves.folder / name).is_fifo()
    (shelves.folder / name).unlink()
    assert [response.status_code for response in responses] == [409, 409]
    assert written.status_code == 400
    assert "is not a regular file" in written.json()["message"]
    assert node["is_writable"] is False
    assert is_still_there


@pytest.mark.parametrize("kind", ["posted", "jar"])
def test_a_user_named_file_that_is_gone_is_404(
    shelves: StartedServer, shelf: dict[str, str], kind: str
) -> None:
    write(shelves, shelf[kind], [{"a": 1}])
    for name in ("posted.csv", "jar.p"):
        (shelves.folder / name).unlink(missing_ok=True)

    response = read(shelves, shelf[kind])

    assert response.status_code == 404
    assert str(shelves.folder) in response.json()["message"]


def test_what_a_function_reads_is_shown_and_it_writes_what_is_given(
    shelves: StartedServer, shelf: dict[str, str], drawer: Path
) -> None:
    node = shelf["drawer"]
    drawer.write_text('[{"a": 1}, {"a": 2}]')

    first = read(shelves, node, "?where=a:EQUAL:2")
    written = write(shelves, node, [{"a": 3}], "?editor_id=anna&comment=why")
    drawer.write_text('[{"a": 3}, {"a": 4}]')
    last = read(shelves, node)
    known = shelves.http.get(f"{PATH}/{node}/read", headers={"If-None-Match": last.headers["etag"]})

    assert first.json() == {"data": [{"a": 2}]}
    assert written.status_code == 200, written.text
    assert last.json() == {"data": [{"a": 3}, {"a": 4}]}
    assert known.status_code == 304
    edit = shelves.http.get(f"{PATH}/{node}/edits").json()["results"][0]
    assert (edit["id"], edit["editor_id"]) == (written.json()["edit_id"], "anna")
    assert show(shelves, node)["edit_in_progress"] is False


def test_the_value_of_a_past_edit_is_what_was_noted_of_it(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    node = shelf["drawer"]
    past = write(shelves, node, [{"a": 1}]).json()["edit_id"]
    write(shelves, node, [{"a": 2}])
    first = shelves.http.get(f"{PATH}/{node}/edits?sort=timestamp").json()["results"][0]["id"]

    noted = read(shelves, node, f"?edit_id={past}")
    unknown = read(shelves, node, f"?edit_id={first}")

    assert noted.json() == {"data": [{"a": 1}]}
    assert unknown.status_code == 409
    assert unknown.json()["code"] == "edit_replaced"


def test_a_write_that_the_function_refuses_changes_nothing(
    shelves: StartedServer, shelf: dict[str, str], drawer: Path
) -> None:
    node = shelf["drawer"]
    shelves.http.post(f"{PATH}/{node}/lock", json={"editor_id": "anna"})
    before = show(shelves, node)

    refused = write(shelves, node, "refuse", "?editor_id=anna")

    assert refused.status_code == 400
    assert "the drawer is stuck" in refused.json()["message"]
    assert show(shelves, node) == before
    assert drawer.read_text() == "[]"


def test_what_a_function_fails_to_read_is_409(
    shelves: StartedServer, shelf: dict[str, str], drawer: Path
) -> None:
    drawer.unlink()

    response = read(shelves, shelf["drawer"])

    assert response.status_code == 409
    assert response.json()["code"] == "data_node_unreadable"
    # The path is an argument of read_fct, which may be a secret.
    assert "failed: FileNotFoundError: [Errno 2]" in response.json()["message"]


def test_a_job_reads_what_is_there_without_a_first_write(
    shelves: StartedServer, drawer: Path
) -> None:
    drawer.write_text("[7]")
    drawn = shelves.create("drawn")

    submission = shelves.submit(drawn["sequences"]["all"]["id"])

    assert submission["status"] == "COMPLETED"
    assert read(shelves, drawn["node_of"]["doubled"]).json() == {"data": [7]}


@pytest.fixture
def ledger(shelves: StartedServer, shelf: dict[str, str]) -> str:
    """A data node of a table that has one row."""
    with closing(sqlite3.connect(shelves.folder / "ledger.db")) as database, database:
        database.execute("DROP TABLE IF EXISTS entries")
        database.execute("CREATE TABLE entries (who TEXT, sum INTEGER)")
        database.execute("INSERT INTO entries VALUES ('anna', 1)")
    return shelf["ledger"]


def test_a_table_of_a_database_is_read_written_and_appended_to(
    shelves: StartedServer, ledger: str
) -> None:
    there = read(shelves, ledger).json()
    added = shelves.http.post(f"{PATH}/{ledger}/append", json=[{"who": "bert", "sum": 2}])
    both = read(shelves, ledger, "?where=sum:GREATER_THAN:1").json()
    written = write(shelves, ledger, [{"who": "carl", "sum": 3}])

    assert there == {"data": [{"who": "anna", "sum": 1}]}
    assert added.status_code == written.status_code == 200, added.text
    assert both == {"data": [{"who": "bert", "sum": 2}]}
    with closing(sqlite3.connect(shelves.folder / "ledger.db")) as database:
        rows = database.execute("SELECT who, sum FROM entries").fetchall()
    assert rows == [("carl", 3)]
    edits = shelves.http.get(f"{PATH}/{ledger}/edits").json()["results"]
    assert [edit["editor_id"] for edit in edits] == ["anyone", "anyone", None]


def test_of_appends_to_a_table_at_one_time_each_lands_or_is_refused(
    shelves: StartedServer, ledger: str
) -> None:
    def append(number: int) -> int:
        row = [{"who": "d", "sum": number}]
        return shelves.http.post(f"{PATH}/{ledger}/append", json=row).status_code

    with ThreadPoolExecutor(5) as threads:
        statuses = list(threads.map(append, range(10, 20)))

    landed = [row["sum"] for row in read(shelves, ledger).json()["data"] if row["sum"] >= 10]
    assert set(statuses) <= {200, 409}
    assert len(landed) == statuses.count(200)
    assert show(shelves, ledger)["edit_in_progress"] is False


def test_the_encoder_of_a_config_runs_in_a_worker(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    path = f"{PATH}/{shelf['coded']}"

    written = write(shelves, shelf["coded"], {"a": 1})
    first = shelves.http.get(f"{path}/download").json()
    appended = shelves.http.post(f"{path}/append", json={"b": 2})
    second = shelves.http.get(f"{path}/download").json()

    assert written.status_code == appended.status_code == 200, appended.text
    assert {**first, "by": 0} == {"a": 1, "by": 0}
    assert {**second, "by": 0} == {"a": 1, "b": 2, "by": 0}
    assert shelves.process.pid not in (first["by"], second["by"])


def test_of_appends_by_workers_at_one_time_each_lands_or_is_refused(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    path = f"{PATH}/{shelf['coded']}/append"

    with ThreadPoolExecutor(5) as threads:
        answers = list(
            threads.map(lambda number: shelves.http.post(path, json=[number]), range(15))
        )

    landed = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert landed != []
    assert sorted(read(shelves, shelf["coded"]).json()["data"]) == landed


def test_a_fault_never_names_a_secret(shelves: StartedServer, shelf: dict[str, str]) -> None:
    for response in (
        read(shelves, shelf["vault"]),
        write(shelves, shelf["vault"], [{"a": 1}]),
        shelves.http.post(f"{PATH}/{shelf['vault']}/append", json=[{"a": 1}]),
    ):
        assert response.status_code in {400, 409, 503}, response.text
        assert "sesame" not in response.text
