"""Scenarios side by side: which inputs differ and where, and their outcomes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from builders import Clock
from scenarist.config import Application, ConfigRegistry, Outcome
from scenarist.domain.entities import Scenario
from scenarist.domain.errors import InvalidError, NotFoundError
from scenarist.domain.permissions import ANYONE, Actor, Role
from scenarist.executors.inline import InlineExecutor
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services import side_by_side
from scenarist.services.input_differences import InputSideBySide
from scenarist.services.scenarios import NewScenario
from scenarist.services.side_by_side import ScenariosSideBySide
from scenarist.storage.operations.differences import Part

RITA = Actor("rita", frozenset({Role.READER}))
LARGE = pd.DataFrame({"day": [f"day {at}" for at in range(9_000)], "sold": range(9_000)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("side by side")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    settings = Settings(database=f"sqlite:///{folder}/one.db", storage=str(folder / "data"))
    application = Application(registry=make_registry(folder), search_path=())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with composition.open_server(
            application, settings, make_executor=InlineExecutor, now=Clock()
        ) as opened:
            yield opened


def make_registry(folder: Path) -> ConfigRegistry:
    registry = ConfigRegistry()
    schema = {"type": "number", "title": "Growth", "unit": "%"}
    growth = registry.configure_json_data_node("growth", default_data=0.1, schema=schema)
    rows = registry.configure_json_data_node("rows", default_data=[{"price": 8}, {"price": 9}])
    table = registry.configure_data_node("table", default_data=LARGE)
    named = registry.configure_json_data_node(
        "named", default_path=f"{folder}/{{scenario.id}}.json"
    )
    total = registry.configure_data_node("total")
    copying = registry.configure_task("copy", "copy:copy", growth, total)
    outcomes = {"growth": Outcome("growth", unit="%", direction="maximize")}
    common = registry.configure_json_data_node("common", default_path=f"{folder}/common.json")
    registry.configure_scenario("sharing", None, [common])
    registry.configure_scenario("quarter", [copying], [rows, table, named], outcomes=outcomes)
    registry.configure_scenario("other", None, [rows, total])
    return registry


def make(server: Server, config_id: str = "quarter", **inputs: Any) -> Scenario:
    return server.services.inputs.create_scenario(
        ANYONE, NewScenario(config_id=config_id), inputs
    ).scenario


def compare(server: Server, *scenarios: Scenario, **options: Any) -> ScenariosSideBySide:
    ids = [scenario.id for scenario in scenarios]
    return server.services.side_by_side.compare(RITA, ids, **options)


def by_name(found: ScenariosSideBySide) -> dict[str, InputSideBySide]:
    return {item.name: item for item in found.inputs}


def test_only_the_inputs_that_differ_are_returned(server: Server) -> None:
    one, other = make(server), make(server, growth=0.3)

    found = compare(server, one, other)

    (growth,) = found.inputs
    assert (growth.name, growth.title, growth.unit) == ("growth", "Growth", "%")
    assert growth.differs
    assert [growth.values[each.id].value for each in (one, other)] == ["0.1", "0.3"]


def test_with_all_those_that_are_the_same_are_returned_too(server: Server) -> None:
    found = by_name(compare(server, make(server), make(server), with_equal=True))

    assert list(found) == ["growth", "rows", "table", "named"]
    assert [item.differs for item in found.values()] == [False] * 4


def test_values_are_compared_by_place(server: Server) -> None:
    one, other = make(server), make(server, rows=[{"price": 8}, {"price": 10, "tax": 1}, {}])

    rows = by_name(compare(server, one, other))["rows"]

    assert rows.details is not None
    assert {place.pointer: place.parts for place in rows.details.first} == {
        "/1/price": [Part(value=9), Part(value=10)],
        "/1/tax": [Part(is_missing=True), Part(value=1)],
        "/2": [Part(is_missing=True), Part(value={})],
    }
    assert list(rows.order) == [one.id, other.id]


def test_a_large_table_is_compared_by_a_worker(server: Server) -> None:
    one, other = make(server), make(server)
    changed = LARGE.to_dict("records")
    changed[7_000]["sold"] = -1
    server.services.inputs.change(ANYONE, other.id, {"table": changed})

    table = by_name(compare(server, one, other))["table"]

    assert table.details is not None
    assert [place.pointer for place in table.details.first] == ["/7000/sold"]
    assert table.details.lengths == [9_000, 9_000]


def test_a_file_that_others_may_change_is_compared_as_it_is_now(
    server: Server, folder: Path
) -> None:
    one, other = make(server, named=1), make(server, named=1)
    assert by_name(compare(server, one, other)) == {}

    (folder / f"{other.id}.json").write_text("2")

    named = by_name(compare(server, one, other))["named"]
    assert named.details is not None
    assert named.details.first[0].parts == [Part(value=1), Part(value=2)]


def test_what_has_no_value_says_why(server: Server) -> None:
    one, other = make(server, named=1), make(server)

    named = by_name(compare(server, one, other))["named"]

    value = named.values[other.id]
    assert (value.is_same, value.value) == (False, None)
    assert value.reason == f"data node {value.data_node_id} has no value yet"


def test_it_is_not_known_whether_a_replaced_value_was_the_same(server: Server) -> None:
    one, other = make(server, "sharing", common=1), make(server, "sharing", common=2)

    for base, values in ((one, [True, None]), (other, [None, True])):
        (common,) = compare(server, one, other, base=base.id).inputs
        assert [common.values[each.id].is_same for each in (one, other)] == values
        assert common.differs is None
        assert all(common.values[each.id].reason for each in (one, other) if each != base)


def test_scenarios_of_different_configs_are_compared(server: Server) -> None:
    one, other = make(server), make(server, "other")

    found = by_name(compare(server, one, other))

    assert found["growth"].values[other.id].reason == "the scenario has no data node 'growth'"
    assert "rows" not in found


def test_values_that_cannot_be_read_say_why(server: Server, folder: Path) -> None:
    one, other = make(server, named=1), make(server, named=1)
    (folder / f"{other.id}.json").write_text("no JSON")

    named = by_name(compare(server, one, other))["named"]

    assert named.differs is None
    assert "the values could not be compared" in str(named.values[other.id].reason)


def test_a_value_that_is_deleted_meanwhile_says_so(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make(server), make(server, growth=0.2)
    monkeypatch.setattr(side_by_side, "find_renditions", lambda *_: {})

    growth = by_name(compare(server, one, other))["growth"]

    assert growth.differs is None
    assert growth.values[other.id].reason == (
        "a value was deleted while it was compared; compare again"
    )


def test_more_large_inputs_than_a_request_compares_say_so(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make(server), make(server)
    changed = LARGE.to_dict("records")[1:]
    server.services.inputs.change(ANYONE, other.id, {"table": changed})
    monkeypatch.setattr(side_by_side, "MOST_CALLS", 0)

    table = by_name(compare(server, one, other))["table"]

    assert table.differs is None
    assert "one request compares at most" in str(table.values[other.id].reason)


def test_outcomes_have_their_difference_from_the_base(server: Server) -> None:
    one, other = make(server), make(server, growth=0.3)

    found = compare(server, one, other, base=one.id).outcomes["growth"]

    assert (found[one.id].difference, found[one.id].percent) == (0, 0)
    assert (found[other.id].difference, found[other.id].percent) == (0.2, 200)


def test_without_a_number_on_both_sides_there_is_no_difference(server: Server) -> None:
    one, other = make(server, growth=0), make(server, "other")
    third = make(server, growth=2)

    found = compare(server, one, other, third).outcomes["growth"]

    assert (found[other.id].outcome, found[other.id].difference) == (None, None)
    assert (found[third.id].difference, found[third.id].percent) == (2, None)


def test_the_columns_of_a_table_are_returned_if_asked_for(server: Server) -> None:
    one, other = make(server), make(server, rows=[{"price": 1}])

    table = compare(server, one, other, table="rows").table

    assert table is not None
    assert table.columns.numbers == {"price": [[8.0, 9.0], [1.0]]}
    assert list(table.order) == [one.id, other.id]


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (1, {}, "give the identifiers of 2 to 20 scenarios to compare; got 1"),
        (2, {"base": "SCENARIO_x"}, "the base 'SCENARIO_x' is none of the compared scenarios"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(
    server: Server, count: int, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidError, match=message):
        compare(server, *[make(server) for _ in range(count)], **options)


def test_a_scenario_is_given_once(server: Server) -> None:
    one = make(server)
    with pytest.raises(InvalidError, match="given more than once"):
        compare(server, one, one)


def test_unknown_scenarios_and_data_nodes_are_not_found(server: Server) -> None:
    one, other = make(server), make(server)
    with pytest.raises(NotFoundError, match="SCENARIO_x"):
        server.services.side_by_side.compare(RITA, [one.id, "SCENARIO_x"])
    with pytest.raises(NotFoundError, match="none of the scenarios has a data node 'x'"):
        compare(server, one, other, table="x")
