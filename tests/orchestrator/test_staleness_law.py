"""Staleness as a law: fresh after a run, stale after a change, and what a plan names mends it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.plant import INPUTS, MADE, WIRING, Plant
from orchestrator.world import World
from scenarist.domain.vocabulary import PlannedAction
from scenarist.services.staleness import Staleness, StalenessReader


def upstream(name: str) -> set[str]:
    """Return all from which a data node is made."""
    found: set[str] = set()
    for reads, writes in WIRING.values():
        if name in writes:
            found = found.union(reads, *(upstream(node) for node in reads))
    return found


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    skippable=st.lists(st.booleans(), min_size=len(WIRING), max_size=len(WIRING)),
    changed=st.sets(st.sampled_from(INPUTS), min_size=1),
    partly=st.sets(st.sampled_from(list(WIRING))),
)
def test_a_value_is_stale_from_a_change_of_what_it_was_made_from_until_what_the_plan_names_has_run(
    world: World, skippable: list[bool], changed: set[str], partly: set[str]
) -> None:
    plant = Plant(world, skippable)
    assert plant.look() == Staleness()

    plant.run(*WIRING)
    assert plant.stale() == set()
    assert len(plant.look().fresh) == len(MADE)

    for name in sorted(changed):
        plant.write(name)
    assert plant.stale() == {name for name in MADE if upstream(name) & changed}

    plant.run(*sorted(partly))
    assert plant.look() == plant.look(StalenessReader())  # what is kept is what is computed
    whole = plant.look()
    for name in MADE:
        node_id = plant.nodes[name]
        alone = plant.reader.find_of_node(world.database.reader, node_id)
        assert alone.find(node_id) == whole.find(node_id)

    plan = world.plan(*plant.tasks.values())
    named = [task.config_id for task in plan if task.action is PlannedAction.RUN]
    plant.run(*named)
    assert plant.stale() == set()


def test_what_is_fresh_is_skipped_and_what_is_stale_is_not(world: World) -> None:
    plant = Plant(world, [True] * len(WIRING))
    plant.run(*WIRING)
    plant.write("c")
    plant.run("t3")

    plan = {task.config_id: task.action for task in world.plan(*plant.tasks.values())}

    assert plant.stale() == {"h", "i"}
    assert [name for name, action in plan.items() if action is PlannedAction.RUN] == ["t4", "t5"]
