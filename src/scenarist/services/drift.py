"""Drift: differences between the records and what the application declares now."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from scenarist.config import ConfigRegistry, DataNodeConfig, ScenarioConfig
from scenarist.db import drift as drift_rows
from scenarist.db import tasks as task_rows
from scenarist.db.drift import DataNodeRecord, RecordUpdate
from scenarist.db.engine import Database
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.errors import InvalidError
from scenarist.domain.locations import Owner, digest_wiring
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.redaction import redact
from scenarist.domain.secrets import extract_secrets, get_declared_secrets, mask_properties
from scenarist.domain.vocabulary import EntityKind, Scope
from scenarist.services.declarations import find_task_fault
from scenarist.services.placement import compute_declaration, make_placement


@dataclass(frozen=True, slots=True)
class NodeDrift:
    """A data node config, with the data nodes whose records differ from it."""

    config: DataNodeConfig
    nodes: Sequence[RecordUpdate]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A difference, for people.

    Args:
        kind: DATA_NODE, TASK or SCENARIO.
        config_id: The config that the entities differ from.
        message: What differs and what to do, in a sentence.
        scenario_config_ids: Configs of scenarios that an upgrade brings up to date.
    """

    kind: EntityKind
    config_id: str
    message: str
    scenario_config_ids: Sequence[str] = ()


@dataclass(slots=True)
class Drift:
    """All differences.

    Args:
        nodes: Data nodes whose records are updated when a server starts.
    """

    nodes: list[NodeDrift] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [difference.message for difference in self.differences]

    def add(self, kind: EntityKind, config_id: str, message: str, *scenario_configs: str) -> None:
        self.differences.append(
            Difference(
                kind=kind,
                config_id=config_id,
                message=message,
                scenario_config_ids=scenario_configs,
            )
        )


_REST = 10
"""A comparison of all records is not repeated for as many times as long as it took."""


@dataclass(frozen=True, slots=True)
class _KnownDifferences:
    checked_at: datetime
    valid_until: datetime
    differences: Sequence[Difference]


class DriftService:
    """Tells how the records differ from what the application declares.

    Args:
        declared: What it declares; None to compare nothing.
    """

    def __init__(
        self,
        database: Database,
        registry: ConfigRegistry,
        *,
        now: Callable[[], datetime],
        declared: DeclaredConfigs | None,
    ) -> None:
        self._database = database
        self._registry = registry
        self._now = now
        self._declared = declared
        self._known: _KnownDifferences | None = None

    def list_differences(self, actor: Actor) -> tuple[datetime, Sequence[Difference]]:
        """Return all differences, and when the records were compared.

        With many scenarios that takes time, so the last result is returned for some time after.
        """
        actor.require(Permission.READ)
        started_at, known = self._now(), self._known
        if known is not None and known.checked_at <= started_at < known.valid_until:
            return known.checked_at, known.differences
        found: Sequence[Difference] = ()
        if self._declared is not None:
            with self._database.snapshot() as connection:
                found = find_drift(connection, self._registry, self._declared).differences
        now = self._now()
        self._known = _KnownDifferences(started_at, now + _REST * (now - started_at), found)
        return started_at, found

    def forget(self) -> None:
        """Compare anew at the next request, since a scenario was upgraded."""
        self._known = None


def find_drift(
    connection: Connection, registry: ConfigRegistry, declared: DeclaredConfigs
) -> Drift:
    """Compare the records of a database with the declarations of an application."""
    drift = Drift()
    _compare_nodes(connection, registry, drift)
    _compare_tasks(connection, registry, declared, drift)
    parts = drift_rows.count_parts(connection)
    for config_id, count in drift_rows.count_scenarios(connection).items():
        fault = declared.find_scenario_fault(config_id)
        if fault is not None:
            message = f"{_format_count(count, 'scenario')} cannot be submitted: {fault}"
            drift.add(EntityKind.SCENARIO, config_id, message)
        elif config_id in registry.scenarios:
            _compare_parts(connection, registry.scenarios[config_id], count, registry, parts, drift)
    return drift


def find_node_drift(connection: Connection, registry: ConfigRegistry) -> Sequence[NodeDrift]:
    """Return the data nodes whose records differ from their configs."""
    drift = Drift()
    _compare_nodes(connection, registry, drift)
    return drift.nodes


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
    scopes: dict[tuple[str, Scope], Scope] = {}
    for config_id, scope, declaration, _ in drift_rows.count_declarations(connection):
        config = registry.data_nodes.get(config_id)
        if config is None:
            continue
        if declaration != compute_declaration(config):
            differing.add(config_id)
        if scope is not config.scope:
            scopes[config_id, scope] = config.scope
    for (config_id, scope), declared_scope in scopes.items():
        _add_other_scope(connection, config_id, scope, declared_scope, drift)
    for config_id in registry.data_nodes:
        if config_id in differing:
            _compare_nodes_of(connection, registry.data_nodes[config_id], drift)


