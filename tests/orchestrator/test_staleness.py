"""Which values are stale, and since which change; that this is a law is in test_staleness_law."""

from datetime import timedelta
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, update

from builders import Clock, Draft
from orchestrator.plant import MADE, WIRING, Plant
from orchestrator.world import World
from scenarist.db import value_sources
from scenarist.db.tables import data_nodes, edits, job_inputs, jobs
from scenarist.domain.behaviours import Behaviour, DeclaredConfigs, DeclaredTask
from scenarist.domain.entities import NodeStaleness
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.permissions import ANYONE
from scenarist.domain.short_reads import LongReadError, run_short_read
from scenarist.domain.vocabulary import PlannedAction, Scope
from scenarist.services.staleness import StalenessReader

NEITHER = NodeStaleness(is_stale=None, because=None)
FRESH = NodeStaleness(is_stale=False, because=None)


@pytest.fixture
def plant(world: World) -> Plant:
    """One whose tasks have all run."""
    made = Plant(world)
    made.run(*WIRING)
    return made


def test_the_input_that_has_changed_is_named_however_far_away_it_is(plant: Plant) -> None:
    plant.write("c")

    at = plant.world.clock().strftime("%H:%M:%S")
    written = f"data node 'c' was written at 2026-03-01T{at}Z by anyone"
    assert plant.because() == {"g": written, "h": written, "i": written}


def test_a_value_that_was_made_anew_is_named_as_a_change_of_what_is_made_from_it(
    plant: Plant,
) -> None:
    plant.write("c")
    plant.run("t3")

    job_id = plant.world.edit(plant.world.node(plant.nodes["g"])).job_id
    assert set(plant.because()) == {"h", "i"}
    assert plant.because()["i"].startswith("data node 'g' was written at ")
    assert plant.because()["h"].endswith(f" by job {job_id}")


def test_several_changes_are_named_up_to_a_limit(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, list[DataNodeId], DataNodeId]:
        inputs = [draft.node(name, 1) for name in "vwxyz"]
        end = draft.node("end")
        return draft.task("sum", "mix", inputs, [end]), inputs, end

    task, inputs, end = world.make(build)
    world.submit(task)
    world.run_all()
    for node in inputs:
        world.data_nodes.write(ANYONE, node, 2)

    found = StalenessReader().find_of_node(world.database.reader, end).find(end)

    assert found.because is not None
    assert [part[:13] for part in found.because.split("; ")] == [
        "data node 'v'",
        "data node 'w'",
        "data node 'x'",
        "and more",
    ]


def test_inputs_and_what_has_no_value_are_neither_stale_nor_fresh(world: World) -> None:
    plant = Plant(world)
    plant.run("t1")

    found = plant.look()

    assert found.find(plant.nodes["a"]) == NEITHER
    assert found.find(plant.nodes["d"]) == FRESH
    assert found.find(plant.nodes["e"]) == NEITHER


def test_a_value_that_somebody_writes_over_an_output_is_fresh_until_an_input_changes(
    plant: Plant,
) -> None:
    plant.write("d")
    assert set(plant.because()) == {"e", "f", "h", "i"}
    assert plant.because()["e"].startswith("data node 'd' was written")

    plant.write("a")
    assert plant.because()["d"].startswith("data node 'a' was written")


def test_a_failed_run_leaves_values_stale(world: World) -> None:
    def build(draft: Draft) -> tuple[TaskId, DataNodeId, DataNodeId]:
        start, end = draft.node("start", "/dev/null"), draft.node("end")
        return draft.task("first", "require_file", [start], [end]), start, end

    task, start, end = world.make(build)
    world.submit(task)
    world.run_all()
    world.data_nodes.write(ANYONE, start, "/not/there")
    world.submit(task)
    world.run_all()

    found = StalenessReader().find_of_node(world.database.reader, end).find(end)
    assert found.is_stale


