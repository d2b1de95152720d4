"""Scenarios, sequences and cycles cost what the first cost, however many there are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

from builders import Clock
from scenarist.config import ConfigRegistry
from scenarist.db import cycles as cycle_rows
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db.engine import Database
from scenarist.db.tables import metadata
from scenarist.domain.entities import Scenario
from scenarist.domain.listings import (
    CREATION_DATE,
    NAME,
    CycleFilter,
    PageRequest,
    ScenarioFilter,
    SequenceFilter,
    TimeRange,
)
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import Frequency, Scope
from scenarist.services.cycles import CycleService
from scenarist.services.forks import ForkService, NewFork
from scenarist.services.scenarios import NewScenario, ScenarioChange, ScenarioService
from scenarist.services.sequences import SequenceChange, SequenceService
from statements import check_two_pages, noted, scanned

T = TypeVar("T")

GROWING = tuple(metadata.tables)
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
ZONE = ZoneInfo("UTC")


class Estate:
    """Services over one database, and some hundred scenarios of two configs, one with cycles."""

    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        self.database = database
        self.scenarios = ScenarioService(
            database,
            configs(),
            folder=str(folder),
            now=clock,
            version="test",
            zone=ZONE,
        )
        self.forks = ForkService(
            database, configs(), folder=str(folder), now=clock, version="test", zone=ZONE
        )
        self.sequences = SequenceService(database, now=clock, version="test")
        self.cycles = CycleService(database, now=clock, zone=ZONE)

    def create(self, config_id: str = "dated", *, day: int = 0) -> Scenario:
        return self.scenarios.create(
            ANYONE,
            NewScenario(
                config_id=config_id,
                name="a name",
                tags=["tagged"],
                created_at=FIRST_DAY + timedelta(days=day),
            ),
        )


def configs() -> ConfigRegistry:
    registry = ConfigRegistry()
    everywhere = registry.configure_data_node("everywhere", default_data=1, scope=Scope.GLOBAL)
    dated = registry.configure_data_node("by_cycle", default_data=1, scope=Scope.CYCLE)
    own, other = (registry.configure_data_node(name) for name in ("own", "other"))
    first = registry.configure_task("first", "pipelines:add", [everywhere, dated], own)
    second = registry.configure_task("second", "pipelines:increment", dated, [])
    for name, frequency in (("dated", Frequency.DAILY), ("timeless", None)):
        registry.configure_scenario(
            name, [first, second], [other], frequency=frequency, sequences={"all of it": [first]}
        )
    return registry


@pytest.fixture
def estate(database: Database, clock: Clock, tmp_path: Path) -> Estate:
    return Estate(database, clock, tmp_path)


def test_the_hundredth_scenario_of_a_cycle_is_made_by_the_statements_of_the_second(
    estate: Estate,
) -> None:
    estate.create()
    with noted(estate.database) as second:
        estate.create()
    for _ in range(97):
        estate.create()

    with noted(estate.database) as hundredth:
        estate.create()

    assert len(second.said) > 10
    assert hundredth.said == second.said


def test_a_fork_takes_no_more_statements_than_its_source_however_often_that_is_forked(
    estate: Estate,
) -> None:
    with noted(estate.database) as create:
        source = estate.create()
        estate.scenarios.get(ANYONE, source.id)  # a fork is returned with all that this reads
    estate.forks.fork(ANYONE, source.id, NewFork())
    with noted(estate.database) as second:
        estate.forks.fork(ANYONE, source.id, NewFork())
    for _ in range(20):
        estate.forks.fork(ANYONE, source.id, NewFork())

    with noted(estate.database) as last:
        estate.forks.fork(ANYONE, source.id, NewFork())

    assert last.said == second.said
    assert len(last.said) <= len(create.said)


def test_looking_at_a_scenario_takes_as_many_statements_as_ever(estate: Estate) -> None:
    scenario = estate.create()
    estate.scenarios.get(ANYONE, scenario.id)  # from then on it is known what is stale
    with noted(estate.database) as before:
        estate.scenarios.get(ANYONE, scenario.id)
    for number in range(50):
        estate.create()
        estate.sequences.create(ANYONE, scenario.id, f"s{number}", scenario.task_ids[:1])

    with noted(estate.database) as after:
        estate.scenarios.get(ANYONE, scenario.id)

    assert after.said == before.said


def test_a_page_is_read_with_one_statement_whatever_belongs_to_its_entities(
    estate: Estate,
) -> None:
    for day in range(3):
        estate.create(day=day)
    request = PageRequest(limit=20, sort=CREATION_DATE)

    with noted(estate.database) as statements:
        scenarios = estate.scenarios.list_page(ANYONE, ScenarioFilter(), request)
        sequences = estate.sequences.list_page(ANYONE, SequenceFilter(), request)

    assert [len(scenario.sequences) for scenario in scenarios.items] == [1, 1, 1]
    assert [len(sequence.task_ids) for sequence in sequences.items] == [1, 1, 1]
    assert len(statements.said) == 2


def test_deleting_a_cycle_takes_as_many_statements_for_fifty_scenarios_as_for_one(
    estate: Estate,
) -> None:
    one, *others = (estate.create(day=day) for day in (1, *([2] * 50)))
    assert one.cycle_id is not None
    assert others[0].cycle_id is not None
    with noted(estate.database) as small:
        estate.cycles.delete(ANYONE, one.cycle_id)

    with noted(estate.database) as large:
        gone = estate.cycles.delete(ANYONE, others[0].cycle_id)

    assert len(gone.scenarios) == 50
    assert large.said == small.said


def test_no_use_case_looks_through_a_whole_table(estate: Estate) -> None:
    for day in range(20):
        for _ in range(5):
            estate.create(day=day)
    timeless = estate.create("timeless")

    with noted(estate.database) as statements:
        estate.create(day=30)
        last = estate.create(day=30)
        changed = ScenarioChange(name="b", tags=["c"], properties={"d": 1})
        estate.scenarios.change(ANYONE, last.id, changed)
        estate.scenarios.promote(ANYONE, last.id)
        fork = estate.forks.fork(ANYONE, last.id, NewFork()).eligibility.scenario
        estate.scenarios.delete(ANYONE, fork.id)
        sequence = estate.sequences.create(ANYONE, timeless.id, "s", timeless.task_ids[:1])
        renamed = estate.sequences.change(
            ANYONE, sequence.id, SequenceChange(name="t", task_ids=[], properties={"d": 1})
        )
        estate.sequences.delete(ANYONE, renamed.id)
        estate.scenarios.delete(ANYONE, timeless.id)
        assert last.cycle_id is not None
        estate.cycles.delete(ANYONE, last.cycle_id)

    assert len(set(statements.said)) > 40
    assert {
        statement: steps
        for statement, plan in statements.plans().items()
        if (steps := scanned(plan, GROWING))
    } == {}


WINDOW = TimeRange(start=FIRST_DAY, end=FIRST_DAY + timedelta(days=2))


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize(
    ("wanted", "sort"),
    [
        (ScenarioFilter(), CREATION_DATE),
        (ScenarioFilter(), NAME),
        (ScenarioFilter(created=WINDOW), CREATION_DATE),
        (ScenarioFilter(config_id=("dated",)), CREATION_DATE),
        (ScenarioFilter(config_id=("dated", "timeless")), CREATION_DATE),
        (ScenarioFilter(config_id=("dated",), created=WINDOW), CREATION_DATE),
        (ScenarioFilter(cycle_id=("the first",)), CREATION_DATE),
        (ScenarioFilter(tag=("tagged",)), CREATION_DATE),
        (ScenarioFilter(tag=("tagged",), created=WINDOW), CREATION_DATE),
        (ScenarioFilter(version=("test",)), CREATION_DATE),
        (ScenarioFilter(forked_from=("the first",)), CREATION_DATE),
        (ScenarioFilter(version=("test", "1.0")), CREATION_DATE),
        (ScenarioFilter(is_primary=True), CREATION_DATE),
        (ScenarioFilter(is_primary=False), CREATION_DATE),
    ],
)
def test_scenarios_are_found_in_order_for_each_filter_and_sort(
    estate: Estate, wanted: ScenarioFilter, sort: str, is_descending: bool
) -> None:
    scenarios = [estate.create(day=day // 2) for day in range(8)]
    if wanted.cycle_id:
        wanted = ScenarioFilter(cycle_id=(scenarios[0].cycle_id or "",))
    if wanted.forked_from:
        wanted = ScenarioFilter(forked_from=(scenarios[0].id,))
        for _ in range(4):
            estate.forks.fork(ANYONE, scenarios[0].id, NewFork())

    check_two_pages(
        estate.database,
        lambda request: scenario_rows.list_page(estate.database.reader, wanted, request),
        PageRequest(limit=1, sort=sort, is_descending=is_descending),
    )


def test_scenarios_of_a_name_are_found_by_it(estate: Estate) -> None:
    made = [estate.create().id for _ in range(3)]

    with noted(estate.database) as statements:
        found = scenario_rows.list_page(
            estate.database.reader,
            ScenarioFilter(name=("a name",)),
            PageRequest(limit=10, sort=CREATION_DATE),
        )

    assert [scenario.id for scenario in found.items] == made
    assert not any(scanned(plan, GROWING) for plan in statements.plans().values())


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize(
    ("wanted", "sort"),
    [
        (SequenceFilter(), None),
        (SequenceFilter(), CREATION_DATE),
        (SequenceFilter(), NAME),
        (SequenceFilter(created=WINDOW), CREATION_DATE),
        (SequenceFilter(name=("all of it",)), None),
        (SequenceFilter(name=("all of it", "another")), None),
        (SequenceFilter(version=("test",)), None),
    ],
)
def test_sequences_are_found_in_order_for_each_filter_and_sort(
    estate: Estate, wanted: SequenceFilter, sort: str | None, is_descending: bool
) -> None:
    for day in range(8):
        estate.create(day=day // 2)

    check_two_pages(
        estate.database,
        lambda request: sequence_rows.list_page(estate.database.reader, wanted, request),
        PageRequest(limit=1, sort=sort, is_descending=is_descending),
    )


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize(
    "wanted",
    [
        CycleFilter(),
        CycleFilter(frequency=(Frequency.DAILY,)),
        CycleFilter(frequency=(Frequency.DAILY, Frequency.WEEKLY)),
    ],
)
def test_cycles_are_found_in_order_for_each_filter_and_sort(
    estate: Estate, wanted: CycleFilter, is_descending: bool
) -> None:
    for day in range(8):
        estate.create(day=day)

    check_two_pages(
        estate.database,
        lambda request: cycle_rows.list_page(estate.database.reader, wanted, request),
        PageRequest(limit=1, sort=CREATION_DATE, is_descending=is_descending),
    )
