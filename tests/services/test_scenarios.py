"""Many who make, promote and delete scenarios at once, on a database that has none yet."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from builders import Clock
from scenarist.config import ConfigRegistry
from scenarist.db.engine import Database
from scenarist.domain.entities import Scenario
from scenarist.domain.listings import CREATION_DATE, PageRequest, ScenarioFilter
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import Frequency, Scope
from scenarist.services.scenarios import NewScenario, ScenarioService

MANY = 12


@pytest.fixture
def scenarios(database: Database, clock: Clock, tmp_path: Path) -> ScenarioService:
    registry = ConfigRegistry()
    everywhere, by_cycle, own = (
        registry.configure_data_node(f"of_{scope.lower()}", default_data=1, scope=scope)
        for scope in (Scope.GLOBAL, Scope.CYCLE, Scope.SCENARIO)
    )
    task = registry.configure_task("task", "pipelines:add", [everywhere, by_cycle], own)
    registry.configure_scenario("plan", task, frequency=Frequency.QUARTERLY)
    return ScenarioService(
        database, registry, folder=str(tmp_path), now=clock, version="test", zone=ZoneInfo("UTC")
    )


def at_once(work: Callable[[int], Scenario]) -> list[Scenario]:
    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(work, range(MANY)))


def primary_ones(scenarios: ScenarioService) -> list[str]:
    found = scenarios.list_page(
        ANYONE, ScenarioFilter(is_primary=True), PageRequest(limit=100, sort=CREATION_DATE)
    )
    return [scenario.id for scenario in found.items]


def nodes_named(made: Sequence[Scenario], config_id: str) -> set[str]:
    return {
        node_id
        for scenario in made
        for node_id in scenario.data_node_ids
        if node_id.startswith(f"DATANODE_{config_id}_")
    }


def test_scenarios_made_at_once_share_one_cycle_one_primary_and_one_global_data_node(
    scenarios: ScenarioService,
) -> None:
    made = at_once(lambda _: scenarios.create(ANYONE, NewScenario(config_id="plan")))

    assert len({scenario.cycle_id for scenario in made}) == 1
    assert len(primary_ones(scenarios)) == 1
    assert len(nodes_named(made, "of_global")) == 1
    assert len(nodes_named(made, "of_cycle")) == 1
    assert len(nodes_named(made, "of_scenario")) == MANY


def test_of_scenarios_promoted_at_once_one_is_the_primary_one(
    scenarios: ScenarioService,
) -> None:
    made = [scenarios.create(ANYONE, NewScenario(config_id="plan")) for _ in range(MANY)]

    promoted = at_once(lambda number: scenarios.promote(ANYONE, made[number].id).scenario)

    assert all(scenario.is_primary for scenario in promoted)
    assert len(primary_ones(scenarios)) == 1


def test_inputs_without_a_value_are_named_in_the_order_of_their_first_use(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    registry = ConfigRegistry()
    early, late, middle, end = map(
        registry.configure_data_node, ("z_early", "a_late", "middle", "end")
    )
    first = registry.configure_task("first", "pipelines:add", [early, late], middle)
    second = registry.configure_task("second", "pipelines:add", [late, middle], end)
    registry.configure_scenario("plan", [first, second])
    scenarios = ScenarioService(
        database, registry, folder=str(tmp_path), now=clock, version="test", zone=ZoneInfo("UTC")
    )

    found = scenarios.create_with_eligibility(ANYONE, NewScenario(config_id="plan"))

    names = [reason.removeprefix("data node DATANODE_")[:6] for reason in found.submit]
    assert names == ["z_earl", "a_late"]
