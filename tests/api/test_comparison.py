"""Comparing scenarios by the comparators of their config, against a started server."""

from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/scenarios"


def rated(server: StartedServer, given: int) -> dict[str, Any]:
    """A scenario whose data nodes have values that follow from a number."""
    scenario = server.create("rated")
    for name in ("given", "noted", "lengthy"):
        written = server.http.put(
            f"/api/v1/datanodes/{scenario['node_of'][name]}/write", json=given
        )
        assert written.status_code == 200, written.text
    server.submit(scenario["sequences"]["scoring"]["id"])
    return scenario


@pytest.fixture(scope="module")
def three(server: StartedServer) -> list[str]:
    """Scenarios whose scores are 31, 11 and 21."""
    return [rated(server, number)["id"] for number in (30, 10, 20)]


def compare(
    server: StartedServer, scenario_ids: list[str], *names: str
) -> tuple[int, dict[str, Any]]:
    body: dict[str, Any] = {"scenario_ids": scenario_ids}
    if names:
        body["data_node_config_ids"] = list(names)
    response = server.http.post(f"{PATH}/compare", json=body)
    answer: dict[str, Any] = response.json()
    return response.status_code, answer


def test_each_comparator_gets_the_values_in_the_order_of_the_scenarios(
    server: StartedServer, three: list[str]
) -> None:
    assert compare(server, three, "scored") == (
        200,
        {"comparisons": {"scored": {"in_order": [31, 11, 21], "span": 20}}},
    )
    assert compare(server, [three[1], three[0]], "scored")[1] == {
        "comparisons": {"scored": {"in_order": [11, 31], "span": 20}}
    }


def test_a_result_of_any_length_comes_whole_and_leaves_no_file(
    server: StartedServer, three: list[str]
) -> None:
    status, answer = compare(server, three, "lengthy", "lengthy")

    assert status == 200
    assert answer["comparisons"]["lengthy"]["at_length"] == list(range(50_000))
    assert list((server.folder / "data").rglob("COMPARISON/*")) == []


def test_a_comparator_that_fails_is_409_with_its_reason(
    server: StartedServer, three: list[str]
) -> None:
    status, problem = compare(server, three, "given")

    assert (status, problem["code"]) == (409, "comparator_failed")
    assert "pipelines:fail" in problem["message"]
    assert "no luck with (30, 10, 20)" in problem["message"]


def test_a_result_that_json_cannot_hold_is_409(server: StartedServer, three: list[str]) -> None:
    status, problem = compare(server, three, "noted")

    assert (status, problem["code"]) == (409, "comparator_failed")
    assert "cannot be written as json" in problem["message"]


def test_comparators_that_fail_leave_the_results_of_the_others(
    server: StartedServer, three: list[str]
) -> None:
    server.http.patch(f"{PATH}/{three[1]}", json={"name": "the <b>second</b>"})

    status, answer = compare(server, three)

    assert status == 200
    assert answer["comparisons"]["scored"] == {"in_order": [31, 11, 21], "span": 20}
    assert list(answer["comparisons"]) == ["scored", "lengthy"]
    assert [
        (error["data_node_config_id"], error["comparator"], error["code"])
        for error in answer["errors"]
    ] == [("given", "fail", "comparator_failed"), ("noted", "unstorable", "comparator_failed")]
    assert answer["errors"][0]["message"] == (
        "comparator pipelines:fail of data node 'given' failed: "
        "ValueError: no luck with (30, 10, 20); it was called with "
        f"30 of scenario {three[0]}, 10 of scenario 'the <b>second</b>', 20 of scenario {three[2]}"
    )


def test_a_comparison_without_any_result_is_409_with_all_reasons(
    server: StartedServer, three: list[str]
) -> None:
    status, problem = compare(server, three, "given", "noted")

    assert (status, problem["code"]) == (409, "comparator_failed")
    assert [error["field"] for error in problem["errors"]] == ["given.fail", "noted.unstorable"]


def test_a_value_that_is_missing_is_409_and_named_when_nothing_else_is_compared(
    server: StartedServer, three: list[str]
) -> None:
    unwritten = server.create("rated")

    status, problem = compare(server, [three[0], unwritten["id"]], "scored")

    assert (status, problem["code"]) == (409, "data_node_not_written")
    assert unwritten["node_of"]["scored"] in problem["message"]


def test_a_value_that_is_missing_leaves_the_results_over_other_values(
    server: StartedServer, three: list[str]
) -> None:
    begun = server.create("rated")
    server.http.put(f"/api/v1/datanodes/{begun['node_of']['lengthy']}/write", json=1)

    status, answer = compare(server, [three[0], begun["id"]], "scored", "lengthy")

    assert status == 200
    assert list(answer["comparisons"]) == ["lengthy"]
    (error,) = answer["errors"]
    assert (error["data_node_config_id"], error["comparator"]) == ("scored", None)
    assert error["code"] == "data_node_not_written"


def test_scenarios_that_cannot_be_compared_are_refused(
    server: StartedServer, three: list[str], chain: dict[str, Any]
) -> None:
    other_chain = server.create("chain")["id"]

    answers = [
        compare(server, three[:1]),
        compare(server, []),
        compare(server, [three[0], three[0]]),
        compare(server, [three[0], chain["id"]]),
        compare(server, [chain["id"], other_chain]),
        compare(server, three, "scored", "kept"),
    ]

    assert [status for status, _ in answers] == [400] * 6
    for (_, problem), said in zip(
        answers,
        [
            "got 1",
            "got 0",
            "more than once",
            "of rated, chain",
            "with comparators: none",
            "scored, given, noted, lengthy",
        ],
        strict=True,
    ):
        assert said in f"{problem['message']} {problem['errors'][0]['message']}"


def test_an_unknown_scenario_is_404_and_named(server: StartedServer, three: list[str]) -> None:
    status, problem = compare(server, [three[0], "SCENARIO_nope"])

    assert status == 404
    assert "SCENARIO_nope" in problem["message"]


def test_a_list_of_nothing_to_compare_is_refused(server: StartedServer, three: list[str]) -> None:
    body = {"scenario_ids": three, "data_node_config_ids": []}

    response = server.http.post(f"{PATH}/compare", json=body)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "data_node_config_ids"


def test_a_client_cannot_name_a_function(server: StartedServer, three: list[str]) -> None:
    body = {"scenario_ids": three, "function": "os:getcwd"}

    response = server.http.post(f"{PATH}/compare", json=body)

    assert response.status_code == 400
    assert "unknown field function" in response.json()["message"]
