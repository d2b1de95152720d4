"""What check finds and warns of where values lie: placeholders, and places that are shared."""

from typing import Any

import pytest

from scenarist.config import ConfigRegistry
from scenarist.domain.errors import InvalidError
from scenarist.domain.locations import Owner, fill_placeholders

TABLE = {"db_name": "d", "db_engine": "sqlite", "table_name": "plan"}
MONGO = {"db_name": "d", "collection_name": "plan"}
OBJECT = {
    "aws_access_key": "k",
    "aws_secret_access_key": "s",
    "aws_s3_bucket_name": "b",
    "aws_s3_object_key": "plan",
}
PLACES = [
    ("csv", {"default_path": "out.csv"}),
    ("pickle", {"path": "out.p"}),
    ("sql_table", TABLE),
    (
        "sql",
        {
            **{key: TABLE[key] for key in ("db_name", "db_engine")},
            "read_query": "SELECT 1",
            "write_query_builder": "json:dumps",
        },
    ),
    ("mongo_collection", MONGO),
    ("s3_object", OBJECT),
    ("generic", {"write_fct": "json:dumps"}),
]


def mistakes(registry: ConfigRegistry) -> list[str]:
    return [problem.message for problem in registry.check()]


def warnings(registry: ConfigRegistry) -> list[tuple[str, str]]:
    return [(item.where.split(": ")[-1], item.message) for item in registry.warnings()]


def written(storage_type: str, properties: dict[str, Any], **options: Any) -> ConfigRegistry:
    registry = ConfigRegistry()
    node = registry.configure_data_node("out", storage_type, **options, **properties)
    registry.configure_scenario("s", [registry.configure_task("t", "pipelines:one", [], node)])
    return registry


@pytest.mark.parametrize(("storage_type", "properties"), PLACES)
@pytest.mark.parametrize("scope", ["SCENARIO", "CYCLE", "GLOBAL"])
def test_a_place_that_scenarios_write_in_common_is_warned_of(
    storage_type: str, properties: dict[str, Any], scope: str
) -> None:
    registry = written(storage_type, properties, scope=scope)
    found = warnings(registry)

    assert mistakes(registry) == []
    assert [where for where, _ in found] == ([] if scope == "GLOBAL" else ["DATA_NODE.out"])
    assert all(f"tasks of every {scope.lower()} write to one location" in text for _, text in found)


@pytest.mark.parametrize("storage_type", ["pickle", "json", "csv", "parquet", "in_memory"])
def test_values_whose_place_the_server_names_share_nothing(storage_type: str) -> None:
    assert warnings(written(storage_type, {})) == []


@pytest.mark.parametrize(
    ("storage_type", "properties"),
    [
        ("csv", {"default_path": "{scenario.id}/out.csv"}),
        ("sql_table", {**TABLE, "table_name": "plan_{scenario.name}"}),
        ("mongo_collection", {**MONGO, "collection_name": "{scenario.properties.region}"}),
        ("s3_object", {**OBJECT, "aws_s3_object_key": "{scenario.id}"}),
    ],
)
def test_a_placeholder_of_the_scenario_gives_each_its_own(
    storage_type: str, properties: dict[str, Any]
) -> None:
    registry = written(storage_type, properties)

    assert (mistakes(registry), warnings(registry)) == ([], [])


@pytest.mark.parametrize(
    ("path", "scope", "said"),
    [
        ("{scenaro.id}.csv", "SCENARIO", "unknown placeholder {scenaro.id}; use one of"),
        ("{name}.csv", "SCENARIO", "unknown placeholder {name}; use one of"),
        ("{scenario.id}.csv", "CYCLE", "{scenario.id} differs between the scenarios that share"),
        ("{scenario.properties.a}", "GLOBAL", "{scenario.properties.a} differs between"),
        ("{cycle.name}.csv", "GLOBAL", "{cycle.name} differs between the cycles that share"),
        ("{cycle.name}.csv", "CYCLE", "the scenario has no cycles; give it a frequency"),
    ],
)
def test_a_placeholder_that_cannot_be_replaced_is_a_mistake(
    path: str, scope: str, said: str
) -> None:
    mistake, *_ = mistakes(written("csv", {"default_path": path}, scope=scope))

    assert said in mistake


def test_two_data_nodes_of_a_scenario_with_one_place_are_a_mistake_when_one_is_written() -> None:
    registry = ConfigRegistry()
    one = registry.configure_csv_data_node("one", default_path="./out.csv")
    other = registry.configure_csv_data_node("other", default_path="out.csv")
    registry.configure_scenario("s", [registry.configure_task("t", "pipelines:same", one, other)])

    (mistake,) = mistakes(registry)

    assert "data nodes 'one' and 'other' share one location" in mistake


@pytest.mark.parametrize(("read_only", "count"), [(False, 1), (True, 0)])
def test_two_data_nodes_that_only_read_one_place_are_fine_when_they_say_so(
    read_only: bool, count: int
) -> None:
    registry = ConfigRegistry()
    nodes = [
        registry.configure_csv_data_node(name, default_path="in.csv", read_only=read_only)
        for name in ("one", "other")
    ]
    registry.configure_scenario("s", [registry.configure_task("t", "pipelines:add", nodes)])

    assert mistakes(registry) == []
    assert len(warnings(registry)) == count


@pytest.mark.parametrize(
    "name",
    ["../..", "/etc/passwd", "a/b", "a\\b", "..", ".", " ", "\x00", "C:", "new\nline", "x" * 300],
)
def test_what_is_put_in_stays_within_one_part_of_a_name(name: str) -> None:
    owner = Owner(scenario_id="SCENARIO_s_1", scenario_name=name)

    found = fill_placeholders({"default_path": "out/{scenario.name}.csv"}, owner, "n")[
        "default_path"
    ]

    part = found.removeprefix("out/").removesuffix(".csv")
    assert part
    assert not set(part) & set("/\\.\x00\n:")
    assert len(part.encode()) <= 120


def test_names_that_differ_have_places_that_differ() -> None:
    names = ["a/b", "a_b", "a\\b", "a b", "x" * 150, "x" * 151]
    places = {
        fill_placeholders({"path": "{scenario.name}"}, Owner(scenario_name=name), "n")["path"]
        for name in names
    }

    assert len(places) == len(names)


def test_a_cycle_that_is_not_there_is_told() -> None:
    with pytest.raises(InvalidError, match=r"contains \{cycle.name\}, which has no value here"):
        fill_placeholders({"path": "{cycle.name}"}, Owner(scenario_id="SCENARIO_s_1"), "n")


@pytest.mark.parametrize(
    ("name", "marks"),
    [("area", {"secrets": ["area"]}), ("area_token", {})],
    ids=["marked", "named"],
)
def test_a_secret_of_a_scenario_cannot_become_a_part_of_a_path(
    name: str, marks: dict[str, Any]
) -> None:
    registry = ConfigRegistry()
    node = registry.configure_csv_data_node("a", default_path=f"{{scenario.properties.{name}}}.csv")
    registry.configure_scenario("s", [], [node], properties={name: "north"}, **marks)

    (mistake,) = mistakes(registry)

    assert f"{{scenario.properties.{name}}}, but the property is secret" in mistake
    assert "north" not in mistake
