"""Appending to values over REST."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/datanodes"


def append(server: StartedServer, node: str, value: Any) -> Any:
    return server.http.post(f"{PATH}/{node}/append", content=json.dumps(value))


def read(server: StartedServer, node: str) -> Any:
    return server.http.get(f"{PATH}/{node}/read").json()["data"]


@pytest.mark.parametrize("kind", ["items", "sheet", "pillars", "posted", "notes"])
def test_rows_are_added_to_a_table_and_the_first_ones_make_it(
    shelves: StartedServer, shelf: dict[str, str], kind: str
) -> None:
    (shelves.folder / "posted.csv").unlink(missing_ok=True)
    node = shelf[kind]

    first = append(shelves, node, [{"a": 1, "b": "x"}])
    second = append(shelves, node, [{"a": 2, "b": "y"}, {"a": 3, "b": "z"}])

    assert first.status_code == second.status_code == 200, second.text
    assert second.json()["message"] == f"Data node {node} was successfully appended to."
    assert read(shelves, node) == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "y"},
        {"a": 3, "b": "z"},
    ]
    newest = shelves.http.get(f"{PATH}/{node}").json()["datanode"]["last_edit_id"]
    assert newest == second.json()["edit_id"]


def test_rows_are_added_to_a_file_that_was_there_before_its_first_edit(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    (shelves.folder / "posted.csv").write_text("a\n1\n")

    append(shelves, shelf["posted"], [{"a": 2}])

    assert (shelves.folder / "posted.csv").read_text() == "a\n1\n2\n"


@pytest.mark.parametrize(
    ("before", "added", "after"),
    [
        ([1], [2, 3], [1, 2, 3]),
        ([1], 2, [1, 2]),
        ([1], [[2]], [1, [2]]),
        ({"a": 1, "b": 1}, {"b": 2, "c": 3}, {"a": 1, "b": 2, "c": 3}),
    ],
)
def test_a_list_and_an_object_grow(
    shelves: StartedServer, shelf: dict[str, str], before: Any, added: Any, after: Any
) -> None:
    append(shelves, shelf["notes"], before)

    response = append(shelves, shelf["notes"], added)

    assert response.status_code == 200, response.text
    assert read(shelves, shelf["notes"]) == after


@pytest.mark.parametrize(
    ("kind", "before", "added"),
    [
        ("notes", {"a": 1}, [1]),
        ("notes", "text", "more"),
        ("items", [{"a": 1}], [{"other": 2}]),
        ("items", [{"a": 1}], 5),
        ("pillars", [{"a": 1}], [{"other": 2}]),
    ],
)
def test_what_does_not_go_together_is_400_and_changes_nothing(
    shelves: StartedServer, shelf: dict[str, str], kind: str, before: Any, added: Any
) -> None:
    shelves.http.put(f"{PATH}/{shelf[kind]}/write", json=before)

    response = append(shelves, shelf[kind], added)

    assert response.status_code == 400, response.text
    assert read(shelves, shelf[kind]) == before


@pytest.mark.parametrize("kind", ["loose", "recalled", "jar", "drawer"])
def test_where_nothing_can_be_appended_it_is_409(
    shelves: StartedServer, shelf: dict[str, str], kind: str
) -> None:
    response = append(shelves, shelf[kind], [1])

    assert response.status_code == 409
    assert response.json()["code"] == "append_not_supported"


@pytest.mark.parametrize("kind", ["items", "notes", "posted"])
def test_of_appends_at_one_time_all_land(
    shelves: StartedServer, shelf: dict[str, str], kind: str
) -> None:
    (shelves.folder / "posted.csv").unlink(missing_ok=True)
    node = shelf[kind]

    with ThreadPoolExecutor(10) as threads:
        answers = list(
            threads.map(lambda number: append(shelves, node, [{"number": number}]), range(10))
        )

    assert [answer.status_code for answer in answers] == [200] * 10, answers
    assert sorted(row["number"] for row in read(shelves, node)) == list(range(10))
    edits = shelves.http.get(f"{PATH}/{node}/edits").json()["results"]
    assert len(edits) == 10
    assert edits[0]["id"] == shelves.http.get(f"{PATH}/{node}").json()["datanode"]["last_edit_id"]


@pytest.mark.parametrize("text", ["", "{", "NaN", '"\\ud800"', "[" * 100_000])
def test_a_body_that_is_not_json_is_400(
    shelves: StartedServer, shelf: dict[str, str], text: str
) -> None:
    response = shelves.http.post(f"{PATH}/{shelf['notes']}/append", content=text)

    assert response.status_code == 400


@pytest.mark.parametrize("kind", ["notes", "items", "sheet", "pillars", "loose", "recalled"])
@pytest.mark.parametrize(
    "text",
    [
        "1" * 4000,
        "-" + "9" * 40,
        "1.5e308",
        '"\\u0000"',
        '"\\uffff"',
        "[" * 200 + "]" * 200,
        '{"": {"": {}}}',
        '[{"a": [1, {"b": null}]}]',
        '[{"a": 99999999999999999999999999}]',
        '[{"a": "\\u0000"}, {"a": "x"}]',
        '[{"": 1}]',
        '[{"a": 1}, {"b": "=1+1"}]',
        "[]",
        "[[]]",
        "[{}]",
        '{"a": []}',
    ],
)
def test_no_value_breaks_the_server(
    shelves: StartedServer, shelf: dict[str, str], kind: str, text: str
) -> None:
    path = f"{PATH}/{shelf[kind]}"

    for method, act in (("PUT", "write"), ("POST", "append"), ("GET", "read")):
        content = None if act == "read" else text
        response = shelves.http.request(method, f"{path}/{act}", content=content)

        assert response.status_code in {200, 400, 404, 409}, response.text
    assert shelves.http.get(path).status_code == 200
    assert shelves.http.get(f"{path}/edits").status_code == 200
