"""Configs of the application, as REST clients see them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scenarist.config import ConfigRegistry, DataNodeConfig, ScenarioConfig
from scenarist.config.value_schemas import SCHEMA
from scenarist.domain.outcomes import DeclaredOutcome
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.secrets import get_declared_secrets
from scenarist.domain.vocabulary import Frequency, Scope
from scenarist.services.factory import get_config
from scenarist.storage.python.rendition import render


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredScenario:
    """A scenario config as plain data; other configs are given by their id."""

    id: str
    frequency: Frequency | None
    tasks: Sequence[str]
    data_nodes: Sequence[str]
    sequences: Mapping[str, Sequence[str]]
    comparators: Mapping[str, Sequence[str]]
    authorized_tags: Sequence[str] | None
    outcomes: Mapping[str, DeclaredOutcome]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredInput:
    """An input of scenarios of a config, with what its schema says for people.

    Args:
        default: The default value as JSON text; None if there is none, if it is large, or if a
            part of it has no JSON form.
        order: Where it is shown; those without an order come last.
    """

    name: str
    scope: Scope
    storage_type: str
    is_read_only: bool
    schema: Mapping[str, Any] | None
    default: str | None
    title: str | None
    description: str | None
    unit: str | None
    group: str | None
    order: float | None


class ConfigService:
    def __init__(self, registry: ConfigRegistry) -> None:
        self._registry = registry

    def list_scenarios(self, actor: Actor) -> list[DeclaredScenario]:
        """Return all scenario configs in order of declaration."""
        actor.require(Permission.READ)
        return [_to_declared(config) for config in self._registry.scenarios.values()]

    def get_scenario(
        self, actor: Actor, config_id: str
    ) -> tuple[DeclaredScenario, list[DeclaredInput]]:
        """Return a scenario config, with the inputs of its scenarios in the order to show them.

        Raises:
            NotFoundError: There is no such config.
        """
        actor.require(Permission.READ)
        config = get_config(self._registry.scenarios, config_id, "scenario")
        inputs = [describe_input(node) for node in list_inputs(config)]
        inputs.sort(key=lambda item: math.inf if item.order is None else item.order)
        return _to_declared(config), inputs


def authorized_tags(config: ScenarioConfig | None) -> tuple[str, ...] | None:
    """Return the tags that a config allows; None for any, also if the config is gone."""
    tags = None if config is None else config.properties.get("authorized_tags")
    if tags is None:
        return None
    return tuple(tags) if isinstance(tags, list | tuple) else (str(tags),)


def list_inputs(config: ScenarioConfig) -> list[DataNodeConfig]:
    """Return the data nodes of a scenario config that none of its tasks writes."""
    written = {node for task in config.tasks for node in task.outputs}
    return [node for node in config.data_nodes if node not in written]


def describe_input(node: DataNodeConfig) -> DeclaredInput:
    """Return what is declared of a data node that scenarios have as an input."""
    schema = node.properties.get(SCHEMA)
    said = schema if isinstance(schema, Mapping) else {}
    order = said.get("order")
    return DeclaredInput(
        name=node.id,
        scope=node.scope,
        storage_type=node.storage_type,
        is_read_only=node.is_read_only,
        schema=schema,
        default=_encode_default(node),
        title=_text_of(said, "title"),
        description=_text_of(said, "description"),
        unit=_text_of(said, "unit"),
        group=_text_of(said, "group"),
        order=order if type(order) in (int, float) else None,
    )


def _encode_default(node: DataNodeConfig) -> str | None:
    if "default_data" not in node.properties:
        return None
    if "default_data" in get_declared_secrets(node.properties):
        return None
    text, is_complete = render(node.properties["default_data"])
    return text if is_complete else None


def _text_of(schema: Mapping[str, Any], keyword: str) -> str | None:
    text = schema.get(keyword)
    return text if isinstance(text, str) else None


def _to_declared(config: ScenarioConfig) -> DeclaredScenario:
    return DeclaredScenario(
        id=config.id,
        frequency=config.frequency,
        tasks=[task.id for task in config.tasks],
        data_nodes=[node.id for node in config.data_nodes],
        sequences={name: [task.id for task in tasks] for name, tasks in config.sequences.items()},
        comparators={
            node: [function.rpartition(":")[2] for function in functions]
            for node, functions in config.comparators.items()
        },
        authorized_tags=authorized_tags(config),
        outcomes={name: outcome.as_declared() for name, outcome in config.outcomes.items()},
    )
