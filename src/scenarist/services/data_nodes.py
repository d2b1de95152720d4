"""Data nodes: create, read, lock and delete them; `scenarist.services.values` has their values."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from scenarist.config import ConfigRegistry
from scenarist.db import audit, deletions, event_log
from scenarist.db import data_nodes as data_node_rows
from scenarist.db.engine import Database
from scenarist.db.locks import set_lock
from scenarist.db.paging import Page
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import DataNode, Event
from scenarist.domain.errors import ConflictError
from scenarist.domain.listings import DataNodeListFilter, PageRequest
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import ChangeType, EntityKind
from scenarist.services.deletions import remove_files
from scenarist.services.factory import EntityBuilder, EntityFactory, get_config
from scenarist.services.locks import (
    check_may_unlock,
    check_not_in_use,
    check_unlocked,
    check_writable,
    drop_expired,
    get_data_node,
)
from scenarist.services.staleness import StalenessReader
from scenarist.services.value_reader import is_named_file
from scenarist.services.value_writer import make_update_event
from scenarist.storage.registry import find_file_state

_MAX_LISTED = 5

Expect = Callable[[DataNode], None]


class DataNodeService:
    """Reads data nodes, creates them from the configs of a registry, locks and deletes them.

    Args:
        folder: Where default values are stored, unless their config names a path.
        declared: What the application declares now; None to take tasks as recorded.
    """

    def __init__(
        self,
        database: Database,
        registry: ConfigRegistry,
        *,
        folder: str,
        now: Callable[[], datetime],
        version: str,
        declared: DeclaredConfigs | None = None,
    ) -> None:
        self._database = database
        self._registry = registry
        self._now = now
        self._staleness = StalenessReader(declared)
        self._factory = EntityFactory(
            database, folder=folder, now=now, version=version, declared=declared
        )

    def get(self, actor: Actor, data_node_id: str) -> DataNode:
        actor.require(Permission.READ)
        connection = self._database.reader
        node = get_data_node(connection, data_node_id, self._now())
        return _with_file_time(self._with_staleness(connection, node))

    def list_page(
        self, actor: Actor, wanted: DataNodeListFilter, request: PageRequest
    ) -> Page[DataNode]:
        actor.require(Permission.READ)
        page = data_node_rows.list_page(self._database.reader, wanted, request)
        now = self._now()
        return replace(
            page, items=[_with_file_time(drop_expired(node, now)) for node in page.items]
        )

    def create(self, actor: Actor, config_id: str) -> tuple[DataNode, bool]:
        """Return the data node of a config that has no owner, and whether this call created it.

        Raises:
            NotFoundError: No data node config has the identifier; the message lists the configs.
        """
        actor.require(Permission.EDIT)
        config = get_config(self._registry.data_nodes, config_id, "data node")

        def work(builder: EntityBuilder) -> tuple[DataNode, bool]:
            node_id = builder.find_or_create_data_node(config)
            node = get_data_node(builder.connection, node_id, builder.now)
            audit.record_allowed(builder.connection, actor, node.id, builder.now)
            return node, bool(builder.changes)

        return self._factory.create(actor, work)

    def delete(self, actor: Actor, data_node_id: str, *, expect: Expect | None = None) -> None:
        """Delete an unreferenced data node with its values; files that users named stay.

        Raises:
            NotFoundError: There is no such data node.
            ConflictError: A task or a scenario refers to it, an unfinished job uses it, or
                another editor has locked it.
            ChangedError: It is not as expected.
        """
        actor.require(Permission.EDIT)

        def work(connection: Connection) -> list[str]:
            now = self._now()
            node = get_data_node(connection, data_node_id, now)
            if expect is not None:
                expect(self._with_staleness(connection, node))
            _check_unreferenced(connection, node, actor)
            event = Event(
                kind=EntityKind.DATA_NODE, id=node.id, change=ChangeType.DELETED, actor=actor.ref
            )
            event_log.add(connection, [event], now)
            audit.record_allowed(connection, actor, node.id, now)
            return deletions.delete_data_nodes(connection, [node.id])

        remove_files(self._database.write(work), of_deleted=(data_node_id,))

    def lock(
        self, actor: Actor, data_node_id: str, *, editor_id: str | None = None, lasts: timedelta
    ) -> DataNode:
        """Lock a data node for one editor, or renew the lock of that editor.

        Args:
            editor_id: Name of the editor that the actor acts for; the actor holds the lock.

        Raises:
            NotFoundError: There is no such data node.
            ConflictError: It is read-only, an unfinished job uses it, or another editor has
                locked it.
        """
        actor.require(Permission.EDIT)
        editor = editor_id or actor.name

        def work(connection: Connection) -> DataNode:
            now = self._now()
            node = get_data_node(connection, data_node_id, now)
            check_writable(connection, node, actor, editor_id)
            audit.record_allowed(connection, actor, node.id, now)
            until = now + lasts
            set_lock(connection, node.id, editor, until, actor.ref)
            event_log.add(connection, [make_update_event(node.id, actor)], now)
            return replace(node, locked_by=editor, locked_until=until, lock_holder=actor.ref)

        return self._database.write(work)

    def unlock(self, actor: Actor, data_node_id: str, *, editor_id: str | None = None) -> DataNode:
        """Release a lock before it expires; without a lock, do nothing.

        With authorization on, only the actor that holds the lock and administrators may.

        Raises:
            NotFoundError: There is no such data node.
            ConflictError: Another editor has locked it.
        """
        actor.require(Permission.EDIT)

        def work(connection: Connection) -> DataNode:
            now = self._now()
            node = get_data_node(connection, data_node_id, now)
            check_may_unlock(node, actor, editor_id)
            audit.record_allowed(connection, actor, node.id, now)
            if node.locked_by is None:
                return node
            set_lock(connection, node.id, None, None, None)
            event_log.add(connection, [make_update_event(node.id, actor)], now)
            return replace(node, locked_by=None, locked_until=None, lock_holder=None)

        return self._database.write(work)

    def _with_staleness(self, connection: Connection, node: DataNode) -> DataNode:
        found = self._staleness.find_of_node(connection, node.id)
        return replace(node, staleness=found.find(node.id))


def _with_file_time(node: DataNode) -> DataNode:
    """Use the time of a named file as that of the last edit, if no edit records the file yet."""
    if not is_named_file(node):
        return node
    state = find_file_state(node.storage_type, node.properties)
    if state is None or state.stamp == node.stamp:
        return node
    known = node.last_edited_at or state.modified_at
    return replace(node, last_edited_at=max(known, state.modified_at))


def _check_unreferenced(connection: Connection, node: DataNode, actor: Actor) -> None:
    if node.parent_ids:
        named = ", ".join(node.parent_ids[:_MAX_LISTED])
        more = len(node.parent_ids) - _MAX_LISTED
        raise ConflictError(
            f"data node {node.id} belongs to {named}{f' and {more} more' if more > 0 else ''}; "
            "delete those first",
            code="data_node_referenced",
        )
    check_not_in_use(connection, node, "delete")
    check_unlocked(node, actor, None)
