"""Upgrades: bring a scenario to the structure that its config declares now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from scenarist.config import ConfigRegistry, DataNodeConfig
from scenarist.db import audit
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db import upgrades as upgrade_rows
from scenarist.db.engine import Database
from scenarist.domain import entities
from scenarist.domain import identifiers as ids
from scenarist.domain.behaviours import DeclaredConfigs, describe_missing_config
from scenarist.domain.entities import Event
from scenarist.domain.errors import ConflictError, require_found
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.upgrades import ScenarioUpgrade, StructureChange
from scenarist.domain.vocabulary import ChangeType, EntityKind
from scenarist.services.deletions import refuse_unfinished
from scenarist.services.eligibility import Eligibility, EligibilityReader, get_scenario
from scenarist.services.factory import EntityBuilder, EntityFactory
from scenarist.services.outcomes import add_outcomes
from scenarist.services.upgrade_drafts import UpgradeDraft

Expect = Callable[[Eligibility], None]
"""Checks the present scenario in the transaction that upgrades it; raises to refuse the upgrade."""


class UpgradeService:
    """Upgrades scenarios to the configs of a registry.

    Args:
        folder: Where first values are stored, unless their config names a path.
        declared: What the application declares now; None to take tasks as recorded.
        on_upgraded: Called after a scenario was changed.
    """

    def __init__(  # noqa: PLR0913 - its dependencies
        self,
        database: Database,
        registry: ConfigRegistry,
        *,
        folder: str,
        now: Callable[[], datetime],
        version: str,
        declared: DeclaredConfigs | None = None,
        on_upgraded: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._registry = registry
        self._declared = declared
        self._eligibility = EligibilityReader(declared, now)
        self._version = version
        self._on_upgraded = on_upgraded
        self._factory = EntityFactory(
            database, folder=folder, now=now, version=version, declared=declared
        )

    def upgrade(
        self,
        actor: Actor,
        scenario_id: str,
        *,
        dry_run: bool = False,
        expect: Expect | None = None,
    ) -> tuple[Eligibility, ScenarioUpgrade]:
        """Bring a scenario to the structure that its config declares now, in one transaction.

        Missing tasks, data nodes and sequences are created, with first values. Tasks and data nodes
        that are no longer declared are detached: they stay stored and readable, and are deleted
        with the scenario. Everything else stays, with its values. An upgraded scenario is not
        changed by another upgrade.

        Args:
            dry_run: Change nothing; return what would be changed.

        Returns:
            The scenario as it is then, and the changes.

        Raises:
            NotFoundError: There is no such scenario.
            ConflictError: Its config is gone, a submission of it has not ended, or a data node
                cannot be created for it.
            ChangedError: It is not as expected.
        """
        actor.require(Permission.EDIT)
        if dry_run:
            with self._database.snapshot() as connection:
                draft = self._draft(connection, scenario_id, expect)
                return self._find_eligibility(connection, scenario_id), draft.upgrade

        def work(builder: EntityBuilder) -> tuple[Eligibility, ScenarioUpgrade]:
            connection = builder.connection
            draft = self._draft(connection, scenario_id, expect)
            audit.record_allowed(connection, actor, scenario_id, builder.now)
            upgrade = _Application(builder, draft, self._version).apply()
            if upgrade.changes:
                add_outcomes(connection, scenario_id, draft.scenario.config_id, self._declared)
            return self._find_eligibility(connection, scenario_id), upgrade

        eligibility, upgrade = self._factory.create(actor, work)
        if upgrade.changes:
            self._on_upgraded()
        return eligibility, upgrade

    def _draft(
        self, connection: Connection, scenario_id: str, expect: Expect | None
    ) -> UpgradeDraft:
        if expect is not None:
            expect(self._find_eligibility(connection, scenario_id))
        scenario = get_scenario(connection, scenario_id)
        config = self._registry.scenarios.get(scenario.config_id)
        if config is None:
            fault = describe_missing_config(scenario.config_id)
            raise ConflictError(
                f"scenario {scenario.id} cannot be upgraded: {fault}", code="application_changed"
            )
        draft = UpgradeDraft(connection, scenario, config)
        if draft.changes:
            refuse_unfinished(
                connection,
                f"scenario {scenario.id}",
                (scenario.id, *(sequence.id for sequence in scenario.sequences)),
            )
        return draft

    def _find_eligibility(self, connection: Connection, scenario_id: str) -> Eligibility:
        return self._eligibility.read(connection, get_scenario(connection, scenario_id))


@dataclass(slots=True)
class _Application:
    """The changes of a draft in the making, in one transaction."""

    builder: EntityBuilder
    draft: UpgradeDraft
    version: str

    def apply(self) -> ScenarioUpgrade:
        """Make all changes; return them with the identifiers of what is created."""
        builder, draft = self.builder, self.draft
        if not draft.changes:
            return draft.upgrade
        config, scenario = draft.config, draft.scenario
        builder.owners, builder.owner = draft.owners, draft.owner
        builder.inherited = draft.inherited
        builder.outputs = {node.id for task in config.tasks for node in task.outputs}
        nodes = {
            node.id: draft.nodes[node.id] or builder.find_or_create_data_node(node)
            for node in config.data_nodes
        }
        tasks = {
            task.id: draft.tasks[task.id] or builder.find_or_create_task(task, nodes)
            for task in config.tasks
        }
        for node in draft.without_value:
            self._write_first_value(node, nodes[node.id])
        builder.require_prepared()
        upgrade_rows.replace_structure(
            builder.connection,
            scenario.id,
            list(tasks.values()),
            [nodes[node.id] for node in config.additional_data_nodes],
        )
        sequences = {
            name: self._write_sequence(name, tuple(tasks.get(task, TaskId(task)) for task in of))
            for name, of in draft.sequences.items()
        }
        made: Mapping[EntityKind, Mapping[str, str]] = {
            EntityKind.DATA_NODE: nodes,
            EntityKind.TASK: tasks,
            EntityKind.SEQUENCE: sequences,
        }
        changes = [
            change if change.id else replace(change, id=made[change.kind][change.name])
            for change in draft.changes
        ]
        self._log_updates(changes)
        return replace(draft.upgrade, changes=changes)

    def _write_first_value(self, config: DataNodeConfig, node_id: DataNodeId) -> None:
        connection = self.builder.connection
        node = require_found(data_node_rows.find(connection, node_id), "data node", node_id)
        first = self.builder.make_first_edit(node, config.properties, key=node_id)
        data_node_rows.add_edits(connection, [] if first is None else [first])

    def _write_sequence(self, name: str, task_ids: tuple[TaskId, ...]) -> str:
        builder, scenario = self.builder, self.draft.scenario
        former = next((item for item in scenario.sequences if item.name == name), None)
        if former is not None:
            changed = replace(former, task_ids=task_ids)
            sequence_rows.change(builder.connection, former, changed)
            return changed.id
        sequence = entities.Sequence(
            id=ids.make_sequence_id(name, scenario.id),
            name=name,
            scenario_id=scenario.id,
            task_ids=task_ids,
            properties={},
            created_at=builder.now,
            version=self.version,
        )
        sequence_rows.add(builder.connection, sequence)
        builder.log_created(EntityKind.SEQUENCE, sequence.id)
        return sequence.id

    def _log_updates(self, changes: Sequence[StructureChange]) -> None:
        """Add the events of the scenario, and of all that existed before and is changed."""
        created = {event.id for event in self.builder.changes}
        touched = [(EntityKind.SCENARIO, str(self.draft.scenario.id))]
        for change in changes:
            touched += [(change.kind, id) for id in (change.former_id, change.id) if id is not None]
        self.builder.changes += [
            Event(kind=kind, id=id, change=ChangeType.UPDATED, actor=self.builder.actor)
            for kind, id in dict.fromkeys(touched)
            if id not in created
        ]
