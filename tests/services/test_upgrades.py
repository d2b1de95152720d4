"""Upgrades bring scenarios to the structure that their configs declare now, with their values."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import FreshUrl
from scenarist.config import ConfigRegistry
from scenarist.db import event_log
from scenarist.domain.entities import Scenario
from scenarist.domain.errors import ChangedError, ConflictError, NotFoundError
from scenarist.domain.identifiers import DataNodeId
from scenarist.domain.listings import (
    AuditFilter,
    DataNodeListFilter,
    SubmissionFilter,
    TaskFilter,
)
from scenarist.domain.permissions import Actor, Role
from scenarist.domain.upgrades import ScenarioUpgrade
from scenarist.domain.vocabulary import (
    ChangeType,
    EntityKind,
    EntityType,
    Frequency,
    JobStatus,
    Scope,
)
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.eligibility import Eligibility
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions, SubmitRequest
from served_versions import (
    ALL,
    INES,
    Declare,
    Lab,
    get,
    nodes_of,
    run_jobs,
    submit,
    upgrade,
    value_of,
)


@pytest.fixture
def lab(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.chdir(tmp_path)
    return Lab(Settings(database=database_url, storage=str(tmp_path / "data")))


def changes_of(made: ScenarioUpgrade) -> list[tuple[str, str, str]]:
    return [(str(change.action), str(change.kind), change.name) for change in made.changes]


def adds(registry: ConfigRegistry) -> None:
    """Declare one task that adds two inputs."""
    left = registry.configure_data_node("left", default_data=1)
    right = registry.configure_data_node("right", default_data=2)
    total = registry.configure_data_node("total")
    registry.configure_scenario(
        "plan", [registry.configure_task("add", "pipelines:add", [left, right], total)]
    )


def adds_three(registry: ConfigRegistry) -> None:
    """Declare the task with one more input, and a second task; one input is gone."""
    left = registry.configure_data_node("left", default_data=1)
    more = registry.configure_data_node("more", default_data=40)
    last = registry.configure_data_node("last", default_data=7)
    total = registry.configure_data_node("total")
    raised = registry.configure_data_node("raised")
    add = registry.configure_task("add", "pipelines:mix", [left, more, last], total)
    rise = registry.configure_task("raise", "pipelines:increment", total, raised)
    registry.configure_scenario("plan", [add, rise], sequences={"half": [add]})


def test_tasks_of_other_ends_are_replaced_and_what_is_new_is_created(lab: Lab) -> None:
    made = lab.make(adds, run=True)
    with lab.serve(adds_three) as server:
        before = server.services.scenarios.get(INES, made.id).submit
        done = upgrade(server, made)
        after = server.services.scenarios.get(INES, made.id)
        statuses = submit(server, made)
        values = {name: value_of(server, id) for name, id in nodes_of(server, made).items()}

    assert "task 'add' was created as (left, right) -> (total)" in before[0]
    assert "upgrade the scenario" in before[0]
    assert changes_of(done) == [
        ("CREATED", "DATA_NODE", "more"),
        ("CREATED", "DATA_NODE", "last"),
        ("CREATED", "DATA_NODE", "raised"),
        ("DETACHED", "DATA_NODE", "right"),
        ("REPLACED", "TASK", "add"),
        ("CREATED", "TASK", "raise"),
        ("CREATED", "SEQUENCE", "half"),
    ]
    assert all(change.id for change in done.changes)
    assert done.kept == {EntityKind.DATA_NODE: [made.data_node_ids[0], made.data_node_ids[2]]}
    assert after.submit == ()
    assert [sequence.name for sequence in after.scenario.sequences] == ["half"]
    assert statuses == {"add": JobStatus.COMPLETED, "raise": JobStatus.COMPLETED}
    assert values.keys() == {"left", "more", "last", "total", "raised"}
    assert values["raised"] == values["total"] + 1


def test_a_value_of_a_replaced_task_is_as_stale_by_itself_as_in_its_scenario(lab: Lab) -> None:
    made = lab.make(adds, run=True)
    with lab.serve(adds_three) as server:
        upgrade(server, made)
        total = nodes_of(server, made)["total"]
        in_scenario = server.services.scenarios.get(INES, made.id).staleness.find(DataNodeId(total))
        alone = server.services.data_nodes.get(INES, total).staleness

    assert alone == in_scenario
    assert alone.is_stale


def test_a_shared_value_is_stale_for_all_scenarios_once_its_task_was_replaced(lab: Lab) -> None:
    def share(registry: ConfigRegistry, *inputs: str) -> None:
        nodes = [registry.configure_data_node(name, default_data=1) for name in inputs]
        shared = registry.configure_data_node("shared", scope=Scope.GLOBAL)
        end = registry.configure_data_node("end")
        source = registry.configure_task("source", "pipelines:mix", nodes, shared)
        registry.configure_scenario("plan", [source])
        registry.configure_scenario(
            "reader", [registry.configure_task("read", "pipelines:increment", shared, end)]
        )

    made = lab.make(lambda registry: share(registry, "one"), run=True)
    with lab.serve(lambda registry: share(registry, "one", "two")) as server:
        reader = server.services.scenarios.create(INES, NewScenario(config_id="reader"))
        shared = DataNodeId(nodes_of(server, reader)["shared"])

        def find(scenario: Scenario) -> bool | None:
            found = server.services.scenarios.get(INES, scenario.id).staleness.find(shared)
            assert server.services.data_nodes.get(INES, shared).staleness == found
            return found.is_stale

        assert (find(made), find(reader)) == (False, False)
        upgrade(server, made)
        assert (find(made), find(reader)) == (True, True)


def test_a_scenario_tells_of_data_nodes_that_an_upgrade_has_added_whether_they_are_stale(
    lab: Lab,
) -> None:
    def declare(registry: ConfigRegistry, *, is_shown: bool) -> None:
        shared = registry.configure_data_node("shared", scope=Scope.GLOBAL)
        registry.configure_scenario(
            "source", [registry.configure_task("s", "pipelines:one", [], shared)]
        )
        end = registry.configure_data_node("end")
        registry.configure_scenario(
            "plan",
            [registry.configure_task("t", "pipelines:one", [], end)],
            [shared] if is_shown else [],
        )

    made = lab.make(lambda registry: declare(registry, is_shown=False), run=True)
    with lab.serve(lambda registry: declare(registry, is_shown=True)) as server:
        source = server.services.scenarios.create(INES, NewScenario(config_id="source"))
        submit(server, source)
        shared = DataNodeId(nodes_of(server, source)["shared"])
        found = []
        for _ in range(2):
            found.append(server.services.scenarios.get(INES, made.id).staleness.find(shared))
            upgrade(server, made)

    assert [node.is_stale for node in found] == [None, False]


def test_a_second_upgrade_has_nothing_to_do_and_raises_no_event(lab: Lab) -> None:
    made = lab.make(adds)
    with lab.serve(adds_three) as server:
        upgrade(server, made)
        before = event_log.find_bounds(server.database.reader)
        again = upgrade(server, made)
        after = event_log.find_bounds(server.database.reader)

    assert (again.changes, after) == ([], before)
    assert {kind: len(ids) for kind, ids in again.kept.items()} == {
        EntityKind.DATA_NODE: 5,
        EntityKind.TASK: 2,
        EntityKind.SEQUENCE: 1,
    }


def test_a_dry_run_says_what_an_upgrade_does_and_changes_nothing(lab: Lab) -> None:
    made = lab.make(adds)
    with lab.serve(adds_three) as server:
        planned = upgrade(server, made, dry_run=True)
        between = get(server, made)
        done = upgrade(server, made)

    assert between == made
    assert changes_of(planned) == changes_of(done)
    assert [change.id for change in planned.changes if change.action == "CREATED"] == [None] * 5


def test_what_is_detached_keeps_its_value_and_comes_back_with_it(lab: Lab) -> None:
    made = lab.make(adds)
    with lab.serve(adds) as server:
        former = nodes_of(server, made)
        server.services.values.write(INES, former["right"], 5)
    with lab.serve(adds_three) as server:
        upgrade(server, made)
        (detached,) = (
            node
            for node in server.services.data_nodes.list_page(
                INES, DataNodeListFilter(owner_id=(made.id,)), ALL
            ).items
            if node.id not in nodes_of(server, made).values()
        )
        kept = value_of(server, detached.id)

    with lab.serve(adds) as server:
        back = upgrade(server, made)
        restored = get(server, made)
        value = value_of(server, nodes_of(server, made)["right"])

    assert (detached.id, kept, value) == (former["right"], 5, 5)
    assert ("ATTACHED", "DATA_NODE", "right") in changes_of(back)
    assert (restored.task_ids, restored.data_node_ids) == (made.task_ids, made.data_node_ids)
    assert "the sequence 'half' stays" not in str(back.notes)


def test_what_is_detached_is_deleted_with_the_scenario(lab: Lab) -> None:
    made = lab.make(adds, run=True)
    with lab.serve(adds_three) as server:
        upgrade(server, made)
        gone = server.services.scenarios.delete(INES, made.id)

    assert set(made.data_node_ids) < set(gone.data_nodes)
    assert set(made.task_ids) < set(gone.tasks)
    assert len(gone.jobs) == 1


def test_a_data_node_of_another_scope_is_replaced_and_the_former_one_keeps_its_value(
    lab: Lab,
) -> None:
    def shares(registry: ConfigRegistry) -> None:
        adds(registry)
        registry.configure_data_node("right", default_data=100, scope=Scope.GLOBAL)

    made = lab.make(adds)
    with lab.serve(shares) as server:
        other = server.services.scenarios.create(INES, NewScenario(config_id="plan"))
        done = upgrade(server, made)
        former = next(change for change in done.changes if change.name == "right")
        values = [value_of(server, str(id)) for id in (former.former_id, former.id)]
        shared = nodes_of(server, other)["right"]

    assert changes_of(done) == [("REPLACED", "DATA_NODE", "right"), ("REPLACED", "TASK", "add")]
    assert "its scope was SCENARIO and is declared as GLOBAL now" in former.because
    assert (values, former.id) == ([2, 100], shared)


def test_a_data_node_that_is_shared_no_longer_starts_with_the_value_that_it_had(lab: Lab) -> None:
    def shares(registry: ConfigRegistry) -> None:
        adds(registry)
        registry.configure_data_node("right", default_data=2, scope=Scope.GLOBAL)
        bulky = registry.configure_json_data_node("bulky", default_data="x", scope=Scope.GLOBAL)
        registry.configure_scenario("plan", [*registry.tasks.values()], [bulky])

    def owns(registry: ConfigRegistry) -> None:
        shares(registry)
        for name in ("right", "bulky"):
            registry.data_nodes[name].scope = Scope.SCENARIO

    made = lab.make(shares)
    with lab.serve(shares) as server:
        shared = nodes_of(server, made)
        server.services.values.write(INES, shared["right"], 5)
        server.services.values.write(INES, shared["bulky"], "y" * 100_000)
    with lab.serve(owns) as server:
        upgrade(server, made)
        own = nodes_of(server, made)
        server.services.values.write(INES, own["right"], 6)
        values = [value_of(server, nodes["right"]) for nodes in (shared, own)]
        bulky = value_of(server, own["bulky"])
        statuses = submit(server, made)

    assert own["right"] != shared["right"]
    assert values == [5, 6]
    assert bulky == "y" * 100_000
    assert statuses == {"add": JobStatus.COMPLETED}


def test_tasks_that_scenarios_share_are_attached_and_not_changed_for_others(lab: Lab) -> None:
    def shares(registry: ConfigRegistry) -> None:
        prices = registry.configure_data_node("prices", default_data=3, scope=Scope.GLOBAL)
        totals = registry.configure_data_node("totals", scope=Scope.GLOBAL)
        adds(registry)
        shared = registry.configure_task("sum", "pipelines:increment", prices, totals)
        registry.configure_scenario("plan", [*registry.tasks.values()])
        assert shared.scope is Scope.GLOBAL

    made = lab.make(adds)
    with lab.serve(shares) as server:
        other = server.services.scenarios.create(INES, NewScenario(config_id="plan"))
        done = upgrade(server, made)
        upgraded, unchanged = get(server, made), get(server, other)

    assert ("ATTACHED", "TASK", "sum") in changes_of(done)
    assert unchanged == other
    assert upgraded.task_ids[1] == other.task_ids[1]


def test_an_input_that_a_task_wrote_before_gets_its_declared_first_value(lab: Lab) -> None:
    def given_by_hand(registry: ConfigRegistry) -> None:
        total = registry.configure_data_node("total", default_data=10)
        raised = registry.configure_data_node("raised")
        registry.configure_scenario(
            "plan", [registry.configure_task("raise", "pipelines:increment", total, raised)]
        )

    made = lab.make(adds)
    with lab.serve(given_by_hand) as server:
        done = upgrade(server, made)
        statuses = submit(server, made)
        value = value_of(server, nodes_of(server, made)["raised"])

    assert ("CHANGED", "DATA_NODE", "total") in changes_of(done)
    assert (statuses, value) == ({"raise": JobStatus.COMPLETED}, 11)


def test_sequences_made_by_hand_follow_replaced_tasks_and_others_are_told(lab: Lab) -> None:
    def two(registry: ConfigRegistry) -> None:
        adds(registry)
        total, again = registry.data_nodes["total"], registry.configure_data_node("again")
        second = registry.configure_task("second", "pipelines:increment", total, again)
        registry.configure_scenario(
            "plan", [*registry.tasks.values()], sequences={"declared": [second]}
        )

    with lab.serve(two) as server:
        made = server.services.scenarios.create(INES, NewScenario(config_id="plan"))
        by_hand, gone = (
            server.services.sequences.create(INES, made.id, name, task_ids)
            for name, task_ids in (("first", made.task_ids[:1]), ("both", made.task_ids))
        )
    with lab.serve(adds_three) as server:
        done = upgrade(server, made)
        again = upgrade(server, made)
        sequences = {sequence.name: sequence for sequence in get(server, made).sequences}
        (task,) = server.services.tasks.list_page(
            INES, TaskFilter(config_id=("add",), scenario_id=(made.id,)), ALL
        ).items

    assert ("CHANGED", "SEQUENCE", "first") in changes_of(done)
    assert (sequences["first"].id, sequences["first"].task_ids) == (by_hand.id, (task.id,))
    assert sequences["both"].task_ids == gone.task_ids
    assert [note.partition(" stays")[0] for note in done.notes] == [
        "the sequence 'declared'",
        "the sequence 'both'",
    ]
    assert (again.changes, again.notes) == ([], done.notes)


def test_a_sequence_whose_tasks_are_declared_otherwise_is_changed(lab: Lab) -> None:
    def with_sequence(*names: str) -> Declare:
        def declare(registry: ConfigRegistry) -> None:
            adds_three(registry)
            members = [registry.tasks[name] for name in names]
            registry.configure_scenario(
                "plan", [*registry.tasks.values()], sequences={"all": members}
            )

        return declare

    made = lab.make(with_sequence("add"))
    with lab.serve(with_sequence("add", "raise")) as server:
        done = upgrade(server, made)
        (sequence,) = get(server, made).sequences

    assert changes_of(done) == [("CHANGED", "SEQUENCE", "all")]
    assert sequence.task_ids == made.task_ids


def test_a_data_node_that_becomes_an_additional_one_stays_in_the_scenario(lab: Lab) -> None:
    def only_data(registry: ConfigRegistry) -> None:
        total = registry.configure_data_node("total")
        registry.configure_scenario("plan", [], [total])

    made = lab.make(adds, run=True)
    with lab.serve(only_data) as server:
        done = upgrade(server, made)
        upgraded = get(server, made)
        value = value_of(server, upgraded.additional_data_node_ids[0])

    assert ("CHANGED", "DATA_NODE", "total") in changes_of(done)
    assert (upgraded.data_node_ids, value) == ((made.data_node_ids[2],), 3)


def test_an_upgrade_is_refused_while_a_submission_is_under_way(lab: Lab) -> None:
    made = lab.make(adds)
    with lab.serve(adds) as server:
        submission = server.services.submissions.submit(
            INES, EntityType.SCENARIO, made.id, SubmitOptions()
        )
    with lab.serve(adds_three) as server:
        for dry_run in (True, False):
            with pytest.raises(ConflictError, match=submission.id) as refusal:
                upgrade(server, made, dry_run=dry_run)

            assert refusal.value.reason == "submission_under_way"
        assert get(server, made) == made
    with lab.serve(adds) as server:
        assert upgrade(server, made).changes == []


def test_a_scenario_whose_config_is_gone_is_refused_with_the_reason(lab: Lab) -> None:
    def nothing(registry: ConfigRegistry) -> None:
        registry.configure_data_node("left")

    made = lab.make(adds)
    with lab.serve(nothing) as server:
        with pytest.raises(ConflictError, match="no longer declares the scenario config 'plan'"):
            upgrade(server, made)
        with pytest.raises(NotFoundError):
            server.services.upgrades.upgrade(INES, "SCENARIO_nope")


def test_a_scenario_keeps_its_cycle_when_another_frequency_is_declared(lab: Lab) -> None:
    def by_cycle(frequency: Frequency | None, scope: Scope) -> Declare:
        def declare(registry: ConfigRegistry) -> None:
            adds(registry)
            registry.configure_data_node("right", default_data=2, scope=scope)
            registry.configure_scenario("plan", [*registry.tasks.values()], frequency=frequency)

        return declare

    made = lab.make(by_cycle(Frequency.MONTHLY, Scope.CYCLE))
    without = lab.make(by_cycle(None, Scope.SCENARIO))
    with lab.serve(by_cycle(Frequency.DAILY, Scope.CYCLE)) as server:
        done = upgrade(server, made)
        with pytest.raises(ConflictError, match="has no cycle") as refusal:
            upgrade(server, without)

    assert changes_of(done) == []
    assert "the frequency is declared as DAILY now; the scenario keeps its cycle" in done.notes[0]
    assert refusal.value.reason == "scenario_without_cycle"


def test_a_place_that_needs_a_property_of_the_scenario_is_refused_until_it_has_it(
    lab: Lab,
) -> None:
    def by_region(registry: ConfigRegistry) -> None:
        adds(registry)
        node = registry.configure_json_data_node(
            "report", default_path="{scenario.properties.region}.json"
        )
        registry.configure_scenario("plan", [*registry.tasks.values()], [node])

    made = lab.make(adds)
    with lab.serve(by_region) as server:
        for dry_run in (True, False):
            with pytest.raises(ConflictError, match="give the scenario the property 'region'"):
                upgrade(server, made, dry_run=dry_run)


def test_a_large_first_value_is_stored_beside_the_others(lab: Lab) -> None:
    def with_bulk(registry: ConfigRegistry) -> None:
        adds(registry)
        bulky = registry.configure_json_data_node("bulky", default_data="x" * 100_000)
        registry.configure_scenario("plan", [*registry.tasks.values()], [bulky])

    made = lab.make(adds)
    with lab.serve(with_bulk) as server:
        upgrade(server, made)
        value = value_of(server, nodes_of(server, made)["bulky"])
    files = [path for path in Path(lab.settings.storage).rglob("*") if path.is_file()]

    assert (len(value), len(files)) == (100_000, 1)


def test_an_upgrade_is_audited_checks_what_is_expected_and_tells_of_each_entity(lab: Lab) -> None:
    def refuse(found: Eligibility) -> None:
        raise ChangedError("it has changed")

    made = lab.make(adds)
    with lab.serve(adds_three) as server:
        with pytest.raises(ChangedError):
            upgrade(server, made, expect=refuse)
        _, newest = event_log.find_bounds(server.database.reader)
        done = upgrade(server, made)
        ((_, _, events),) = event_log.read(server.database.reader, first=newest + 1, limit=10)
        audited = server.services.audit.list_page(
            Actor("ada", frozenset({Role.ADMIN})), AuditFilter(), ALL
        ).items

    told = {event.id: event.change for event in events}
    created = {change.id for change in done.changes if change.action in {"CREATED", "REPLACED"}}
    updated = {change.former_id or change.id for change in done.changes} - created
    assert told == {
        **dict.fromkeys(created, ChangeType.CREATED),
        **dict.fromkeys({*updated, made.id}, ChangeType.UPDATED),
    }
    assert [entry.operation for entry in audited if entry.entity_id == made.id] == (
        ["upgradeScenario"] * 2
    )


def test_a_retry_of_a_submission_from_before_an_upgrade_says_to_submit_anew(lab: Lab) -> None:
    with lab.serve(adds) as server:
        made = server.services.scenarios.create(INES, NewScenario(config_id="plan"))
        server.services.values.write(INES, nodes_of(server, made)["left"], "no number")
        assert submit(server, made) == {"add": JobStatus.FAILED}
    with lab.serve(adds_three) as server:
        upgrade(server, made)
        (former,) = server.services.submissions.list_page(
            INES, SubmissionFilter(entity_id=(made.id,)), ALL
        ).items
        retry = SubmitRequest(
            INES, EntityType.SCENARIO, made.id, SubmitOptions(), retry_of=former.id
        )
        (refused,) = server.services.submissions.submit_many([retry])

    assert isinstance(refused, ConflictError)
    assert refused.message.endswith("so submit it anew instead")


def test_submissions_of_a_task_that_was_replaced_stay_listed_with_the_scenario(lab: Lab) -> None:
    made = lab.make(adds)
    with lab.serve(adds) as server:
        submission = server.services.submissions.submit(
            INES, EntityType.TASK, made.task_ids[0], SubmitOptions()
        )
        run_jobs(server)
    with lab.serve(adds_three) as server:
        upgrade(server, made)
        listed = server.services.submissions.list_page(
            INES, SubmissionFilter(scenario_id=(made.id,)), ALL
        ).items

    assert [item.id for item in listed] == [submission.id]


NODES = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Version:
    """What one version of an application declares."""

    scopes: Mapping[str, Scope]
    tasks: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    additional: tuple[str, ...]
    members: tuple[str, ...]
    is_cyclic: bool = True

    def __call__(self, registry: ConfigRegistry) -> None:
        nodes = {
            name: registry.configure_data_node(name, default_data=1, scope=self.scopes[name])
            for name in NODES
        }
        tasks = {
            name: registry.configure_task(
                name,
                "pipelines:mix",
                [nodes[one] for one in inputs],
                [nodes[one] for one in outputs],
            )
            for name, (inputs, outputs) in self.tasks.items()
        }
        registry.configure_scenario(
            "plan",
            list(tasks.values()),
            [nodes[name] for name in self.additional],
            frequency=Frequency.YEARLY,
            sequences={"some": [tasks[name] for name in self.members if name in tasks]},
        )


def some_of(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), unique=True, max_size=2).map(tuple)


VERSIONS = st.builds(
    Version,
    scopes=st.fixed_dictionaries({name: st.sampled_from(list(Scope)) for name in NODES}),
    tasks=st.dictionaries(
        st.sampled_from(["t", "u", "v"]), st.tuples(some_of(("a", "b")), some_of(("c", "d")))
    ),
    additional=some_of(NODES),
    members=some_of(("t", "u", "v")),
)


def shape_of(server: Server, scenario: Scenario) -> tuple[object, ...]:
    """Return what a scenario is made of, by the names of its parts."""
    tasks = server.services.tasks.list_page(INES, TaskFilter(scenario_id=(scenario.id,)), ALL).items
    nodes = [server.services.data_nodes.get(INES, id) for id in scenario.data_node_ids]
    names = {node.id: (node.config_id, node.scope) for node in nodes}
    of_task = {task.id: task.config_id for task in tasks}
    return (
        {
            task.config_id: (
                [names[id] for id in task.input_ids],
                [names[id] for id in task.output_ids],
                task.owner_id == scenario.id,
            )
            for task in tasks
        },
        sorted(names.values()),
        [names[id][0] for id in scenario.additional_data_node_ids],
        {item.name: [of_task[id] for id in item.task_ids] for item in scenario.sequences},
        {id for id, (_, scope) in names.items() if scope is not Scope.SCENARIO},
    )


@settings(max_examples=10)
@given(before=VERSIONS, after=VERSIONS)
def test_an_upgraded_scenario_is_made_of_what_a_new_one_is_and_keeps_its_values(
    fresh_url: FreshUrl, tmp_path_factory: pytest.TempPathFactory, before: Version, after: Version
) -> None:
    url: AbstractContextManager[str] = fresh_url()
    with url as database:
        lab = Lab(Settings(database=database, storage=str(tmp_path_factory.getbasetemp())))
        with lab.serve(before) as server:
            made = server.services.scenarios.create(INES, NewScenario(config_id="plan"))
            for id in made.data_node_ids:
                server.services.values.write(INES, id, f"value of {id}")
        with lab.serve(after) as server:
            told = server.services.drift.list_differences(INES)[1]
            done = upgrade(server, made)
            again = upgrade(server, made)
            left = server.services.drift.list_differences(INES)[1]
            upgraded = server.services.scenarios.get(INES, made.id)
            other = server.services.scenarios.create(INES, NewScenario(config_id="plan"))

            assert again.changes == []
            assert shape_of(server, upgraded.scenario) == shape_of(server, other)
            assert [value_of(server, id) for id in made.data_node_ids] == [
                f"value of {id}" for id in made.data_node_ids
            ]
            assert not [reason for reason in upgraded.submit if "declare" in reason]
            assert done.notes == again.notes == []
            assert bool(done.changes) == any(item.scenario_config_ids == ("plan",) for item in told)
            assert [item.message for item in left if "of no scenario" not in item.message] == []
