"""Declared locations of data node values, with placeholders.

Two data nodes with the same location share one value: what one of them writes, the other reads.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from scenarist.domain.errors import InvalidError
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES, Scope

_DATABASE = ("db_engine", "db_host", "db_port", "db_name")
_LOCATION_KEYS: Mapping[str, tuple[str, ...]] = {
    "sql_table": (*_DATABASE, "table_name"),
    "sql": (*_DATABASE, "read_query", "write_query_builder", "append_query_builder"),
    "mongo_collection": ("db_driver", "db_host", "db_port", "db_name", "collection_name"),
    "s3_object": (
        "aws_s3_client_parameters",
        "aws_region",
        "aws_s3_bucket_name",
        "aws_s3_object_key",
    ),
    "generic": ("read_fct", "read_fct_args", "write_fct", "write_fct_args"),
}
"""The properties that determine the location of a value, by storage type; files have a path."""

TEMPLATE_KEYS = (
    "default_path",
    "path",
    "sqlite_folder_path",
    "db_name",
    "table_name",
    "collection_name",
    "aws_s3_object_key",
)
"""The properties in which placeholders are replaced."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.]*)\}")
_PROPERTY = re.compile(r"scenario\.properties\.(\w+)")
_PLAIN = {
    "scenario.id": Scope.SCENARIO,
    "scenario.name": Scope.SCENARIO,
    "cycle.id": Scope.CYCLE,
    "cycle.name": Scope.CYCLE,
}
_NOT_IN_NAMES = re.compile(r"[^\w -]")
_LONGEST_NAME = 100


def digest_location(
    storage_type: str,
    properties: Mapping[str, Any],
    *,
    real: Callable[[str], str] = os.path.abspath,
) -> str | None:
    """Return a digest of the location of a value, equal for all data nodes that share it.

    Return None if the server chooses the location, which is then not shared.

    Args:
        properties: The properties, with resolved references to the environment.
        real: Returns the canonical path of a file.
    """
    if storage_type not in EXTERNAL_STORAGE_TYPES:
        path = properties.get("path") or properties.get("default_path")
        return _digest("file", real(path)) if isinstance(path, str) and path else None
    parts = [properties.get(key) for key in _LOCATION_KEYS[storage_type]]
    if properties.get("db_engine") == "sqlite" and storage_type != "mongo_collection":
        folder = str(properties.get("sqlite_folder_path") or "")
        extension = properties.get("sqlite_file_extension")
        name = f"{properties.get('db_name')}{'.db' if extension is None else extension}"
        parts.append(real(os.path.join(folder, name)))
    return _digest(storage_type, *parts)


def has_named_file(properties: Mapping[str, Any]) -> bool:
    """Whether a data node's value is in a file that the user named."""
    return "path" in properties or "default_path" in properties


def is_replaced_in_place(storage_type: str, properties: Mapping[str, Any]) -> bool:
    """Whether each write replaces a data node's value in place, so that past values are lost."""
    return storage_type in EXTERNAL_STORAGE_TYPES or has_named_file(properties)


def digest_declaration(
    storage_type: str, stored: Mapping[str, Any], resolved: Mapping[str, Any], validity: Any
) -> str:
    """Return a digest of the declaration of a data node, for detecting changes.

    Args:
        stored: The properties as stored, with references in place of secrets.
        resolved: The properties with resolved references to the environment; only those that
            determine the location count.
    """
    return _digest(storage_type, stored, digest_location(storage_type, resolved), str(validity))


def digest_wiring(inputs: Iterable[tuple[str, Scope]], outputs: Iterable[tuple[str, Scope]]) -> str:
    """Return a digest of a task's inputs and outputs: config ids and scopes, in order."""
    ends = [[[config_id, str(scope)] for config_id, scope in end] for end in (inputs, outputs)]
    return _digest(*ends)


def describe_replacement(data_node_id: str, by: str) -> str:
    """Return the message that another data node's value has replaced that of a data node."""
    return (
        f"the value of data node {data_node_id} was replaced: data node {by} has written to the "
        "same location; submit the task that produces it again, or give each scenario its own "
        "location, for example with '{scenario.id}' in the path or the name"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """The scenario and the cycle that a data node is created for, if any."""

    scenario_id: str | None = None
    scenario_name: str | None = None
    scenario_properties: Mapping[str, Any] | None = None
    cycle_id: str | None = None
    cycle_name: str | None = None


def iter_placeholders(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the placeholders in a data node's properties, as pairs of property and placeholder."""
    for key in TEMPLATE_KEYS:
        value = properties.get(key)
        if isinstance(value, str):
            for name in _PLACEHOLDER.findall(value):
                yield key, name


def find_placeholder_fault(name: str, scope: Scope) -> str | None:
    """Return what is wrong with a placeholder in a data node of this scope; None if it is valid."""
    is_property = _PROPERTY.fullmatch(name) is not None
    if name not in _PLAIN and not is_property:
        known = ", ".join(f"{{{item}}}" for item in (*_PLAIN, "scenario.properties.NAME"))
        return f"unknown placeholder {{{name}}}; use one of {known}"
    needed = Scope.SCENARIO if is_property else _PLAIN[name]
    if scope > needed:
        return (
            f"{{{name}}} differs between the {needed.lower()}s that share a data node of scope "
            f"{scope}; remove it, or declare the scope {needed}"
        )
    return None


def fill_placeholders(
    properties: Mapping[str, Any], owner: Owner, config_id: str
) -> dict[str, Any]:
    """Return properties with the placeholders replaced by values of a scenario and a cycle.

    Each value is converted to a single part of a file or table name, without separators or dots.

    Raises:
        InvalidError: There is no such scenario, cycle or property. The message names it.
    """

    def fill(found: re.Match[str]) -> str:
        return _to_name_part(_get_value(found[1], owner, config_id))

    return {
        key: _PLACEHOLDER.sub(fill, value)
        if key in TEMPLATE_KEYS and isinstance(value, str)
        else value
        for key, value in properties.items()
    }


def _get_value(name: str, owner: Owner, config_id: str) -> str:
    match = _PROPERTY.fullmatch(name)
    if match is not None and owner.scenario_properties is not None:
        value = owner.scenario_properties.get(match[1])
    else:
        value = {
            "scenario.id": owner.scenario_id,
            "scenario.name": owner.scenario_name or owner.scenario_id,
            "cycle.id": owner.cycle_id,
            "cycle.name": owner.cycle_name,
        }.get(name)
    if isinstance(value, str | int | float) and str(value):
        return str(value)
    raise InvalidError(
        f"the location of data node {config_id!r} contains {{{name}}}, which has no value here; "
        + (
            f"give the scenario the property {match[1]!r}, a text or a number"
            if match is not None
            else "create the data node with a scenario that has one"
        )
    )


def _to_name_part(text: str) -> str:
    """Return a text as part of a name; different texts yield different parts."""
    plain = _NOT_IN_NAMES.sub("_", text).strip()
    plain = plain.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return plain if plain == text else f"{plain}-{_digest(text)[:8]}"


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
