"""A scenario of six tasks over three inputs, for tests of which values are stale."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection

from builders import Draft
from orchestrator.world import World
from scenarist.db import scenarios as scenario_rows
from scenarist.db.eligibility import find_facts
from scenarist.domain.identifiers import DataNodeId, ScenarioId, TaskId
from scenarist.domain.permissions import ANYONE
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
    skippable: Sequence[bool] = (False,) * len(WIRING)
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
        self.world.clock.advance(timedelta(seconds=1))
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

    def because(self) -> dict[str, str]:
        """Return the stale data nodes by name, each with its reason."""
        return {node.config_id: node.because for node in self.look().stale.values()}

    def stale(self) -> set[str]:
        found = self.look()
        return {name for name in MADE if found.find(self.nodes[name]).is_stale}
