"""Drafts of forks: what a fork consists of, and which bytes it shares with its source."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from scenarist.config import ConfigRegistry
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import tasks as task_rows
from scenarist.db.forks import SourceNode, find_source_nodes
from scenarist.db.sharing import EditCopy, add_copies, can_be_shared
from scenarist.domain import entities
from scenarist.domain import identifiers as ids
from scenarist.domain.entities import Cycle, DataNode, Edit, Scenario, Task
from scenarist.domain.errors import ConflictError
from scenarist.domain.freshness import digest_provenance
from scenarist.domain.identifiers import (
    DataNodeId,
    EditId,
    ScenarioId,
    TaskId,
    make_copy_id,
    make_uuid,
)
from scenarist.domain.locations import is_replaced_in_place
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES, EntityKind, Scope
from scenarist.services.factory import EntityBuilder
from scenarist.services.new_scenarios import becomes_primary, build_for, store_scenario
from scenarist.services.placement import compute_declaration, make_placement

_AT_FORMER_PLACE = (
    "its value is still at the former place of the data node, which the user named; the fork "
    "starts without a value"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ForkOwner:
    """The attributes of a scenario that is forked from another one."""

    id: ScenarioId
    name: str | None
    tags: tuple[str, ...]
    properties: Mapping[str, Any]
    created_at: datetime
    cycle: Cycle | None


@dataclass(frozen=True, slots=True)
class NotShared:
    """A data node of a fork that does not simply have the value of the source's, and why."""

    data_node_id: DataNodeId
    config_id: str
    because: str


