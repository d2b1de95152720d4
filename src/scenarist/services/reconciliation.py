"""Updates the records of data nodes to the present declarations when a server starts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from scenarist.config import Application, DataNodeConfig
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import drift as drift_rows
from scenarist.db.drift import RecordUpdate
from scenarist.db.engine import Database
from scenarist.db.jobs import propagate
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Edit, Event
from scenarist.domain.identifiers import DataNodeId, ensure_later_edit_id
from scenarist.domain.permissions import SERVER
from scenarist.domain.vocabulary import ChangeType, EntityKind
from scenarist.services.declarations import load_declared
from scenarist.services.drift import describe_change, find_drift, find_node_drift
from scenarist.services.factory import EntityBuilder, EntityFactory, make_bare_edit
from scenarist.services.locks import get_data_node
from scenarist.services.value_reader import is_named_file

_log = structlog.get_logger(__name__)


def reconcile(
    application: Application,
    database: Database,
    *,
    folder: str,
    now: Callable[[], datetime],
    version: str,
) -> DeclaredConfigs:
    """Move data nodes to the places that their configs declare now, and log all differences.

    The value at the new place becomes the value of a data node that moves. If there is none, a
    data node that a task writes keeps its value, readable at the old place, until the task has
    run; any other data node has no value until one is written. Unfinished jobs read the inputs
    that were decided when they were submitted. See decision 83.

    Args:
        version: The version of the application.

    Returns:
        What the application declares now.
    """
    declared = load_declared(application, version)

    with database.snapshot() as connection:
        drift = find_drift(connection, application.registry, declared)

    def work(builder: EntityBuilder) -> None:
        for found in find_node_drift(builder.connection, application.registry):
            drift_rows.update_records(builder.connection, found.nodes)
            _record_moves(builder, found.config, [item for item in found.nodes if item.has_moved])
            builder.changes += [
                Event(kind=EntityKind.DATA_NODE, id=item.before.id, change=ChangeType.UPDATED)
                for item in found.nodes
                if item.has_moved or item.validity != item.before.validity
            ]

    if drift.nodes:  # else no other write waits for the comparison
        factory = EntityFactory(
            database, folder=folder, now=now, version=version, declared=declared
        )
        factory.create(SERVER, work)
    for difference in drift.lines:
        _log.warning("the application has changed", difference=difference)
    return declared


def _record_moves(
    builder: EntityBuilder, config: DataNodeConfig, moved: Sequence[RecordUpdate]
) -> None:
    """Record the moves of data nodes as edits; values at the new places become the newest."""
    noted: list[Edit] = []
    current: list[Edit] = []
    without: list[DataNodeId] = []
    for item in moved:
        builder.outputs = {config.id} if item.before.is_made else ()
        node = get_data_node(builder.connection, item.before.id, builder.now)
        if item.before.last_edit_id is None:
            found = builder.make_first_edit(node, config.properties, key=node.id)
        else:
            found = builder.find_existing_edit(node)
            if found is None and is_named_file(node) and not item.before.is_made:
                without.append(node.id)
        comment = f"the configuration changed: {describe_change(item)}"
        edit = found or make_bare_edit(node, builder.now, version=builder.version)
        (noted if found is None else current).append(
            replace(
                edit,
                id=ensure_later_edit_id(item.before.last_edit_id, edit.id),
                comment=comment,
                created_at=builder.now,
            )
        )
    data_node_rows.add_edits_only(builder.connection, noted)
    data_node_rows.add_edits(builder.connection, current)
    drift_rows.clear_values(builder.connection, without)
    written = [edit.data_node_id for edit in current]
    builder.changes += propagate.release_readers(builder.connection, written, builder.now)
