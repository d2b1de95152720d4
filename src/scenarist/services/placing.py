"""Where a data node's value lies by its config, and for which scenario and cycle."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from scenarist.config import ConfigRegistry, DataNodeConfig
from scenarist.domain.environment import resolve
from scenarist.domain.places import Owner, declaration_of, filled_in, place_of
from scenarist.domain.secrets import referenced


@dataclass(frozen=True, kw_only=True, slots=True)
class Placing:
    """What the record of a data node has of its config.

    Args:
        properties: As they are stored: secrets as references, placeholders filled in.
        declaration: See `declaration_of`; the same whatever the placeholders stand for.
        place: See `place_of`.
    """

    storage_type: str
    properties: Mapping[str, Any]
    validity: timedelta | None
    declaration: str
    place: str | None

    @property
    def resolved(self) -> dict[str, Any]:
        """The properties with what the environment of the server says."""
        return resolved(self.properties)


def keep_secrets(registry: ConfigRegistry) -> None:
    """Keep the secrets of data nodes in the environment, where their records refer to them."""
    for node in registry.data_nodes.values():
        _, values = referenced(node.id, node.properties)
        os.environ.update(resolve(values, os.environ))


def placing_of(config: DataNodeConfig, owner: Owner) -> Placing:
    """Return where the value of a data node lies that is made for an owner.

    Raises:
        InvalidError: The owner lacks what a placeholder stands for.
    """
    template = _stored(config)
    properties = filled_in(template, owner, config.id)
    return Placing(
        storage_type=config.storage_type,
        properties=properties,
        validity=config.validity_period,
        declaration=declaration_of(
            config.storage_type, template, resolved(template), config.validity_period
        ),
        place=place_of(config.storage_type, resolved(properties), real=os.path.realpath),
    )


def declaration_now(config: DataNodeConfig) -> str:
    """Return the digest of how a data node is declared."""
    template = _stored(config)
    return declaration_of(config.storage_type, template, resolved(template), config.validity_period)


def resolved(properties: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resolve(dict(properties), os.environ)
    return found


def _stored(config: DataNodeConfig) -> dict[str, Any]:
    plain = {name: value for name, value in config.properties.items() if name != "default_data"}
    if config.is_read_only:
        plain["read_only"] = True
    stored, _ = referenced(config.id, plain)
    return stored
