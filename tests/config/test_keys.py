"""Keys that nobody knows are mistakes, and an id that is declared again keeps what it had."""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.config import ConfigProblem, ConfigRegistry
from scenarist.config.keys import DATA_NODE_KEYS, SCENARIO_KEYS, TASK_KEYS

EVERY_KEY = [
    (family, kind, key)
    for family, kinds in (
        ("DATA_NODE", DATA_NODE_KEYS),
        ("TASK", {"": (*TASK_KEYS, "retries", "timeout", "skippable")}),
        ("SCENARIO", {"": (*SCENARIO_KEYS, "frequency", "comparators", "sequences")}),
    )
    for kind, keys in kinds.items()
    for key in keys
]


def declared(family: str, kind: str, **values: Any) -> ConfigRegistry:
    registry = ConfigRegistry()
    if family == "DATA_NODE":
        registry.configure_data_node("n", kind, **values)
    elif family == "TASK":
        registry.configure_task("n", "os:getpid", **values)
    else:
        registry.configure_scenario("n", **values)
    return registry


def problems_at(registry: ConfigRegistry, where: str) -> list[ConfigProblem]:
    return [item for item in registry.check() if item.where.split(": ")[-1] == where]


def loaded(text: str) -> ConfigRegistry:
    registry = ConfigRegistry()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "app.toml"
        file.write_text(text)
        registry.load(str(file))
    return registry


@given(st.sampled_from(EVERY_KEY), st.integers(0, 100), st.sampled_from(["", "x"]))
def test_a_key_with_a_wrong_letter_is_told_with_the_one_that_was_meant(
    which: tuple[str, str, str], position: int, letter: str
) -> None:
    family, kind, key = which
    position %= len(key)
    misspelt = key[:position] + letter + key[position + 1 :]
    known = {name for _, _, name in EVERY_KEY}
    if misspelt in known:
        return

    (problem,) = problems_at(declared(family, kind, **{misspelt: "1"}), f"{family}.n.{misspelt}")

    assert problem.message.startswith(f"there is no key {misspelt!r}; did you mean '")
    assert f"properties={{{misspelt!r}: …}} in Python" in problem.message


@pytest.mark.parametrize(
    ("family", "kind", "key", "said"),
    [
        ("TASK", "", "retires", "there is no key 'retires'; did you mean 'retries'?"),
        ("TASK", "", "inptus", "there is no key 'inptus'; did you mean 'inputs'?"),
        ("DATA_NODE", "pickle", "defualt_data", "there is no key 'defualt_data'; did you mean"),
        ("DATA_NODE", "csv", "sep", "there is no key 'sep'; did you mean 'separator'?"),
        ("DATA_NODE", "csv", "parse_dates", "there is no key 'parse_dates'; did you mean 'read_kw"),
        ("DATA_NODE", "excel", "sheet_names", "there is no key 'sheet_names'; did you mean 'sheet"),
        (
            "DATA_NODE",
            "csv",
            "compression",
            "this storage type has no key 'compression', which is a key of parquet; a property of "
            "your own goes under properties: [DATA_NODE.n.properties] in a file, "
            "properties={'compression': …} in Python",
        ),
        ("DATA_NODE", "json", "separator", "this storage type has no key 'separator', which"),
        ("DATA_NODE", "pickle", "cacheable", "there is no key 'cacheable'; set skippable=True"),
        ("SCENARIO", "", "display_name", "there is no key 'display_name'; a property of your own"),
    ],
)
def test_a_key_that_nobody_knows_is_told(family: str, kind: str, key: str, said: str) -> None:
    (problem,) = problems_at(declared(family, kind, **{key: "1"}), f"{family}.n.{key}")

    assert problem.message.startswith(said)


@pytest.mark.parametrize("section", ["JOB", "CORE", "AUTHENTICATION", "TAIPY"])
def test_a_section_knows_its_keys_and_takes_own_properties(section: str) -> None:
    wrong = loaded(f"[{section}]\nwrkers = 1\n")
    own = loaded(f"[{section}.properties]\nwrkers = 1\n")

    (problem,) = problems_at(wrong, f"{section}.wrkers")
    assert problem.message.startswith("there is no key 'wrkers'")
    assert own.check() == []


def test_each_storage_knows_the_keys_that_are_documented_for_taipy() -> None:
    registry = ConfigRegistry()
    for kind, keys in DATA_NODE_KEYS.items():
        registry.configure_data_node(f"n_{kind}", kind, **dict.fromkeys(keys, "ENV[HOME]"))

    told = [problem for problem in registry.check() if "no key" in problem.message]

    assert told == []


def test_properties_of_ones_own_may_have_any_other_name() -> None:
    registry = declared("DATA_NODE", "csv", properties={"unit": "t", "retires": [1, {"a": 2}]})

    assert registry.check() == []
    assert registry.data_nodes["n"].properties == {"unit": "t", "retires": [1, {"a": 2}]}


def test_a_known_key_is_no_property_of_ones_own() -> None:
    registry = declared("DATA_NODE", "csv", properties={"default_path": "a.csv"})

    (problem,) = registry.check()

    assert problem.message == "'default_path' is a key of the entry; move it out of properties"


def test_own_properties_come_back_from_a_file(tmp_path: Path) -> None:
    registry = declared("SCENARIO", "", properties={"region": "north"}, authorized_tags=["a"])
    again = ConfigRegistry()

    registry.export(str(tmp_path / "app.toml"))
    again.load(str(tmp_path / "app.toml"))

    assert again.check() == []
    assert again.scenarios["n"].properties == {"authorized_tags": ["a"], "region": "north"}
    assert "[SCENARIO.n.properties]" in (tmp_path / "app.toml").read_text()


