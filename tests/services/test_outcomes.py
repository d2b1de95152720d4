"""Outcomes of scenarios: the numbers by which they are judged, always of the present values."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from builders import Clock
from conftest import FreshUrl
from scenarist.config import Application, ConfigRegistry, Outcome
from scenarist.db import outcomes as outcome_rows
from scenarist.domain.entities import OutcomeOfScenario, Scenario
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import (
    JobFilter,
    PagePosition,
    PageRequest,
    ScenarioFilter,
)
from scenarist.domain.outcomes import OutcomeRange
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import EntityType, JobStatus, Scope
from scenarist.executors.inline import InlineExecutor
from scenarist.orchestrator.loop import Orchestrator
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services import outcomes
from scenarist.services.forks import NewFork
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions, SubmitRequest
from statements import GROWING, check_two_pages, noted, scanned

REVENUE = Outcome("budget", "/revenue", unit="€", direction="maximize", title="Revenue")
LARGE = {"rows": ["x" * 1000] * 100}


class Office:
    """A database on which servers with changing declarations are opened, one after the other."""

    def __init__(self, url: str, folder: Path, clock: Clock) -> None:
        self.settings = Settings(database=url, storage=str(folder / "data"))
        self.clock = clock

    @contextmanager
    def open(self, **outcomes: Outcome) -> Iterator[Server]:
        application = Application(registry=make_registry(outcomes), search_path=())
        with composition.open_server(
            application, self.settings, make_executor=InlineExecutor, now=self.clock
        ) as server:
            yield server


def make_registry(outcomes: dict[str, Outcome]) -> ConfigRegistry:
    registry = ConfigRegistry()
    given = registry.configure_json_data_node("given", default_data={"revenue": 1})
    registry.configure_data_node("budget")
    registry.configure_data_node("copied")
    registry.configure_data_node("kept")
    registry.configure_data_node("rate", default_data=0.5, scope=Scope.GLOBAL)
    copying = registry.configure_task("copy", "copy:copy", given, "budget")
    registry.configure_scenario("quarter", [copying], "rate", outcomes=outcomes or None)
    registry.configure_scenario(
        "year", [copying], outcomes={"revenue": REVENUE} if outcomes else None
    )
    registry.configure_scenario("plain", [copying])
    long = registry.configure_json_data_node("long", default_data=[0] * 50_000 + [7])
    exact = registry.configure_data_node("exact", default_data={"price": Decimal("2.5")})
    started = {"last": Outcome(long, "/50000"), "price": Outcome(exact, "/price")}
    registry.configure_scenario(
        "started", None, [long, exact], outcomes=started if outcomes else None
    )
    stored = registry.configure_task("store", "copy:copy", given, "kept", cache=True)
    kept = {"revenue": Outcome("kept", "/revenue")}
    registry.configure_scenario("stored", [stored], outcomes=kept if outcomes else None)
    filed = registry.configure_json_data_node("filed", default_path=f"{Path.cwd()}/{{scenario.id}}")
    reading = registry.configure_task("read", "copy:copy", filed, "copied")
    places = {"first": Outcome(filed, "/0"), "second": Outcome(filed, "/1")}
    registry.configure_scenario("files", [reading], outcomes=places if outcomes else None)
    outside = registry.configure_generic_data_node("drawer", read_fct="pipelines:read_drawer")
    registry.configure_scenario("outside", None, [outside])
    return registry


@pytest.fixture
def office(
    database_url: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Office:
    monkeypatch.chdir(tmp_path)
    return Office(database_url, tmp_path, clock)


@pytest.fixture
def own_server(office: Office) -> Iterator[Server]:
    """A server that has only the scenarios of one test."""
    with office.open(revenue=REVENUE, rate=Outcome("rate")) as opened:
        yield opened


@pytest.fixture(scope="module")
def server(fresh_url: FreshUrl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("office")
    with pytest.MonkeyPatch.context() as patch, fresh_url() as url:
        patch.chdir(folder)
        with Office(url, folder, Clock()).open(revenue=REVENUE, rate=Outcome("rate")) as opened:
            yield opened


def run(server: Server, scenario: Scenario, value: Any) -> None:
    """Write the input of a scenario, and submit it."""
    submit(server, scenario, {"given": value})


def submit(server: Server, scenario: Scenario, inputs: dict[str, Any]) -> None:
    request = SubmitRequest(
        ANYONE, EntityType.SCENARIO, scenario.id, SubmitOptions(), inputs=inputs
    )
    server.services.inputs.submit(ANYONE, request)
    orchestrator = server.orchestration.orchestrator
    assert isinstance(orchestrator, Orchestrator)
    while orchestrator.step():
        pass


def make(server: Server, value: Any = None, config_id: str = "quarter") -> Scenario:
    """Create a scenario; with a value, run it."""
    scenario = server.services.scenarios.create(ANYONE, NewScenario(config_id=config_id))
    if value is not None:
        run(server, scenario, value)
    return scenario


def outcome_of(server: Server, scenario: Scenario, name: str = "revenue") -> OutcomeOfScenario:
    return server.services.scenarios.get(ANYONE, scenario.id).scenario.outcomes[name]


def value_of(server: Server, scenario: Scenario, name: str = "revenue") -> float | None:
    return outcome_of(server, scenario, name).value


def reason_of(server: Server, scenario: Scenario, name: str = "revenue") -> str | None:
    return outcome_of(server, scenario, name).reason


def budget_of(server: Server, scenario: Scenario) -> str:
    data_node_id = outcome_of(server, scenario).data_node_id
    assert data_node_id is not None
    return data_node_id


def listed(server: Server, sort: str = "outcomes.revenue", **wanted: Any) -> list[str]:
    """Return the identifiers in a list, read in pages of two."""
    found: list[str] = []
    after: PagePosition | None = None
    while True:
        request = PageRequest(
            limit=2, sort=sort.removeprefix("-"), is_descending=sort[0] == "-", after=after
        )
        page = server.services.scenarios.list_page(ANYONE, ScenarioFilter(**wanted), request)
        found += [scenario.id for scenario in page.items]
        after = page.next_position
        if after is None:
            return found


class TestTaking:
    def test_a_run_gives_an_outcome_its_value(self, server: Server) -> None:
        scenario = make(server, {"revenue": 1200})

        found = outcome_of(server, scenario)

        assert (found.value, found.reason) == (1200.0, None)
        assert found.declared == REVENUE.as_declared()

    def test_the_values_that_a_new_scenario_starts_with_give_it_one(self, server: Server) -> None:
        scenario = make(server, config_id="started")

        assert [value_of(server, scenario, name) for name in ("last", "price")] == [7.0, 2.5]

    def test_a_later_run_gives_it_another(self, server: Server) -> None:
        scenario = make(server, {"revenue": 1200})

        run(server, scenario, {"revenue": -0.5})

        assert value_of(server, scenario) == -0.5

    def test_before_the_first_run_there_is_the_reason(self, server: Server) -> None:
        scenario = make(server)

        assert value_of(server, scenario) is None
        assert reason_of(server, scenario) == (
            f"data node {budget_of(server, scenario)} has no value yet"
        )

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ({"cost": 3}, "the value has no /revenue"),
            ({"revenue": "much"}, "there is text instead of a number"),
            ({"revenue": None}, "there is null instead of a number"),
            ({"revenue": True}, "there is true or false instead of a number"),
            ({"revenue": [1]}, "there is a list instead of a number"),
            (7, "the value has no /revenue"),
            ({"revenue": 2**60 + 1}, "the integer there is too large to stay exact"),
        ],
    )
    def test_a_place_without_a_number_is_a_warning_on_the_job(
        self, server: Server, value: Any, reason: str
    ) -> None:
        scenario = make(server, value)

        page = server.services.jobs.list_page(
            ANYONE, JobFilter(entity_id=(scenario.id,)), PageRequest(limit=5)
        )
        assert [job.status for job in page.items] == [JobStatus.COMPLETED]
        assert value_of(server, scenario) is None
        assert reason in str(reason_of(server, scenario))
        log = server.services.jobs.get_log(ANYONE, page.items[0].id)
        assert f"warning: no outcome is taken from data node 'budget' at /revenue: {reason}" in str(
            log
        )

    def test_the_number_in_a_large_value_is_found_as_it_is_written(self, server: Server) -> None:
        scenario = make(server, {**LARGE, "revenue": 7})

        assert value_of(server, scenario) == 7

    def test_a_write_over_rest_gives_it_a_value(self, server: Server) -> None:
        scenario = make(server)

        server.services.values.write(ANYONE, budget_of(server, scenario), {**LARGE, "revenue": 8})

        assert value_of(server, scenario) == 8

    def test_an_append_and_an_upload_give_it_a_value(self, server: Server) -> None:
        scenario = make(server, config_id="files")
        node = outcome_of(server, scenario, "first").data_node_id
        assert node is not None

        server.services.values.write(ANYONE, node, [5])
        assert [value_of(server, scenario, name) for name in ("first", "second")] == [5, None]
        server.services.values.append(ANYONE, node, [6])
        assert [value_of(server, scenario, name) for name in ("first", "second")] == [5, 6]
        server.services.files.upload(ANYONE, node, b"[7]")
        assert [value_of(server, scenario, name) for name in ("first", "second")] == [7, None]

    def test_what_another_program_has_written_has_no_value(self, server: Server) -> None:
        scenario = make(server, config_id="files")
        node = outcome_of(server, scenario, "first").data_node_id
        assert node is not None
        server.services.values.write(ANYONE, node, [5])

        named = server.services.data_nodes.get(ANYONE, node).properties["default_path"]
        Path(named).write_text("[6, 7]")
        submit(server, scenario, {})

        assert value_of(server, scenario, "first") is None
        assert reason_of(server, scenario, "first") == (
            "another program wrote the value, and it has not been looked into"
        )

    def test_a_shared_value_is_an_outcome_of_all_scenarios_that_have_it(
        self, server: Server
    ) -> None:
        one, other = make(server), make(server)
        node = outcome_of(server, one, "rate").data_node_id
        assert node is not None
        assert [value_of(server, each, "rate") for each in (one, other)] == [0.5, 0.5]

        server.services.values.write(ANYONE, node, 0.75)

        later = make(server)
        assert [value_of(server, each, "rate") for each in (one, other, later)] == [0.75] * 3

    def test_a_fork_has_the_outcomes_of_its_source(self, server: Server) -> None:
        scenario = make(server, {**LARGE, "revenue": 9})

        fork = server.services.forks.fork(ANYONE, scenario.id, NewFork()).eligibility.scenario

        assert fork.outcomes["revenue"].value == 9
        assert value_of(server, fork) == 9

    def test_outputs_from_the_cache_have_outcomes(self, server: Server) -> None:
        made = [make(server, {**LARGE, "revenue": 11}, "stored") for _ in range(2)]

        page = server.services.jobs.list_page(
            ANYONE, JobFilter(entity_id=(made[1].id,)), PageRequest(limit=5)
        )
        assert [job.status for job in page.items] == [JobStatus.SKIPPED]
        assert [value_of(server, scenario) for scenario in made] == [11, 11]

    def test_outcomes_go_with_their_scenario(self, server: Server) -> None:
        scenario = make(server, {"revenue": 1})

        server.services.scenarios.delete(ANYONE, scenario.id)

        count = text("SELECT count(*) FROM scenario_outcomes WHERE scenario_id = :id")
        assert server.database.reader.execute(count, {"id": scenario.id}).scalar() == 0


class TestDeclaring:
    def test_an_outcome_that_is_declared_later_is_filled_in(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outcomes, "AT_ONCE", 2)
        with office.open() as server:
            small, large = make(server, {"revenue": 5}), make(server, {**LARGE, "revenue": 6})
            empty = make(server)

        with office.open(revenue=REVENUE) as server:
            assert value_of(server, small) == 5
            assert reason_of(server, large) == (
                "the value was written without a look for this outcome, and is too large for one "
                "now; the next run or write gives it a value"
            )
            assert "has no value yet" in str(reason_of(server, empty))
            assert listed(server, config_id=("quarter",)) == [small.id, large.id, empty.id]

            run(server, large, {**LARGE, "revenue": 6})
            assert value_of(server, large) == 6

    def test_scenarios_that_have_an_outcome_do_not_get_it_again(self, office: Office) -> None:
        with office.open() as server:
            make(server)
        with office.open(revenue=REVENUE) as server:
            make(server)

            added = server.database.write(
                lambda connection: outcome_rows.add_missing(
                    connection, "quarter", "revenue", REVENUE.as_declared()
                )
            )

        assert added == 0

    def test_a_changed_place_is_taken_from_then_on(self, office: Office) -> None:
        with office.open(revenue=REVENUE) as server:
            scenario = make(server, {"revenue": 5, "other": 6})

        with office.open(revenue=Outcome("budget", "/other")) as server:
            assert value_of(server, scenario) == 6

        with office.open(revenue=Outcome("rate")) as server:
            assert value_of(server, scenario) == 0.5

    def test_a_value_of_a_program_that_does_not_know_the_outcome_is_not_passed_off(
        self, office: Office
    ) -> None:
        with office.open(revenue=REVENUE) as server:
            scenario = make(server, {"revenue": 5})
            with office.open() as other:
                run(other, scenario, {"revenue": 6})

            assert value_of(server, scenario) is None
            assert reason_of(server, scenario) == (
                "a program that does not know this outcome has written the value"
            )

        with office.open(revenue=REVENUE) as server:
            assert value_of(server, scenario) == 6

    def test_an_outcome_that_is_no_longer_declared_is_not_shown(self, office: Office) -> None:
        with office.open(revenue=REVENUE, rate=Outcome("rate")) as server:
            scenario = make(server, {"revenue": 5})

        with office.open(rate=Outcome("rate")) as server:
            found = server.services.scenarios.get(ANYONE, scenario.id).scenario
            assert list(found.outcomes) == ["rate"]


class TestListing:
    def test_scenarios_without_a_value_come_last_in_both_directions(
        self, own_server: Server
    ) -> None:
        values = [{"revenue": 2}, None, {"revenue": -3}, {"revenue": 2}, {"nothing": 0}]
        ids = [make(own_server, value).id for value in values]
        make(own_server, config_id="plain")

        assert listed(own_server) == [ids[at] for at in (2, 0, 3, 1, 4)]
        assert listed(own_server, "-outcomes.revenue") == [ids[at] for at in (3, 0, 2, 4, 1)]

    def test_scenarios_of_several_configs_are_sorted_together(self, own_server: Server) -> None:
        one = make(own_server, {"revenue": 2})
        other = make(own_server, {"revenue": 1}, "year")

        assert listed(own_server) == [other.id, one.id]
        assert listed(own_server, config_id=("quarter",)) == [one.id]

    def test_bounds_are_inclusive(self, own_server: Server) -> None:
        ids = [make(own_server, {"revenue": value}).id for value in (1, 2, 3)]
        make(own_server)

        def within(**bounds: float) -> dict[str, OutcomeRange]:
            return {"revenue": OutcomeRange(**bounds)}

        for sort in ("outcomes.revenue", "outcomes.rate", "creation_date"):
            assert listed(own_server, sort, outcomes=within(least=2)) == ids[1:]
            assert listed(own_server, sort, outcomes=within(most=2)) == ids[:2]
            assert listed(own_server, sort, outcomes=within(least=2, most=2)) == ids[1:2]

    @pytest.mark.parametrize(
        ("sort", "wanted"),
        [
            ("outcomes.revenues", {}),
            ("creation_date", {"outcomes": {"revenues": OutcomeRange(least=1)}}),
        ],
    )
    def test_an_unknown_outcome_is_refused_with_those_that_there_are(
        self, own_server: Server, sort: str, wanted: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidError, match="no outcome 'revenues'; there are: revenue, rate"):
            listed(own_server, sort, **wanted)

    def test_an_outcome_of_another_config_is_refused(self, own_server: Server) -> None:
        with pytest.raises(
            InvalidError,
            match="scenarios of config year have no outcome 'rate'; there are: revenue",
        ):
            listed(own_server, "outcomes.rate", config_id=("year",))


class TestCosts:
    def test_a_page_reads_as_many_rows_as_it_shows(self, own_server: Server) -> None:
        for value in range(30):
            make(own_server, {"revenue": value % 7})
        bounds = {"revenue": OutcomeRange(least=1, most=5)}
        service = own_server.services.scenarios

        for sort in ("outcomes.revenue", "-outcomes.revenue"):
            for wanted in (
                ScenarioFilter(),
                ScenarioFilter(config_id=("quarter",)),
                ScenarioFilter(outcomes=bounds),
            ):
                check_two_pages(
                    own_server.database,
                    partial(service.list_page, ANYONE, wanted),
                    PageRequest(
                        limit=2, sort=sort.removeprefix("-"), is_descending=sort.startswith("-")
                    ),
                )

    def test_no_statement_for_outcomes_looks_through_a_whole_table(
        self, own_server: Server
    ) -> None:
        with noted(own_server.database) as statements:
            scenario = make(own_server, {"revenue": 1})
            own_server.services.scenarios.get(ANYONE, scenario.id)
            own_server.services.scenarios.delete(ANYONE, scenario.id)

        plans = {
            said: plan for said, plan in statements.plans().items() if "scenario_outcomes" in said
        }
        assert len(plans) >= 5
        faults = {said: steps for said, plan in plans.items() if (steps := scanned(plan, GROWING))}
        assert faults == {}

    def test_an_application_without_outcomes_takes_no_statement_for_them(
        self, office: Office
    ) -> None:
        with office.open() as server, noted(server.database) as statements:
            scenario = make(server)
            make(server, config_id="outside")  # whose value is found, and not written
            for _ in range(2):
                make(server, {"revenue": 1}, "stored")  # of which the second is cached
            run(server, scenario, {"revenue": 1})
            server.services.scenarios.get(ANYONE, scenario.id)

        assert len(statements.said) > 10
        assert [said for said in statements.said if "scenario_outcomes" in said] == []
