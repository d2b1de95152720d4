"""Shared bytes as a law: they live exactly as long as an edit has them, whatever is deleted."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from builders import Clock
from conftest import FreshUrl
from orchestrator.test_pruning import Killed
from orchestrator.world import World
from scenarist.config import ConfigRegistry
from scenarist.db.engine import Database
from scenarist.db.tables import edits
from scenarist.domain.entities import Scenario
from scenarist.domain.identifiers import DataNodeId
from scenarist.domain.permissions import ANYONE
from scenarist.domain.retention import Retention
from scenarist.services import scenarios as scenario_module
from scenarist.services.forks import ForkService, NewFork
from scenarist.services.pruning import PruningService
from scenarist.services.scenarios import NewScenario, ScenarioService

DAY = timedelta(days=1)
NODES = 2
LARGE = "x" * 70_000

_some = st.integers(0, 5)
_steps = st.one_of(
    st.tuples(st.just("fork"), _some),
    st.tuples(st.just("fork"), _some),
    st.tuples(st.just("delete"), _some),
    st.tuples(st.just("die_deleting"), _some),
    st.tuples(st.just("write"), _some),
    st.tuples(st.just("prune"), st.builds(Retention, edits=st.integers(1, 2))),
    st.tuples(st.just("prune"), st.just(Retention(leftovers=DAY))),
)


class Family:
    """Scenarios that are forked, written and deleted, and the values that each should have."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.world = World(database, Clock(), folder)
        self.folder = folder
        registry = ConfigRegistry()
        nodes = [
            registry.configure_json_data_node(f"node{number}", default_data=LARGE + str(number))
            for number in range(NODES)
        ]
        registry.configure_scenario("family", additional_data_node_configs=nodes)
        clock, zone = self.world.clock, ZoneInfo("UTC")
        self.scenarios = ScenarioService(
            database, registry, folder=str(folder), now=clock, version="test", zone=zone
        )
        self.forks = ForkService(
            database, registry, folder=str(folder), now=clock, version="test", zone=zone
        )
        first = self.scenarios.create(ANYONE, NewScenario(config_id="family"))
        self.members = [first]
        self.values = {
            node_id: f'"{LARGE}{number}"' for number, node_id in enumerate(first.data_node_ids)
        }
        self.written = 0

    def pick(self, number: int) -> Scenario:
        return self.members[number % len(self.members)]

    def fork(self, number: int) -> None:
        source = self.pick(number)
        made = self.forks.fork(ANYONE, source.id, NewFork()).eligibility.scenario
        self.members.append(made)
        for old, new in zip(source.data_node_ids, made.data_node_ids, strict=True):
            self.values[new] = self.values[old]

    def delete(self, number: int) -> None:
        if len(self.members) > 1:
            gone = self.pick(number)
            self.members.remove(gone)
            self.scenarios.delete(ANYONE, gone.id)

    def die_deleting(self, number: int) -> None:
        """End between the commit of a deletion and the removal of files."""

        def die(*arguments: object, **named: object) -> None:
            raise Killed

        with pytest.MonkeyPatch.context() as patch, suppress(Killed):
            patch.setattr(scenario_module, "remove_files", die)
            self.delete(number)

    def write(self, number: int) -> None:
        self.written += 1
        self.world.clock.advance(timedelta(seconds=1))
        node_id = self.pick(number).data_node_ids[number % NODES]
        self.world.data_nodes.write(ANYONE, node_id, f"{LARGE}{self.written} written")
        self.values[node_id] = f'"{LARGE}{self.written} written"'

    def prune(self, retention: Retention) -> None:
        at = (self.world.clock.at - 10 * DAY).timestamp()
        for path in self.folder.rglob("*"):
            os.utime(path, (at, at))
        pruning = PruningService(
            self.world.database,
            folder=str(self.folder),
            now=self.world.clock,
            pause=lambda seconds: None,
        )
        counted = pruning.prune(ANYONE, retention, is_dry_run=True)
        assert pruning.prune(ANYONE, retention) == counted

    def files(self) -> set[str]:
        return {str(path) for path in self.folder.rglob("*") if path.is_file()}

    def recorded(self) -> set[str | None]:
        return set(self.world.database.reader.execute(select(edits.c.uri)).scalars())

    def iter_shown(self) -> Iterator[tuple[DataNodeId, str]]:
        for member in self.members:
            for node_id in member.data_node_ids:
                yield node_id, self.world.data_nodes.read(ANYONE, node_id).show().text


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(_steps, min_size=5, max_size=25))
def test_shared_bytes_live_exactly_as_long_as_an_edit_has_them(
    fresh_url: FreshUrl, steps: list[tuple[str, object]]
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        fresh_url() as url,
        Database(url) as database,
    ):
        family = Family(database, Path(folder))

        for name, argument in steps:
            getattr(family, name)(argument)
            assert family.recorded() <= family.files()

        family.prune(Retention(leftovers=DAY))
        assert family.files() == family.recorded()
        assert all(shown == family.values[node_id] for node_id, shown in family.iter_shown())