GIVEN: dict[str, dict[str, Any]] = {
    "DATA_NODE": {
        "scope": "CYCLE",
        "validity_period": timedelta(days=1),
        "default_path": "a.csv",
        "has_header": False,
        "encoding": "latin-1",
        "properties": {"unit": "t"},
    },
    "TASK": {
        "input": ["a"],
        "output": ["b"],
        "skippable": True,
        "timeout": timedelta(1),
        "retries": 2,
        "retry_on": [OSError],
        "cpus": 2,
        "properties": {"team": "north"},
    },
    "SCENARIO": {
        "task_configs": ["t"],
        "additional_data_node_configs": ["a"],
        "frequency": "DAILY",
        "comparators": {"a": max},
        "sequences": {"one": ["t"]},
        "authorized_tags": ["x"],
    },
}


DECLARING: dict[str, Callable[[ConfigRegistry, dict[str, Any]], object]] = {
    "DATA_NODE": lambda registry, values: registry.configure_csv_data_node("n", **values),
    "TASK": lambda registry, values: registry.configure_task("n", "builtins:max", **values),
    "SCENARIO": lambda registry, values: registry.configure_scenario("n", **values),
}


@given(st.data(), st.sampled_from(sorted(GIVEN)))
def test_an_id_that_is_declared_again_keeps_what_the_second_time_leaves_out(
    data: st.DataObject, family: str
) -> None:
    first = data.draw(st.sets(st.sampled_from(sorted(GIVEN[family]))))
    registries = []
    for parts in ([first, set(GIVEN[family]) - first], [set(GIVEN[family])]):
        registry = ConfigRegistry()
        for id in ("a", "b"):
            registry.configure_data_node(id)
        registry.configure_task("t", "builtins:max", "a", "b")
        for part in parts:
            values = {key: GIVEN[family][key] for key in part}
            DECLARING[family](registry, values)
        registries.append(registry)

    twice, once = registries

    attributes = ["scope", "inputs", "outputs", "skippable", "timeout", "retries", "retry_on"]
    attributes += ["validity_period", "tasks", "frequency", "comparators", "sequences"]
    for entries in ("data_nodes", "tasks", "scenarios"):
        left, right = getattr(twice, entries), getattr(once, entries)
        assert list(left) == list(right)
        for id in left:
            assert left[id].properties == right[id].properties
            for name in attributes:
                assert getattr(left[id], name, None) == getattr(right[id], name, None)


def test_another_storage_type_keeps_what_is_not_of_the_earlier_one() -> None:
    registry = ConfigRegistry()
    registry.configure_csv_data_node(
        "n", "a.csv", scope="CYCLE", default_data=[1], separator=";", properties={"unit": "t"}
    )

    node = registry.configure_data_node("n", "json")

    assert (node.storage_type, node.scope) == ("json", "CYCLE")
    assert node.properties == {"default_data": [1], "unit": "t"}
    assert registry.check() == []


def test_a_section_that_is_configured_again_keeps_what_is_not_given() -> None:
    registry = ConfigRegistry()
    registry.configure_core(version_number="1", storage_folder="data")
    registry.configure_core(version_number="2")

    assert (registry.core.version_number, registry.core.storage_folder) == ("2", "data")


def test_a_data_node_like_another_one_takes_what_its_storage_knows() -> None:
    registry = ConfigRegistry()
    table = registry.configure_csv_data_node("a", "a.csv", "latin-1", properties={"unit": "t"})

    same = registry.configure_data_node_from(table, "b", has_header=False)
    other = registry.configure_data_node_from(table, "c", storage_type="parquet")

    assert same.properties == {
        "default_path": "a.csv",
        "encoding": "latin-1",
        "unit": "t",
        "has_header": False,
    }
    assert other.properties == {"unit": "t"}
    assert registry.check() == []


@pytest.mark.parametrize(
    ("family", "instead"),
    [
        ("DATA_NODE", "set_default_data_node_configuration"),
        ("TASK", "set_default_task_configuration"),
        ("SCENARIO", "set_default_scenario_configuration"),
    ],
)
def test_an_entry_called_default_is_a_mistake(family: str, instead: str) -> None:
    registry = ConfigRegistry()
    if family == "DATA_NODE":
        registry.configure_data_node("default", "csv")
    elif family == "TASK":
        registry.configure_task("default", "os:getpid")
        registry.configure_task("other")
    else:
        registry.configure_scenario("default")

    (problem,) = problems_at(registry, f"{family}.default")

    assert problem.message.startswith("the id 'default' is reserved for the defaults")
    assert instead in problem.message


def test_defaults_that_are_meant_are_no_mistake() -> None:
    registry = ConfigRegistry()
    registry.set_default_data_node_configuration("csv", has_header=False)
    registry.set_default_task_configuration(skippable=True)
    registry.set_default_scenario_configuration(frequency="DAILY")

    assert registry.check() == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[TASK.default]\nfunction = "os:getpid"\n', "TASK.default"),
        (
            '[TASK.t]\nfunction = "os:getpid"\n[SCENARIO.default]\ntasks = ["t:SECTION"]\n',
            "SCENARIO.default",
        ),
    ],
)
def test_a_default_that_nothing_takes_is_a_mistake(text: str, where: str) -> None:
    (problem,) = problems_at(loaded(text), where)

    assert problem.message == (
        "it only supplies defaults, but there is no other entry; give it another id"
    )
