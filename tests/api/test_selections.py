"""Reading parts of values: conditions, columns and limits, in the query and as documented."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from servers import StartedServer

PATH = "/api/v1/datanodes"
ROWS: list[dict[str, Any]] = [
    {"city": "Bonn", "temp": 21.5, "wet": True},
    {"city": "Graz", "temp": 18.0, "wet": False},
    {"city": "Bonn", "temp": 21.5, "wet": True},
    {"city": "Kiel", "temp": None, "wet": True},
]
BONN, GRAZ, KIEL = ROWS[0], ROWS[1], ROWS[3]


@pytest.fixture(scope="module", params=["notes", "items", "sheet", "pillars", "loose", "recalled"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def node(shelves: StartedServer, kind: str) -> str:
    made: str = shelves.create("shelf")["node_of"][kind]
    assert shelves.http.put(f"{PATH}/{made}/write", json=ROWS).status_code == 200
    return made


@pytest.fixture(scope="module")
def table(shelves: StartedServer) -> str:
    made: str = shelves.create("shelf")["node_of"]["items"]
    shelves.http.put(f"{PATH}/{made}/write", json=ROWS)
    return made


def read(server: StartedServer, node: str, query: str) -> Any:
    response = server.http.get(f"{PATH}/{node}/read?{query}")
    assert response.status_code == 200, response.text
    return response.json()["data"]


def read_with(server: StartedServer, node: str, body: str) -> Any:
    return server.http.request("GET", f"{PATH}/{node}/read", content=body)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ROWS),
        ("where=city:EQUAL:Bonn", [BONN, BONN]),
        ("where=city:equal:Bonn", [BONN, BONN]),
        ("where=city:NOT_EQUAL:Bonn", [GRAZ, KIEL]),
        ("where=temp:GREATER_THAN:18", [BONN, BONN]),
        ("where=temp:GREATER_OR_EQUAL:18", [BONN, GRAZ, BONN]),
        ("where=temp:LESS_THAN:21.5", [GRAZ]),
        ("where=temp:LESS_OR_EQUAL:21.5", [BONN, GRAZ, BONN]),
        ("where=temp:EQUAL:null", [KIEL]),
        ("where=wet:EQUAL:false", [GRAZ]),
        ("where=city:EQUAL:Bonn&where=temp:LESS_THAN:20", []),
        ("where=city:EQUAL:Kiel&where=temp:LESS_THAN:20&join_operator=or", [GRAZ, KIEL]),
        ("limit=2", ROWS[:2]),
        ("where=city:EQUAL:Bonn&limit=1", [BONN]),
        ("columns=city", [{"city": row["city"]} for row in ROWS]),
        ("columns=wet,city&limit=1", [{"wet": True, "city": "Bonn"}]),
        ("columns=wet&columns=city,wet&limit=1", [{"wet": True, "city": "Bonn"}]),
    ],
)
def test_conditions_columns_and_limits_choose_of_every_storage(
    shelves: StartedServer, node: str, query: str, expected: list[dict[str, Any]]
) -> None:
    assert read(shelves, node, query) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ROWS),
        ({"operators": []}, ROWS),
        ({"operators": [{"key": "city", "operator": "EQUAL", "value": "Graz"}]}, [GRAZ]),
        (
            {
                "operators": [
                    {"key": "city", "operator": "equal", "value": "Graz"},
                    {"key": "temp", "operator": "GREATER_THAN", "value": 20},
                ],
                "join_operator": "or",
            },
            ROWS[:3],
        ),
        (
            {
                "operators": [
                    {"key": "city", "operator": "EQUAL", "value": "Graz"},
                    {"key": "temp", "operator": "GREATER_THAN", "value": 20},
                ]
            },
            [],
        ),
    ],
)
def test_the_documented_body_chooses_as_well(
    shelves: StartedServer, table: str, body: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    response = read_with(shelves, table, json.dumps(body))

    assert response.json() == {"data": expected}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("{", "byte"),
        ("[]", "array"),
        ('{"operators": 5}', "operators"),
        ('{"operators": [{"key": "city"}]}', "operators[0]"),
        ('{"operators": [{"key": 5, "operator": "EQUAL", "value": 1}]}', "operators[0].key"),
        ('{"operators": [{"key": "city", "operator": "LIKE", "value": 1}]}', "EQUAL"),
        ('{"operators": [{"key": "city", "operator": "EQUAL", "value": [1]}]}', "value"),
        ('{"operators": [], "join_operator": "XOR"}', "AND"),
        ('{"operators": [], "limit": 1}', "limit"),
        ('{"operators": [{"key": "temp", "operator": "EQUAL", "value": NaN}]}', "byte"),
        ('{"operators": [{"key": "a", "operator": "EQUAL", "value": ' + "[" * 100_000, "nested"),
    ],
)
def test_a_body_that_cannot_be_is_400_and_says_where(
    shelves: StartedServer, table: str, body: str, place: str
) -> None:
    response = read_with(shelves, table, body)

    assert response.status_code == 400, response.text
    assert place in response.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("where=city", "KEY:OPERATOR:VALUE"),
        ("where=city:LIKE:B", "KEY:OPERATOR:VALUE"),
        ("where=nope:EQUAL:1", "'nope'"),
        ("columns=nope", "'nope'"),
        ("columns=", "''"),
        ("where=temp:GREATER_THAN:warm", "'temp'"),
        ("where=temp:LESS_THAN:null", "null"),
        ("where=city:EQUAL:[1,[2]]", "a list"),
        ("where=city:EQUAL:{}", "an object"),
        ("join_operator=XOR", "AND, OR"),
        ("limit=0", "limit"),
        ("limit=1000001", "limit"),
        ("limit=99999999999999999999999999", "limit"),
        ("&".join(["where=temp:EQUAL:1"] * 21), "21"),
        ("where=temp:EQUAL:" + "1" * 400, ""),
        ("where=%00:EQUAL:%00", "\\x00"),
    ],
)
def test_a_query_that_cannot_be_is_400_and_says_what(
    shelves: StartedServer, table: str, query: str, said: str
) -> None:
    response = shelves.http.get(f"{PATH}/{table}/read?{query}")

    if said:
        assert response.status_code == 400, response.text
        assert said in response.text
    else:
        assert response.json() == {"data": []}


@pytest.mark.parametrize(
    "value", ["NaN", "1e999", "-1e999", "1" * 5000, "\x00", "\ufffe", "[" * 3000, '"', "x" * 9000]
)
@pytest.mark.parametrize("key", ["city", "temp", "wet"])
def test_no_value_of_a_condition_breaks_the_server(
    shelves: StartedServer, node: str, key: str, value: str
) -> None:
    query = f"where={key}:NOT_EQUAL:{quote(value)}"

    response = shelves.http.get(f"{PATH}/{node}/read?{query}")

    assert response.status_code in {200, 400}, response.text
    if key == "city":
        assert response.status_code == 200 or value == "1" * 5000, response.text


def test_a_text_with_colons_is_compared_as_it_is(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    rows = [{"at:city": "EQUAL:12:30"}, {"at:city": "5"}]
    shelves.http.put(f"{PATH}/{shelf['notes']}/write", json=rows)

    assert read(shelves, shelf["notes"], "where=at:city:EQUAL:EQUAL:12:30") == rows[:1]
    assert read(shelves, shelf["notes"], 'where=at:city:EQUAL:"5"') == rows[1:]


@pytest.mark.parametrize(("count", "status"), [(20, 200), (21, 400)])
def test_a_body_has_up_to_20_conditions(
    shelves: StartedServer, table: str, count: int, status: int
) -> None:
    operators = [{"key": "city", "operator": "NOT_EQUAL", "value": "x"}] * count

    response = shelves.http.request("GET", f"{PATH}/{table}/read", json={"operators": operators})

    assert response.status_code == status, response.text


def test_conditions_in_the_query_and_in_the_body_are_400(
    shelves: StartedServer, table: str
) -> None:
    response = shelves.http.request(
        "GET", f"{PATH}/{table}/read?where=city:EQUAL:Bonn", json={"operators": []}
    )

    assert response.status_code == 400
    assert "in the query and in the body" in response.json()["message"]


@pytest.mark.parametrize("kind", ["notes", "loose"])
@pytest.mark.parametrize("value", ["5", '"text"', "null", '{"a": [1]}', "[1, 2]"])
def test_what_is_no_table_cannot_be_filtered(
    shelves: StartedServer, shelf: dict[str, str], kind: str, value: str
) -> None:
    shelves.http.put(f"{PATH}/{shelf[kind]}/write", content=value)

    response = shelves.http.get(f"{PATH}/{shelf[kind]}/read?where=a:EQUAL:1")

    assert response.status_code == 400
    assert "only tables and lists of objects" in response.json()["message"]


def test_a_large_pickled_table_is_chosen_from_whole(shelves: StartedServer) -> None:
    crowded = shelves.create("crowded")
    shelves.submit(crowded["sequences"]["all"]["id"])
    crowd = crowded["node_of"]["crowd"]

    preview = shelves.http.get(f"{PATH}/{crowd}/read").json()
    last = read(shelves, crowd, "where=number:GREATER_OR_EQUAL:49999")
    many = shelves.http.get(f"{PATH}/{crowd}/read?columns=number&limit=40000").json()
    refused = shelves.http.get(f"{PATH}/{crowd}/read?columns=nope")

    assert preview["truncated"] is True
    assert last == [{"number": 49999, "text": "some text"}]
    assert many == {"data": [{"number": number} for number in range(40000)]}
    assert refused.status_code == 400
    assert "'nope'" in refused.json()["message"]


def test_a_column_of_nothing_but_missing_cells_comes_out_as_null(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    shelves.http.post(
        f"{PATH}/{shelf['notes']}/upload", content='[{"a": null, "b": 1e999}, {"a": -1e999}]'
    )
    shelves.http.post(f"{PATH}/{shelf['items']}/upload", content="a,b\n,\n1,inf\n")

    notes = shelves.http.get(f"{PATH}/{shelf['notes']}/read")
    items = shelves.http.get(f"{PATH}/{shelf['items']}/read")

    assert notes.json() == {"data": [{"a": None, "b": None}, {"a": None}]}
    assert items.json() == {"data": [{"a": None, "b": None}, {"a": 1, "b": None}]}
    assert "NaN" not in notes.text + items.text


def test_the_tag_of_a_part_is_its_own_and_is_honoured(shelves: StartedServer, table: str) -> None:
    path = f"{PATH}/{table}/read"
    whole = shelves.http.get(path).headers["etag"]
    part = shelves.http.get(f"{path}?limit=1").headers["etag"]

    known = shelves.http.get(f"{path}?limit=1", headers={"If-None-Match": part})
    other = shelves.http.get(f"{path}?limit=2", headers={"If-None-Match": part})
    shelves.http.put(f"{PATH}/{table}/write", json=ROWS)
    after = shelves.http.get(path, headers={"If-None-Match": whole})

    assert whole != part
    assert known.status_code == 304
    assert other.status_code == after.status_code == 200


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("at:EQUAL:2026-01-31T10:00:00Z", [1]),
        ("at:EQUAL:2026-01-31T11:00:00%2B01:00", [1]),
        ("at:GREATER_THAN:2026-01-31T10:00:00Z", [2]),
        ("at:LESS_THAN:2026-02-01", [1, 2]),
        ("price:LESS_OR_EQUAL:1.1", [3]),
        ("price:GREATER_THAN:1.1", []),
    ],
)
def test_a_small_pickled_value_is_compared_by_its_types_and_not_as_the_text_that_is_shown(
    shelves: StartedServer, condition: str, expected: list[int]
) -> None:
    node = shelves.create("shelf")["node_of"]["dated"]

    assert [row["n"] for row in read(shelves, node, f"where={condition}")] == expected
