"""What an upgrade of a scenario would change: the scenario compared with its config."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from scenarist.config import DataNodeConfig, ScenarioConfig, TaskConfig
from scenarist.db import cycles as cycle_rows
from scenarist.db import drift as drift_rows
from scenarist.db import inputs as input_rows
from scenarist.db import tasks as task_rows
from scenarist.db import upgrades as upgrade_rows
from scenarist.db.forks import find_source_nodes
from scenarist.db.sharing import can_be_shared
from scenarist.domain.behaviours import format_wiring
from scenarist.domain.entities import NodeOfScenario, Scenario, Task
from scenarist.domain.errors import ConflictError, InvalidError
from scenarist.domain.identifiers import CycleId, DataNodeId, EditId, ScenarioId, TaskId
from scenarist.domain.locations import Owner, digest_wiring
from scenarist.domain.upgrades import ScenarioUpgrade, StructureChange, UpgradeAction
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES, EntityKind, Scope
from scenarist.services.placement import make_placement

_DECLARED = "the config declares it now"


@dataclass(slots=True)
class UpgradeDraft:
    """A scenario compared with its config.

    Args:
        owners: Owner of the entities of each scope.
        owner: Values of the placeholders in the places of its data nodes.
        nodes: The data nodes that it has to have, by config; None for one to create.
        tasks: The same of its tasks.
        inherited: The values with which new data nodes of a narrower scope start, by config.
        without_value: Own data nodes to give a first value, since no task writes them any more.
        sequences: Sequences to change or to create, by name: the configs or ids of their tasks.
    """

    connection: Connection
    scenario: Scenario
    config: ScenarioConfig
    owners: Mapping[Scope, ScenarioId | CycleId | None] = field(init=False)
    owner: Owner = field(init=False)
    nodes: dict[str, DataNodeId | None] = field(default_factory=dict)
    tasks: dict[str, TaskId | None] = field(default_factory=dict)
    inherited: dict[str, EditId] = field(default_factory=dict)
    without_value: list[DataNodeConfig] = field(default_factory=list)
    sequences: dict[str, Sequence[str]] = field(default_factory=dict)
    changes: list[StructureChange] = field(default_factory=list)
    kept: dict[EntityKind, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        scenario = self.scenario
        self.owners = {
            Scope.SCENARIO: scenario.id,
            Scope.CYCLE: scenario.cycle_id,
            Scope.GLOBAL: None,
        }
        self.owner = drift_rows.owners_of(self.connection, [scenario.id])[scenario.id]
        self._compare_cycle()
        found = upgrade_rows.find_entities(
            self.connection,
            [node.id for node in self.config.data_nodes],
            [task.id for task in self.config.tasks],
            dict.fromkeys(self.owners.values()),
        )
        self._compare_nodes(found)
        self._compare_tasks(found)
        self._compare_sequences()

    @property
    def upgrade(self) -> ScenarioUpgrade:
        return ScenarioUpgrade(changes=self.changes, kept=self.kept, notes=self.notes)

    def _compare_cycle(self) -> None:
        declared = self.config.frequency
        cycle_id = self.scenario.cycle_id
        cycle = None if cycle_id is None else cycle_rows.find(self.connection, cycle_id)
        present = None if cycle is None else cycle.frequency
        if present == declared:
            return
        by_cycle = [node.id for node in self.config.data_nodes if node.scope is Scope.CYCLE]
        if cycle is None and by_cycle:
            raise ConflictError(
                f"scenario {self.scenario.id} cannot be upgraded: it has no cycle, and the "
                f"application now declares the frequency {declared} and the data node "
                f"{by_cycle[0]!r} with the scope CYCLE; create a new scenario",
                code="scenario_without_cycle",
            )
        self.notes.append(
            f"the frequency is declared as {declared or 'none'} now; the scenario keeps "
            + ("having no cycle" if cycle is None else f"its cycle {cycle.name!r} ({present})")
        )

    def _compare_nodes(self, found: upgrade_rows.FoundEntities) -> None:
        present = {
            node.config_id: node
            for node in input_rows.list_nodes(self.connection, self.scenario.id)
        }
        made = {node.id for task in self.config.tasks for node in task.outputs}
        edits = upgrade_rows.find_last_edits(self.connection, [n.id for n in present.values()])
        for config in self.config.data_nodes:
            existing = found.nodes.get((config.id, self.owners[config.scope]))
            self.nodes[config.id] = existing
            former = present.pop(config.id, None)
            if existing is None:
                self._check_place(config)
            if former is None or former.id != existing:
                self._note_node(config, existing, former)
            elif config.id not in made and edits[former.id] is None and _has_first_value(config):
                self._note_first_value(config, former)
            else:
                self._keep(EntityKind.DATA_NODE, former.id)
        for former in present.values():
            self._note_detached(EntityKind.DATA_NODE, former.config_id, former.id)
        self._compare_additional()

    def _check_place(self, config: DataNodeConfig) -> None:
        try:
            make_placement(config, self.owner)
        except InvalidError as error:
            raise ConflictError(
                f"scenario {self.scenario.id} cannot be upgraded: {error.message}",
                code="application_changed",
            ) from None

    def _note_node(
        self, config: DataNodeConfig, existing: DataNodeId | None, former: NodeOfScenario | None
    ) -> None:
        if former is not None:
            action = UpgradeAction.REPLACED
            because = f"its scope was {former.scope} and is declared as {config.scope} now; " + (
                "the new data node starts with its value"
                if existing is None and self._inherit(config, former)
                else f"its value stays with the former data node, {former.id}"
            )
        elif existing is not None:
            action = UpgradeAction.ATTACHED
            because = f"{_DECLARED}, and it exists already"
        else:
            action, because = UpgradeAction.CREATED, _DECLARED
        self._note(
            action,
            EntityKind.DATA_NODE,
            config.id,
            existing,
            because,
            former=former,
        )

    def _inherit(self, config: DataNodeConfig, former: NodeOfScenario) -> bool:
        """Let a new data node start with the value of the one that it replaces, if it may.

        The value of a narrower scope is not that of others, and a place that a user named cannot
        be shared.
        """
        source = find_source_nodes(self.connection, [former.id])[former.id]
        edit_id = source.node.last_edit_id
        if (
            config.scope > former.scope
            or edit_id is None
            or not can_be_shared(former.storage_type, former.properties, source.kept_as)
        ):
            return False
        self.inherited[config.id] = edit_id
        return True

    def _note_first_value(self, config: DataNodeConfig, node: NodeOfScenario) -> None:
        """Note that an input gets its first value; one that scenarios share stays as it is."""
        if config.scope is not Scope.SCENARIO:
            self._keep(EntityKind.DATA_NODE, node.id)
            return
        self.without_value.append(config)
        self._note(
            UpgradeAction.CHANGED,
            EntityKind.DATA_NODE,
            config.id,
            node.id,
            "no task writes it, and it has no value: it gets its declared first value",
        )

    def _compare_additional(self) -> None:
        """Note data nodes of the scenario that only become additional ones, or stop being so."""
        wanted = {node.id for node in self.config.additional_data_nodes}
        kept = set(self.kept.get(EntityKind.DATA_NODE, ()))
        additional = set(self.scenario.additional_data_node_ids)
        for config_id, node_id in self.nodes.items():
            if node_id in kept and (node_id in additional) != (config_id in wanted):
                self.kept[EntityKind.DATA_NODE].remove(str(node_id))
                verb = "is declared" if config_id in wanted else "is no longer declared"
                self._note(
                    UpgradeAction.CHANGED,
                    EntityKind.DATA_NODE,
                    config_id,
                    node_id,
                    f"it {verb} as an additional data node",
                )

    def _compare_tasks(self, found: upgrade_rows.FoundEntities) -> None:
        present = {
            task.config_id: task
            for task in task_rows.get_many(self.connection, self.scenario.task_ids)
        }
        for config in self.config.tasks:
            former = present.pop(config.id, None)
            if former is not None and self._has_ends(former, config):
                self.tasks[config.id] = former.id
                self._keep(EntityKind.TASK, former.id)
                continue
            key = (config.id, self.owners[config.scope], _digest_wiring(config))
            existing = self.tasks[config.id] = found.tasks.get(key)
            if former is not None:
                action, because = UpgradeAction.REPLACED, _describe_ends(former, config)
            elif existing is not None:
                action = UpgradeAction.ATTACHED
                because = f"{_DECLARED}, and it exists already"
            else:
                action, because = UpgradeAction.CREATED, _DECLARED
            self._note(
                action,
                EntityKind.TASK,
                config.id,
                existing,
                because,
                former=former,
            )
        for former in present.values():
            self._note_detached(EntityKind.TASK, former.config_id, former.id)

    def _has_ends(self, task: Task, config: TaskConfig) -> bool:
        return task.input_ids == tuple(self.nodes[node.id] for node in config.inputs) and (
            task.output_ids == tuple(self.nodes[node.id] for node in config.outputs)
        )

    def _compare_sequences(self) -> None:
        present = {sequence.name: sequence for sequence in self.scenario.sequences}
        former = {
            change.former_id: change.name
            for change in self.changes
            if change.kind is EntityKind.TASK and change.former_id is not None
        }
        for name, members in self.config.sequences.items():
            wanted = [task.id for task in members]
            sequence = present.pop(name, None)
            if sequence is None:
                self._note(UpgradeAction.CREATED, EntityKind.SEQUENCE, name, None, _DECLARED)
            elif sequence.task_ids == tuple(self.tasks[config_id] for config_id in wanted):
                self._keep(EntityKind.SEQUENCE, sequence.id)
                continue
            else:
                self._note(
                    UpgradeAction.CHANGED,
                    EntityKind.SEQUENCE,
                    name,
                    sequence.id,
                    f"its tasks are declared as ({', '.join(wanted)}) now",
                )
            self.sequences[name] = wanted
        stay = set(self.tasks.values())
        for sequence in present.values():
            gone = [task_id for task_id in sequence.task_ids if task_id not in stay]
            if gone and all(task_id in former for task_id in gone):
                self.sequences[sequence.name] = [
                    former.get(task_id, task_id) for task_id in sequence.task_ids
                ]
                self._note(
                    UpgradeAction.CHANGED,
                    EntityKind.SEQUENCE,
                    sequence.name,
                    sequence.id,
                    "tasks of it are replaced",
                )
                continue
            self._keep(EntityKind.SEQUENCE, sequence.id)
            if gone:
                self.notes.append(
                    f"the sequence {sequence.name!r} stays as it is, with {_format_count(gone)} "
                    f"no longer part of the scenario, such as {gone[0]}; change or delete it"
                )

    def _keep(self, kind: EntityKind, id: str) -> None:
        self.kept.setdefault(kind, []).append(id)

    def _note_detached(self, kind: EntityKind, config_id: str, id: str) -> None:
        self._note(
            UpgradeAction.DETACHED,
            kind,
            config_id,
            id,
            "the config no longer declares it"
            + ("; its value can still be read" if kind is EntityKind.DATA_NODE else ""),
        )

    def _note(
        self,
        action: UpgradeAction,
        kind: EntityKind,
        name: str,
        id: str | None,
        because: str,
        *,
        former: NodeOfScenario | Task | None = None,
    ) -> None:
        self.changes.append(
            StructureChange(
                action=action,
                kind=kind,
                name=name,
                id=id,
                former_id=None if former is None else former.id,
                because=because,
            )
        )


def _has_first_value(config: DataNodeConfig) -> bool:
    return config.storage_type in EXTERNAL_STORAGE_TYPES or "default_data" in config.properties


def _digest_wiring(config: TaskConfig) -> str:
    return digest_wiring(
        [(node.id, node.scope) for node in config.inputs],
        [(node.id, node.scope) for node in config.outputs],
    )


def _describe_ends(task: Task, config: TaskConfig) -> str:
    former = format_wiring(task.input_configs, task.output_configs)
    now = format_wiring([node.id for node in config.inputs], [node.id for node in config.outputs])
    if former == now:
        return "data nodes that it reads or writes are replaced"
    return f"it was created as {former} and is declared as {now} now"


def _format_count(gone: Sequence[str]) -> str:
    return "1 task" if len(gone) == 1 else f"{len(gone)} tasks"
