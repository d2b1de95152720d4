"""Checks of data nodes: the storage type, and the properties that it requires."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from scenarist.config.entries import DataNodeConfig
from scenarist.config.keys import DATA_NODE_KEYS
from scenarist.config.values import is_environment_reference
from scenarist.domain.named_files import explain_compressed
from scenarist.domain.vocabulary import FILE_STORAGE_TYPES, TABLE_STORAGE_TYPES, DatabaseEngine

_REQUIRED: dict[str, tuple[str, ...]] = {
    "sql_table": ("db_name", "db_engine", "table_name"),
    "sql": ("db_name", "db_engine"),
    "mongo_collection": ("db_name", "collection_name"),
    "s3_object": (
        "aws_access_key",
        "aws_secret_access_key",
        "aws_s3_bucket_name",
        "aws_s3_object_key",
    ),
}
"""The properties that a storage type requires."""

_REQUIRED_EITHER = {
    "generic": ("read_fct", "write_fct"),
    "sql": ("read_query", "write_query_builder"),
}
"""Pairs of properties of which at least one is required: how to read, and how to write."""

_DATABASES = ("sql_table", "sql", "mongo_collection")
_TEXTS = ("csv", "json")
_TABLES = ("pandas", "numpy", "polars", "pyarrow")


def check_data_node(node: DataNodeConfig) -> Iterator[tuple[str, str]]:
    yield from _check_storage_type(node)
    yield from _check_required_properties(node.storage_type, node.properties)
    if node.storage_type in TABLE_STORAGE_TYPES:
        yield from _check_table_properties(node.properties, several=node.storage_type == "excel")
    if node.storage_type == "excel":
        yield from _check_sheet_names(node.properties.get("sheet_name"))
    if node.storage_type in _DATABASES:
        yield from _check_database(node.storage_type, node.properties)
    if node.validity_period is not None and node.validity_period <= timedelta():
        yield (
            "validity_period",
            f"the period {node.validity_period} is not positive; give a longer one",
        )
    if node.storage_type in FILE_STORAGE_TYPES:
        yield from _check_paths(node.properties, is_text=node.storage_type in _TEXTS)


def _check_paths(properties: Mapping[str, Any], *, is_text: bool) -> Iterator[tuple[str, str]]:
    for key in ("default_path", "path"):
        path = properties.get(key)
        if path is not None and not isinstance(path, str):
            yield key, f"{path!r} is not a path; write it as text"
        elif path is not None and "://" in path:
            yield (
                key,
                f"{path!r} is a URL, but a path must name a file on the machine; omit it to keep "
                "the value in the server's storage, which can be a URL",
            )
        elif path is not None and is_text and (why := explain_compressed(path)):
            yield key, why


def _check_storage_type(node: DataNodeConfig) -> Iterator[tuple[str, str]]:
    kind = node.storage_type
    if kind not in DATA_NODE_KEYS:
        near = get_close_matches(kind, DATA_NODE_KEYS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        yield (
            "storage_type",
            f"unknown storage type {kind!r}; {hint}use one of {', '.join(DATA_NODE_KEYS)}",
        )


def _check_required_properties(
    kind: str, properties: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    required = _REQUIRED.get(kind, ())
    if kind in {"sql", "sql_table"} and properties.get("db_engine") != "sqlite":
        required = (*required, "db_username", "db_password")
    for key in required:
        if key not in properties:
            yield key, f"storage type {kind!r} needs the property {key!r}; add it"
    either = _REQUIRED_EITHER.get(kind, ())
    if either and not any(key in properties for key in either):
        names = f"{either[0]}, {either[1]} or both"
        yield either[0], f"storage type {kind!r} needs {names}; add one"


def _check_table_properties(
    properties: Mapping[str, Any], *, several: bool
) -> Iterator[tuple[str, str]]:
    exposed = properties.get("exposed_type")
    if several and isinstance(exposed, Mapping):
        exposed = list(exposed.values())
    for one in exposed if several and isinstance(exposed, list | tuple) else [exposed]:
        yield from _check_exposed_type(one)
    has_header = properties.get("has_header")
    if not isinstance(has_header, bool | None) and not is_environment_reference(has_header):
        yield "has_header", f"{has_header!r} is not true or false; write 'True:bool'"
    data = properties.get("default_data")
    if isinstance(data, str | bytes | bool | int | float) and not is_environment_reference(data):
        yield "default_data", f"a table cannot hold {data!r}; give a table or a list of rows"


def _check_exposed_type(exposed: object) -> Iterator[tuple[str, str]]:
    if exposed is None or exposed in _TABLES or is_environment_reference(exposed):
        return
    if isinstance(exposed, str) and ":" not in exposed:
        yield (
            "exposed_type",
            f"unknown type {exposed!r}; use {', '.join(_TABLES)} or 'package.module:Class'",
        )
    elif not isinstance(exposed, str):
        yield (
            "exposed_type",
            f"{exposed!r} is not a type; use pandas, numpy or 'package.module:Class'",
        )


def _check_sheet_names(names: object) -> Iterator[tuple[str, str]]:
    if names is None or isinstance(names, str):
        return
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        yield "sheet_name", f"{names!r} is not a sheet name; give a name, a list of names, or none"
    elif len(set(names)) < len(names):
        yield "sheet_name", "a sheet is listed more than once; list each once"


def _check_database(kind: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    engine = properties.get("db_engine")
    if kind != "mongo_collection" and engine is not None and not is_environment_reference(engine):
        known = list(DatabaseEngine)
        if engine not in known:
            yield "db_engine", f"unknown database engine {engine!r}; use one of {', '.join(known)}"
    port = properties.get("db_port")
    if port is not None and not is_environment_reference(port) and not str(port).isdecimal():
        yield "db_port", f"{port!r} is not a port; give a number"
    extra = properties.get("db_extra_args")
    if extra is not None and not isinstance(extra, Mapping):
        yield "db_extra_args", f"{extra!r} is not an object; give a mapping of options by name"
