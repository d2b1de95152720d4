"""Outcomes of scenarios, and their comparison side by side, against a started server."""

from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/scenarios"


def make(server: StartedServer, start: object, *, name: str) -> dict[str, Any]:
    """Create a scenario, run it, and return it."""
    body = {"config_id": "judged", "name": name, "inputs": {"start": start}}
    scenario_id = server.http.post(PATH, json=body).json()["scenario"]["id"]
    submit = f"{PATH}/submit/{scenario_id}"
    answer = server.http.post(submit, headers={"Prefer": "wait=30"}).json()
    assert answer["submission"]["status"] == "COMPLETED"
    made: dict[str, Any] = server.http.get(f"{PATH}/{scenario_id}").json()["scenario"]
    return made


@pytest.fixture(scope="module")
def two(server: StartedServer) -> tuple[dict[str, Any], dict[str, Any]]:
    return make(server, 1, name="side one"), make(server, 4, name="side two")


def test_a_scenario_shows_its_outcomes(two: tuple[dict[str, Any], ...]) -> None:
    data_node_id = two[0]["outcomes"]["pieces"].pop("data_node_id")

    assert data_node_id.startswith("DATANODE_middle_")
    assert two[0]["outcomes"] == {
        "pieces": {
            "value": 2.0,
            "unit": "pieces",
            "direction": "maximize",
            "title": "Pieces",
            "is_stale": False,
            "reason": None,
        }
    }


def test_a_config_shows_its_outcomes(server: StartedServer) -> None:
    found = server.http.get("/api/v1/configs/scenarios/judged").json()["config"]

    assert found["outcomes"] == {
        "pieces": {
            "data_node": "middle",
            "pointer": "",
            "unit": "pieces",
            "direction": "maximize",
            "title": "Pieces",
        }
    }


def test_lists_are_sorted_and_bounded_by_outcomes(
    server: StartedServer, two: tuple[dict[str, Any], ...]
) -> None:
    def names(query: str) -> list[str]:
        found = server.http.get(f"{PATH}?name=side one&name=side two&{query}").json()["results"]
        return [scenario["name"] for scenario in found]

    assert names("sort=outcomes.pieces") == ["side one", "side two"]
    assert names("sort=-outcomes.pieces") == ["side two", "side one"]
    assert names("outcomes.pieces_min=2.5") == ["side two"]
    assert names("outcomes.pieces_min=2&outcomes.pieces_max=2") == ["side one"]


def test_pages_follow_the_order_of_an_outcome(
    server: StartedServer, two: tuple[dict[str, Any], ...]
) -> None:
    page = f"{PATH}?sort=-outcomes.pieces&name=side one&name=side two&limit=1"
    first = server.http.get(page).json()
    second = server.http.get(f"{page}&cursor={first['next']}").json()

    found = [page["results"][0]["name"] for page in (first, second)]
    assert found == ["side two", "side one"]


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("sort=outcomes.nope", "outcome_unknown", "no outcome 'nope'; there are: pieces"),
        ("outcomes.nope_min=1", "outcome_unknown", "no outcome 'nope'; there are: pieces"),
        ("outcomes.pieces=1", "parameter_unknown", "write outcomes.NAME_min or outcomes.NAME_max"),
        ("outcomes.pieces_min=x", "invalid", "outcomes.pieces_min 'x' is not a number"),
        ("outcomes.pieces_min=inf", "invalid", "is not a number"),
        ("outcomes.pieces_min=1_0", "invalid", "is not a number"),
        ("outcomes.pieces_min=%D9%A3", "invalid", "is not a number"),
        ("outcomes.pieces_min=1&outcomes.pieces_min=2", "parameter_repeated", "give it once"),
        ("sort=outcome", "invalid", "sort it by creation_date, name, outcomes.NAME"),
    ],
)
def test_a_list_by_what_is_no_outcome_is_refused(
    server: StartedServer, query: str, code: str, message: str
) -> None:
    response = server.http.get(f"{PATH}?{query}")

    assert response.status_code == 400
    assert response.json()["code"] == code
    assert message in response.json()["message"]


def test_a_cursor_of_another_sort_is_refused(
    server: StartedServer, two: tuple[dict[str, Any], ...]
) -> None:
    cursor = server.http.get(f"{PATH}?sort=outcomes.pieces&limit=1").json()["next"]

    response = server.http.get(f"{PATH}?sort=name&limit=1&cursor={cursor}")

    assert response.status_code == 400


def test_scenarios_are_compared_side_by_side(
    server: StartedServer, two: tuple[dict[str, Any], ...]
) -> None:
    one, other = (scenario["id"] for scenario in two)

    found = server.http.get(f"{PATH}/compare?ids={one}&ids={other}&base={other}").json()

    assert found["base"] == other
    assert [scenario["name"] for scenario in found["scenarios"]] == ["side one", "side two"]
    (start,) = found["inputs"]
    assert (start["name"], start["differs"]) == ("start", True)
    assert start["difference_count"] == 1
    assert start["differences"] == [
        {"pointer": "", "parts": {one: {"value": 1}, other: {"value": 4}}}
    ]
    assert start["values"][one]["value"] == 1
    (pieces,) = found["outcomes"]
    assert (pieces["name"], pieces["direction"]) == ("pieces", "maximize")
    assert (pieces["values"][one]["difference"], pieces["values"][one]["percent"]) == (-3, -60)
    assert pieces["values"][one]["is_stale"] is False
    assert found["table"] is None


def test_with_all_inputs_that_are_the_same_are_shown(
    server: StartedServer, two: tuple[dict[str, Any], ...]
) -> None:
    one = two[0]["id"]
    same = make(server, 1, name="side three")["id"]

    found = server.http.get(f"{PATH}/compare?ids={one}&ids={same}&all=true").json()

    assert [(item["name"], item["differs"]) for item in found["inputs"]] == [("start", False)]


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("ids=x", 400), ("ids=x&ids=x", 400), ("ids=x&ids=y", 404), ("ids=x&id=y", 400)],
)
def test_what_cannot_be_compared_is_refused(server: StartedServer, query: str, status: int) -> None:
    assert server.http.get(f"{PATH}/compare?{query}").status_code == status


def test_a_refused_parameter_is_called_by_its_name(server: StartedServer) -> None:
    response = server.http.get(f"{PATH}/compare?ids=x&ids=y&all=maybe")

    assert response.json()["errors"][0]["field"] == "all"
