"""What may be wrong with the properties of storages that others run: databases, buckets, sheets."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from scenarist.config import ConfigRegistry

Declare = Callable[[ConfigRegistry], object]


def problems_of(declare: Declare) -> list[tuple[str, str]]:
    """Return the problems, each without the file and line of its declaration."""
    registry = ConfigRegistry()
    declare(registry)
    return [(problem.where.split(": ")[-1], problem.message) for problem in registry.check()]


ACCOUNT = {"db_name": "plant", "db_username": "ines", "db_password": "secret"}
TABLE = {**ACCOUNT, "db_engine": "postgresql", "table_name": "plan"}
QUERIES = {"read_query": "SELECT 1", "write_query_builder": "json:dumps"}
BUCKET = {
    "aws_access_key": "ENV[KEY]",
    "aws_secret_access_key": "ENV[SECRET]",
    "aws_s3_bucket_name": "plans",
    "aws_s3_object_key": "july",
}


@pytest.mark.parametrize(
    ("storage_type", "properties"),
    [
        ("excel", {}),
        ("excel", {"sheet_name": "Plan", "exposed_type": "numpy"}),
        ("excel", {"sheet_name": ["A", "B"], "exposed_type": ["pandas", "builtins:dict"]}),
        ("excel", {"exposed_type": {"A": np.ndarray, "B": dict}}),
        ("sql_table", TABLE),
        ("sql_table", {**TABLE, "db_engine": "ENV[ENGINE]", "db_port": "ENV[PORT]:int"}),
        ("sql_table", {"db_name": "plant", "db_engine": "sqlite", "table_name": "plan"}),
        ("sql", {**ACCOUNT, "db_engine": "mysql", "db_port": 3307, **QUERIES}),
        ("sql", {"db_name": "plant", "db_engine": "sqlite", **QUERIES, "exposed_type": dict}),
        ("mongo_collection", {"db_name": "plant", "collection_name": "plans", "db_port": "27018"}),
        (
            "mongo_collection",
            {**ACCOUNT, "collection_name": "plans", "db_extra_args": {"tls": True}},
        ),
        ("generic", {"read_fct": "json:loads", "read_fct_args": ["1"]}),
        ("s3_object", BUCKET),
    ],
)
def test_nothing_is_wrong_with_sound_properties(
    storage_type: str, properties: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"KEY": "k", "SECRET": "s", "ENGINE": "mysql", "PORT": "3306"}.items():
        monkeypatch.setenv(name, value)

    assert problems_of(lambda r: r.configure_data_node("node", storage_type, **properties)) == []


@pytest.mark.parametrize(
    ("storage_type", "properties", "problem"),
    [
        ("excel", {"sheet_name": 5}, ("sheet_name", "5 is not a sheet name; give a name, a list")),
        ("excel", {"sheet_name": ["A", 5]}, ("sheet_name", "['A', 5] is not a sheet name")),
        ("excel", {"sheet_name": ["A", "A"]}, ("sheet_name", "a sheet is listed more than once")),
        ("excel", {"exposed_type": ["vaex"]}, ("exposed_type", "unknown type 'vaex'")),
        ("excel", {"exposed_type": {"A": "no:no"}}, ("exposed_type", "there is no module 'no'")),
        ("csv", {"exposed_type": ["numpy"]}, ("exposed_type", "['numpy']")),
        (
            "sql_table",
            {**TABLE, "db_engine": "oracle"},
            (
                "db_engine",
                "unknown database engine 'oracle'; use one of sqlite, postgresql, mysql, mssql",
            ),
        ),
        ("sql_table", {**TABLE, "db_port": "high"}, ("db_port", "'high' is not a port")),
        ("sql_table", {**TABLE, "db_extra_args": "tls"}, ("db_extra_args", "'tls' is not an obj")),
        ("sql_table", {**TABLE, "exposed_type": "vaex"}, ("exposed_type", "unknown type 'vaex'")),
        (
            "sql",
            {**ACCOUNT, "db_engine": "mssql", **QUERIES, "append_query_builder": "json:nope"},
            ("append_query_builder", "there is no 'nope' in 'json'"),
        ),
        (
            "mongo_collection",
            {"db_name": "plant", "collection_name": "plans", "custom_document": "json:nope"},
            ("custom_document", "there is no 'nope' in 'json'"),
        ),
        ("generic", {"write_fct": "json:nope"}, ("write_fct", "there is no 'nope' in 'json'")),
    ],
)
def test_property_that_cannot_be_is_found(
    storage_type: str, properties: Mapping[str, Any], problem: tuple[str, str]
) -> None:
    (only,) = problems_of(lambda r: r.configure_data_node("node", storage_type, **properties))

    assert only[0] == f"DATA_NODE.node.{problem[0]}"
    assert only[1].startswith(problem[1])


@pytest.mark.parametrize(
    ("storage_type", "properties", "missing"),
    [
        ("sql_table", {"db_engine": "sqlite"}, ["db_name", "table_name"]),
        (
            "sql_table",
            {"db_name": "plant", "db_engine": "mysql", "table_name": "plan"},
            ["db_username", "db_password"],
        ),
        (
            "sql",
            {"db_name": "plant", "db_engine": "sqlite"},
            ["read_query"],
        ),
        ("mongo_collection", {"db_name": "plant"}, ["collection_name"]),
        (
            "s3_object",
            {},
            [
                "aws_access_key",
                "aws_secret_access_key",
                "aws_s3_bucket_name",
                "aws_s3_object_key",
            ],
        ),
        ("generic", {}, ["read_fct"]),
    ],
)
def test_each_required_property_that_is_missing_is_named(
    storage_type: str, properties: Mapping[str, Any], missing: list[str]
) -> None:
    problems = problems_of(lambda r: r.configure_data_node("node", storage_type, **properties))

    assert [where for where, _ in problems] == [f"DATA_NODE.node.{key}" for key in missing]
