"""What entries and sections tell of themselves, and how they are changed."""

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from scenarist.config import ConfigRegistry, ScenarioConfig
from scenarist.domain.errors import ConflictError, InvalidError
from scenarist.domain.vocabulary import Frequency, Scope

Declare = Callable[[ConfigRegistry], Any]


class Row:
    """A row of a table."""


def read_value() -> int:
    return 1


def compare(*values: object) -> list[object]:
    return list(values)


@pytest.fixture
def registry() -> ConfigRegistry:
    return ConfigRegistry()


@pytest.fixture
def scenario(registry: ConfigRegistry) -> ScenarioConfig:
    orders = registry.configure_data_node("orders", scope=Scope.CYCLE)
    number = registry.configure_data_node("number", scope=Scope.GLOBAL)
    note = registry.configure_data_node("note")
    task = registry.configure_task("count", len, orders, [number])
    return registry.configure_scenario(
        "month", [task], [note], Frequency.MONTHLY, {"number": compare}, {"all": [task]}
    )


def test_properties_are_attributes(registry: ConfigRegistry) -> None:
    node = registry.configure_csv_data_node(
        "a", "a.csv", has_header=False, properties={"note": "mine"}
    )

    assert (node.default_path, node.has_header, node.note) == ("a.csv", False, "mine")


def test_attributes_resolve_references_to_the_environment(
    registry: ConfigRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANT", "7")

    node = registry.configure_csv_data_node("a", properties={"plant": "ENV[PLANT]:int"})

    assert (node.plant, node.properties["plant"]) == (7, "ENV[PLANT]:int")


def test_a_reference_to_a_variable_that_is_not_set_is_refused(registry: ConfigRegistry) -> None:
    node = registry.configure_csv_data_node("a", "ENV[NO_SUCH_PLANT]")

    with pytest.raises(InvalidError, match="NO_SUCH_PLANT"):
        _ = node.default_path


def test_attributes_that_are_not_given_are_none(registry: ConfigRegistry) -> None:
    assert registry.configure_data_node("a").default_path is None
    assert registry.configure_task("t", len).team is None
    assert registry.configure_scenario("s").authorized_tags is None


@pytest.mark.parametrize(
    ("storage_type", "values"),
    [
        ("csv", {"encoding": "utf-8", "has_header": True, "exposed_type": "pandas"}),
        ("json", {"encoding": "utf-8", "encoder": None}),
        ("parquet", {"engine": "pyarrow", "compression": "snappy", "exposed_type": "pandas"}),
        ("excel", {"has_header": True, "sheet_name": None, "exposed_type": "pandas"}),
        ("pickle", {"default_path": None, "default_data": None}),
        ("mongo_collection", {"db_host": "localhost", "db_port": 27017, "db_username": ""}),
        ("sql_table", {"db_host": "localhost", "db_driver": "", "sqlite_file_extension": ".db"}),
    ],
)
def test_attributes_that_are_not_given_are_what_the_storage_assumes(
    storage_type: str, values: dict[str, Any], registry: ConfigRegistry
) -> None:
    node = registry.configure_data_node("a", storage_type)

    assert {name: getattr(node, name) for name in values} == values


@pytest.mark.parametrize(
    ("engine", "port"), [("postgresql", 5432), ("mysql", 3306), ("mssql", 1433), ("sqlite", 1433)]
)
def test_the_assumed_port_is_that_of_the_database(
    engine: str, port: int, registry: ConfigRegistry
) -> None:
    assert registry.configure_sql_table_data_node("a", "plant", engine, "orders").db_port == port


def test_functions_and_classes_are_attributes_as_they_were_passed(registry: ConfigRegistry) -> None:
    node = registry.configure_generic_data_node("a", read_value)
    rows = registry.configure_csv_data_node("b", exposed_type=Row)

    assert node.read_fct is read_value
    assert rows.exposed_type is Row


def test_functions_that_are_named_are_attributes_too(registry: ConfigRegistry) -> None:
    assert registry.configure_generic_data_node("a", "json:loads").read_fct is json.loads


def test_the_function_of_a_task_can_be_called(registry: ConfigRegistry) -> None:
    task = registry.configure_task("t", len)

    assert (task.function("abc"), task.function.__name__, task.function) == (
        3,
        "len",
        "builtins:len",
    )


def test_a_task_tells_its_data_nodes_and_the_narrowest_scope(
    registry: ConfigRegistry, scenario: ScenarioConfig
) -> None:
    (task,) = scenario.task_configs

    assert task.input_configs == [registry.data_nodes["orders"]]
    assert task.output_configs == [registry.data_nodes["number"]]
    assert task.scope is Scope.CYCLE
    assert registry.configure_task("alone", len).scope is Scope.GLOBAL


def test_a_scenario_tells_its_tasks_and_data_nodes(
    registry: ConfigRegistry, scenario: ScenarioConfig
) -> None:
    nodes = registry.data_nodes

    assert scenario.task_configs == [registry.tasks["count"]]
    assert scenario.data_node_configs == [nodes["orders"], nodes["number"], nodes["note"]]
    assert scenario.additional_data_node_configs == [nodes["note"]]


def test_lists_of_entries_can_be_added_to_lists(
    registry: ConfigRegistry, scenario: ScenarioConfig
) -> None:
    more = registry.configure_data_node("more")
    inputs = scenario.tasks[0].inputs

    assert inputs + [more] == [*inputs, more]  # noqa: RUF005 - what is tested
    assert [more] + inputs == [more, *inputs]  # noqa: RUF005 - what is tested
    assert inputs == [registry.data_nodes["orders"]]
    assert inputs != []


def test_comparators_can_be_called(scenario: ScenarioConfig) -> None:
    (comparator,) = scenario.comparators["number"]

    assert comparator(1, 2) == [1, 2]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scope", Scope.GLOBAL),
        ("storage_type", "json"),
        ("validity_period", timedelta(days=1)),
        ("default_path", "b.json"),
        ("note", "mine"),
    ],
)
def test_a_data_node_is_changed_by_setting_an_attribute(
    key: str, value: object, registry: ConfigRegistry
) -> None:
    node = registry.configure_json_data_node("a", "a.json")

    setattr(node, key, value)

    assert getattr(registry.data_nodes["a"], key) == value
    assert registry.check() == []


