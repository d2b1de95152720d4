"""What check finds in scenarios: their graph, sequences, comparators and names."""

import json
from typing import Any

import pytest

from scenarist.config import ConfigRegistry


def found(registry: ConfigRegistry) -> list[tuple[str, str]]:
    """Return the problems, each without the file and line of its declaration."""
    return [(problem.where.split(": ")[-1], problem.message) for problem in registry.check()]


@pytest.fixture
def plan() -> ConfigRegistry:
    """Two connected tasks, and a third apart from them."""
    registry = ConfigRegistry()
    a, b, c, x = (registry.configure_data_node(id) for id in ("a", "b", "c", "x"))
    registry.configure_task("fit", json.dumps, a, b)
    registry.configure_task("score", json.dumps, b, c)
    registry.configure_task("apart", json.dumps, x)
    return registry


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"frequency": "HOURLY"}, ("frequency", "'HOURLY' is not a frequency; use one of")),
        (
            {"task_configs": ["fit"], "sequences": {"all": ["fit", "score"]}},
            ("sequences.all", "task 'score' is not in the scenario; add it to its tasks"),
        ),
        (
            {
                "task_configs": ["fit", "score", "apart"],
                "sequences": {"all": ["fit", "apart", "score"]},
            },
            (
                "sequences.all",
                "the tasks are not connected: (fit, score) and (apart) share no data node",
            ),
        ),
        (
            {"task_configs": ["fit"], "sequences": {" all": ["fit"]}},
            ("sequences", "' all': a sequence name must not start or end with a blank; rename it"),
        ),
        (
            {"task_configs": ["fit"], "sequences": {"all": ["fti"]}},
            ("sequences.all", "there is no task 'fti' in this registry; did you mean 'fit'?"),
        ),
        ({"sequences": ["fit"]}, ("sequences", "['fit'] is not a table")),
        (
            {"task_configs": ["fit"], "comparators": {"c": max}},
            ("comparators", "the scenario has no data node 'c'; it has a, b"),
        ),
        (
            {"task_configs": ["fit"], "comparators": {"a": "json:nope"}},
            ("comparators.a", "there is no 'nope' in 'json'"),
        ),
        (
            {"task_configs": ["fit"], "sequences": {"fit": ["fit"]}},
            ("sequences.fit", "'fit' is also a task; rename the sequence"),
        ),
        (
            {"task_configs": ["fit"], "sequences": {"b": ["fit"]}},
            ("sequences.b", "'b' is also a data node; rename the sequence"),
        ),
        (
            {"task_configs": ["fit"], "sequences": {"all": ["fit"]}, "properties": {"all": 1}},
            ("all", "'all' is also a sequence; rename the property"),
        ),
    ],
)
def test_a_scenario_holds_together(
    plan: ConfigRegistry, given: dict[str, Any], problem: tuple[str, str]
) -> None:
    plan.configure_scenario("plan", **given)

    (only,) = found(plan)

    assert only[0] == f"SCENARIO.plan.{problem[0]}"
    assert only[1].startswith(problem[1])


def test_a_cycle_is_named_in_order(plan: ConfigRegistry) -> None:
    plan.configure_task("back", json.dumps, "c", "a")
    plan.configure_scenario("plan", ["fit", "score", "back"])

    (only,) = found(plan)

    assert only[0] == "SCENARIO.plan.tasks"
    assert "fit → b → score → c → back → a" in only[1] or "a → fit → b → score" in only[1]
    assert only[1].startswith("the tasks form a cycle: ")


def test_two_tasks_may_write_the_same_data_node(plan: ConfigRegistry) -> None:
    plan.configure_task("again", json.dumps, "a", "b")
    plan.configure_scenario("plan", ["fit", "again"])

    assert found(plan) == []


def test_a_mistake_in_one_of_several_comparators_hides_no_other(plan: ConfigRegistry) -> None:
    plan.configure_scenario("plan", ["fit"], comparators={"nope": lambda x: x})

    assert [where for where, _ in found(plan)] == [
        "SCENARIO.plan.comparators.nope",
        "SCENARIO.plan.comparators",
    ]
