"""The cache of outputs: what was computed from the same contents is not computed again."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import Clock
from conftest import FreshUrl
from orchestrator.world import World
from scenarist.config import Application, ConfigRegistry
from scenarist.db import data_nodes as data_node_rows
from scenarist.db.engine import Database
from scenarist.db.jobs import caching
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import DataNode, Job, Scenario, Submission
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.listings import DataNodeListFilter, PageRequest
from scenarist.domain.permissions import ANYONE
from scenarist.domain.retention import Retention
from scenarist.domain.vocabulary import EntityType, JobStatus, PlannedAction, Scope
from scenarist.services.declarations import load_declared
from scenarist.services.forks import ForkService, NewFork
from scenarist.services.plans import PlanService
from scenarist.services.pruning import PruningService
from scenarist.services.scenarios import NewScenario, ScenarioService
from scenarist.services.submit_requests import SubmitOptions
from statements import noted

ALL = PageRequest(limit=1000)
LARGE = "x" * 100_000
COMPLETED, SKIPPED = JobStatus.COMPLETED, JobStatus.SKIPPED
RUN, SKIP, TAKE = PlannedAction.RUN, PlannedAction.SKIP, PlannedAction.TAKE


def declare(
    folder: Path, cache_version: str | None = None, *, cache: bool = True
) -> ConfigRegistry:
    """A chain start -> middle -> end, a text in a file, and tasks that cannot be cached."""
    made = ConfigRegistry()
    start = made.configure_data_node("start", default_data=1)
    middle, end = made.configure_data_node("middle"), made.configure_data_node("end")
    text = made.configure_json_data_node("text", default_data=LARGE)
    long = made.configure_json_data_node("long")
    shared = made.configure_data_node("shared", scope=Scope.GLOBAL, default_data=1)
    named = made.configure_json_data_node("named", default_path=str(folder / "named.json"))
    ends = {
        "first": ("pipelines:increment", start, middle),
        "second": ("pipelines:same", middle, end),
        "lengthen": ("pipelines:lengthen", text, long),
        "to_file": ("pipelines:increment", start, named),
        "lost": ("no_such_module:function", start, middle),
        "of_shared": ("pipelines:increment", shared, end),
    }
    tasks = {
        name: made.configure_task(name, *rest, cache=cache, cache_version=cache_version)
        for name, rest in ends.items()
    }
    made.configure_scenario("chain", [tasks["first"], tasks["second"]])
    for name in ("lengthen", "to_file", "lost", "of_shared"):
        made.configure_scenario(name, [tasks[name]])
    return made


class Office:
    """Scenarios of an application, and an orchestrator whose steps a test takes."""

    def __init__(self, database: Database, clock: Clock, folder: Path, **how: Any) -> None:
        self.world = World(database, clock, folder / "data")
        self.folder = folder
        self.redeclare(**how)

    def redeclare(self, **how: Any) -> None:
        """Start over with other declarations."""
        registry = declare(self.folder, **how)
        world = self.world
        self.declared: DeclaredConfigs = load_declared(Application(registry, ()), "test")
        common: dict[str, Any] = {
            "folder": str(world.folder),
            "now": world.clock,
            "version": "test",
            "zone": ZoneInfo("UTC"),
        }
        self.scenarios = ScenarioService(world.database, registry, **common)
        self.forks = ForkService(world.database, registry, **common)
        self.plans = PlanService(world.database, now=world.clock, declared=self.declared)
        world.another_orchestrator(self.declared)

    def make(self, config_id: str = "chain", **values: Any) -> Scenario:
        scenario = self.scenarios.create(ANYONE, NewScenario(config_id=config_id))
        for name, value in values.items():
            self.world.data_nodes.write(ANYONE, self.node(scenario, name).id, value)
        return scenario

    def node(self, scenario: Scenario, config_id: str) -> DataNode:
        wanted = DataNodeListFilter(scenario_id=(scenario.id,), config_id=(config_id,))
        (node,) = data_node_rows.list_page(self.world.database.reader, wanted, ALL).items
        return node

    def submit(self, scenario: Scenario, *, force: bool = False) -> Submission:
        return self.world.submissions.submit(
            ANYONE, EntityType.SCENARIO, scenario.id, SubmitOptions(force=force)
        )

    def run(self, scenario: Scenario, *, force: bool = False) -> list[Job]:
        submission = self.submit(scenario, force=force)
        self.run_all()
        return self.world.jobs(submission)

    def run_all(self) -> None:
        """Step and run; a step that only skips jobs says that nothing has happened."""
        for _ in range(8):
            self.world.run_all()

    def plan(self, scenario: Scenario) -> dict[str, PlannedAction]:
        planned = self.plans.plan(ANYONE, EntityType.SCENARIO, scenario.id)
        return {task.config_id: task.action for task in planned}

    def value(self, scenario: Scenario, config_id: str) -> object:
        return self.world.value(self.node(scenario, config_id).id)


@pytest.fixture
def office(database: Database, clock: Clock, tmp_path: Path) -> Office:
    return Office(database, clock, tmp_path)


def statuses(jobs: Sequence[Job]) -> list[JobStatus]:
    return [job.status for job in jobs]


def test_outputs_are_taken_from_the_job_of_another_scenario_with_the_same_inputs(
    office: Office,
) -> None:
    computed = office.run(office.make())
    other = office.make()

    taken = office.run(other)

    assert (statuses(computed), statuses(taken)) == ([COMPLETED] * 2, [SKIPPED] * 2)
    assert [job.cached_from for job in taken] == [job.id for job in computed]
    assert [job.cache_key for job in taken] == [job.cache_key for job in computed]
    assert taken[0].reason == (
        f"its outputs were taken from the cache: job {computed[0].id} has computed them from the "
        "same contents with the same code"
    )
    assert [office.value(other, name) for name in ("middle", "end")] == [2, 2]


def test_what_is_taken_is_written_by_the_job_that_takes_it(office: Office) -> None:
    (computed,) = office.run(office.make("lengthen"))
    other = office.make("lengthen")
    (taken,) = office.run(other)

    edit = office.world.edit(office.node(other, "long"))

    assert (edit.job_id, edit.created_at) == (taken.id, taken.finished_at)
    assert edit.code_digest == computed.code_digest
    assert edit.shared_from is not None
    assert [path.stem for path in office.world.folder.glob("*/*/*") if path.stem == edit.id] == []


def test_other_contents_and_forced_jobs_are_computed(office: Office) -> None:
    first = office.make()
    office.run(first)

    other = office.run(office.make(start=2))
    forced = office.run(first, force=True)

    assert statuses(other) == [COMPLETED] * 2
    assert statuses(forced) == [COMPLETED] * 2


def test_only_what_differs_is_computed(office: Office) -> None:
    office.run(office.make(start=5))
    office.run(office.make(start=7))
    mixed = office.make(start=7)
    office.run(mixed)
    office.world.data_nodes.write(ANYONE, office.node(mixed, "start").id, 5)

    jobs = office.run(mixed)

    assert statuses(jobs) == [SKIPPED] * 2
    assert office.value(mixed, "end") == 6


def test_another_cache_version_is_computed_anew(office: Office) -> None:
    office.run(office.make())

    office.redeclare(cache_version="2")

    assert statuses(office.run(office.make())) == [COMPLETED] * 2


def test_the_second_of_two_jobs_with_one_key_waits_for_the_first(office: Office) -> None:
    first, second = (office.submit(office.make("lengthen")) for _ in range(2))
    office.world.step()
    (waits,) = office.world.jobs(second)
    running = len(office.world.executor.waiting)

    office.run_all()

    assert running == 1
    assert (waits.status, waits.waiting_for) == (JobStatus.BLOCKED, first.job_ids)
    assert office.world.statuses(first) == [COMPLETED]
    assert office.world.statuses(second) == [SKIPPED]


def test_a_job_that_waited_for_one_that_failed_runs_itself(office: Office) -> None:
    first, second = (office.submit(office.make("lengthen")) for _ in range(2))
    office.world.step()
    office.world.executor.end(JobEvent.RAISED)

    office.run_all()

    assert office.world.statuses(first) == [JobStatus.FAILED]
    assert office.world.statuses(second) == [COMPLETED]


def test_a_job_under_another_server_is_waited_for(office: Office) -> None:
    first = office.submit(office.make("lengthen"))
    office.world.step()
    there = office.world.executor
    office.world.another_orchestrator(office.declared)
    second = office.submit(office.make("lengthen"))
    office.world.step()

    assert office.world.statuses(first) == [JobStatus.RUNNING]
    assert office.world.statuses(second) == [JobStatus.BLOCKED]
    assert (len(there.waiting), len(office.world.executor.waiting)) == (1, 0)


def test_a_lost_job_with_a_key_runs_again(office: Office) -> None:
    first = office.submit(office.make("lengthen"))
    office.world.step()

    office.world.new_orchestrator().recover()
    office.world.another_orchestrator(office.declared)
    office.run_all()

    assert office.world.statuses(first) == [COMPLETED]


def test_outputs_whose_file_is_gone_are_computed_anew(office: Office) -> None:
    office.run(office.make("lengthen"))
    for path in office.world.folder.rglob("*.json"):
        if path.stat().st_size > 150_000:
            path.unlink()
    for path in office.world.folder.glob("jsons/DATANODE_long*/*"):
        path.unlink()
    other = office.make("lengthen")
    before = office.plan(other)

    jobs = office.run(other)

    assert (before, statuses(jobs)) == ({"lengthen": RUN}, [COMPLETED])


def test_outputs_stay_in_the_cache_as_long_as_an_edit_has_their_bytes(office: Office) -> None:
    source = office.make("lengthen")
    office.run(source)
    fork = office.forks.fork(ANYONE, source.id, NewFork()).eligibility.scenario
    office.scenarios.delete(ANYONE, source.id)
    while_shared = office.make("lengthen")
    taken = office.run(while_shared)
    for scenario in (fork, while_shared):
        office.scenarios.delete(ANYONE, scenario.id)

    last = office.make("lengthen")

    assert statuses(taken) == [SKIPPED]
    assert office.plan(last) == {"lengthen": RUN}
    assert statuses(office.run(last)) == [COMPLETED]


def test_entries_of_the_cache_without_bytes_are_pruned(office: Office) -> None:
    kept, gone = office.make("lengthen"), office.make()
    office.run(kept)
    office.run(gone)
    office.scenarios.delete(ANYONE, gone.id)
    pruning = PruningService(
        office.world.database,
        folder=str(office.world.folder),
        now=office.world.clock,
        pause=lambda seconds: None,
    )

    pruned = pruning.prune(ANYONE, Retention(edits=10))

    assert pruned.cached == 2
    assert office.plan(office.make("lengthen")) == {"lengthen": TAKE}


def test_a_cleared_cache_is_empty(office: Office) -> None:
    source = office.make()
    office.run(source)

    cleared = office.world.database.write(caching.clear)

    assert cleared == 2
    assert statuses(office.run(office.make())) == [COMPLETED] * 2
    assert office.value(source, "end") == 2


@pytest.mark.parametrize(
    ("config_id", "why"),
    [
        ("to_file", "it writes data node 'named' to a place that the user named"),
        ("lost", "its code cannot be read"),
    ],
)
def test_what_can_never_be_cached_runs_and_the_plan_says_why(
    office: Office, config_id: str, why: str
) -> None:
    scenario = office.make(config_id)

    (planned,) = office.plans.plan(ANYONE, EntityType.SCENARIO, scenario.id)
    (job,) = office.run(scenario)

    assert planned.action is RUN
    assert planned.because.endswith(f"; it is never taken from the cache, as {why}")
    assert job.cache_key is None


def test_tasks_that_are_not_cached_cost_no_statement(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    office = Office(database, clock, tmp_path, cache=False)
    scenario = office.make()

    with noted(database) as statements:
        office.run(scenario)

    assert not [said for said in statements.said if "cached_outputs" in said]
    assert not [said for said in statements.said if said.startswith("UPDATE") and "cache" in said]


def test_a_plan_says_what_is_taken_from_the_cache(office: Office) -> None:
    office.run(office.make(start=1))
    office.run(office.make(start=2))
    chain = office.make(start=2)

    planned = office.plan(chain)

    assert planned == {"first": TAKE, "second": TAKE}
    assert office.plan(office.make(start=3)) == {"first": RUN, "second": RUN}


_scenarios = st.lists(st.integers(1, 3), min_size=2, max_size=6)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(starts=_scenarios)
def test_what_is_taken_is_what_would_be_computed_and_the_plan_has_said_so(
    fresh_url: FreshUrl, starts: list[int]
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        fresh_url() as url,
        Database(url) as database,
    ):
        office = Office(database, Clock(), Path(folder))
        reused = office.make()
        for start in starts:
            office.world.data_nodes.write(ANYONE, office.node(reused, "start").id, start)
            for scenario in (reused, office.make(start=start)):
                planned = office.plan(scenario)

                jobs = office.run(scenario)

                names = {RUN: COMPLETED, TAKE: SKIPPED}
                assert statuses(jobs) == [names[action] for action in planned.values()]
                assert [office.value(scenario, name) for name in ("middle", "end")] == [
                    start + 1,
                    start + 1,
                ]
