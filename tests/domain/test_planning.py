"""The graph of tasks: its cycles, its order, its connected groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.planning import TaskLinks, find_connected_groups, find_cycle, order_tasks


def links(id: str, inputs: str = "", outputs: str = "") -> TaskLinks:
    return TaskLinks(id, tuple(inputs.split()), tuple(outputs.split()))


@st.composite
def forward_graphs(draw: st.DrawFn) -> list[TaskLinks]:
    """Tasks without a cycle: each reads only what earlier ones, or none, have written."""
    tasks = []
    for number in range(draw(st.integers(0, 8))):
        earlier = st.sampled_from([f"n{place}" for place in range(number + 1)])
        inputs = draw(st.lists(earlier, max_size=3, unique=True))
        outputs = draw(st.lists(st.just(f"n{number + 1}"), max_size=1))
        tasks.append(TaskLinks(f"t{number}", tuple(inputs), tuple(outputs)))
    return tasks


def test_a_chain_has_no_cycle() -> None:
    assert find_cycle([links("fit", "a", "b"), links("score", "b", "c")]) is None


def test_a_cycle_is_named_in_the_order_of_the_data() -> None:
    cycle = find_cycle([links("fit", "a", "b"), links("score", "b", "a")])

    assert cycle is not None
    assert cycle[0] == cycle[-1]
    assert "fit b score a fit" in " ".join(cycle + cycle[1:])


def test_a_task_that_reads_what_it_writes_is_a_cycle() -> None:
    cycle = find_cycle([links("update", "state", "state")])

    assert cycle in {("update", "state", "update"), ("state", "update", "state")}


def test_a_task_and_a_data_node_of_one_name_are_not_a_cycle() -> None:
    assert find_cycle([links("x", "a", "x")]) is None


def test_a_task_comes_after_those_that_write_what_it_reads() -> None:
    ordered = order_tasks([links("score", "b", "c"), links("fit", "a", "b")])

    assert [task.id for task in ordered] == ["fit", "score"]


def test_a_task_that_reads_what_two_tasks_write_comes_after_both() -> None:
    ordered = order_tasks([links("read", "a"), links("one", "", "a"), links("two", "", "a")])

    assert [task.id for task in ordered] == ["one", "two", "read"]


def test_a_cycle_has_no_order() -> None:
    with pytest.raises(ValueError, match="cycle"):
        order_tasks([links("fit", "a", "b"), links("score", "b", "a")])


def test_tasks_that_share_a_data_node_are_one_group() -> None:
    groups = find_connected_groups([links("fit", "a", "b"), links("score", "b", "c")])

    assert groups == [["fit", "score"]]


def test_tasks_that_read_the_same_data_node_are_one_group() -> None:
    assert find_connected_groups([links("one", "a"), links("two", "a")]) == [["one", "two"]]


def test_groups_keep_the_order_in_which_the_tasks_were_given() -> None:
    groups = find_connected_groups([links("x1", "x"), links("y1", "y"), links("x2", "x")])

    assert groups == [["x1", "x2"], ["y1"]]


def test_a_task_joins_the_groups_that_it_touches() -> None:
    groups = find_connected_groups([links("x", "x"), links("y", "y"), links("both", "x y")])

    assert groups == [["x", "y", "both"]]


def test_a_task_without_data_nodes_is_a_group_of_its_own() -> None:
    assert find_connected_groups([links("x", "x"), links("alone")]) == [["x"], ["alone"]]


def test_no_tasks_make_no_group() -> None:
    assert find_connected_groups([]) == []


@given(forward_graphs())
def test_tasks_that_are_in_order_stay_as_they_are(tasks: list[TaskLinks]) -> None:
    assert order_tasks(tasks) == tasks


@given(forward_graphs().flatmap(st.permutations))
def test_each_task_comes_after_every_writer_of_its_inputs(tasks: list[TaskLinks]) -> None:
    ordered = order_tasks(tasks)

    assert sorted(task.id for task in ordered) == sorted(task.id for task in tasks)
    for place, task in enumerate(ordered):
        written_later = {node for later in ordered[place:] for node in later.outputs}
        assert written_later.isdisjoint(task.inputs)


@given(forward_graphs().flatmap(st.permutations))
def test_groups_are_disjoint_and_hold_every_task_once(tasks: list[TaskLinks]) -> None:
    groups = find_connected_groups(tasks)

    assert sorted(id for group in groups for id in group) == sorted(task.id for task in tasks)
    nodes = {task.id: {*task.inputs, *task.outputs} for task in tasks}
    touched = [set().union(*(nodes[id] for id in group)) for group in groups]
    assert sum(map(len, touched)) == len(set().union(*touched))


@given(forward_graphs().flatmap(st.permutations))
def test_within_a_group_each_task_is_reached_from_the_first(tasks: list[TaskLinks]) -> None:
    nodes = {task.id: {*task.inputs, *task.outputs} for task in tasks}

    for group in find_connected_groups(tasks):
        reached = {group[0]}
        for _ in group:
            seen = set().union(*(nodes[id] for id in reached))
            reached |= {id for id in group if nodes[id] & seen}
        assert reached == set(group)
