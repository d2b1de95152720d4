"""Declaring in Python: what the registry's functions return and keep."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scenarist.config import ConfigRegistry, DataNodeConfig
from scenarist.domain.errors import ConflictError, InvalidError
from scenarist.domain.vocabulary import Frequency, Scope


@pytest.fixture
def registry() -> ConfigRegistry:
    return ConfigRegistry()


def test_a_data_node_is_a_pickle_of_its_scenario_unless_it_says_otherwise(
    registry: ConfigRegistry,
) -> None:
    node = registry.configure_data_node("model")

    assert registry.data_nodes["model"] is node
    assert (node.storage_type, node.scope, node.validity_period) == (
        "pickle",
        Scope.SCENARIO,
        None,
    )
    assert node.properties == {}


def test_parameters_are_taken_in_their_documented_order(registry: ConfigRegistry) -> None:
    node = registry.configure_csv_data_node(
        "orders", "orders.csv", "latin-1", False, "numpy", Scope.GLOBAL, timedelta(days=7), unit="t"
    )

    assert (node.storage_type, node.scope, node.validity_period) == (
        "csv",
        Scope.GLOBAL,
        timedelta(days=7),
    )
    assert node.properties == {
        "default_path": "orders.csv",
        "encoding": "latin-1",
        "has_header": False,
        "exposed_type": "numpy",
        "unit": "t",
    }


@pytest.mark.parametrize(
    ("function", "arguments", "storage_type", "properties"),
    [
        ("configure_json_data_node", ["x.json"], "json", {"default_path": "x.json"}),
        ("configure_pickle_data_node", [None, 5], "pickle", {"default_data": 5}),
        ("configure_in_memory_data_node", [5], "in_memory", {"default_data": 5}),
        (
            "configure_parquet_data_node",
            ["x.parquet", "pyarrow", "gzip"],
            "parquet",
            {"default_path": "x.parquet", "engine": "pyarrow", "compression": "gzip"},
        ),
        (
            "configure_excel_data_node",
            ["x.xlsx", True, ["a", "b"]],
            "excel",
            {"default_path": "x.xlsx", "has_header": True, "sheet_name": ["a", "b"]},
        ),
        (
            "configure_generic_data_node",
            ["json:load", "json:dump", ["a"]],
            "generic",
            {"read_fct": "json:load", "write_fct": "json:dump", "read_fct_args": ["a"]},
        ),
        (
            "configure_sql_table_data_node",
            ["plant", "sqlite", "plan"],
            "sql_table",
            {"db_name": "plant", "db_engine": "sqlite", "table_name": "plan"},
        ),
        (
            "configure_sql_data_node",
            ["plant", "sqlite", "select 1", "json:dumps"],
            "sql",
            {
                "db_name": "plant",
                "db_engine": "sqlite",
                "read_query": "select 1",
                "write_query_builder": "json:dumps",
            },
        ),
        (
            "configure_mongo_collection_data_node",
            ["plant", "plans"],
            "mongo_collection",
            {"db_name": "plant", "collection_name": "plans"},
        ),
        (
            "configure_s3_object_data_node",
            ["key", "secret", "bucket", "object", "eu-1"],
            "s3_object",
            {
                "aws_access_key": "key",
                "aws_secret_access_key": "secret",
                "aws_s3_bucket_name": "bucket",
                "aws_s3_object_key": "object",
                "aws_region": "eu-1",
            },
        ),
    ],
)
def test_each_storage_type_has_a_function(
    registry: ConfigRegistry,
    function: str,
    arguments: list[object],
    storage_type: str,
    properties: dict[str, object],
) -> None:
    node = getattr(registry, function)("node", *arguments, scope="CYCLE")

    assert (node.storage_type, node.scope) == (storage_type, Scope.CYCLE)
    assert node.properties == properties


def test_classes_functions_and_paths_are_kept_as_text(registry: ConfigRegistry) -> None:
    node = registry.configure_data_node(
        "plan", "json", encoder=json.JSONEncoder, default_path=Path("in") / "plan.json"
    )

    assert node.properties == {
        "encoder": "json.encoder:JSONEncoder",
        "default_path": "in/plan.json",
    }


def test_the_table_class_itself_may_be_the_exposed_type(registry: ConfigRegistry) -> None:
    node = registry.configure_csv_data_node("orders", exposed_type=pd.DataFrame)

    assert node.properties["exposed_type"] == "pandas"


def test_default_data_stays_the_object_that_it_is(registry: ConfigRegistry) -> None:
    table = pd.DataFrame({"price": [1, 2]})

    node = registry.configure_data_node("prices", default_data=table)

    assert node.properties["default_data"] is table


def test_a_data_node_may_be_like_another_one(registry: ConfigRegistry) -> None:
    orders = registry.configure_csv_data_node("orders", "a.csv", scope=Scope.GLOBAL, encoding="x")

    node = registry.configure_data_node_from(orders, "returns", default_path="b.csv")

    assert (node.id, node.storage_type, node.scope) == ("returns", "csv", Scope.GLOBAL)
    assert node.properties == {"default_path": "b.csv", "encoding": "x"}


def test_defaults_are_taken_where_nothing_is_given(registry: ConfigRegistry) -> None:
    registry.set_default_data_node_configuration("csv", Scope.CYCLE, has_header=False)

    node = registry.configure_data_node("orders", default_path="a.csv")

    assert (node.storage_type, node.scope) == ("csv", Scope.CYCLE)
    assert node.properties == {"has_header": False, "default_path": "a.csv"}
    assert list(registry.data_nodes) == ["orders"]


def test_scope_and_properties_of_the_default_are_left_out_of_another_storage_type(
    registry: ConfigRegistry,
) -> None:
    registry.set_default_data_node_configuration("csv", Scope.CYCLE, has_header=False)

    node = registry.configure_json_data_node("plan")

    assert (node.scope, node.properties) == (Scope.SCENARIO, {})


def test_a_second_default_starts_from_nothing(registry: ConfigRegistry) -> None:
    registry.set_default_data_node_configuration("csv", Scope.CYCLE, has_header=False)
    registry.set_default_data_node_configuration("csv")

    node = registry.configure_data_node("orders")

    assert (node.scope, node.properties) == (Scope.SCENARIO, {})


def test_a_task_keeps_its_data_nodes_in_order(registry: ConfigRegistry) -> None:
    a, b, c = (registry.configure_data_node(id) for id in "abc")

    task = registry.configure_task("join", json.dumps, [b, a], c, True)

    assert task.function == "json:dumps"
    assert task.inputs == [b, a]
    assert task.outputs == [c]
    assert (task.skippable, task.timeout, task.retries, task.retry_delay) == (
        True,
        None,
        0,
        timedelta(seconds=1),
    )


def test_a_task_may_have_a_timeout_and_retries(registry: ConfigRegistry) -> None:
    task = registry.configure_task(
        "join", "json.dumps", timeout=timedelta(minutes=5), retries=3, retry_delay=timedelta(0)
    )

    assert (task.function, task.timeout, task.retries, task.retry_delay) == (
        "json:dumps",
        timedelta(minutes=5),
        3,
        timedelta(0),
    )


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (ConnectionError, ("builtins:ConnectionError",)),
        ("ConnectionError", ("builtins:ConnectionError",)),
        (["json:JSONDecodeError", OSError], ("json:JSONDecodeError", "builtins:OSError")),
        (json.JSONDecodeError, ("json.decoder:JSONDecodeError",)),
    ],
)
def test_a_task_may_name_the_exceptions_after_which_it_is_tried_again(
    registry: ConfigRegistry, given: Any, names: tuple[str, ...]
) -> None:
    task = registry.configure_task("join", os.getpid, retries=3, retry_on=given)

    assert task.retry_on == names
    assert registry.check() == []


def test_tasks_and_scenarios_take_defaults_too(registry: ConfigRegistry) -> None:
    node = registry.configure_data_node("a")
    registry.set_default_task_configuration(input=node, skippable=True, team="north")
    registry.set_default_scenario_configuration(frequency="DAILY")

    task = registry.configure_task("join", json.dumps)
    scenario = registry.configure_scenario("plan", task)

    assert (task.inputs, task.skippable, task.properties) == ([node], True, {"team": "north"})
    assert scenario.frequency is Frequency.DAILY


def test_a_scenario_lists_each_data_node_once_in_order_of_first_use(
    registry: ConfigRegistry,
) -> None:
    a, b, c, d = (registry.configure_data_node(id) for id in "abcd")
    second = registry.configure_task("second", json.dumps, b, c)
    first = registry.configure_task("first", json.dumps, [a], [b])

    scenario = registry.configure_scenario("plan", [second, first], [d, a])

    assert [task.id for task in scenario.tasks] == ["second", "first"]
    assert [node.id for node in scenario.data_nodes] == ["b", "c", "a", "d"]


def test_a_scenario_names_its_comparators_and_sequences(registry: ConfigRegistry) -> None:
    node = registry.configure_data_node("a")
    task = registry.configure_task("fit", json.dumps, node)

    scenario = registry.configure_scenario(
        "plan", [task], frequency=Frequency.WEEKLY, comparators={"a": max}, sequences={"s": task}
    )

    assert scenario.comparators == {"a": ["builtins:max"]}
    assert scenario.sequences == {"s": [task]}


def test_an_id_that_is_configured_again_changes_the_entry_that_others_hold(
    registry: ConfigRegistry,
) -> None:
    before = registry.configure_csv_data_node("a", "a.csv")
    task = registry.configure_task("fit", json.dumps, before)

    after = registry.configure_json_data_node("a")

    assert after is before
    assert task.inputs[0].storage_type == "json"
    assert task.inputs[0].properties == {}


def test_entries_are_equal_by_kind_and_id(registry: ConfigRegistry) -> None:
    node = registry.configure_data_node("a")
    task = registry.configure_task("a", json.dumps)

    assert node == DataNodeConfig(id="a", storage_type="csv")
    assert len({node, DataNodeConfig(id="a")}) == 1
    assert node != task


def test_sequences_are_added_and_removed_in_the_entry_and_in_the_registry(
    registry: ConfigRegistry,
) -> None:
    task = registry.configure_task("fit", json.dumps)
    scenario = registry.configure_scenario("plan", [task], sequences={"one": [task]})

    scenario.add_sequences({"two": [task], "three": task})
    scenario.remove_sequences(["one", "two"])

    assert scenario.sequences == {"three": [task]}
    assert registry.scenarios["plan"].sequences == {"three": [task]}
    assert scenario.tasks == [task]


def test_a_sequence_that_is_not_there_cannot_be_removed(registry: ConfigRegistry) -> None:
    task = registry.configure_task("fit", json.dumps)
    scenario = registry.configure_scenario("plan", [task], sequences={"one": [task]})

    with pytest.raises(InvalidError, match="'plan' has no 'two' in its sequences; it has 'one'"):
        scenario.remove_sequences(["one", "two"])

    assert scenario.sequences == {"one": [task]}


def test_comparators_are_added_and_deleted(registry: ConfigRegistry) -> None:
    scenario = registry.configure_scenario("plan", comparators={"a": [max], "b": [min]})

    scenario.add_comparator("a", "json:dumps")
    scenario.delete_comparator("b")

    assert registry.scenarios["plan"].comparators == {"a": ["builtins:max", "json:dumps"]}


def test_a_mistake_in_a_comparator_is_not_forgotten_when_another_is_added(
    registry: ConfigRegistry,
) -> None:
    node = registry.configure_data_node("a")
    scenario = registry.configure_scenario("plan", [], [node], comparators={"a": lambda x: x})

    scenario.add_comparator("a", max)

    assert [problem.message[:8] for problem in registry.check()] == ["a lambda"]


def test_a_blocked_registry_refuses_every_change(registry: ConfigRegistry) -> None:
    scenario = registry.configure_scenario("plan")
    registry.block_update()

    for change in (
        lambda: registry.configure_data_node("a"),
        lambda: registry.configure_task("b", json.dumps),
        lambda: registry.configure_scenario("c"),
        lambda: registry.set_default_data_node_configuration("csv"),
        lambda: registry.configure_core(mode="experiment"),
        lambda: registry.configure_job_executions("standalone"),
        lambda: registry.configure_authentication("none"),
        lambda: registry.configure_global_app(testing=True),
        lambda: registry.load("any.toml"),
        lambda: registry.override("any.toml"),
        lambda: registry.restore("any.toml"),
        lambda: scenario.add_sequences({}),
        lambda: scenario.delete_comparator("a"),
    ):
        with pytest.raises(ConflictError, match="blocked"):
            change()


def test_an_unblocked_registry_can_be_changed_again(registry: ConfigRegistry) -> None:
    registry.block_update()
    registry.unblock_update()

    registry.configure_data_node("a")

    assert list(registry.data_nodes) == ["a"]


def test_sections_keep_what_they_are_given(registry: ConfigRegistry) -> None:
    registry.configure_core(storage_folder="data/", version_number="2.3", team="north")
    registry.configure_job_executions("standalone", 4)
    registry.configure_authentication("taipy", {"ines": ["TAIPY_EDITOR"]}, secret_key="ENV[KEY]")
    registry.configure_global_app(env="test")

    assert registry.core.storage_folder == "data/"
    assert registry.core.properties == {"team": "north"}
    assert (registry.jobs.mode, registry.jobs.max_nb_of_workers) == ("standalone", 4)
    assert registry.authentication.roles == {"ines": ["TAIPY_EDITOR"]}
    assert registry.authentication.secret_key == "ENV[KEY]"
    assert registry.global_app == {"env": "test"}


def test_secrets_are_not_in_the_text_of_a_section(registry: ConfigRegistry) -> None:
    section = registry.configure_authentication(
        "taipy", passwords={"ines": "hash"}, secret_key="key"
    )

    assert "hash" not in repr(section)
    assert "'key'" not in repr(section)


def test_an_entry_of_another_registry_stands_for_the_one_of_its_id(
    registry: ConfigRegistry,
) -> None:
    other = ConfigRegistry().configure_csv_data_node("a")
    node = registry.configure_json_data_node("a")

    task = registry.configure_task("fit", json.dumps, other)

    assert task.inputs[0] is node


def test_what_a_scenario_lists_twice_is_taken_once(registry: ConfigRegistry) -> None:
    node = registry.configure_data_node("a")
    task = registry.configure_task("t", json.dumps, node)

    plan = registry.configure_scenario(
        "plan", [task, task], [node, node], sequences={"all": [task, "t"]}
    )

    assert (plan.task_configs, plan.additional_data_node_configs) == ([task], [node])
    assert plan.sequences == {"all": [task]}
    assert registry.check() == []


def test_sets_are_kept_as_lists(registry: ConfigRegistry) -> None:
    node = registry.configure_parquet_data_node("a", read_kwargs={"columns": {"b", "a"}})

    assert node.properties["read_kwargs"] == {"columns": ["a", "b"]}
    assert registry.check() == []


def test_the_class_with_which_taipy_reads_documents_is_left_out(registry: ConfigRegistry) -> None:
    document = "taipy.core.common.mongo_default_document:MongoDefaultDocument"

    node = registry.configure_mongo_collection_data_node("a", "db", "c", custom_document=document)

    assert node.properties == {"db_name": "db", "collection_name": "c"}
    assert registry.check() == []


@pytest.mark.parametrize("exposed_type", ["modin", ["modin"], {"Sheet": "modin"}])
def test_modin_is_read_as_pandas(exposed_type: Any, registry: ConfigRegistry) -> None:
    registry.configure_excel_data_node("a", exposed_type=exposed_type)

    assert "modin" not in str(registry.data_nodes["a"].properties)
    assert registry.check() == []


def test_the_shared_parameters_of_s3_are_accepted(registry: ConfigRegistry) -> None:
    registry.configure_s3_object_data_node(
        "a", "key", "secret", "bucket", "object", aws_s3_object_parameters={"CacheControl": "x"}
    )

    assert registry.check() == []
