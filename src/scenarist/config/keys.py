"""The keys that entries and sections accept besides their fields.

Any other key is a mistake. Custom properties go under ``properties``.
"""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from scenarist.domain.parameters import HIDDEN_PARAMETERS, SHOWN_PARAMETERS
from scenarist.domain.resources import RESOURCE_PARSERS
from scenarist.domain.secrets import SECRETS_KEY

PROPERTIES = "properties"
"""The key under which all entries and sections accept custom properties."""

DATA_NODE_KEYS: Mapping[str, tuple[str, ...]] = {
    kind: (*keys, "schema", "schema_type", *HIDDEN_PARAMETERS[kind])
    for kind, keys in SHOWN_PARAMETERS.items()
}
"""The known keys by storage type; this is also the list of storage types."""

_TABLE_VALUES = {"exposed_type": "pandas"}
_SQL_VALUES = {
    **_TABLE_VALUES,
    "db_host": "localhost",
    "db_driver": "",
    "sqlite_file_extension": ".db",
}
DEFAULT_VALUES: Mapping[str, Mapping[str, Any]] = {
    "csv": {**_TABLE_VALUES, "encoding": "utf-8", "has_header": True},
    "json": {"encoding": "utf-8"},
    "parquet": {**_TABLE_VALUES, "engine": "pyarrow", "compression": "snappy"},
    "excel": {**_TABLE_VALUES, "has_header": True},
    "sql_table": _SQL_VALUES,
    "sql": _SQL_VALUES,
    "mongo_collection": {
        "db_username": "",
        "db_password": "",
        "db_host": "localhost",
        "db_port": 27017,
        "db_driver": "",
    },
}
"""By storage type: what is assumed for properties that are not given."""

TASK_KEYS = (*RESOURCE_PARSERS, SECRETS_KEY)
SCENARIO_KEYS = ("authorized_tags", SECRETS_KEY)
SECTION_KEYS: Mapping[str, tuple[str, ...]] = {
    "JOB": (),
    "CORE": ("core_version",),
    "AUTHENTICATION": (
        "bind_dn",
        "bind_password",
        "user_filter",
        "ca_file",
        "roles_claim",
        "name_claim",
    ),
    # Not used: the keys that Taipy documents.
    "TAIPY": (
        "application",
        "name",
        "title",
        "env",
        "testing",
        "secret_key",
        "root_folder",
        "storage_folder",
        "clean_entities_enabled",
        "notification",
    ),
}

FUNCTION_KEYS = (
    "encoder",
    "decoder",
    "custom_document",
    "read_fct",
    "write_fct",
    "write_query_builder",
    "append_query_builder",
    "exposed_type",
)
"""The keys of data nodes that accept functions or classes."""

TYPE_KEYS = ("dtype", "read_kwargs", "write_kwargs")
"""The keys in which a class means the name of a value type, as in ``dtype=str``."""

_MEANT_KEYS = {
    "sep": "separator",
    "delimiter": "separator",
    "header": "has_header",
    "has_headers": "has_header",
    "sheet_names": "sheet_name",
    "dtypes": "dtype",
    "parse_dates": "read_kwargs",
    "index_col": "read_kwargs",
    "usecols": "read_kwargs",
    "skiprows": "read_kwargs",
    "decimal": "read_kwargs",
    "na_values": "read_kwargs",
    "nb_of_workers": "max_nb_of_workers",
    "read_fct_params": "read_fct_args",
    "write_fct_params": "write_fct_args",
    "retry": "retries",
    "max_retries": "retries",
    "input": "inputs",
    "output": "outputs",
    "task_configs": "tasks",
    "additional_data_node_configs": "additional_data_nodes",
}
"""The keys meant by keys of other tools or versions that are spelled too differently to match."""

PIPELINES_INSTEAD = (
    "pipelines of Taipy 2 are sequences here: list the tasks of all pipelines in the scenario, "
    "and name each pipeline with its tasks in sequences"
)
_HINTS = {
    "cacheable": "set skippable=True on the task",
    "pipelines": PIPELINES_INSTEAD,
    "pipeline_configs": PIPELINES_INSTEAD,
}


def known_keys(storage_type: str) -> Collection[str]:
    """Return the keys of a storage type; those of all types if the type is unknown."""
    if storage_type in DATA_NODE_KEYS:
        return DATA_NODE_KEYS[storage_type]
    return {key for keys in DATA_NODE_KEYS.values() for key in keys}


def retain_properties(properties: Mapping[str, Any], storage_type: str) -> dict[str, Any]:
    """Return the properties that a data node keeps when its storage type changes.

    These are custom properties and those common to all types, except paths: a path names a file
    in the other format.
    """
    known = {key for keys in DATA_NODE_KEYS.values() for key in keys}
    common = {"read_only", "name", SECRETS_KEY, "default_data", "schema", "schema_type"}
    common &= set(known_keys(storage_type))
    return {key: value for key, value in properties.items() if key in common or key not in known}


def describe_unknown_key(key: str, entry_name: str, known: Collection[str]) -> str:
    """Return the message for an unknown key, with a suggestion.

    Args:
        entry_name: The entry or section, such as ``TASK.fit``.
        known: The keys that it accepts.
    """
    own = (
        f"a property of your own goes under properties: [{entry_name}.properties] in a file, "
        f"properties={{{key!r}: …}} in Python"
    )
    if key in _HINTS:
        return f"there is no key {key!r}; {_HINTS[key]}"
    instead = _MEANT_KEYS.get(key)
    near = [instead] if instead in known else get_close_matches(key, sorted(known), n=1)
    if near:
        return f"there is no key {key!r}; did you mean {near[0]!r}? ({own})"
    kinds = [kind for kind, keys in DATA_NODE_KEYS.items() if key in keys]
    if kinds and entry_name.startswith("DATA_NODE."):
        return f"this storage type has no key {key!r}, which is a key of {', '.join(kinds)}; {own}"
    return f"there is no key {key!r}; {own}"
