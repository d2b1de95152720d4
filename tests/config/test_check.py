"""Every mistake is found in one run, at its place, with the way to mend it."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scenarist.config import ConfigRegistry
from scenarist.domain.vocabulary import Scope

Declare = Callable[[ConfigRegistry], object]


def found(registry: ConfigRegistry) -> list[tuple[str, str]]:
    """Return the problems, each without the file and line of its declaration."""
    return [(problem.where.split(": ")[-1], problem.message) for problem in registry.check()]


def problems_of(declare: Declare) -> list[tuple[str, str]]:
    registry = ConfigRegistry()
    declare(registry)
    return found(registry)


def test_nothing_is_wrong_with_an_empty_registry() -> None:
    assert ConfigRegistry().check() == []


def test_nothing_is_wrong_with_a_sound_pipeline() -> None:
    registry = ConfigRegistry()
    orders = registry.configure_csv_data_node("orders", "orders.csv", validity_period=timedelta(1))
    text = registry.configure_json_data_node("text", encoder=json.JSONEncoder, scope=Scope.GLOBAL)
    task = registry.configure_task("write", json.dumps, orders, text, True, retries=2)
    registry.configure_scenario(
        "plan", [task], frequency="DAILY", comparators={"text": max}, sequences={"all of it": task}
    )
    registry.configure_job_executions("standalone", 2)
    registry.configure_authentication("taipy", {"ines": ["TAIPY_EDITOR"]})

    assert registry.check() == []


def test_a_problem_says_in_which_file_and_line_it_was_declared() -> None:
    registry = ConfigRegistry()
    line = 1 + test_a_problem_says_in_which_file_and_line_it_was_declared.__code__.co_firstlineno
    registry.configure_data_node("orders", "cvs")

    (problem,) = registry.check()

    place = str(Path(__file__)).removeprefix(f"{Path.cwd()}/")
    assert problem.where == f"{place}:{line + 2}: DATA_NODE.orders.storage_type"


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("two words", "'two words' is not a valid id; use letters, digits and _"),
        ("1st", "'1st' is not a valid id"),
        ("class", "'class' is not a valid id"),
        ("my_TASK", "the id 'my_TASK' contains TASK, which is reserved; rename it"),
        ("DATANODE_1", "the id 'DATANODE_1' contains DATANODE"),
    ],
)
def test_an_id_follows_the_rules(id: str, message: str) -> None:
    (problem,) = problems_of(lambda registry: registry.configure_data_node(id))

    assert problem[0] == f"DATA_NODE.{id}"
    assert problem[1].startswith(message)


def test_an_id_is_used_in_one_family_only() -> None:
    registry = ConfigRegistry()
    registry.configure_data_node("sales")
    registry.configure_task("sales", os.getpid)
    registry.configure_scenario("sales")

    assert found(registry) == [
        ("TASK.sales", "the id 'sales' is already used by DATA_NODE.sales; rename one of the two"),
        (
            "SCENARIO.sales",
            "the id 'sales' is already used by DATA_NODE.sales; rename one of the two",
        ),
    ]


@pytest.mark.parametrize(
    ("storage_type", "properties", "problem"),
    [
        (
            "cvs",
            {},
            ("storage_type", "unknown storage type 'cvs'; did you mean 'csv'? use one of pickle"),
        ),
        ("csv", {"exposed_type": "vaex"}, ("exposed_type", "unknown type 'vaex'; use pandas")),
        ("csv", {"exposed_type": "json:nope"}, ("exposed_type", "there is no 'nope' in 'json'")),
        ("csv", {"has_header": "True"}, ("has_header", "'True' is not true or false")),
        ("csv", {"default_path": 5}, ("default_path", "5 is not a path; write it as text")),
        (
            "csv",
            {"path": "s3://b/a.csv"},
            ("path", "'s3://b/a.csv' is a URL, but a path must name"),
        ),
        (
            "csv",
            {"default_path": "a.csv.gz"},
            ("default_path", "'a.csv.gz' is named like a compressed file, but text is neither"),
        ),
        ("json", {"path": "A.JSON.ZIP"}, ("path", "'A.JSON.ZIP' is named like a compressed file")),
        ("parquet", {"default_data": 5}, ("default_data", "a table cannot hold 5; give a table")),
        ("json", {"encoder": "fit"}, ("encoder", "'fit' does not name a function")),
        ("json", {"decoder": lambda x: x}, ("decoder", "a lambda (in")),
        ("json", {"decoder": "json:nope"}, ("decoder", "there is no 'nope' in 'json'")),
    ],
)
def test_a_storage_gets_properties_that_it_can_use(
    storage_type: str, properties: Mapping[str, Any], problem: tuple[str, str]
) -> None:
    (only,) = problems_of(lambda r: r.configure_data_node("node", storage_type, **properties))

    assert only[0] == f"DATA_NODE.node.{problem[0]}"
    assert only[1].startswith(problem[1])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"scope": "TEAM"}, ("scope", "'TEAM' is not a scope; use one of")),
        ({"validity_period": 5}, ("validity_period", "5 is not a duration")),
        (
            {"validity_period": timedelta(0)},
            ("validity_period", "the period 0:00:00 is not positive; give a longer one"),
        ),
    ],
)
def test_a_data_node_has_a_scope_and_a_period_that_can_be(
    given: Mapping[str, Any], problem: tuple[str, str]
) -> None:
    (only,) = problems_of(lambda registry: registry.configure_data_node("node", **given))

    assert only[0] == f"DATA_NODE.node.{problem[0]}"
    assert only[1].startswith(problem[1])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, ("function", "a task needs a function; name one as 'package.module:name'")),
        ({"function": lambda: 1}, ("function", "a lambda (in ")),
        ({"function": "fit"}, ("function", "'fit' does not name a function")),
        (
            {"function": "no_such_plant.steps:fit"},
            ("function", "there is no module 'no_such_plant'"),
        ),
        ({"retries": -1}, ("retries", "-1 is negative; give 0 or more retries")),
        ({"retries": "two"}, ("retries", "'two' is not an integer")),
        ({"skippable": "yes"}, ("skippable", "'yes' is not true or false")),
        ({"timeout": timedelta(0)}, ("timeout", "the timeout 0:00:00 is not positive")),
        ({"retry_on": "json:dumps"}, ("retry_on", "'json:dumps' is not an exception class")),
        ({"retry_on": ["int"]}, ("retry_on", "'builtins:int' is not an exception class")),
        ({"retry_on": "json:NoSuchError"}, ("retry_on", "there is no 'NoSuchError' in 'json'")),
        (
            {"retry_on": "ConectionError"},
            (
                "retry_on",
                "'ConectionError' is not a built-in exception; did you mean 'ConnectionError'?",
            ),
        ),
        (
            {"retry_on": ["Throttled"]},
            (
                "retry_on",
                "'Throttled' is not a built-in exception; write exceptions of a module as "
                "'module:Name'",
            ),
        ),
        ({"retry_on": 5}, ("retry_on", "5 is not a function")),
        ({"retry_delay": timedelta(seconds=-1)}, ("retry_delay", "the delay -1 day")),
        ({"input": 5}, ("inputs", "5 is not a data node config; pass what configure_*")),
        (
            {"input": "order"},
            ("inputs", "there is no data node 'order' in this registry; did you mean 'orders'?"),
        ),
        (
            {"output": ["orders", "orders"]},
            ("outputs", "data node 'orders' is listed more than once; list each output once"),
        ),
    ],
)
def test_a_task_is_declared_so_that_it_can_run(
    given: dict[str, Any], problem: tuple[str, str]
) -> None:
    registry = ConfigRegistry()
    registry.configure_data_node("orders")
    registry.configure_task("fit", **({"function": os.getpid} | given if given else {}))

    (only,) = found(registry)

    assert only[0] == f"TASK.fit.{problem[0]}"
    assert only[1].startswith(problem[1])


def test_inputs_that_are_not_found_are_no_mistake_of_the_function() -> None:
    registry = ConfigRegistry()
    registry.configure_data_node("orders")
    registry.configure_task("fit", len, "order")

    (only,) = found(registry)

    assert only[0] == "TASK.fit.inputs"


def test_an_entry_given_under_a_misspelt_key_is_found() -> None:
    registry = ConfigRegistry()
    node = registry.configure_data_node("orders")
    registry.configure_task("fit", os.getpid, inptu=node)

    (only,) = found(registry)

    assert only[0] == "TASK.fit.inptu"
    assert only[1].startswith("there is no key 'inptu'; did you mean 'inputs'?")


def test_every_unknown_reference_of_a_list_is_named() -> None:
    registry = ConfigRegistry()
    registry.configure_scenario("plan", ["fit", "score"])

    assert found(registry) == [
        (
            "SCENARIO.plan.tasks",
            "there is no task 'fit' in this registry; declare it first; "
            "there is no task 'score' in this registry; declare it first",
        )
    ]


def test_a_data_node_cannot_stand_where_a_task_belongs() -> None:
    registry = ConfigRegistry()
    node: Any = registry.configure_data_node("orders")
    registry.configure_scenario("plan", [node])

    (only,) = found(registry)

    assert only[0] == "SCENARIO.plan.tasks"
    assert "is not a task config" in only[1]


@pytest.mark.parametrize(
    ("declare", "where", "message"),
    [
        (
            lambda r: r.configure_job_executions("sometimes"),
            "JOB.mode",
            "'sometimes' is not a known value; use one of development, standalone, cluster",
        ),
        (
            lambda r: r.configure_job_executions(max_nb_of_workers=0),
            "JOB.max_nb_of_workers",
            "0 is too small; give 1 or more",
        ),
        (
            lambda r: r.configure_job_executions(max_nb_of_workers="two"),
            "JOB.max_nb_of_workers",
            "'two' is not an integer",
        ),
        (
            lambda r: r.configure_authentication("kerberos"),
            "AUTHENTICATION.protocol",
            "'kerberos' is not a known value; use one of none, local, taipy, ldap, oidc",
        ),
        (
            lambda r: r.configure_authentication("taipy", {"ines": ["EDITOR"]}),
            "AUTHENTICATION.roles.ines",
            "'EDITOR' is not a known value; use one of TAIPY_READER",
        ),
        (
            lambda r: r.configure_authentication("taipy", {"ines": "TAIPY_EDITOR"}),
            "AUTHENTICATION.roles.ines",
            "'TAIPY_EDITOR' is not a list of roles; write it in brackets",
        ),
        (
            lambda r: r.configure_authentication("taipy", passwords="secret"),
            "AUTHENTICATION.passwords",
            "is not a table; write it as [AUTHENTICATION.passwords]",
        ),
        (
            lambda r: r.configure_authentication("taipy", auth_session_duration=0),
            "AUTHENTICATION.auth_session_duration",
            "0 is too small; give 1 or more",
        ),
    ],
)
def test_a_section_holds_what_the_server_knows(declare: Declare, where: str, message: str) -> None:
    (only,) = problems_of(declare)

    assert only[0] == where
    assert only[1].startswith(message)


def test_every_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH", raising=False)
    registry = ConfigRegistry()
    registry.configure_data_node(
        "a", properties={"headers": {"x": ["ENV[NO_SUCH]", "ENV[NO_SUCH]:int"]}}
    )
    registry.configure_job_executions(max_nb_of_workers="ENV[NO_SUCH]:int")
    registry.configure_authentication("ENV[NO_SUCH]")
    registry.configure_task("fit", os.getpid, retries="ENV[NO_SUCH]:int")

    assert sorted(found(registry)) == [
        (where, "the environment variable NO_SUCH is not set; set it before the start")
        for where in (
            "AUTHENTICATION.protocol",
            "DATA_NODE.a.headers",
            "DATA_NODE.a.headers",
            "JOB.max_nb_of_workers",
            "TASK.fit.retries",
        )
    ]


def test_the_value_of_a_variable_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "0")
    registry = ConfigRegistry()
    registry.configure_job_executions(max_nb_of_workers="ENV[WORKERS]:int")

    assert found(registry) == [("JOB.max_nb_of_workers", "0 is too small; give 1 or more")]


def test_all_mistakes_are_found_in_one_run() -> None:
    registry = ConfigRegistry()
    registry.configure_data_node("bad id", "cvs", scope="TEAM")
    registry.configure_task("fit", lambda: 1, "nope", retries=-1)
    registry.configure_scenario("plan", ["fit", "score"], frequency="HOURLY")

    assert sorted(where for where, _ in found(registry)) == [
        "DATA_NODE.bad id",
        "DATA_NODE.bad id.scope",
        "DATA_NODE.bad id.storage_type",
        "SCENARIO.plan.frequency",
        "SCENARIO.plan.tasks",
        "TASK.fit.function",
        "TASK.fit.inputs",
        "TASK.fit.retries",
    ]


def test_a_mistake_that_was_configured_anew_is_gone() -> None:
    registry = ConfigRegistry()
    node = registry.configure_data_node("orders")
    registry.configure_task("fit", lambda: 1, "nope")
    registry.configure_task("fit", json.dumps, node)

    assert registry.check() == []


def test_a_property_that_cannot_be_kept_is_named_and_default_data_may_be_anything() -> None:
    registry = ConfigRegistry()
    registry.configure_data_node(
        "prices", default_data=object(), properties={"unit": "EUR", "limits": (1, 2.5)}
    )
    registry.configure_data_node("odd", properties={"gadget": object()})

    (problem,) = registry.check()

    assert problem.where.endswith("DATA_NODE.odd.gadget")
    assert problem.message.startswith("a value of type object cannot be stored with the entity")


def test_a_task_that_would_write_a_read_only_data_node_is_named() -> None:
    registry = ConfigRegistry()
    prices = registry.configure_data_node("prices", read_only=True)
    registry.configure_task("guess", os.getpid, None, prices)

    (problem,) = registry.check()

    assert problem.where.endswith("TASK.guess.outputs")
    assert problem.message.startswith("data node 'prices' is read-only")


def test_what_a_task_asks_of_a_machine_is_checked() -> None:
    problems = problems_of(
        lambda registry: registry.configure_task(
            "fit", os.getpid, cpus=0, gpus=1, memory="ENV[NO_SUCH_VARIABLE]"
        )
    )

    assert problems == [
        (
            "TASK.fit.memory",
            "the environment variable NO_SUCH_VARIABLE is not set; set it before the start",
        ),
        ("TASK.fit.cpus", "0 is not a valid amount; give a number such as 0.5 or 2"),
    ]


@pytest.mark.parametrize(
    ("properties", "key", "message"),
    [
        ({"schema": {"type": "flaot"}}, "schema", "the schema is not a JSON Schema: /type: "),
        ({"schema": {"$ref": "#"}}, "schema", "the schema cannot be used: a $ref leads back"),
        ({"schema": "float"}, "schema", "'float' is not a type or a table"),
        ({"schema": lambda value: value}, "schema", "<function"),
        ({"schema": ConfigRegistry}, "schema", "<class"),
    ],
)
def test_a_schema_that_is_none_is_told(
    properties: Mapping[str, Any], key: str, message: str
) -> None:
    (only,) = problems_of(lambda registry: registry.configure_data_node("node", **properties))

    assert only[0] == f"DATA_NODE.node.{key}"
    assert only[1].startswith(message)


def test_a_schema_is_declared_again_and_inherited() -> None:
    registry = ConfigRegistry()
    registry.set_default_data_node_configuration("json", schema=float)
    growth = registry.configure_data_node("growth")
    registry.configure_data_node("growth", schema=int)
    price = registry.configure_data_node("price", schema={"minimum": 0})

    assert growth.properties["schema"] == {"type": "integer"}
    assert "int" in growth.properties["schema_type"]
    assert dict(price.properties) == {"schema": {"minimum": 0}}


def test_a_type_that_workers_cannot_import_is_warned_of() -> None:
    @dataclass
    class Local:
        a: int

    registry = ConfigRegistry()
    registry.configure_data_node("far", schema=list[Local])
    registry.configure_data_node("near", schema=float)

    assert registry.check() == []
    (warning,) = registry.warnings()
    assert warning.where.endswith("DATA_NODE.far")
    assert "functions get plain data" in warning.message


def test_tasks_that_are_never_taken_from_the_cache_are_told() -> None:
    registry = ConfigRegistry()
    number = registry.configure_data_node("number", default_data=1)
    named = registry.configure_json_data_node("named", default_path="named.json")
    table = registry.configure_sql_table_data_node("table", "d", "sqlite", "t")
    for task_id, source, target in (
        ("fine", number, registry.configure_data_node("made")),
        ("to_file", number, named),
        ("of_table", table, registry.configure_data_node("read")),
        ("silent", number, []),
        (
            "daily",
            number,
            registry.configure_data_node("daily_made", validity_period=timedelta(days=1)),
        ),
    ):
        registry.configure_task(task_id, "pipelines:same", source, target, cache=True)
    registry.configure_task("versioned", "pipelines:same", number, named, cache_version="2")

    found = {item.where.split(": ")[-1]: item.message for item in registry.warnings()}

    never = "its outputs are never taken from the cache: "
    assert {name: text for name, text in found.items() if name.startswith("TASK")} == {
        "TASK.to_file": never + "it writes data node 'named' to a place that the user named",
        "TASK.of_table": never
        + "it reads data node 'table', whose value is kept outside and has no digest",
        "TASK.daily": never + "it writes data node 'daily_made', which has a validity period",
        "TASK.silent": never + "it writes no data node",
        "TASK.versioned": "cache_version has no effect without cache=True",
    }
