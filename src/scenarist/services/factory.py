"""Creates data nodes and tasks from their configs, with their first values."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from scenarist.config import DataNodeConfig, TaskConfig
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import event_log
from scenarist.db import tasks as task_rows
from scenarist.db.engine import Database
from scenarist.db.group_commit import undo_on_rollback
from scenarist.db.named_files import make_file_edit
from scenarist.db.places import delete_places, find_last_writes
from scenarist.db.sharing import EditCopy, add_copies
from scenarist.domain import identifiers as ids
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import DataNode, Edit, Event, Task
from scenarist.domain.environment import resolve
from scenarist.domain.errors import InDoubtError, NotFoundError
from scenarist.domain.identifiers import CycleId, DataNodeId, ScenarioId, TaskId, make_uuid
from scenarist.domain.locations import Owner, digest_wiring
from scenarist.domain.permissions import Actor, ActorRef
from scenarist.domain.vocabulary import ChangeType, EntityKind, Scope
from scenarist.services.edits import make_edit
from scenarist.services.placement import make_placement, resolve_properties, to_stored
from scenarist.storage.base import INLINE_FOLDER, INLINE_LIMIT, WriteTarget, WrittenValue
from scenarist.storage.registry import (
    FileReplacement,
    discard,
    find_file_state,
    find_storage,
    write_value,
)

T = TypeVar("T")
ConfigT = TypeVar("ConfigT")


def get_config(configs: Mapping[str, ConfigT], config_id: str, kind: str) -> ConfigT:
    """Return a config by its identifier.

    Raises:
        NotFoundError: There is none; the message lists the existing configs.
    """
    if config_id not in configs:
        known = ", ".join(configs) or "none"
        raise NotFoundError(
            f"no {kind} config has the identifier {config_id[:100]!r}; there are: {known}"
        )
    return configs[config_id]


class EntityFactory:
    """Creates entities and their events in one transaction.

    Args:
        folder: Where first values are stored, unless their config names a path.
        declared: What the application declares now: outcomes take numbers from first values.
    """

    def __init__(
        self,
        database: Database,
        *,
        folder: str,
        now: Callable[[], datetime],
        version: str,
        declared: DeclaredConfigs | None = None,
    ) -> None:
        self._database = database
        self._folder = folder
        self._now = now
        self._version = version
        self._figures = {} if declared is None else declared.figures

    def create(self, actor: Actor, work: "Callable[[EntityBuilder], T]") -> T:
        """Call *work* in a transaction to create entities; if it fails, discard their values.

        First values that are too large for a row are written between two transactions, so that no
        other write waits for the storage: the first call of *work* finds them and is rolled back,
        the next one uses them.
        """
        prepared: dict[str, FirstValue] = {}
        written: list[WrittenValue] = []
        try:
            while True:
                try:
                    return self._attempt(actor, work, prepared, written)
                except UnpreparedError as error:
                    error.prepare()
        except InDoubtError:
            raise
        except BaseException:
            for item in written:
                discard(item)
            raise
        finally:
            for first in prepared.values():
                if not first.is_used and first.written is not None:
                    discard(first.written)

    def _prepare(
        self,
        wanted: "Mapping[str, FirstValue]",
        prepared: "dict[str, FirstValue]",
        written: list[WrittenValue],
    ) -> None:
        for key, first in wanted.items():
            target = replace(first.target, folder=self._folder)
            first.written = write_value(first.value, target)
            written.append(first.written)
            prepared[key] = first

    def _attempt(
        self,
        actor: Actor,
        work: "Callable[[EntityBuilder], T]",
        prepared: "dict[str, FirstValue]",
        written: list[WrittenValue],
    ) -> T:
        def run(connection: Connection) -> T:
            builder = EntityBuilder(
                connection=connection,
                now=self._now(),
                version=self._version,
                actor=actor.ref,
                written=written,
                prepared=prepared,
                prepare=lambda wanted: self._prepare(wanted, prepared, written),
                figures=self._figures,
            )
            made = work(builder)
            builder.require_prepared()
            event_log.add(connection, builder.changes, builder.now)
            return made

        return self._database.write(run)


@dataclass(slots=True)
class FirstValue:
    """A first value that is written before the transaction that records it.

    Args:
        target: Where it is written, without the folder.
        is_used: Whether a transaction has recorded it.
    """

    value: Any
    target: WriteTarget
    written: WrittenValue | None = None
    is_used: bool = False


class UnpreparedError(Exception):
    """Values must be made before the transaction: it is rolled back, and attempted again then.

    Args:
        prepare: Makes the values.
    """

    def __init__(self, prepare: Callable[[], None]) -> None:
        super().__init__()
        self.prepare = prepare


class ValuesOfInputs(Protocol):
    """Values that a client gives for data nodes of a scenario that is created."""

    @property
    def names(self) -> Collection[str]:
        """The configs of the data nodes that get a value."""

    @property
    def node_ids(self) -> Mapping[str, DataNodeId]:
        """Identifiers that new data nodes must get, by config: values are made for them."""

    def record(self, connection: Connection, nodes: Mapping[str, DataNodeId]) -> None:
        """Record the values in the transaction that creates the scenario.

        Args:
            nodes: The data nodes of the scenario, by config.

        Raises:
            UnpreparedError: They must be made before the transaction.
        """


@dataclass(slots=True)
class EntityBuilder:
    """Finds or creates data nodes and tasks within one transaction.

    Args:
        changes: Collects an event for each entity that was created.
        written: Collects each value that was written; discard them if the transaction fails.
        prepared: First values that were written before the transaction, by config or data node.
        prepare: Writes first values before the transaction.
        wanted: Collects the first values that must be written before the transaction.
        node_ids: Identifiers that new data nodes must get, by config.
        owners: Owner of the entities of each scope; those of other scopes have no owner.
        owner: Values of the placeholders in paths and other properties.
        outputs: Configs of data nodes that tasks write: they start without a value.
        inherited: Edits whose values new data nodes start with instead of a first value, by config.
        figures: Places of numbers to take from first values, by config.
    """

    connection: Connection
    now: datetime
    version: str
    actor: ActorRef
    written: list[WrittenValue]
    prepare: Callable[[Mapping[str, FirstValue]], None]
    prepared: Mapping[str, FirstValue] = field(default_factory=dict)
    wanted: dict[str, FirstValue] = field(default_factory=dict)
    node_ids: Mapping[str, DataNodeId] = field(default_factory=dict)
    changes: list[Event] = field(default_factory=list)
    owners: Mapping[Scope, ScenarioId | CycleId | None] = field(default_factory=dict)
    owner: Owner = Owner()  # noqa: RUF009 - frozen
    outputs: Collection[str] = ()
    inherited: Mapping[str, ids.EditId] = field(default_factory=dict)
    figures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def find_or_create_data_node(self, config: DataNodeConfig) -> DataNodeId:
        """Find the data node of a config and its owner, or create it with its first value."""
        placement = make_placement(config, self.owner)
        source_id = self.inherited.get(config.id)
        node = DataNode(
            id=self.choose_node_id(config.id),
            config_id=config.id,
            scope=config.scope,
            storage_type=placement.storage_type,
            owner_id=self.owners.get(config.scope),
            parent_ids=(),
            properties=placement.properties,
            validity=placement.validity,
            last_edit_id=None if source_id is None else ids.EditId(make_uuid(self.now)),
            last_edited_at=None,
            being_written_by=None,
            created_at=self.now,
            version=self.version,
            declaration=placement.declaration,
            place=placement.place,
        )
        node_id, is_new = data_node_rows.find_or_create(self.connection, node)
        if is_new:
            self.log_created(EntityKind.DATA_NODE, node_id)
            if source_id is not None and node.last_edit_id is not None:
                copy = EditCopy(
                    id=node.last_edit_id, data_node_id=node.id, source_id=source_id, made_of=None
                )
                add_copies(self.connection, [copy])
                return node_id
            first = self.make_first_edit(node, config.properties, key=config.id)
            data_node_rows.add_edits(self.connection, [] if first is None else [first])
        return node_id

    def choose_node_id(self, config_id: str) -> DataNodeId:
        """Return the identifier for a new data node: the one for which a value is made, if any."""
        known = self.prepared.get(config_id)
        if known is not None:
            return DataNodeId(known.target.data_node_id)
        return self.node_ids.get(config_id) or ids.make_data_node_id(config_id, make_uuid(self.now))

    def require_prepared(self) -> None:
        """Require that no first value has to be written before the transaction.

        Raises:
            UnpreparedError: One has.
        """
        if self.wanted:
            raise UnpreparedError(partial(self.prepare, self.wanted))

    def find_or_create_task(self, config: TaskConfig, nodes: Mapping[str, DataNodeId]) -> TaskId:
        """Find the task of a config and its owner, or create it.

        Args:
            nodes: Its data nodes, by the identifier of their config.
        """
        task_id, is_new = task_rows.find_or_create(
            self.connection,
            make_task(
                config,
                task_id=ids.make_task_id(config.id, make_uuid(self.now)),
                owner_id=self.owners.get(config.scope),
                inputs=[(nodes[node.id], node.id, node.scope) for node in config.inputs],
                outputs=[(nodes[node.id], node.id, node.scope) for node in config.outputs],
                at=self.now,
                version=self.version,
            ),
        )
        if is_new:
            self.log_created(EntityKind.TASK, task_id)
        return task_id

    def log_created(self, kind: EntityKind, entity_id: str) -> None:
        """Add the event that an entity was created."""
        self.changes.append(
            Event(kind=kind, id=entity_id, change=ChangeType.CREATED, actor=self.actor)
        )

    def make_first_edit(
        self, node: DataNode, properties: Mapping[str, Any], *, key: str
    ) -> Edit | None:
        """Return the edit of a value that exists already, else of the default data, if any.

        Args:
            key: Key in *prepared* of a value that is too large for a row; until it is written,
                there is no edit.
        """
        found = self.find_existing_edit(node)
        storage = find_storage(node.storage_type)
        if found is not None or storage.is_external or "default_data" not in properties:
            return found
        known = self.prepared.get(key)
        if known is not None and known.written is not None:
            known.is_used = True
            edit_id = ids.EditId(known.target.edit_id)
            return make_edit(
                node.id, edit_id, known.written, at=self.now, actor=None, version=self.version
            )
        edit_id = ids.EditId(make_uuid(self.now))
        target = WriteTarget(
            data_node_id=node.id,
            edit_id=edit_id,
            storage_type=node.storage_type,
            folder=INLINE_FOLDER,
            properties=resolve_properties(node.properties),
            figures=self.figures.get(node.config_id, ()),
        )
        value = resolve(properties["default_data"], os.environ)
        written = write_value(value, target)
        if written.content is not None and len(written.content) > INLINE_LIMIT:
            self.wanted[key] = FirstValue(value, target)
            return None
        self.written.append(written)
        replacement = FileReplacement(written)  # replaces nothing: there is no file yet
        undo_on_rollback(self.connection, replacement.undo)
        replacement.publish()
        return make_edit(node.id, edit_id, written, at=self.now, actor=None, version=self.version)

    def find_existing_edit(self, node: DataNode) -> Edit | None:
        """Return the edit of a value that already exists at the place of a data node, if any.

        If a task writes the data node, a value that another data node wrote to the same place
        does not count.
        """
        is_output = node.config_id in self.outputs
        if find_storage(node.storage_type).is_external:
            return None if is_output else make_bare_edit(node, self.now, version=None)
        state = find_file_state(node.storage_type, node.properties)
        if state is None:
            return None
        at = [] if node.place is None else [node.place]
        for write in find_last_writes(self.connection, at).values():
            if not write.is_of(state):
                delete_places(self.connection, at)
            elif is_output and write.data_node_id != node.id:
                return None
        return make_file_edit(node.id, ids.EditId(make_uuid(self.now)), state, self.now)


def make_task(  # noqa: PLR0913 - what a config does not say
    config: TaskConfig,
    *,
    task_id: TaskId,
    owner_id: str | None,
    inputs: Sequence[tuple[DataNodeId, str, Scope]],
    outputs: Sequence[tuple[DataNodeId, str, Scope]],
    at: datetime,
    version: str,
) -> Task:
    """Return a task that does what a config says.

    Args:
        inputs: The data nodes that it reads, each with its config and scope.
        outputs: The same of those that it writes.
        at: When it is created.
    """
    return Task(
        id=task_id,
        config_id=config.id,
        owner_id=owner_id,
        parent_ids=(),
        input_ids=tuple(node_id for node_id, _, _ in inputs),
        output_ids=tuple(node_id for node_id, _, _ in outputs),
        function=str(config.function),
        skippable=config.skippable,
        timeout=config.timeout,
        retries=config.retries,
        retry_delay=config.retry_delay,
        retry_on=config.retry_on,
        retries_after_loss=config.retries_after_loss,
        fresh=config.fresh,
        properties=to_stored(f"TASK_{config.id}", config.properties),
        created_at=at,
        version=version,
        wiring=digest_wiring(
            [(config_id, scope) for _, config_id, scope in inputs],
            [(config_id, scope) for _, config_id, scope in outputs],
        ),
        input_configs=tuple(config_id for _, config_id, _ in inputs),
        output_configs=tuple(config_id for _, config_id, _ in outputs),
    )


def make_bare_edit(node: DataNode, at: datetime, *, version: str | None) -> Edit:
    """Return an edit for a value that was not written through its data node.

    Args:
        version: The version of the application, if it is the cause of the edit.
    """
    return Edit(
        id=ids.EditId(make_uuid(at)),
        data_node_id=node.id,
        created_at=at,
        job_id=None,
        actor=None,
        comment=None,
        uri=None,
        content=None,
        size=None,
        digest=None,
        python_type=None,
        rendition=None,
        is_complete=False,
        version=version,
    )
