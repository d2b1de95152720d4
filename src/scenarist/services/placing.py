"""Where a data node's value lies by its config, and for which scenario and cycle."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from scenarist.config import ConfigRegistry, DataNodeConfig
from scenarist.domain.environment import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.places import Owner, declaration_of, filled_in, place_of
from scenarist.domain.redaction import know
from scenarist.domain.secrets import NOT_STORED, referenced, replacements


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


def keep_secrets(registry: ConfigRegistry, others: Mapping[str, str] | None = None) -> None:
    """Keep the secrets of an application in the environment, where its records refer to them.

    From now on no message of this process has them; see `learn_secrets`.

    Args:
        others: Further secrets, each with what replaces it.

    Raises:
        InvalidError: A variable that one of them refers to is not set, or cannot hold it.
    """
    for owner, properties in owners_of_secrets(registry):
        _, values = referenced(owner, properties, besides=NOT_STORED)
        try:
            os.environ.update(resolve(values, os.environ))
        except ValueError as error:
            raise InvalidError(
                f"a secret of {owner} cannot be kept in an environment variable: {error}; take "
                "what is no text out of it"
            ) from None
    learn_secrets(registry, others)


def shared_variables(registry: ConfigRegistry) -> Iterator[tuple[str, str, str]]:
    """Yield each variable that two entities would need for different secrets, and the two.

    The data node ``db`` with ``a_password`` and ``db_a`` with ``password`` have the same one.
    """
    kept: dict[str, tuple[str, str]] = {}
    for owner, properties in owners_of_secrets(registry):
        _, values = referenced(owner, properties, besides=NOT_STORED)
        for variable, value in values.items():
            first, held = kept.setdefault(variable, (owner, value))
            if held != value:
                yield variable, first, owner


def learn_secrets(registry: ConfigRegistry, others: Mapping[str, str] | None = None) -> None:
    """Have `redacted` replace the secrets of an application, of this and of no other one."""
    known = dict(others or {})
    for owner, properties in (*owners_of_secrets(registry), *_sections(registry)):
        known |= replacements(owner, properties, os.environ)
    know(known)


def _sections(registry: ConfigRegistry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    authentication = registry.authentication
    yield "SETTING", registry.settings
    yield "TAIPY", registry.global_app
    yield "CORE", registry.core.properties
    yield (
        "AUTHENTICATION",
        {
            **authentication.properties,
            "server": authentication.server,
            "secret_key": authentication.secret_key,
            "passwords": authentication.passwords,
        },
    )


def owners_of_secrets(registry: ConfigRegistry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the properties that an author gives, each after what its variables are called by."""
    for node in registry.data_nodes.values():
        yield f"DATANODE_{node.id}", node.properties
    for task in registry.tasks.values():
        yield f"TASK_{task.id}", task.properties
    for scenario in registry.scenarios.values():
        yield f"SCENARIO_{scenario.id}", scenario.properties


def stored_properties(owner: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a config as records have them: secrets as references."""
    return referenced(owner, properties, besides=NOT_STORED)[0]


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
    plain = {name: value for name, value in config.properties.items() if name not in NOT_STORED}
    if config.is_read_only:
        plain["read_only"] = True
    return stored_properties(f"DATANODE_{config.id}", plain)
