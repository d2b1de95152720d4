"""Staleness as a law: fresh after a run, stale after a change, and what a plan names mends it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from builders import Draft
from orchestrator.world import World
from scenarist.db import scenarios as scenario_rows
from scenarist.db.eligibility import find_facts
from scenarist.domain.identifiers import DataNodeId, ScenarioId, TaskId
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import PlannedAction
from scenarist.services.staleness import Staleness, StalenessReader

INPUTS = ("a", "b", "c")
WIRING = {
    "t1": (["a"], ["d"]),
    "t2": (["b", "d"], ["e", "f"]),
    "t3": (["c"], ["g"]),
    "t4": (["e", "g"], ["h"]),
    "t5": (["h", "a"], ["i"]),
    "t6": ([], ["j"]),
}
MADE = [name for _, outputs in WIRING.values() for name in outputs]


@dataclass
class Plant:
    """Tasks over three inputs; each data node is written by one task at most."""

    world: World
    skippable: Sequence[bool]
    reader: StalenessReader = field(default_factory=StalenessReader)
    nodes: dict[str, DataNodeId] = field(default_factory=dict)
    tasks: dict[str, TaskId] = field(default_factory=dict)
    written: int = 0

    def __post_init__(self) -> None:
        self.id = self.world.make(self._build)

    def _build(self, draft: Draft) -> ScenarioId:
        self.nodes = {name: draft.node(name, 1) for name in INPUTS}
        self.nodes |= {name: draft.node(name) for name in MADE}
        for (name, (reads, writes)), skippable in zip(WIRING.items(), self.skippable, strict=True):
            ends = [[self.nodes[node] for node in nodes] for nodes in (reads, writes)]
            function = "mix" if len(writes) == 1 else "mix_twice"
            self.tasks[name] = draft.task(name, function, *ends, skippable=skippable)
        return draft.id

    def write(self, name: str) -> None:
        self.written += 1
        self.world.data_nodes.write(ANYONE, self.nodes[name], self.written)

    def run(self, *names: str) -> None:
        """Run tasks, and nothing else."""
        if names:
            self.world.submit(*(self.tasks[name] for name in names))
            for _ in names:  # a skipped job frees others without any outcome
                self.world.run_all()

    def look(self, reader: StalenessReader | None = None) -> Staleness:
        """Return what the scenario tells of its data nodes."""

        def read(connection: Connection) -> Staleness:
            scenario = scenario_rows.find(connection, self.id)
            assert scenario is not None
            marks = find_facts(connection, self.id).marks
            return (reader or self.reader).find_of_scenario(connection, scenario, marks)

        return self.world.database.write(read)

    def stale(self) -> set[str]:
        found = self.look()
        return {name for name in MADE if found.find(self.nodes[name]).is_stale}


def upstream(name: str) -> set[str]:
    """Return all from which a data node is made."""
    found: set[str] = set()
    for reads, writes in WIRING.values():
        if name in writes:
            found = found.union(reads, *(upstream(node) for node in reads))
    return found


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    skippable=st.lists(st.booleans(), min_size=len(WIRING), max_size=len(WIRING)),
    changed=st.sets(st.sampled_from(INPUTS), min_size=1),
    partly=st.sets(st.sampled_from(list(WIRING))),
)
def test_a_value_is_stale_from_a_change_of_what_it_was_made_from_until_what_the_plan_names_has_run(
    world: World, skippable: list[bool], changed: set[str], partly: set[str]
) -> None:
    plant = Plant(world, skippable)
    assert plant.look() == Staleness()

    plant.run(*WIRING)
    assert plant.stale() == set()
    assert len(plant.look().fresh) == len(MADE)

    for name in sorted(changed):
        plant.write(name)
    assert plant.stale() == {name for name in MADE if upstream(name) & changed}

    plant.run(*sorted(partly))
    assert plant.look() == plant.look(StalenessReader())  # what is kept is what is computed
    whole = plant.look()
    for name in MADE:
        node_id = plant.nodes[name]
        alone = plant.reader.find_of_node(world.database.reader, node_id)
        assert alone.find(node_id) == whole.find(node_id)

    plan = world.plan(*plant.tasks.values())
    named = [task.config_id for task in plan if task.action is PlannedAction.RUN]
    plant.run(*named)
    assert plant.stale() == set()


def test_what_is_fresh_is_skipped_and_what_is_stale_is_not(world: World) -> None:
    plant = Plant(world, [True] * len(WIRING))
    plant.run(*WIRING)
    plant.write("c")
    plant.run("t3")

    plan = {task.config_id: task.action for task in world.plan(*plant.tasks.values())}

    assert plant.stale() == {"h", "i"}
    assert [name for name, action in plan.items() if action is PlannedAction.RUN] == ["t4", "t5"]
