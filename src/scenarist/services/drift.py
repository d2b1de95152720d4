"""Drift: differences between the records and what the application declares now."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from scenarist.config import ConfigRegistry, DataNodeConfig
from scenarist.db import drift as drift_rows
from scenarist.db import tasks as task_rows
from scenarist.db.drift import Followed, Recorded
from scenarist.domain.behaviours import Declared
from scenarist.domain.errors import InvalidError
from scenarist.domain.locations import Owner, wiring_of
from scenarist.domain.redaction import redacted
from scenarist.domain.secrets import marks_of, masked, referenced
from scenarist.services.declarations import fault_of_task
from scenarist.services.placement import declaration_now, placing_of


@dataclass(frozen=True, slots=True)
class NodeDrift:
    """A data node config, with the data nodes whose records differ from it."""

    config: DataNodeConfig
    nodes: Sequence[Followed]


@dataclass(slots=True)
class Drift:
    """All differences.

    Args:
        nodes: Data nodes whose records are updated when a server starts.
        lines: Descriptions of the differences for people, one sentence each.
    """

    nodes: list[NodeDrift] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def find_drift(connection: Connection, registry: ConfigRegistry, declared: Declared) -> Drift:
    """Compare the records of a database with the declarations of an application."""
    drift = Drift()
    _compare_nodes(connection, registry, drift)
    _compare_tasks(connection, registry, declared, drift)
    for config_id, count in drift_rows.count_scenarios(connection).items():
        fault = declared.scenario_fault(config_id)
        if fault is not None:
            drift.lines.append(f"{_count(count, 'scenario')} cannot be submitted: {fault}")
    return drift


def change_of(item: Followed) -> str:
    """Describe how the declaration of a data node has changed, without secrets."""
    before = {"storage_type": item.before.storage_type, **masked(item.before.properties)}
    after = {"storage_type": item.storage_type, **masked(item.properties)}
    changes = [
        f"{key} {_shown(before, key)} -> {_shown(after, key)}"
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]
    # Other properties may contain the value of one of the author's secret variables.
    said = redacted(", ".join(changes))
    return said or "the environment or the folder of the server now gives another place"


def _compare_nodes(connection: Connection, registry: ConfigRegistry, drift: Drift) -> None:
    differing: set[str] = set()
    for config_id, scope, declaration, count in drift_rows.declared_as(connection):
        config = registry.data_nodes.get(config_id)
        if config is None:
            continue
        if declaration != declaration_now(config):
            differing.add(config_id)
        if scope is not config.scope:
            drift.lines.append(
                f"{_count(count, 'data node')} of {config_id!r}: existing ones keep the scope "
                f"{scope}; new ones get the scope {config.scope}"
            )
    for config_id in registry.data_nodes:
        if config_id in differing:
            _compare_nodes_of(connection, registry.data_nodes[config_id], drift)


def _compare_nodes_of(connection: Connection, config: DataNodeConfig, drift: Drift) -> None:
    recorded = drift_rows.declared_otherwise(connection, config.id, declaration_now(config))
    owners = drift_rows.owners_of(connection, [node.owner_id for node in recorded if node.owner_id])
    nodes: list[Followed] = []
    for node in recorded:
        try:
            nodes.append(_followed(config, node, owners.get(node.owner_id or "", Owner())))
        except InvalidError as error:
            drift.lines.append(f"data node {node.id} is not changed: {error.message}")
    drift.nodes.append(NodeDrift(config, nodes))
    changes: dict[str, list[Followed]] = {}
    for item in nodes:
        if item.has_moved:
            changes.setdefault(change_of(item), []).append(item)
        elif item.validity != item.before.validity:
            change = f"validity_period {item.before.validity} -> {item.validity}"
            changes.setdefault(change, []).append(item)
    for change, items in changes.items():
        drift.lines.append(f"{_count(len(items), 'data node')} of {config.id!r}: {change}")


def _followed(config: DataNodeConfig, node: Recorded, owner: Owner) -> Followed:
    now = placing_of(config, owner)
    # A data node recorded before a parameter was marked as secret has not moved.
    recorded, _ = referenced(
        f"DATANODE_{config.id}", node.properties, marks=marks_of(config.properties)
    )
    node = replace(node, properties=recorded)
    # Normalized as if read from the database.
    properties: dict[str, Any] = json.loads(json.dumps(dict(now.properties)))
    return Followed(node, now.storage_type, properties, now.validity, now.declaration, now.place)


def _compare_tasks(
    connection: Connection, registry: ConfigRegistry, declared: Declared, drift: Drift
) -> None:
    for config_id, wiring, count, example in drift_rows.wired(connection):
        config = registry.tasks.get(config_id)
        if config is not None and wiring == wiring_of(
            [(node.id, node.scope) for node in config.inputs],
            [(node.id, node.scope) for node in config.outputs],
        ):
            continue
        (task,) = task_rows.get_many(connection, [example])
        fault = fault_of_task(task, declared)
        if fault is not None:
            of = f" (such as {task.parent_ids[0]})" if task.parent_ids else ""
            drift.lines.append(f"{_count(count, 'task')}{of} cannot be run: {fault}")


def _shown(properties: Mapping[str, Any], key: str) -> str:
    return repr(properties[key]) if key in properties else "(none)"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
