"""Forks of scenarios: they start from the present values of another one, and share their bytes."""

import datetime
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from builders import Clock
from conftest import FreshUrl
from scenarist.config import Application, ConfigRegistry
from scenarist.db import audit as audit_rows
from scenarist.db.tables import data_nodes, edits
from scenarist.domain.entities import DataNode, Edit, Scenario
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError
from scenarist.domain.listings import (
    AuditFilter,
    DataNodeListFilter,
    PageRequest,
    ScenarioFilter,
)
from scenarist.domain.permissions import Actor, Origin, Role
from scenarist.domain.vocabulary import EntityType, Frequency, PlannedAction, Scope
from scenarist.executors.inline import InlineExecutor
from scenarist.orchestrator.loop import Orchestrator
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.forks import Fork, NewFork
from scenarist.services.scenarios import NewScenario, ScenarioChange
from scenarist.services.submit_requests import SubmitOptions

INES = Actor("ines", frozenset({Role.EDITOR, Role.EXECUTOR}), origin=Origin("::1", "forkScenario"))
ALL = PageRequest(limit=1000)
LARGE = "x" * 100_000
"""A value that is kept in a file."""

AS_SOURCE = NewFork()
TAGS = {"authorized_tags": ["cold", "warm"]}


def open_server(folder: Path, url: str, clock: Clock, registry: ConfigRegistry) -> Any:
    settings = Settings(database=url, storage=str(folder / "data"))
    return composition.open_server(
        Application(registry=registry, search_path=()),
        settings,
        make_executor=InlineExecutor,
        now=clock,
    )


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def folder(fresh_url: FreshUrl, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forks")


@pytest.fixture(scope="module")
def url(fresh_url: FreshUrl) -> Iterator[str]:
    with fresh_url() as made:
        yield made


@pytest.fixture(scope="module")
def server(url: str, folder: Path, clock: Clock) -> Iterator[Server]:
    with open_server(folder, url, clock, quarters(folder)) as opened:
        yield opened


def quarters(folder: Path) -> ConfigRegistry:
    """Two branches, of which each has an input: left -> total -> longer; text -> long."""
    registry = ConfigRegistry()
    left = registry.configure_data_node("left", default_data=1)
    right = registry.configure_json_data_node("right", default_data=2)
    total = registry.configure_data_node("total")
    raised = registry.configure_data_node("raised")
    text = registry.configure_json_data_node("text", default_data=LARGE)
    long = registry.configure_json_data_node("long")
    shared = registry.configure_json_data_node("shared", scope=Scope.GLOBAL, default_data=0)
    monthly = registry.configure_data_node("monthly", scope=Scope.CYCLE, default_data=5)
    counted = registry.configure_data_node("counted", scope=Scope.CYCLE)
    add = registry.configure_task("add", "pipelines:add", [left, right], total, skippable=True)
    raise_ = registry.configure_task("raise", "pipelines:increment", total, raised, skippable=True)
    lengthen = registry.configure_task("lengthen", "pipelines:lengthen", text, long, skippable=True)
    registry.configure_scenario(
        "quarter",
        [add, raise_, lengthen],
        [shared],
        sequences={"half": [add]},
        properties={"region": "north", "size": 3},
        authorized_tags=["cold", "warm"],
    )
    count = registry.configure_task("count", "pipelines:increment", monthly, counted)
    registry.configure_scenario("month", [add, count], frequency=Frequency.MONTHLY)
    common = registry.configure_json_data_node("common", default_path=str(folder / "common.json"))
    own = registry.configure_json_data_node(
        "own", default_path=str(folder / "{scenario.id}.json"), default_data=4
    )
    plan = registry.configure_json_data_node("plan", default_path=str(folder / "plan.json"))
    copy = registry.configure_task("copy", "pipelines:same", common, plan, skippable=True)
    registry.configure_scenario("filed", [copy], [own])
    return registry


def make(server: Server, config_id: str = "quarter", **attributes: Any) -> Scenario:
    return server.services.scenarios.create(INES, NewScenario(config_id=config_id, **attributes))


def run(server: Server, scenario: Scenario) -> None:
    server.services.submissions.submit(INES, EntityType.SCENARIO, scenario.id, SubmitOptions())
    orchestrator = server.orchestration.orchestrator
    assert isinstance(orchestrator, Orchestrator)
    while orchestrator.step():
        pass


def fork(server: Server, scenario: Scenario, new: NewFork = AS_SOURCE, **inputs: Any) -> Fork:
    if inputs:
        return server.services.inputs.fork_scenario(INES, scenario.id, new, inputs)
    return server.services.forks.fork(INES, scenario.id, new)


def forked(server: Server, scenario: Scenario, **inputs: Any) -> Scenario:
    return fork(server, scenario, **inputs).eligibility.scenario


def write(server: Server, scenario: Scenario, **inputs: Any) -> None:
    server.services.inputs.change(INES, scenario.id, inputs)


def node_of(server: Server, scenario: Scenario, config_id: str) -> DataNode:
    wanted = DataNodeListFilter(scenario_id=(scenario.id,), config_id=(config_id,))
    (node,) = server.services.data_nodes.list_page(INES, wanted, ALL).items
    return node


def edit_of(server: Server, scenario: Scenario, config_id: str) -> Edit:
    node = node_of(server, scenario, config_id)
    assert node.last_edit_id is not None
    return server.services.edits.get(INES, node.id, node.last_edit_id)


def value_of(server: Server, scenario: Scenario, config_id: str) -> Any:
    node = node_of(server, scenario, config_id)
    return json.loads(server.services.values.read(INES, node.id).show().text)


def planned(server: Server, scenario: Scenario) -> dict[str, PlannedAction]:
    plan = server.services.plans.plan(INES, EntityType.SCENARIO, scenario.id)
    return {task.config_id: task.action for task in plan}


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "data").rglob("*") if path.is_file())


