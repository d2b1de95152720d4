"""What may be done with scenarios."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from scenarist.config import ConfigRegistry, DataNodeConfig, ScenarioConfig, TaskConfig
from scenarist.db import cycles as cycle_rows
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db import tasks as task_rows
from scenarist.db.engine import Database
from scenarist.db.pages import Page
from scenarist.domain import entities
from scenarist.domain import identifiers as ids
from scenarist.domain.cycles import period_around, period_label
from scenarist.domain.entities import Cycle, DataNode, Edit, Scenario, Task
from scenarist.domain.environment import resolve
from scenarist.domain.errors import NotFoundError
from scenarist.domain.identifiers import CycleId, DataNodeId, ScenarioId, TaskId, new_uuid
from scenarist.domain.listings import PageRequest, ScenarioFilter
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import Frequency, Scope
from scenarist.services.data_nodes import edit_of
from scenarist.storage.base import Target, Written
from scenarist.storage.kinds import discard, find_storage, named_path, publish


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
            making = _Making(
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

    def _make(self, making: "_Making", config: ScenarioConfig, new: NewScenario) -> Scenario:
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
        self, making: "_Making", frequency: Frequency | None, created_at: datetime
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


@dataclass(slots=True)
class _Making:
    """One scenario in the making: finds or makes its data nodes and tasks."""

    connection: Connection
    now: datetime
    version: str
    folder: str
    actor: str
    written: list[Written]
    owners: Mapping[Scope, ScenarioId | CycleId | None] = field(default_factory=dict)

    def data_node(self, config: DataNodeConfig) -> DataNodeId:
        plain = {name: value for name, value in config.properties.items() if name != "default_data"}
        node = DataNode(
            id=ids.data_node_id(config.id, new_uuid(self.now)),
            config_id=config.id,
            scope=config.scope,
            storage_type=config.storage_type,
            owner_id=self.owners[config.scope],
            parent_ids=(),
            properties=plain,
            validity=config.validity_period,
            last_edit_id=None,
            last_edited_at=None,
            being_written_by=None,
            created_at=self.now,
            version=self.version,
        )
        node_id, is_new = data_node_rows.find_or_make(self.connection, node)
        if is_new:
            first = self._first_edit(node, config.properties)
            data_node_rows.add_edits(self.connection, [] if first is None else [first])
        return node_id

    def task(self, config: TaskConfig, nodes: Mapping[str, DataNodeId]) -> TaskId:
        scopes: Sequence[Scope] = [node.scope for node in (*config.inputs, *config.outputs)]
        narrowest = min(scopes, key=lambda scope: scope.width, default=Scope.GLOBAL)
        return task_rows.find_or_make(
            self.connection,
            Task(
                id=ids.task_id(config.id, new_uuid(self.now)),
                config_id=config.id,
                owner_id=self.owners[narrowest],
                parent_ids=(),
                input_ids=tuple(nodes[node.id] for node in config.inputs),
                output_ids=tuple(nodes[node.id] for node in config.outputs),
                function=config.function,
                skippable=config.skippable,
                timeout=config.timeout,
                retries=config.retries,
                retry_delay=config.retry_delay,
                properties=config.properties,
                created_at=self.now,
                version=self.version,
            ),
        )

    def _first_edit(self, node: DataNode, properties: Mapping[str, Any]) -> Edit | None:
        """Return the edit of a file that is there already, else of the default data, if any."""
        edit_id = ids.EditId(new_uuid(self.now))
        resolved = resolve(dict(node.properties), os.environ)
        path = named_path(resolved)
        if path is not None and Path(path).is_file():
            return Edit(
                id=edit_id,
                data_node_id=node.id,
                created_at=self.now,
                job_id=None,
                actor=None,
                comment=None,
                uri=path,
                content=None,
                size=None,
                digest=None,
                python_type=None,
                rendition=None,
                is_complete=False,
            )
        if "default_data" not in properties:
            return None
        target = Target(
            data_node_id=node.id,
            edit_id=edit_id,
            storage_type=node.storage_type,
            folder=self.folder,
            properties=resolved,
        )
        written = find_storage(node.storage_type).write(
            resolve(properties["default_data"], os.environ), target
        )
        self.written.append(written)
        publish(written)
        return edit_of(node.id, edit_id, written, at=self.now, actor=None)