@dataclass(slots=True)
class ForkDraft:
    """A fork in the making.

    Args:
        given: Names of inputs that get other values in the same transaction.
        not_shared: Data nodes that do not simply have the value of the source's.
    """

    builder: EntityBuilder
    registry: ConfigRegistry
    source: Scenario
    owner: ForkOwner
    given: Collection[str] = ()
    not_shared: list[NotShared] = field(default_factory=list)
    _sources: Mapping[DataNodeId, SourceNode] = field(init=False)
    _tasks: Sequence[Task] = field(init=False)
    _writers: dict[DataNodeId, list[Task]] = field(default_factory=dict)
    # By the identifier in the source: that in the fork.
    _nodes: dict[DataNodeId, DataNodeId] = field(default_factory=dict)
    _task_ids: dict[TaskId, TaskId] = field(default_factory=dict)
    # The newest edits, in the source and in the fork, of data nodes with the same value in both.
    _same: dict[DataNodeId, tuple[EditId, EditId]] = field(default_factory=dict)
    _new_nodes: list[DataNode] = field(default_factory=list)
    _new_edits: list[Edit] = field(default_factory=list)
    _shared: list[DataNodeId] = field(default_factory=list)

    def __post_init__(self) -> None:
        connection, owner = self.builder.connection, self.owner
        self._sources = find_source_nodes(connection, self.source.data_node_ids)
        self._tasks = task_rows.get_many(connection, self.source.task_ids)
        for task in self._tasks:
            for node_id in task.output_ids:
                self._writers.setdefault(node_id, []).append(task)
        build_for(self.builder, owner.id, owner.name, owner.properties, owner.cycle)
        self.builder.outputs = {name for task in self._tasks for name in task.output_configs}

    @property
    def nodes_by_config(self) -> dict[str, DataNodeId]:
        return {
            item.node.config_id: self._nodes[node_id] for node_id, item in self._sources.items()
        }

    def store(self) -> None:
        """Store the fork; more tasks, data nodes and shared values take no more statements."""
        connection = self.builder.connection
        for node_id in self.source.data_node_ids:
            self._nodes[node_id] = self._draft_node(self._sources[node_id])
        new_tasks = [made for task in self._tasks if (made := self._draft_task(task)) is not None]
        data_node_rows.add_many(connection, self._new_nodes)
        add_copies(connection, [self._copy_edit(node_id) for node_id in self._shared])
        data_node_rows.add_edits(connection, self._new_edits)
        task_rows.add_many(connection, new_tasks)
        for node in self._new_nodes:
            self.builder.log_created(EntityKind.DATA_NODE, node.id)
        for task in new_tasks:
            self.builder.log_created(EntityKind.TASK, task.id)
        self._store_scenario()

    def find_inputs_that_may_differ(self) -> list[tuple[str, DataNodeId, DataNodeId]]:
        """Return the names of inputs, each with the data nodes of the source and of the fork."""
        pairs = []
        for node_id in self.source.data_node_ids:
            name, new_id = self._sources[node_id].node.config_id, self._nodes[node_id]
            may_differ = new_id != node_id and (name in self.given or node_id not in self._same)
            if may_differ and node_id not in self._writers:
                pairs.append((name, node_id, new_id))
        return pairs

    def is_kept_here(self, node_id: DataNodeId) -> bool:
        """Whether no other program can change the value of a data node of the source."""
        node = self._sources[node_id].node
        return not is_replaced_in_place(node.storage_type, node.properties)

    def _draft_node(self, item: SourceNode) -> DataNodeId:
        """Return the data node of the fork in place of one of the source."""
        node = item.node
        if node.owner_id == self.source.id:
            return self._draft_own_node(item)
        if self._is_of_left_cycle(node.owner_id):
            return self._find_node_of_cycle(node)
        if node.last_edit_id is not None:
            self._same[node.id] = (node.last_edit_id, node.last_edit_id)
        return node.id

    def _draft_own_node(self, item: SourceNode) -> DataNodeId:
        source, builder = item.node, self.builder
        new_id = builder.choose_node_id(source.config_id)
        node = replace(
            source,
            id=new_id,
            owner_id=self.owner.id,
            last_edit_id=None,
            created_at=builder.now,
            version=builder.version,
        )
        if not self.is_kept_here(source.id):
            node = self._place(node)
        if source.last_edit_id is not None and can_be_shared(
            source.storage_type, source.properties, item.kept_as
        ):
            edit_id = make_copy_id(source.last_edit_id, make_uuid(builder.now))
            node = replace(node, last_edit_id=edit_id)
            self._same[source.id] = (source.last_edit_id, edit_id)
            self._shared.append(source.id)
        elif not self.is_kept_here(source.id):
            self._find_value(source, node)
        elif source.last_edit_id is not None and node.config_id not in self.given:
            self.not_shared.append(NotShared(node.id, node.config_id, _AT_FORMER_PLACE))
        self._new_nodes.append(node)
        return new_id

    def _place(self, node: DataNode) -> DataNode:
        """Return a data node with the place that its declaration gives to it in this fork."""
        config = self.registry.data_nodes.get(node.config_id)
        if config is None or compute_declaration(config) != node.declaration:
            return node
        placement = make_placement(config, self.builder.owner)
        return replace(node, properties=placement.properties, place=placement.place)

    def _find_value(self, source: DataNode, node: DataNode) -> None:
        """Find what is at the place of a new data node, as if it were created."""
        found = self.builder.find_existing_edit(node)
        if found is not None:
            self._new_edits.append(found)
        is_common = node.place == source.place
        is_external = node.storage_type in EXTERNAL_STORAGE_TYPES
        if (
            is_common
            and found is not None
            and source.last_edit_id is not None
            and (is_external or found.stamp == source.stamp)
        ):
            self._same[source.id] = (source.last_edit_id, found.id)
        because = _explain_place(is_common=is_common, has_value=found is not None)
        if is_common or (source.last_edit_id is not None and node.config_id not in self.given):
            self.not_shared.append(NotShared(node.id, node.config_id, because))

    def _is_of_left_cycle(self, owner_id: str | None) -> bool:
        """Whether something belongs to the cycle of the source, and the fork is in another one."""
        cycle = self.owner.cycle
        return (
            owner_id is not None
            and owner_id == self.source.cycle_id
            and (cycle is None or cycle.id != owner_id)
        )

    def _find_node_of_cycle(self, node: DataNode) -> DataNodeId:
        config = self.registry.data_nodes.get(node.config_id)
        if config is None or config.scope is not Scope.CYCLE:
            raise self._refuse_cycle(f"data node {node.config_id!r}")
        return self.builder.find_or_create_data_node(config)

    def _draft_task(self, task: Task) -> Task | None:
        """Map a task of the source to that of the fork; return it if it is new."""
        inputs = tuple(self._nodes.get(node_id, node_id) for node_id in task.input_ids)
        outputs = tuple(self._nodes.get(node_id, node_id) for node_id in task.output_ids)
        if self._is_of_left_cycle(task.owner_id):
            self._task_ids[task.id] = self._find_task_of_cycle(task, inputs, outputs)
            return None
        if task.owner_id != self.source.id:
            self._task_ids[task.id] = task.id
            return None
        made = replace(
            task,
            id=ids.make_task_id(task.config_id, make_uuid(self.builder.now)),
            owner_id=self.owner.id,
            input_ids=inputs,
            output_ids=outputs,
            created_at=self.builder.now,
            version=self.builder.version,
        )
        self._task_ids[task.id] = made.id
        return made

    def _find_task_of_cycle(
        self, task: Task, inputs: Sequence[DataNodeId], outputs: Sequence[DataNodeId]
    ) -> TaskId:
        config = self.registry.tasks.get(task.config_id)
        if (
            config is None
            or tuple(node.id for node in config.inputs) != task.input_configs
            or tuple(node.id for node in config.outputs) != task.output_configs
        ):
            raise self._refuse_cycle(f"task {task.config_id!r}")
        names = (*task.input_configs, *task.output_configs)
        nodes = dict(zip(names, (*inputs, *outputs), strict=True))
        return self.builder.find_or_create_task(config, nodes)

    def _refuse_cycle(self, what: str) -> ConflictError:
        return ConflictError(
            f"scenario {self.source.id} cannot be forked into another cycle: {what}, which the "
            "scenarios of a cycle share, is not declared as it was made; fork it without "
            "creation_date, or create a new scenario",
            code="fork_into_other_cycle",
        )

    def _copy_edit(self, node_id: DataNodeId) -> EditCopy:
        old, new = self._same[node_id]
        return EditCopy(
            id=new,
            data_node_id=self._nodes[node_id],
            source_id=old,
            made_of=self._translate_provenance(node_id),
        )

    def _translate_provenance(self, node_id: DataNodeId) -> str | None:
        """Return the provenance of a value in the fork.

        What a task of the source made from its present inputs counts as made by the task of the
        fork from its inputs; anything else was made from other values than these.
        """
        recorded = self._sources[node_id].made_of
        if recorded is None:
            return None
        known = set(recorded.split())
        made_of = []
        for task in self._writers.get(node_id, ()):
            pairs = [self._same.get(item) for item in task.input_ids]
            read = [pair for pair in pairs if pair is not None]
            if len(read) < len(pairs):
                continue
            if digest_provenance(task.id, [old for old, _ in read]) in known:
                new_id = self._task_ids[task.id]
                made_of.append(digest_provenance(new_id, [new for _, new in read]))
        return " ".join(made_of) or recorded

    def _store_scenario(self) -> None:
        source, owner, builder = self.source, self.owner, self.builder
        sequences = tuple(
            entities.Sequence(
                id=ids.make_sequence_id(sequence.name, owner.id),
                name=sequence.name,
                scenario_id=owner.id,
                task_ids=tuple(self._task_ids.get(task, task) for task in sequence.task_ids),
                properties=sequence.properties,
                created_at=owner.created_at,
                version=builder.version,
            )
            for sequence in source.sequences
        )
        scenario = Scenario(
            id=owner.id,
            config_id=source.config_id,
            name=owner.name,
            cycle_id=None if owner.cycle is None else owner.cycle.id,
            is_primary=becomes_primary(builder.connection, owner.cycle),
            tags=owner.tags,
            properties=owner.properties,
            task_ids=tuple(self._task_ids[task_id] for task_id in source.task_ids),
            data_node_ids=tuple(self._nodes[node_id] for node_id in source.data_node_ids),
            additional_data_node_ids=tuple(
                self._nodes[node_id] for node_id in source.additional_data_node_ids
            ),
            sequences=sequences,
            created_at=owner.created_at,
            version=builder.version,
            forked_from=source.id,
        )
        store_scenario(builder, scenario)


def _explain_place(*, is_common: bool, has_value: bool) -> str:
    if is_common:
        common = "its value is at a place that the fork has in common with the source"
        what = (
            "each of them reads what the other writes there"
            if has_value
            else "the fork has no value there, and what it writes replaces that of the source"
        )
        own = "put '{scenario.id}' into its path or name to give each scenario a place of its own"
        return f"{common}: {what}; {own}"
    start = "it starts with what is there" if has_value else "it starts without a value"
    return f"its value is at a place that the user named, which the fork has for itself; {start}"
