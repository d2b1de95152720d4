"""Outcomes as they are declared: in Python, in files, and what check finds in them."""

import json
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import pytest

from scenarist import ConfigRegistry, Outcome


class Row(TypedDict):
    price: float


class Plan(msgspec.Struct):
    total: float
    name: str
    rows: list[Row]
    discount: float | None = None


@pytest.fixture
def registry() -> ConfigRegistry:
    registry = ConfigRegistry()
    registry.configure_data_node("given", schema=float)
    registry.configure_data_node("plan", schema=Plan)
    registry.configure_data_node("free")
    registry.configure_data_node("apart")
    registry.configure_task("make", json.dumps, "given", ["plan", "free"])
    return registry


def found(registry: ConfigRegistry, outcome: Any, name: str = "x") -> list[tuple[str, str]]:
    registry.configure_scenario("quarter", "make", outcomes={name: outcome})
    return [(problem.where.split(": ")[-1], problem.message) for problem in registry.check()]


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome("plan", "/total", unit="€", direction="maximize", title="Total"),
        Outcome("plan", "/rows/3/price"),
        Outcome("plan", "/discount"),
        Outcome("given"),
        Outcome("free", "/anything/0"),
        {"data_node": "plan", "pointer": "/total"},
    ],
)
def test_an_outcome_may_be_any_place_that_the_schema_allows(
    registry: ConfigRegistry, outcome: Any
) -> None:
    assert found(registry, outcome) == []


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (Outcome("plan", "/name"), "no number by its schema: it is string"),
        (Outcome("plan", "/totl"), "there is no 'totl'; did you mean 'total'?"),
        (Outcome("plan", "/rows/price"), "there is a list, which has positions and no 'price'"),
        (Outcome("plan", "/rows/0"), "it is object"),
        (Outcome("given", "/0"), "there is number, which has no '0'"),
        (Outcome("plan"), "the value itself of data node 'plan' is no number"),
        (Outcome("apart"), "the scenario has no data node 'apart'; it has given, plan, free"),
        (Outcome("plann"), "there is no data node 'plann' in this registry; did you mean 'plan'?"),
        (Outcome("plan", "total"), "'total' is not a JSON Pointer"),
        (Outcome("plan", "/total", direction="up"), "'up' is not a direction; use one of maximize"),  # type: ignore[arg-type]
        (Outcome("plan", "/total", unit=5), "the unit 5 is not text"),  # type: ignore[arg-type]
        ({"data_nod": "plan"}, "no key 'data_nod'; did you mean 'data_node'?"),
        ({"pointer": "/total"}, "an outcome needs a data_node"),
        ("/total", "'/total' is not an outcome; write Outcome(data_node, pointer)"),
    ],
)
def test_an_outcome_that_cannot_be_is_reported(
    registry: ConfigRegistry, outcome: Any, message: str
) -> None:
    ((where, said),) = found(registry, outcome)

    assert where == "SCENARIO.quarter.outcomes.x"
    assert message in said


def test_the_name_of_an_outcome_is_a_word(registry: ConfigRegistry) -> None:
    ((where, said),) = found(registry, Outcome("given"), "net total")

    assert where == "SCENARIO.quarter.outcomes"
    assert said == "'net total' is not a name for an outcome; use letters, digits and _"


def test_a_correction_replaces_the_mistake(registry: ConfigRegistry) -> None:
    assert found(registry, Outcome("plann"))

    assert found(registry, Outcome("plan", "/total")) == []


def test_outcomes_are_added_by_name(registry: ConfigRegistry) -> None:
    scenario = registry.configure_scenario("quarter", "make", outcomes={"a": Outcome("given")})

    scenario.outcomes["b"] = Outcome("plan", "/total")  # type: ignore[index]

    assert [item.pointer for item in scenario.outcomes.values()] == ["", "/total"]
    assert registry.check() == []


def test_outcomes_survive_a_file(registry: ConfigRegistry, tmp_path: Path) -> None:
    outcome = Outcome("plan", "/total", unit="€", direction="minimize", title="Total")
    registry.configure_scenario("quarter", "make", outcomes={"total": outcome})
    file = str(tmp_path / "config.toml")

    registry.export(file)
    loaded = ConfigRegistry()
    loaded.load(file)

    assert loaded.scenarios["quarter"].outcomes["total"].as_declared() == outcome.as_declared()


def test_outcomes_are_tables_in_a_file(registry: ConfigRegistry, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[SCENARIO.quarter]\ntasks = ["make:SECTION"]\n'
        '[SCENARIO.quarter.outcomes.total]\ndata_node = "plan"\npointer = "/total"\n'
        'direction = "maximise"\n'
    )
    registry.override(str(file))

    (problem,) = registry.check()

    assert problem.where == f"{file}: SCENARIO.quarter.outcomes.total"
    assert problem.message == "'maximise' is not a direction; use one of maximize, minimize"