def test_what_is_fresh_stays_so_and_changes_are_named_after_the_jobs_are_gone(
    plant: Plant,
) -> None:
    def forget(connection: Connection) -> None:
        connection.execute(delete(job_inputs))
        connection.execute(delete(jobs))

    plant.world.database.write(forget)
    assert plant.stale() == set()

    plant.write("b")
    assert {text[:13] for text in plant.because().values()} == {"data node 'b'"}


def test_a_value_of_which_nobody_knows_what_it_was_made_from_is_stale(plant: Plant) -> None:
    of_j = edits.c.data_node_id == plant.nodes["j"]
    plant.world.database.write(
        lambda connection: connection.execute(update(edits).where(of_j).values(made_of=None))
    )

    assert StalenessReader().find_of_node(plant.world.database.reader, plant.nodes["j"]).find(
        plant.nodes["j"]
    ) == NodeStaleness(is_stale=True, because="it is not known from what data node 'j' was made")


def declare(code_digest: str | None) -> DeclaredConfigs:
    """Declare all tasks as they are, with other code."""
    behaviour = Behaviour(
        function="pipelines:mix",
        skippable=True,
        timeout=None,
        retries=0,
        retry_delay=timedelta(seconds=1),
        retry_on=(),
        retries_after_loss=2,
        fresh=False,
        properties={},
    )
    return DeclaredConfigs(
        {
            name: DeclaredTask(
                inputs=tuple(reads),
                outputs=tuple(writes),
                behaviour=behaviour,
                code_digest=code_digest,
            )
            for name, (reads, writes) in WIRING.items()
        },
        frozenset(),
    )


@pytest.mark.parametrize(
    ("code_digest", "because"),
    [
        ("other", "the code of pipelines:mix has changed"),
        (None, "the code of pipelines:mix cannot be read"),
    ],
)
def test_values_of_other_code_are_stale(
    plant: Plant, code_digest: str | None, because: str
) -> None:
    reader = StalenessReader(declare(code_digest))

    found = plant.look(reader)

    assert {node.because for node in found.stale.values()} == {because}
    assert len(found.stale) == len(MADE)


def test_a_value_that_has_expired_is_not_stale_although_its_task_would_run(
    world: World, clock: Clock
) -> None:
    plant = Plant(world, [True] * len(WIRING))
    world.database.write(
        lambda connection: connection.execute(
            update(data_nodes)
            .where(data_nodes.c.id == plant.nodes["j"])
            .values(validity_seconds=timedelta(hours=1))
        )
    )
    plant.run("t6")
    clock.advance(timedelta(hours=2))

    (plan,) = world.plan(plant.tasks["t6"])

    assert plan.action is PlannedAction.RUN
    assert plant.look().find(plant.nodes["j"]) == FRESH


def test_a_value_that_another_data_node_has_replaced_is_stale(world: World, tmp_path: Path) -> None:
    path = str(tmp_path / "shared.json")

    def build(draft: Draft) -> tuple[TaskId, TaskId, DataNodeId, DataNodeId]:
        one, other = (
            draft.node(name, storage_type="json", default_path=path) for name in ("one", "other")
        )
        tasks = [draft.task(f"write {node}", "one", [], [node]) for node in (one, other)]
        return tasks[0], tasks[1], one, other

    first, second, one, other = world.make(build)
    world.submit(first, second)
    world.run_all()
    world.run_all()

    find = partial(StalenessReader().find_of_node, world.database.reader)
    assert find(other).find(other) == FRESH
    assert find(one).find(one).because == "the value of data node 'one' was replaced or moved"


def share(draft: Draft, node_id: DataNodeId) -> None:
    draft.connection.execute(
        update(data_nodes)
        .where(data_nodes.c.id == node_id)
        .values(scope=Scope.GLOBAL, owner_id=None)
    )