def test_a_fork_starts_with_the_values_of_its_source(server: Server) -> None:
    source = make(server)
    write(server, source, left=40)
    run(server, source)

    made = forked(server, source)

    assert made.forked_from == source.id
    names = ("left", "right", "total", "raised", "shared")
    assert [value_of(server, made, name) for name in names] == [40, 2, 42, 43, 0]
    assert len(value_of(server, made, "long")) > 70_000


def test_what_is_written_to_a_fork_is_not_written_to_its_source(server: Server) -> None:
    source = make(server)
    made = forked(server, source)

    write(server, made, left=7)
    write(server, source, right=8)

    assert [value_of(server, source, name) for name in ("left", "right")] == [1, 8]
    assert [value_of(server, made, name) for name in ("left", "right")] == [7, 2]


def test_large_values_are_shared_and_not_copied(server: Server, folder: Path) -> None:
    source = make(server)
    run(server, source)
    before = files_of(folder)

    made = forked(server, forked(server, source))

    assert files_of(folder) == before
    ours, theirs = edit_of(server, made, "long"), edit_of(server, source, "long")
    assert (ours.uri, ours.shared_from) == (theirs.uri, theirs.id)


def test_a_copied_edit_tells_the_same_of_its_value(server: Server, clock: Clock) -> None:
    source = make(server)
    run(server, source)
    clock.advance(datetime.timedelta(days=1))

    made = forked(server, source)

    ours, theirs = edit_of(server, made, "total"), edit_of(server, source, "total")
    for name in ("created_at", "job_id", "code_digest", "python_type", "digest", "version"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.value_id == theirs.id


def test_what_was_up_to_date_in_the_source_is_so_in_the_fork(server: Server) -> None:
    source = make(server)
    run(server, source)

    of_fork = planned(server, forked(server, source))

    assert set(planned(server, source).values()) == {PlannedAction.SKIP}
    assert set(of_fork.values()) == {PlannedAction.SKIP}


def test_what_depends_on_a_changed_input_of_the_source_runs_in_the_fork(server: Server) -> None:
    source = make(server)
    run(server, source)
    write(server, source, left=2)

    of_fork = planned(server, forked(server, forked(server, source)))

    run_, skip = PlannedAction.RUN, PlannedAction.SKIP
    assert of_fork == {"add": run_, "raise": run_, "lengthen": skip}
    assert of_fork == planned(server, source)


def test_only_what_depends_on_the_given_inputs_runs_in_a_fork(server: Server) -> None:
    source = make(server)
    run(server, source)

    made = forked(server, source, left=2)

    run_, skip = PlannedAction.RUN, PlannedAction.SKIP
    assert planned(server, made) == {"add": run_, "raise": run_, "lengthen": skip}
    run(server, made)
    assert value_of(server, made, "raised") == 5
    assert set(planned(server, made).values()) == {PlannedAction.SKIP}
    assert value_of(server, source, "raised") == 4


def test_what_is_stale_in_a_fork_is_since_its_own_change(server: Server, clock: Clock) -> None:
    source = make(server)
    run(server, source)
    clock.advance(datetime.timedelta(minutes=1))

    made = fork(server, source, left=2)

    found = made.eligibility.staleness
    stale = {item.config_id: item.because for item in found.stale.values()}
    assert stale.keys() == {"total", "raised"}
    assert all("'left'" in because for because in stale.values())
    assert node_of(server, made.eligibility.scenario, "long").id in found.fresh


def test_a_fork_tells_which_inputs_differ(server: Server) -> None:
    source = make(server)

    made = fork(server, source, left=2, right=2, text="short")

    assert [(item.name, item.old, item.new) for item in made.diff] == [
        ("left", "1", "2"),
        ("text", None, '"short"'),
    ]
    assert list(fork(server, source).diff) == []


def test_a_fork_with_a_wrong_input_is_refused_and_nothing_is_made(
    server: Server, folder: Path
) -> None:
    source = make(server)
    before = files_of(folder), scenarios(server)

    with pytest.raises(InvalidError) as refused:
        fork(server, source, text=LARGE + "y", lefty=1)

    assert [item["field"] for item in refused.value.errors or ()] == ["inputs.lefty"]
    assert (files_of(folder), scenarios(server)) == before


def test_a_large_input_is_given_to_a_fork(server: Server, folder: Path) -> None:
    source = make(server)
    before = files_of(folder)

    made = forked(server, source, text=LARGE + "y")

    assert value_of(server, made, "text") == LARGE + "y"
    assert value_of(server, source, "text") == LARGE
    assert len(files_of(folder)) == len(before) + 1


def test_an_input_is_written_to_the_place_that_a_fork_has_for_itself(
    server: Server, folder: Path
) -> None:
    source = make(server, "filed")
    before = set(folder.glob("SCENARIO*"))

    made = forked(server, source, own=5)

    assert value_of(server, made, "own") == 5
    assert set(folder.glob("SCENARIO*")) - before == {folder / f"{made.id}.json"}


def scenarios(server: Server, *, forked_from: Sequence[str] = ()) -> list[str]:
    wanted = ScenarioFilter(forked_from=tuple(forked_from))
    return [item.id for item in server.services.scenarios.list_page(INES, wanted, ALL).items]


def test_a_scenario_that_does_not_exist_cannot_be_forked(server: Server) -> None:
    with pytest.raises(NotFoundError):
        server.services.forks.fork(INES, "SCENARIO_quarter_0", AS_SOURCE)


def test_the_forks_of_a_scenario_are_listed(server: Server) -> None:
    source, other = make(server), make(server)
    first, second = forked(server, source), forked(server, source)
    third = forked(server, first)
    forked(server, other)

    assert scenarios(server, forked_from=[source.id]) == [first.id, second.id]
    assert scenarios(server, forked_from=[source.id, first.id]) == [first.id, second.id, third.id]


def test_a_fork_has_the_sequences_of_its_source_also_those_made_by_hand(server: Server) -> None:
    source = make(server)
    server.services.sequences.create(INES, source.id, "ends", source.task_ids[:2])

    made = forked(server, source)

    assert [item.name for item in made.sequences] == ["half", "ends"]
    assert [item.task_ids for item in made.sequences] == [made.task_ids[:1], made.task_ids[:2]]
    assert not set(made.task_ids) & set(source.task_ids)


def test_a_fork_has_the_tags_and_properties_of_its_source_unless_others_are_given(
    server: Server,
) -> None:
    source = make(server, name="a", tags=["cold"], properties={"size": 4})

    same = fork(server, source).eligibility.scenario
    other = fork(
        server, source, NewFork(name="b", tags=["warm"], properties={"size": None, "new": 1})
    ).eligibility.scenario

    assert (same.name, same.tags, same.properties) == (
        None,
        ("cold",),
        {**TAGS, "region": "north", "size": 4},
    )
    assert (other.name, other.tags, other.properties) == (
        "b",
        ("warm",),
        {**TAGS, "region": "north", "new": 1},
    )


def test_a_fork_is_in_the_events_and_in_the_audit(server: Server) -> None:
    source = make(server)

    made = forked(server, source)

    entry = audit_rows.list_page(server.database.reader, AuditFilter(), ALL).items[-1]
    assert (entry.actor, entry.entity_id) == ("ines", made.id)


def test_a_fork_of_a_running_scenario_has_the_values_of_that_moment(server: Server) -> None:
    source = make(server)
    server.services.submissions.submit(INES, EntityType.SCENARIO, source.id, SubmitOptions())

    made = forked(server, source)

    assert value_of(server, made, "left") == 1
    assert node_of(server, made, "total").last_edit_id is None
    run(server, made)
    assert value_of(server, made, "raised") == 4


def test_a_fork_is_in_the_cycle_of_its_source_unless_a_date_is_given(
    server: Server, clock: Clock
) -> None:
    source = make(server, "month")
    run(server, source)
    clock.advance(datetime.timedelta(days=40))

    same = forked(server, source)
    later = fork(server, source, NewFork(created_at=clock.at)).eligibility.scenario

    assert (same.cycle_id, same.created_at) == (source.cycle_id, clock.at)
    assert later.cycle_id not in {None, source.cycle_id}
    assert (same.is_primary, later.is_primary) == (False, True)
    assert node_of(server, same, "counted").id == node_of(server, source, "counted").id
    assert node_of(server, later, "counted").last_edit_id is None
    assert [value_of(server, later, name) for name in ("monthly", "total")] == [5, 3]


def test_a_fork_into_another_cycle_is_refused_if_what_its_scenarios_share_is_not_declared(
    server: Server, url: str, folder: Path, clock: Clock
) -> None:
    source = make(server, "month")
    registry = ConfigRegistry()
    clock.advance(datetime.timedelta(days=40))

    with open_server(folder, url, clock, registry) as other:
        with pytest.raises(ConflictError, match="'monthly', which the scenarios of a cycle share"):
            fork(other, source, NewFork(created_at=clock.at))
        made = forked(other, source)

    assert made.cycle_id == source.cycle_id


def test_values_at_places_that_the_user_named_are_not_shared_and_the_fork_says_so(
    server: Server, folder: Path
) -> None:
    (folder / "common.json").write_text("3")
    source = make(server, "filed")
    run(server, source)

    made = fork(server, source)

    scenario = made.eligibility.scenario
    assert [item.config_id for item in made.not_shared] == ["common", "plan", "own"]
    assert ["in common" in item.because for item in made.not_shared] == [True, True, False]
    assert "reads what the other writes" in made.not_shared[0].because
    assert "has no value there" in made.not_shared[1].because
    assert value_of(server, scenario, "common") == 3
    assert node_of(server, scenario, "plan").last_edit_id is None
    assert node_of(server, scenario, "own").last_edit_id is None
    own = node_of(server, scenario, "own").properties["default_path"]
    assert own == str(folder / f"{scenario.id}.json")
    assert value_of(server, source, "plan") == 3
    assert [item.name for item in made.diff] == ["own"]


def test_a_fork_of_a_scenario_whose_config_is_gone_is_as_that_one_was(
    server: Server, url: str, folder: Path, clock: Clock
) -> None:
    source = make(server)

    with open_server(folder, url, clock, ConfigRegistry()) as other:
        made = fork(other, source)

    scenario = made.eligibility.scenario
    assert len(scenario.task_ids) == len(source.task_ids)
    assert "no longer declares the scenario config 'quarter'" in made.eligibility.submit[0]


def test_a_value_that_was_kept_when_its_data_node_moved_is_shared(
    server: Server, folder: Path
) -> None:
    source = make(server)
    text = node_of(server, source, "text")
    kept_as = {"storage_type": text.storage_type, "properties": dict(text.properties)}

    def move(connection: Any) -> None:
        connection.execute(
            update(edits).where(edits.c.id == text.last_edit_id).values(kept_as=kept_as)
        )
        connection.execute(
            update(data_nodes)
            .where(data_nodes.c.id == text.id)
            .values(properties={"default_path": str(folder / "moved.json")}, place="moved")
        )

    server.database.write(move)

    made = forked(server, source)

    assert value_of(server, made, "text") == LARGE


def test_a_value_that_stayed_at_a_named_place_when_its_data_node_moved_is_not_shared(
    server: Server, folder: Path
) -> None:
    source = make(server)
    text = node_of(server, source, "text")
    kept_as = {"storage_type": "json", "properties": {"default_path": str(folder / "former.json")}}
    server.database.write(
        lambda connection: connection.execute(
            update(edits).where(edits.c.id == text.last_edit_id).values(kept_as=kept_as)
        )
    )

    without = fork(server, source)
    given = server.services.inputs.fork_scenario(INES, source.id, NewFork(), {"text": "new"})

    assert [item.config_id for item in without.not_shared] == ["text"]
    assert "at the former place" in without.not_shared[0].because
    assert [item.name for item in without.diff] == ["text"]
    assert given.not_shared == []
    assert value_of(server, given.eligibility.scenario, "text") == "new"


def test_a_scenario_and_its_fork_are_deleted_in_any_order(server: Server, folder: Path) -> None:
    before = files_of(folder)
    for first in (0, 1):
        source = make(server)
        run(server, source)
        pair = [source, forked(server, source)]

        server.services.scenarios.delete(INES, pair.pop(first).id)

        (left,) = pair
        assert len(value_of(server, left, "long")) > 70_000
        assert len(files_of(folder)) == len(before) + 2
        server.services.scenarios.delete(INES, left.id)
        assert files_of(folder) == before


def test_a_change_of_a_fork_is_no_change_of_its_ancestry(server: Server) -> None:
    source = make(server)
    made = forked(server, source)

    server.services.scenarios.change(INES, made.id, ScenarioChange(name="b"))
    server.services.scenarios.delete(INES, source.id)

    assert server.services.scenarios.get(INES, made.id).scenario.forked_from == source.id
