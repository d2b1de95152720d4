"""Configs of the application, as REST clients see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scenarist.config import ConfigRegistry, ScenarioConfig
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import Frequency


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


class ConfigService:
    def __init__(self, registry: ConfigRegistry) -> None:
        self._registry = registry

    def list_scenarios(self, actor: Actor) -> list[DeclaredScenario]:
        """Return all scenario configs in order of declaration."""
        actor.require(Permission.READ)
        return [_to_declared(config) for config in self._registry.scenarios.values()]


def authorized_tags(config: ScenarioConfig | None) -> tuple[str, ...] | None:
    """Return the tags that a config allows; None for any, also if the config is gone."""
    tags = None if config is None else config.properties.get("authorized_tags")
    if tags is None:
        return None
    return tuple(tags) if isinstance(tags, list | tuple) else (str(tags),)


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
    )
