"""Checks of scenarios: graph, sequences, comparators and names."""

from collections.abc import Iterator, Sequence

from scenarist.config.entries import ScenarioConfig, TaskConfig
from scenarist.config.outcomes import check_outcomes
from scenarist.domain.identifiers import find_sequence_name_fault
from scenarist.domain.planning import TaskLinks, find_connected_groups, find_cycle


def check_scenario(scenario: ScenarioConfig) -> Iterator[tuple[str, str]]:
    cycle = find_cycle(_make_links(scenario.tasks))
    if cycle is not None:
        yield (
            "tasks",
            f"the tasks form a cycle: {' → '.join(cycle)}; let one of them write another data node",
        )
    for name, tasks in scenario.sequences.items():
        yield from _check_sequence(scenario, name, tasks)
    for node_id in scenario.comparators:
        yield from _check_comparator(scenario, node_id)
    yield from check_outcomes(scenario.outcomes, {node.id: node for node in scenario.data_nodes})
    yield from _check_name_clashes(scenario)


def _check_sequence(
    scenario: ScenarioConfig, name: str, tasks: Sequence[TaskConfig]
) -> Iterator[tuple[str, str]]:
    key = f"sequences.{name}"
    if fault := find_sequence_name_fault(name):
        yield "sequences", f"{name!r}: {fault}; rename it"
    for task in tasks:
        if task not in scenario.tasks:
            yield key, f"task {task.id!r} is not in the scenario; add it to its tasks"
    groups = find_connected_groups(_make_links(tasks))
    if len(groups) > 1:
        parts = " and ".join(f"({', '.join(group)})" for group in groups)
        yield (
            key,
            f"the tasks are not connected: {parts} share no data node; make a sequence of each",
        )


def _check_comparator(scenario: ScenarioConfig, node_id: str) -> Iterator[tuple[str, str]]:
    known = [node.id for node in scenario.data_nodes]
    if node_id not in known:
        names = ", ".join(known) or "none"
        yield "comparators", f"the scenario has no data node {node_id!r}; it has {names}"


def _check_name_clashes(scenario: ScenarioConfig) -> Iterator[tuple[str, str]]:
    """Find names that are used for two things. `check` compares the ids of entries."""
    taken = {task.id: "task" for task in scenario.tasks}
    taken |= {node.id: "data node" for node in scenario.data_nodes}
    for name in scenario.sequences:
        if name in taken:
            yield f"sequences.{name}", f"{name!r} is also a {taken[name]}; rename the sequence"
    taken |= dict.fromkeys(scenario.sequences, "sequence")
    for name in scenario.properties:
        if name in taken:
            yield name, f"{name!r} is also a {taken[name]}; rename the property"


def _make_links(tasks: Sequence[TaskConfig]) -> list[TaskLinks]:
    return [
        TaskLinks(
            task.id,
            tuple(node.id for node in task.inputs),
            tuple(node.id for node in task.outputs),
        )
        for task in tasks
    ]
