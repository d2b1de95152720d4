"""Checks of value locations: unknown placeholders and shared locations."""

import os
from collections.abc import Iterable, Iterator
from itertools import combinations

from scenarist.config.drafts import ConfigProblem
from scenarist.config.entries import DataNodeConfig, ScenarioConfig, TaskConfig
from scenarist.config.values import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.locations import (
    TEMPLATE_KEYS,
    digest_location,
    find_placeholder_fault,
    iter_placeholders,
)
from scenarist.domain.secrets import extract_secrets
from scenarist.domain.vocabulary import Scope

_OWNER_PREFIXES = {Scope.SCENARIO: "scenario.", Scope.CYCLE: "cycle."}
"""The prefix of the placeholders that give each owner of a scope its own location."""


def check_placeholders(node: DataNodeConfig) -> Iterator[tuple[str, str]]:
    for key, name in iter_placeholders(node.properties):
        if fault := find_placeholder_fault(name, node.scope):
            yield key, fault


def check_shared_locations(scenario: ScenarioConfig) -> Iterator[tuple[str, str]]:
    """Find data nodes of one scenario that overwrite each other, and placeholders of no cycle."""
    written = _written_nodes(scenario.tasks)
    for one, other in _iter_shared_pairs(scenario.data_nodes):
        if one in written or other in written:
            yield (
                "tasks",
                f"data nodes {one.id!r} and {other.id!r} share one location "
                f"({_describe_location(one)}), so a task that writes one overwrites the other; "
                "give each its own",
            )
    for node in scenario.data_nodes:
        for key, name in iter_placeholders(node.properties):
            if name.startswith("cycle.") and scenario.frequency is None:
                yield (
                    "frequency",
                    f"{key} of data node {node.id!r} contains {{{name}}}, but the scenario has no "
                    "cycles; give it a frequency, or remove the placeholder",
                )


def check_secret_placeholders(scenario: ScenarioConfig) -> Iterator[tuple[str, str]]:
    """Find secrets of a scenario that would become part of a path or a name."""
    stored, _ = extract_secrets("SCENARIO", scenario.properties)
    for node in scenario.data_nodes:
        for key, name in iter_placeholders(node.properties):
            own = name.removeprefix("scenario.properties.")
            if own != name and stored.get(own) != scenario.properties.get(own):
                yield (
                    own,
                    f"{key} of data node {node.id!r} contains {{{name}}}, but the property is "
                    "secret; rename the property, or remove it from the path",
                )


def find_location_warnings(
    nodes: Iterable[DataNodeConfig],
    tasks: Iterable[TaskConfig],
    scenarios: Iterable[ScenarioConfig],
) -> Iterator[ConfigProblem]:
    """Find locations at which values of several scenarios overwrite each other."""
    nodes = list(nodes)
    written = _written_nodes(tasks)
    for node in nodes:
        own = _OWNER_PREFIXES.get(node.scope)
        is_fixed = own is not None and not any(
            name.startswith(own) for _, name in iter_placeholders(node.properties)
        )
        if node in written and is_fixed and _digest_location(node) is not None:
            yield ConfigProblem(
                f"DATA_NODE.{node.id}",
                f"tasks of every {node.scope.lower()} write to one location "
                f"({_describe_location(node)}): they run one after the other, and each write "
                f"replaces the value of the others; put '{{{own}id}}' into it, or declare "
                "the scope GLOBAL",
            )
    in_one = {
        frozenset((one.id, other.id))
        for scenario in scenarios
        for one, other in _iter_shared_pairs(scenario.data_nodes)
        if not written.isdisjoint((one, other))
    }  # reported as errors by `check_shared_locations`
    for one, other in _iter_shared_pairs(nodes):
        if frozenset((one.id, other.id)) in in_one:
            continue
        if not all(node.properties.get("read_only") for node in (one, other)):
            yield ConfigProblem(
                f"DATA_NODE.{other.id}",
                f"it shares its location with data node {one.id!r} ({_describe_location(one)}): a "
                "value that is written to one is the value of both; give each its own, or declare "
                "both read_only",
            )


def _written_nodes(tasks: Iterable[TaskConfig]) -> set[DataNodeConfig]:
    return {node for task in tasks for node in task.outputs}


def _iter_shared_pairs(
    nodes: Iterable[DataNodeConfig],
) -> Iterator[tuple[DataNodeConfig, DataNodeConfig]]:
    """Yield the pairs of data nodes that share a location."""
    by_location: dict[str, list[DataNodeConfig]] = {}
    for node in nodes:
        location = _digest_location(node)
        if location is not None:
            by_location.setdefault(location, []).append(node)
    for group in by_location.values():
        yield from combinations(group, 2)


def _digest_location(node: DataNodeConfig) -> str | None:
    try:
        return digest_location(
            node.storage_type, resolve(dict(node.properties)), real=os.path.realpath
        )
    except (InvalidError, KeyError, TypeError):
        return None  # reported by other checks


def _describe_location(node: DataNodeConfig) -> str:
    named = [f"{key} {node.properties[key]!r}" for key in TEMPLATE_KEYS if key in node.properties]
    return ", ".join(named) or f"its {node.storage_type} functions"
