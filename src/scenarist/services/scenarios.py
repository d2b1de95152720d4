"""What may be done with scenarios."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from scenarist.config import ConfigRegistry, ScenarioConfig
from scenarist.db import cycles as cycle_rows
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db.engine import Database
from scenarist.db.pages import Page
from scenarist.domain import entities
from scenarist.domain import identifiers as ids
from scenarist.domain.cycles import period_around, period_label
from scenarist.domain.entities import Cycle, Scenario
from scenarist.domain.errors import NotFoundError
from scenarist.domain.identifiers import CycleId, new_uuid
from scenarist.domain.listings import PageRequest, ScenarioFilter
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import Frequency, Scope
from scenarist.services.making import Making
from scenarist.storage.base import Written
from scenarist.storage.kinds import discard


@dataclass(frozen=True, kw_only=True, slots=True)
class NewScenario:
    """What a client says of a scenario to be created."""

    config_id: str
    name: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None  #: decides the cycle; now, when not given


class ScenarioService:
    """Makes scenarios from the configs of a registry.

    Args:
        folder: Where default values go whose place the system names.
        zone: Whose midnights start and end cycles.
    """

    def __init__(
        self,
        database: Database,
        registry: ConfigRegistry,
        *,
        folder: str,
        now: Callable[[], datetime],
        version: str,
        zone: ZoneInfo,
    ) -> None:
        self._database = database
        self._registry = registry
        self._folder = folder
        self._now = now
        self._version = version
        self._zone = zone

    def create(self, actor: Actor, new: NewScenario) -> Scenario:
        """Create a scenario with its cycle, data nodes, tasks and sequences, all or none.

        Data nodes and tasks of a wider scope are those that the cycle, or every scenario, shares.
        The first scenario of a cycle is its primary.

        Raises:
            NotFoundError: No scenario config has the identifier; names those there are.
        """
        actor.require(Permission.EDIT)
        config = self._registry.scenarios.get(new.config_id)
        if config is None:
            known = ", ".join(self._registry.scenarios) or "none"
            raise NotFoundError(
                f"no scenario config has the identifier {new.config_id!r}; there are: {known}"
            )
        written: list[Written] = []

        def work(connection: Connection) -> Scenario:
            making = Making(
                connection=connection,
                now=self._now(),
                version=self._version,
                folder=self._folder,
                actor=actor.name,
                written=written,
            )
            return self._make(making, config, new)

        try:
            return self._database.write(work)
        except BaseException:
            for item in written:
                discard(item)
            raise

    def get(self, actor: Actor, scenario_id: str) -> Scenario:
        actor.require(Permission.READ)
        found = scenario_rows.find(self._database.reader, scenario_id)
        if found is None:
            raise NotFoundError(f"no scenario has the identifier {scenario_id}")
        return found

    def list_page(
        self, actor: Actor, wanted: ScenarioFilter, request: PageRequest
    ) -> Page[Scenario]:
        actor.require(Permission.READ)
        return scenario_rows.page(self._database.reader, wanted, request)

    def _make(self, making: Making, config: ScenarioConfig, new: NewScenario) -> Scenario:
        created_at = new.created_at or making.now
        scenario_id = ids.scenario_id(config.id, new_uuid(making.now))
        cycle = self._cycle(making, config.frequency, created_at)
        making.owners = {
            Scope.SCENARIO: scenario_id,
            Scope.CYCLE: None if cycle is None else cycle.id,
            Scope.GLOBAL: None,
        }
        nodes = {node.id: making.data_node(node) for node in config.data_nodes}
        tasks = {task.id: making.task(task, nodes) for task in config.tasks}
        sequences = tuple(
            entities.Sequence(
                id=ids.sequence_id(name, scenario_id),
                name=name,
                scenario_id=scenario_id,
                task_ids=tuple(tasks[task.id] for task in members),
                properties={},
                created_at=created_at,
                version=self._version,
            )
            for name, members in config.sequences.items()
        )
        scenario = Scenario(
            id=scenario_id,
            config_id=config.id,
            name=new.name,
            cycle_id=None if cycle is None else cycle.id,
            is_primary=cycle is not None
            and not scenario_rows.has_primary(making.connection, cycle.id),
            tags=(),
            properties={**config.properties, **new.properties},
            task_ids=tuple(tasks.values()),
            data_node_ids=tuple(dict.fromkeys(nodes.values())),
            additional_data_node_ids=tuple(nodes[node.id] for node in config.additional_data_nodes),
            sequences=sequences,
            created_at=created_at,
            version=self._version,
        )
        scenario_rows.add(making.connection, scenario)
        for sequence in sequences:
            sequence_rows.add(making.connection, sequence)
        return scenario

    def _cycle(
        self, making: Making, frequency: Frequency | None, created_at: datetime
    ) -> Cycle | None:
        if frequency is None:
            return None
        start, end = period_around(frequency, created_at, self._zone)
        label = period_label(frequency, start.date())
        cycle = Cycle(
            id=CycleId(ids.cycle_id(label, new_uuid(making.now))),
            name=label,
            frequency=frequency,
            properties={},
            start_at=start,
            end_at=end,
            created_at=making.now,
        )
        return cycle_rows.find_or_make(making.connection, cycle)[0]