def _add_other_scope(
    connection: Connection, config_id: str, scope: Scope, declared_scope: Scope, drift: Drift
) -> None:
    nodes = drift_rows.find_nodes_of_scenarios(connection, config_id, scope)
    if not nodes:
        return  # upgrades have detached them
    count = len({id for _, id in nodes})
    drift.add(
        EntityKind.DATA_NODE,
        config_id,
        f"{_format_count(count, 'data node')} of {config_id!r}: existing ones keep the scope "
        f"{scope}, new ones get the scope {declared_scope}; upgrade the scenarios",
        *dict.fromkeys(scenario_config for scenario_config, _ in nodes),
    )


def _compare_nodes_of(connection: Connection, config: DataNodeConfig, drift: Drift) -> None:
    recorded = drift_rows.find_outdated(connection, config.id, compute_declaration(config))
    owners = drift_rows.owners_of(connection, [node.owner_id for node in recorded if node.owner_id])
    nodes: list[RecordUpdate] = []
    for node in recorded:
        try:
            nodes.append(_make_update(config, node, owners.get(node.owner_id or "", Owner())))
        except InvalidError as error:
            if not drift_rows.is_part_of_scenarios(connection, node.id):
                continue  # as another scope is declared, an upgrade has detached it
            message = f"data node {node.id} is not changed: {error.message}"
            drift.add(EntityKind.DATA_NODE, config.id, message)
    drift.nodes.append(NodeDrift(config, nodes))
    changes: dict[str, list[RecordUpdate]] = {}
    for item in nodes:
        if item.has_moved:
            changes.setdefault(describe_change(item), []).append(item)
        elif item.validity != item.before.validity:
            change = f"validity_period {item.before.validity} -> {item.validity}"
            changes.setdefault(change, []).append(item)
    for change, items in changes.items():
        message = f"{_format_count(len(items), 'data node')} of {config.id!r}: {change}"
        drift.add(EntityKind.DATA_NODE, config.id, message)


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
        if fault is None:
            continue
        attached = drift_rows.count_attached(connection, config_id, wiring)
        if not attached and task.owner_id is not None:
            continue  # detached by an upgrade
        if attached:
            number = sum(of_config for _, of_config, _ in attached)
            of, advice = f" (such as {attached[0][2]})", ""
        else:
            number, of = count, " of no scenario"
            fault, advice = fault.partition(";")[0], "; delete it, or restore the declaration"
        message = f"{_format_count(number, 'task')}{of} cannot be run: {fault}{advice}"
        drift.add(EntityKind.TASK, config_id, message, *(name for name, _, _ in attached))


def _compare_parts(
    connection: Connection,
    config: ScenarioConfig,
    scenarios: int,
    registry: ConfigRegistry,
    parts: Mapping[tuple[str, EntityKind], Mapping[str, int]],
    drift: Drift,
) -> None:
    """Describe which parts scenarios of a config lack, or have although they are not declared."""
    declared = {
        EntityKind.TASK: [task.id for task in config.tasks],
        EntityKind.DATA_NODE: [node.id for node in config.additional_data_nodes],
        EntityKind.SEQUENCE: list(config.sequences),
    }
    described = []
    for kind, names in declared.items():
        noun = kind.lower().replace("_", " ")
        present = parts.get((config.id, kind), {})
        lacking = {name: scenarios - present.get(name, 0) for name in names}
        described += [
            f"{count} {_have(count)} no {noun} {name!r}" for name, count in lacking.items() if count
        ]
        for name in sorted(set(present) - set(names)):
            # Sequences may be made by hand; tasks that are declared nowhere are reported as such.
            if kind is not EntityKind.SEQUENCE and (
                kind is not EntityKind.TASK or name in registry.tasks
            ):
                has = f"{present[name]} {_have(present[name])}"
                described.append(f"{has} the {noun} {name!r}, which is no longer declared")
    for name, members in config.sequences.items():
        count = drift_rows.count_other_sequences(
            connection, config.id, name, [task.id for task in members]
        )
        if count:
            described.append(f"{count} {_have(count)} other tasks in the sequence {name!r}")
    if described:
        message = (
            f"scenarios of {config.id!r} differ from the config: {', '.join(described)}; upgrade "
            f"them: scenarist scenario upgrade --all-of {config.id}"
        )
        drift.add(EntityKind.SCENARIO, config.id, message, config.id)


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _format_property(properties: Mapping[str, Any], key: str) -> str:
    return repr(properties[key]) if key in properties else "(none)"


def _format_count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
