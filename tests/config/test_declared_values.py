"""The lists and tables that entries hand out, changed as modules of Taipy change them."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from scenarist.config import ConfigRegistry
from scenarist.domain.errors import ConflictError

Change = Callable[[Any], object]


def compare(*values: object) -> list[object]:
    return list(values)


@pytest.fixture
def registry() -> ConfigRegistry:
    registry = ConfigRegistry()
    a, b = (registry.configure_data_node(id) for id in "ab")
    tasks = [registry.configure_task(f"t{id}", len, a, b) for id in "123"]
    registry.configure_scenario(
        "s", tasks[:2], [a], comparators={"b": max}, sequences={"one": tasks[:1]}
    )
    return registry


@pytest.fixture
def scenario(registry: ConfigRegistry) -> Any:
    return registry.scenarios["s"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda tasks: tasks.append("t3"), "t1 t2 t3"),
        (lambda tasks: tasks.extend(["t3", "t1"]), "t1 t2 t3"),
        (lambda tasks: tasks.insert(0, "t3"), "t3 t1 t2"),
        (lambda tasks: tasks.remove(tasks[0]), "t2"),
        (lambda tasks: tasks.pop(), "t1"),
        (lambda tasks: tasks.reverse(), "t2 t1"),
        (lambda tasks: tasks.sort(key=lambda task: task.id, reverse=True), "t2 t1"),
        (lambda tasks: tasks.clear(), ""),
        (lambda tasks: tasks.__setitem__(0, "t3"), "t3 t2"),
        (lambda tasks: tasks.__setitem__(slice(None), ["t3"]), "t3"),
        (lambda tasks: tasks.__delitem__(0), "t2"),
        (lambda tasks: tasks.__iadd__(["t3"]), "t1 t2 t3"),
        (lambda tasks: tasks.__imul__(2), "t1 t2"),
    ],
)
def test_a_change_of_a_list_declares_it_again(
    change: Change, expected: str, registry: ConfigRegistry, scenario: Any
) -> None:
    tasks = scenario.task_configs

    change(tasks)

    assert [task.id for task in scenario.tasks] == expected.split()
    assert tasks == scenario.tasks
    assert [
        problem.where for problem in registry.check() if "SCENARIO.s.tasks" in problem.where
    ] == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda sequences: sequences.update({"two": "t2"}), "one: t1, two: t2"),
        (lambda sequences: sequences.__ior__({"two": "t2"}), "one: t1, two: t2"),
        (lambda sequences: sequences.setdefault("two", []).append("t2"), "one: t1, two: t2"),
        (lambda sequences: sequences["one"].append("t2"), "one: t1 t2"),
        (lambda sequences: sequences.pop("one"), ""),
        (lambda sequences: sequences.pop("two", None), "one: t1"),
        (lambda sequences: sequences.popitem(), ""),
        (lambda sequences: sequences.clear(), ""),
        (lambda sequences: sequences.__delitem__("one"), ""),
    ],
)
def test_a_change_of_the_sequences_declares_them_again(
    change: Change, expected: str, scenario: Any
) -> None:
    sequences = scenario.sequences

    change(sequences)

    found = [f"{name}: {' '.join(t.id for t in tasks)}" for name, tasks in sequences.items()]
    assert ", ".join(found) == expected
    assert sequences is scenario.sequences


def test_a_sequence_that_is_not_there_is_a_key_error(scenario: Any) -> None:
    with pytest.raises(KeyError, match="two"):
        scenario.sequences["two"]
    with pytest.raises(KeyError, match="two"):
        del scenario.sequences["two"]
    with pytest.raises(KeyError, match="two"):
        scenario.sequences.pop("two")


def test_a_comparator_is_added_to_those_of_a_data_node_that_has_none(scenario: Any) -> None:
    scenario.comparators["b"].append(compare)
    scenario.comparators["a"].append(compare)

    assert {id: len(found) for id, found in scenario.comparators.items()} == {"b": 2, "a": 1}
    assert scenario.comparators.get("c") is None


def test_lists_that_were_handed_out_stay_in_use(scenario: Any) -> None:
    tasks, one = scenario.tasks, scenario.sequences["one"]

    tasks.append("t3")
    scenario.sequences["one"] = ["t2"]
    tasks.remove(tasks[0])
    one.append("t3")

    assert [task.id for task in scenario.tasks] == ["t2", "t3"]
    assert [task.id for task in scenario.sequences["one"]] == ["t2", "t3"]


def test_mistakes_in_what_is_added_are_found_by_the_check(
    registry: ConfigRegistry, scenario: Any
) -> None:
    scenario.tasks.append("tt")
    scenario.tasks.append("t3")
    scenario.comparators["b"].append(lambda *values: values)
    scenario.comparators["b"].append(compare)

    keys = [problem.where.rpartition("SCENARIO.s.")[2] for problem in registry.check()]
    assert sorted(keys) == ["comparators.b", "tasks"]
    assert len(scenario.tasks) == 3


def test_a_list_that_was_emptied_has_no_mistakes(registry: ConfigRegistry, scenario: Any) -> None:
    scenario.additional_data_nodes.append("c")

    scenario.additional_data_nodes.clear()

    assert registry.check() == []


def test_a_list_of_a_blocked_registry_is_not_changed(
    registry: ConfigRegistry, scenario: Any
) -> None:
    registry.block_update()

    with pytest.raises(ConflictError, match="blocked"):
        scenario.tasks.clear()

    assert len(scenario.tasks) == 2


def test_copies_of_lists_and_tables_belong_to_no_entry(scenario: Any) -> None:
    tasks, sequences = copy.copy(scenario.tasks), copy.deepcopy(scenario.sequences)

    tasks.clear()
    sequences.clear()
    scenario.tasks.copy().clear()

    assert (len(scenario.tasks), list(scenario.sequences)) == (2, ["one"])


def test_a_scenario_does_not_share_the_lists_of_the_default(registry: ConfigRegistry) -> None:
    registry.set_default_scenario_configuration(["t1"])
    own: Any = registry.configure_scenario("own")

    own.tasks.append("t2")

    assert [task.id for task in registry.scenarios["default"].tasks] == ["t1"]


def test_inputs_outputs_data_nodes_and_properties_are_copies(
    registry: ConfigRegistry, scenario: Any
) -> None:
    node: Any = registry.configure_csv_data_node("c", "c.csv")
    task = scenario.tasks[0]

    for nodes in (task.inputs, task.input_configs, task.outputs, scenario.data_nodes):
        nodes.append(node)
    node.properties["default_path"] = "d.csv"

    assert [node.id for node in (*task.inputs, *task.outputs)] == ["a", "b"]
    assert [node.id for node in scenario.data_nodes] == ["a", "b"]
    assert node.properties == {"default_path": "c.csv"}