@pytest.mark.parametrize("key", ["scope", "validity_period", "default_path", "note"])
def test_an_attribute_that_is_set_to_none_is_removed(key: str, registry: ConfigRegistry) -> None:
    node = registry.configure_json_data_node(
        "a", "a.json", scope=Scope.CYCLE, validity_period=timedelta(1), properties={"note": 1}
    )

    setattr(node, key, None)

    assert getattr(node, key) in {None, Scope.SCENARIO}
    assert key not in node.properties


def test_properties_are_replaced_together(registry: ConfigRegistry) -> None:
    node = registry.configure_json_data_node("a", "a.json", properties={"note": 1})

    node.properties = {"encoding": "latin1", "other": 2}

    assert node.properties == {"encoding": "latin1", "other": 2}
    assert registry.check() == []


def test_tasks_and_scenarios_are_changed_by_setting_attributes(
    registry: ConfigRegistry, scenario: Any
) -> None:
    task = scenario.tasks[0]

    task.function = max
    task.skippable = True
    scenario.frequency = Frequency.DAILY
    scenario.comparators = {"orders": compare}
    scenario.sequences = {"one": [task]}

    assert (registry.tasks["count"].function, task.skippable) == ("builtins:max", True)
    assert scenario.frequency is Frequency.DAILY
    assert list(scenario.comparators) == ["orders"]
    assert scenario.sequences == {"one": [task]}


def test_sequences_and_comparators_are_declared_by_setting_them(
    registry: ConfigRegistry, scenario: Any
) -> None:
    scenario.sequences["one"] = scenario.task_configs
    scenario.comparators["note"] = compare
    scenario.comparators["orders"] = lambda *values: values

    assert sorted(scenario.sequences) == ["all", "one"]
    assert scenario.comparators["note"][0](1) == [1]
    assert [problem.where.rpartition(".")[2] for problem in registry.check()] == ["orders"]


def test_entries_can_be_copied(registry: ConfigRegistry, scenario: ScenarioConfig) -> None:
    copies = [copy.copy(entry) for entry in (scenario, *scenario.tasks, *scenario.data_nodes)]

    assert copies == [scenario, *scenario.tasks, *scenario.data_nodes]
    assert copies[0].frequency is Frequency.MONTHLY
    assert copy.deepcopy(scenario).tasks[0].inputs[0].scope is Scope.CYCLE


def test_a_mistake_in_a_value_that_is_set_is_found_by_the_check(registry: ConfigRegistry) -> None:
    node: Any = registry.configure_data_node("a")

    node.scope = "EVERYWHERE"

    (problem,) = registry.check()
    assert problem.where.endswith("DATA_NODE.a.scope")


