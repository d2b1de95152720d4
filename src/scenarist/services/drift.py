"""Drift: differences between the records and what the application declares now."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from scenarist.config import ConfigRegistry, DataNodeConfig
from scenarist.db import drift as drift_rows
from scenarist.db import tasks as task_rows
from scenarist.db.drift import DataNodeRecord, RecordUpdate
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.errors import InvalidError
from scenarist.domain.locations import Owner, digest_wiring
from scenarist.domain.redaction import redact
from scenarist.domain.secrets import extract_secrets, get_declared_secrets, mask_properties
from scenarist.services.declarations import find_task_fault
from scenarist.services.placement import compute_declaration, make_placement


@dataclass(frozen=True, slots=True)
class NodeDrift:
    """A data node config, with the data nodes whose records differ from it."""

    config: DataNodeConfig
    nodes: Sequence[RecordUpdate]


@dataclass(slots=True)
class Drift:
    """All differences.

    Args:
        nodes: Data nodes whose records are updated when a server starts.
        lines: Descriptions of the differences for people, one sentence each.
    """

    nodes: list[NodeDrift] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def find_drift(
    connection: Connection, registry: ConfigRegistry, declared: DeclaredConfigs
) -> Drift:
    """Compare the records of a database with the declarations of an application."""
    drift = Drift()
    _compare_nodes(connection, registry, drift)
    _compare_tasks(connection, registry, declared, drift)
    for config_id, count in drift_rows.count_scenarios(connection).items():
        fault = declared.find_scenario_fault(config_id)
        if fault is not None:
            drift.lines.append(f"{_format_count(count, 'scenario')} cannot be submitted: {fault}")
    return drift


def describe_change(item: RecordUpdate) -> str:
    """Describe how the declaration of a data node has changed, without secrets."""
    before = {"storage_type": item.before.storage_type, **mask_properties(item.before.properties)}
    after = {"storage_type": item.storage_type, **mask_properties(item.properties)}
    changes = [
        f"{key} {_format_property(before, key)} -> {_format_property(after, key)}"
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]
    # Other properties may contain the value of one of the author's secret variables.
    description = redact(", ".join(changes))
    return description or "the environment or the folder of the server now results in another place"


def _compare_nodes(connection: Connection, registry: ConfigRegistry, drift: Drift) -> None:
    differing: set[str] = set()
    for config_id, scope, declaration, count in drift_rows.count_declarations(connection):
        config = registry.data_nodes.get(config_id)
        if config is None:
            continue
        if declaration != compute_declaration(config):
            differing.add(config_id)
        if scope is not config.scope:
            drift.lines.append(
                f"{_format_count(count, 'data node')} of {config_id!r}: existing ones keep the "
                f"scope {scope}; new ones get the scope {config.scope}"
            )
    for config_id in registry.data_nodes:
        if config_id in differing:
            _compare_nodes_of(connection, registry.data_nodes[config_id], drift)


def _compare_nodes_of(connection: Connection, config: DataNodeConfig, drift: Drift) -> None:
    recorded = drift_rows.find_outdated(connection, config.id, compute_declaration(config))
    owners = drift_rows.owners_of(connection, [node.owner_id for node in recorded if node.owner_id])
    nodes: list[RecordUpdate] = []
    for node in recorded:
        try:
            nodes.append(_make_update(config, node, owners.get(node.owner_id or "", Owner())))
        except InvalidError as error:
            drift.lines.append(f"data node {node.id} is not changed: {error.message}")
    drift.nodes.append(NodeDrift(config, nodes))
    changes: dict[str, list[RecordUpdate]] = {}
    for item in nodes:
        if item.has_moved:
            changes.setdefault(describe_change(item), []).append(item)
        elif item.validity != item.before.validity:
            change = f"validity_period {item.before.validity} -> {item.validity}"
            changes.setdefault(change, []).append(item)
    for change, items in changes.items():
        drift.lines.append(f"{_format_count(len(items), 'data node')} of {config.id!r}: {change}")


def _make_update(config: DataNodeConfig, node: DataNodeRecord, owner: Owner) -> RecordUpdate:
    now = make_placement(config, owner)
    # A data node recorded before a parameter was marked as secret has not moved.
    recorded, _ = extract_secrets(
        f"DATANODE_{config.id}", node.properties, declared=get_declared_secrets(config.properties)
    )
    node = replace(node, properties=recorded)
    # Normalized as if read from the database.
    properties: dict[str, Any] = json.loads(json.dumps(dict(now.properties)))
    return RecordUpdate(
        node, now.storage_type, properties, now.validity, now.declaration, now.place
    )


def _compare_tasks(
    connection: Connection, registry: ConfigRegistry, declared: DeclaredConfigs, drift: Drift
) -> None:
    for config_id, wiring, count, example in drift_rows.count_wirings(connection):
        config = registry.tasks.get(config_id)
        if config is not None and wiring == digest_wiring(
            [(node.id, node.scope) for node in config.inputs],
            [(node.id, node.scope) for node in config.outputs],
        ):
            continue
        (task,) = task_rows.get_many(connection, [example])
        fault = find_task_fault(task, declared)
        if fault is not None:
            of = f" (such as {task.parent_ids[0]})" if task.parent_ids else ""
            drift.lines.append(f"{_format_count(count, 'task')}{of} cannot be run: {fault}")


def _format_property(properties: Mapping[str, Any], key: str) -> str:
    return repr(properties[key]) if key in properties else "(none)"


def _format_count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
