"""Computes where the value of a data node is stored, from its config, scenario and cycle."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from scenarist.config import ConfigRegistry, DataNodeConfig
from scenarist.domain.environment import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.locations import Owner, digest_declaration, digest_location, fill_placeholders
from scenarist.domain.redaction import set_known_secrets
from scenarist.domain.secrets import UNSTORED_PROPERTIES, extract_secrets, find_replacements


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """The part of a data node's record that comes from its config.

    Args:
        properties: As stored: secrets as references, placeholders replaced.
        declaration: See `digest_declaration`; does not depend on the values of placeholders.
        place: See `digest_location`.
    """

    storage_type: str
    properties: Mapping[str, Any]
    validity: timedelta | None
    declaration: str
    place: str | None


def export_secrets(registry: ConfigRegistry, others: Mapping[str, str] | None = None) -> None:
    """Put the secrets of an application into environment variables, which its records refer to.

    From now on, the messages of this process are redacted; see `register_secrets`.

    Args:
        others: Further secrets, each with its replacement.

    Raises:
        InvalidError: A variable that a secret refers to is not set, or an environment variable
            cannot hold the secret.
    """
    for owner, properties in iter_secret_owners(registry):
        _, values = extract_secrets(owner, properties, besides=UNSTORED_PROPERTIES)
        try:
            os.environ.update(resolve(values, os.environ))
        except ValueError as error:
            raise InvalidError(
                f"a secret of {owner} cannot be stored in an environment variable: {error}; remove "
                "whatever is not text from it"
            ) from None
    register_secrets(registry, others)


def find_shared_variables(registry: ConfigRegistry) -> Iterator[tuple[str, str, str]]:
    """Yield each variable that two entities need for different secrets, with both entities.

    The data node ``db`` with ``a_password`` and ``db_a`` with ``password`` share a variable.
    """
    seen: dict[str, tuple[str, str]] = {}
    for owner, properties in iter_secret_owners(registry):
        _, values = extract_secrets(owner, properties, besides=UNSTORED_PROPERTIES)
        for variable, value in values.items():
            first, known = seen.setdefault(variable, (owner, value))
            if known != value:
                yield variable, first, owner


def register_secrets(registry: ConfigRegistry, others: Mapping[str, str] | None = None) -> None:
    """Make `redact` replace the secrets of this application, and forget those of any other."""
    known = dict(others or {})
    for owner, properties in (*iter_secret_owners(registry), *_iter_sections(registry)):
        known |= find_replacements(owner, properties, os.environ)
    set_known_secrets(known)


def _iter_sections(registry: ConfigRegistry) -> Iterator[tuple[str, Mapping[str, Any]]]:
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


def iter_secret_owners(registry: ConfigRegistry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the properties of each config, with the prefix of its environment variables first."""
    for node in registry.data_nodes.values():
        yield f"DATANODE_{node.id}", node.properties
    for task in registry.tasks.values():
        yield f"TASK_{task.id}", task.properties
    for scenario in registry.scenarios.values():
        yield f"SCENARIO_{scenario.id}", scenario.properties


def to_stored(owner: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a config as stored in records: secrets as references."""
    return extract_secrets(owner, properties, besides=UNSTORED_PROPERTIES)[0]


def make_placement(config: DataNodeConfig, owner: Owner) -> Placement:
    """Return where the value of a config's data node is stored, given its owner.

    Raises:
        InvalidError: The owner has no value for a placeholder.
    """
    template = _make_template(config)
    properties = fill_placeholders(template, owner, config.id)
    return Placement(
        storage_type=config.storage_type,
        properties=properties,
        validity=config.validity_period,
        declaration=digest_declaration(
            config.storage_type, template, resolve_properties(template), config.validity_period
        ),
        place=digest_location(
            config.storage_type, resolve_properties(properties), real=os.path.realpath
        ),
    )


def compute_declaration(config: DataNodeConfig) -> str:
    """Return the digest of the present declaration of a data node."""
    template = _make_template(config)
    return digest_declaration(
        config.storage_type, template, resolve_properties(template), config.validity_period
    )


def resolve_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties with references to environment variables resolved."""
    found: dict[str, Any] = resolve(dict(properties), os.environ)
    return found


def _make_template(config: DataNodeConfig) -> dict[str, Any]:
    plain = {
        name: value for name, value in config.properties.items() if name not in UNSTORED_PROPERTIES
    }
    if config.is_read_only:
        plain["read_only"] = True
    return to_stored(f"DATANODE_{config.id}", plain)
