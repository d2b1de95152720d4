"""The graph of tasks and the data nodes that they read and write."""

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter


@dataclass(frozen=True, slots=True)
class TaskLinks:
    """A task in the graph: its identifier, and those of its inputs and outputs."""

    id: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def find_cycle(tasks: Sequence[TaskLinks]) -> tuple[str, ...] | None:
    """Return the tasks and data nodes of a cycle, in the order of the data flow; None if none."""
    try:
        _make_sorter(tasks).prepare()
    except CycleError as error:
        # graphlib lists each node before the one that depends on it, and repeats the first.
        return tuple(key[1] for key in error.args[1])
    return None


def order_tasks(tasks: Sequence[TaskLinks]) -> list[TaskLinks]:
    """Sort tasks topologically: each comes after those that write what it reads.

    Independent tasks keep the given order.

    Raises:
        ValueError: The tasks form a cycle.
    """
    position = {task.id: number for number, task in enumerate(tasks)}
    sorter = _make_sorter(tasks)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError("the tasks form a cycle") from error
    ordered: list[TaskLinks] = []
    ready = list(sorter.get_ready())
    while ready:
        ready.sort(key=lambda key: position.get(key[1], -1) if key[0] == "task" else -1)
        key = ready.pop(0)
        if key[0] == "task":
            ordered.append(tasks[position[key[1]]])
        sorter.done(key)
        ready.extend(sorter.get_ready())
    return ordered


def find_connected_groups(tasks: Sequence[TaskLinks]) -> list[list[str]]:
    """Return the connected components of the tasks: groups that share no data node.

    A sequence is connected if there is at most one group. Groups and their members keep the given
    order.
    """
    group_of: dict[str, int] = {}  # data node → group
    groups: dict[int, list[str]] = {}
    for number, task in enumerate(tasks):
        nodes = task.inputs + task.outputs
        touched = sorted({group_of[node] for node in nodes if node in group_of})
        home = touched[0] if touched else number
        members = groups.setdefault(home, [])
        for other in touched[1:]:
            members.extend(groups.pop(other))
            for node, group in group_of.items():
                if group == other:
                    group_of[node] = home
        members.append(task.id)
        for node in nodes:
            group_of[node] = home
    position = {task.id: number for number, task in enumerate(tasks)}
    return [sorted(members, key=position.__getitem__) for members in groups.values()]


def _make_sorter(tasks: Sequence[TaskLinks]) -> "TopologicalSorter[tuple[str, str]]":
    # A task and a data node may have the same id in a config, so each key includes its kind.
    sorter: TopologicalSorter[tuple[str, str]] = TopologicalSorter()
    for task in tasks:
        sorter.add(("task", task.id), *(("node", node) for node in task.inputs))
        for node in task.outputs:
            sorter.add(("node", node), ("task", task.id))
    return sorter