def test_it_does_not_depend_on_who_asks_whether_a_shared_value_is_stale(plant: Plant) -> None:
    """A scenario reads a shared data node that a task of another scenario writes."""
    world = plant.world

    def build_source(draft: Draft) -> tuple[TaskId, DataNodeId, DataNodeId]:
        start, shared = draft.node("start", 1), draft.node("shared")
        share(draft, shared)
        return draft.task("source", "increment", [start], [shared]), start, shared

    source, start, shared = world.make(build_source)
    reader_of_shared = Plant(world)

    def build_reader(draft: Draft) -> tuple[TaskId, DataNodeId]:
        draft.id = reader_of_shared.id
        end = draft.node("end")
        task = draft.task("reader", "increment", [shared], [end])
        return task, end

    def add(connection: Connection) -> tuple[TaskId, DataNodeId]:
        draft = Draft(connection)
        made = build_reader(draft)
        draft.id = Draft(connection).id
        draft.finish()
        reader_of_shared.id = draft.id
        return made

    reads, end = world.database.write(add)
    world.submit(source)
    world.run_all()
    world.submit(reads)
    world.run_all()
    assert reader_of_shared.look().find(end) == FRESH
    assert reader_of_shared.look().find(shared) == FRESH

    world.data_nodes.write(ANYONE, start, 5)

    assert set(reader_of_shared.because()) == {"shared", "end"}
    alone = StalenessReader().find_of_node(world.database.reader, shared)
    assert reader_of_shared.look().find(shared) == alone.find(shared)


def test_nobody_can_tell_which_of_very_many_tasks_has_written_a_value(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(draft: Draft) -> DataNodeId:
        shared = draft.node("shared", 1)
        share(draft, shared)
        for number in range(3):
            draft.task(f"writer {number}", "one", [], [shared])
        return shared

    shared = world.make(build)
    find = partial(StalenessReader().find_of_node, world.database.reader, shared)
    assert find().find(shared).is_stale

    monkeypatch.setattr(value_sources, "MAX_WRITERS", 2)
    assert find().find(shared) == NEITHER


def test_of_several_tasks_that_write_a_data_node_the_one_that_wrote_its_value_counts(
    world: World,
) -> None:
    plant = Plant(world)

    def build(draft: Draft) -> tuple[TaskId, DataNodeId, DataNodeId]:
        a, b, both = draft.node("a", 1), draft.node("b", 1), draft.node("both")
        draft.task("other", "increment", [b], [both])
        plant.id = draft.id
        return draft.task("writer", "increment", [a], [both]), a, both

    writer, a, both = world.make(build)
    world.submit(writer)
    world.run_all()
    assert plant.look().find(both) == FRESH
    world.data_nodes.write(ANYONE, a, 5)

    found = plant.look().find(both)
    assert found == StalenessReader().find_of_node(world.database.reader, both).find(both)
    assert found.because is not None
    assert found.because.startswith("data node 'a' was written at")


def test_a_value_at_the_end_of_a_long_chain_is_judged_in_a_thread(world: World) -> None:
    def build(draft: Draft) -> list[DataNodeId]:
        nodes = [draft.node(f"n{number}", 1) for number in range(30)]
        for number, ends in enumerate(pairwise(nodes)):
            draft.task(f"t{number}", "increment", *([end] for end in ends))
        return nodes

    nodes = world.make(build)
    find = partial(StalenessReader().find_of_node, world.database.reader)
    run_short_read(partial(find, nodes[5]))
    with pytest.raises(LongReadError):
        run_short_read(partial(find, nodes[-1]))
    assert find(nodes[-1]).find(nodes[-1]).is_stale


def test_the_migration_records_what_values_were_made_of_as_jobs_do(plant: Plant) -> None:
    migration = import_module("scenarist.db.migrations.versions.0023_staleness")

    def migrate(connection: Connection) -> None:
        connection.execute(update(edits).values(made_of=None))
        migration._record_what_values_were_made_of(connection)

    plant.write("c")
    before = plant.because()
    plant.world.database.write(migrate)

    found = plant.look(StalenessReader())
    assert {node.config_id: node.because for node in found.stale.values()} == before
    assert len(found.fresh) == len(MADE) - len(before)