@pytest.mark.parametrize("key", ["id", "is_readable", "family"])
def test_what_follows_from_a_declaration_cannot_be_set(key: str, registry: ConfigRegistry) -> None:
    node = registry.configure_data_node("a")

    with pytest.raises(AttributeError, match="cannot be set"):
        setattr(node, key, "b")


def test_an_entry_of_a_blocked_registry_is_not_changed(registry: ConfigRegistry) -> None:
    node = registry.configure_data_node("a")
    registry.block_update()

    with pytest.raises(ConflictError, match="blocked"):
        node.scope = Scope.GLOBAL


def test_the_default_entries_can_be_looked_up_and_are_not_listed(registry: ConfigRegistry) -> None:
    registry.set_default_data_node_configuration("csv", Scope.CYCLE)

    assert registry.data_nodes["default"].storage_type == "csv"
    assert registry.tasks["default"].inputs == []
    assert registry.scenarios["default"].frequency is None
    assert list(registry.data_nodes) == []
    assert "default" not in registry.data_nodes


def test_the_default_is_changed_by_setting_an_attribute(registry: ConfigRegistry) -> None:
    registry.data_nodes["default"].scope = Scope.GLOBAL

    assert registry.configure_data_node("a").scope is Scope.GLOBAL


def test_sections_hold_the_entries_by_family(
    registry: ConfigRegistry, scenario: ScenarioConfig
) -> None:
    assert list(registry.sections) == ["DATA_NODE", "TASK", "SCENARIO"]
    assert registry.sections["SCENARIO"]["month"] is scenario
    assert list(registry.unique_sections) == ["CORE", "JOB"]


def test_sections_tell_what_is_assumed(registry: ConfigRegistry) -> None:
    assert (registry.job_config.mode, registry.job_config.is_development) == ("development", True)
    assert (registry.core.mode, registry.core.storage_folder) == ("development", "user_data/")
    assert registry.core.no_such_key is None


def test_entries_and_sections_have_the_name_of_their_section(registry: ConfigRegistry) -> None:
    named = registry.configure_data_node("a", name="mine")
    plain = registry.configure_csv_data_node("b")

    assert (named.name, plain.name) == ("mine", "DATA_NODE")
    assert registry.configure_task("t", len).name == "TASK"
    assert (registry.core.name, registry.job_config.name) == ("CORE", "JOB")


def test_sections_are_changed_by_setting_attributes(registry: ConfigRegistry) -> None:
    core = registry.core

    core.storage_folder = "data/"
    core.note = "mine"
    registry.job_config.mode = "standalone"
    registry.global_config.title = "Plan"
    registry.configure_core(version_number="2")

    assert (core.storage_folder, core.version_number, core.note) == ("data/", "2", "mine")
    assert core.properties == {"note": "mine"}
    assert registry.job_config.is_standalone
    assert registry.global_config == {"title": "Plan"}


def test_properties_of_the_application_are_attributes(
    registry: ConfigRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANT", "north")

    section = registry.configure_global_app(title="Plan", properties={"plant": "ENV[PLANT]"})
    registry.configure_global_app(name="plan")

    assert (section.title, section.plant, section.nothing) == ("Plan", "north", None)
    assert registry.global_config == {"title": "Plan", "plant": "ENV[PLANT]", "name": "plan"}
    assert section.properties["name"] == "plan"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("configure_pipeline", "'configure_pipeline'; pipelines of Taipy 2 are sequences here"),
        ("configure_default_task", "call set_default_task_configuration"),
        ("no_such_thing", "has no attribute 'no_such_thing'$"),
    ],
)
def test_an_attribute_that_config_lacks_is_an_error_with_what_to_write_instead(
    registry: ConfigRegistry, name: str, message: str
) -> None:
    with pytest.raises(AttributeError, match=message):
        getattr(registry, name)


def test_a_comparator_that_is_not_there_is_deleted_without_an_error(
    scenario: ScenarioConfig,
) -> None:
    scenario.delete_comparator("orders")

    assert list(scenario.comparators) == ["number"]


def test_scopes_and_frequencies_are_found_by_their_values_in_taipy() -> None:
    scope: Any = Scope
    frequency: Any = Frequency

    assert [scope(1), scope(2), scope(3)] == [Scope.SCENARIO, Scope.CYCLE, Scope.GLOBAL]
    assert [frequency(value) for value in range(1, 6)] == list(Frequency)
    for value in (0, 4, True, "2"):
        with pytest.raises(ValueError, match="is not a valid Scope"):
            scope(value)
