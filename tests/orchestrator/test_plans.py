"""Plans say what would run and why; that they come true is the law of test_plan_law."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from builders import Clock, Draft
from orchestrator.world import World
from scenarist.db import plans
from scenarist.db.jobs import recipes
from scenarist.db.locks import set_lock
from scenarist.db.tables import data_nodes, jobs
from scenarist.domain.behaviours import Behaviour, DeclaredConfigs, DeclaredTask
from scenarist.domain.caching import Content
from scenarist.domain.errors import ConflictError, DeniedError, NotFoundError
from scenarist.domain.freshness import RunReason
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.permissions import ANYONE, Actor
from scenarist.domain.vocabulary import EntityType, PlannedAction
from scenarist.services.plans import PlanService, TaskPlan

RUN, SKIP = PlannedAction.RUN, PlannedAction.SKIP
WAIT, FAIL = PlannedAction.WAIT, PlannedAction.FAIL
UNKNOWN = Content(None, None)


class Line:
    """start → first → middle → second → end, both tasks skippable."""

    def __init__(self, world: World, **properties: Any) -> None:
        self.world = world
        self.properties = properties
        self.first, self.second, self.start, self.end = world.make(self._build)

    def _build(self, draft: Draft) -> tuple[TaskId, TaskId, DataNodeId, DataNodeId]:
        start, middle = draft.node("start", **self.properties), draft.node("middle")
        end = draft.node("end")
        first = draft.task("first", "increment", [start], [middle], skippable=True)
        second = draft.task("second", "increment", [middle], [end], skippable=True)
        return first, second, start, end

    def write(self, value: int) -> None:
        self.world.data_nodes.write(ANYONE, self.start, value)

    def run(self) -> None:
        self.world.submit(self.first, self.second)
        for _ in range(2):
            self.world.run_all()

    def plan(self, *, force: bool = False) -> list[TaskPlan]:
        return self.world.plan(self.first, self.second, force=force)


def shown(plan: list[TaskPlan]) -> list[tuple[PlannedAction, RunReason | None, str]]:
    return [(task.action, task.reason, task.because) for task in plan]


@pytest.fixture
def line(world: World) -> Line:
    return Line(world)


def test_without_an_input_all_wait_and_the_first_says_for_what(line: Line) -> None:
    assert shown(line.plan()) == [
        (WAIT, None, "data node 'start' has no value yet"),
        (WAIT, None, "it reads what task 'first' would write"),
    ]


def test_what_has_not_run_runs(line: Line) -> None:
    line.write(1)

    assert shown(line.plan()) == [
        (RUN, RunReason.FIRST_RUN, "data node 'middle' has no value"),
        (RUN, RunReason.FIRST_RUN, "data node 'end' has no value"),
    ]


def test_what_is_valid_is_skipped(line: Line) -> None:
    line.write(1)
    line.run()

    assert [task.action for task in line.plan()] == [SKIP, SKIP]
    assert [task.reason for task in line.plan(force=True)] == [RunReason.FORCED] * 2


def test_a_changed_input_is_named_with_who_wrote_it_and_when(line: Line) -> None:
    line.write(1)
    line.run()
    line.write(2)

    assert shown(line.plan()) == [
        (
            RUN,
            RunReason.INPUT_CHANGED,
            "data node 'start' was written at 2026-03-01T12:00:02Z by anyone",
        ),
        (RUN, RunReason.INPUT_CHANGED, "task 'first' runs before it"),
    ]


def test_a_job_under_way_is_named(line: Line) -> None:
    line.write(1)
    line.run()
    line.write(2)
    (job_id,) = line.world.submit(line.first).job_ids

    (plan,) = line.world.plan(line.second)

    assert plan.because == f"job {job_id}, which has not ended, writes data node 'middle'"


def test_a_job_under_way_that_writes_the_file_of_an_input_is_named(
    world: World, tmp_path: Path
) -> None:
    def build(draft: Draft) -> tuple[TaskId, TaskId]:
        start, end = draft.node("start", 1), draft.node("end")
        made, seen = (
            draft.node(name, storage_type="json", default_path=str(tmp_path / "shared.json"))
            for name in ("made", "seen")
        )
        makes = draft.task("makes", "increment", [start], [made])
        return makes, draft.task("sees", "increment", [seen], [end], skippable=True)

    makes, sees = world.make(build)
    for task in (makes, sees):
        world.submit(task)
        world.run_all()
    assert [task.action for task in world.plan(sees)] == [SKIP]

    (job_id,) = world.submit(makes).job_ids

    (plan,) = world.plan(sees)
    assert (plan.action, plan.because) == (
        RUN,
        f"job {job_id}, which has not ended, writes data node 'seen'",
    )


def test_a_plan_does_not_depend_on_what_another_thread_plans_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, other = Line(world), Line(world)
    find_node_states, waiting = plans.find_node_states, [other]

    def plan_another_first(connection: Connection, node_ids: Sequence[str]) -> Any:
        while waiting:
            with ThreadPoolExecutor(1) as thread:
                thread.submit(waiting.pop().plan).result()
        return find_node_states(connection, node_ids)

    monkeypatch.setattr(recipes, "_CACHE_LIMIT", 1)
    monkeypatch.setattr(plans, "find_node_states", plan_another_first)

    assert [task.action for task in line.plan()] == [WAIT, WAIT]


def test_an_output_that_has_expired_is_named(world: World, clock: Clock) -> None:
    line = Line(world)
    line.write(1)
    line.run()
    validity = update(data_nodes).where(data_nodes.c.id == line.end)
    hour = timedelta(hours=1)
    world.database.write(lambda writer: writer.execute(validity.values(validity_seconds=hour)))
    clock.advance(2 * hour)

    assert shown(line.plan())[1] == (
        RUN,
        RunReason.EXPIRED,
        "data node 'end' is older than its validity period",
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda path: path.write_text(json.dumps(10)),
            (RUN, RunReason.INPUT_CHANGED, "there is another file for data node 'start'"),
        ),
        (
            lambda path: path.unlink(),
            (FAIL, None, "data node 'start' has lost its value: there is no file at {path}"),
        ),
    ],
    ids=["replaced", "removed"],
)
def test_a_file_of_the_user_is_looked_at(
    world: World,
    tmp_path: Path,
    change: Callable[[Path], object],
    expected: tuple[PlannedAction, RunReason | None, str],
) -> None:
    path = tmp_path / "start.json"
    line = Line(world, storage_type="json", default_path=str(path))
    path.write_text("1")
    line.run()
    assert [task.action for task in line.plan()] == [SKIP, SKIP]

    change(path)

    action, reason, because = expected
    assert shown(line.plan())[0] == (action, reason, because.format(path=path))


@pytest.mark.parametrize(
    ("digest", "because"),
    [
        ("another", "the code of pipelines:increment has changed"),
        (None, "the code of pipelines:increment cannot be read"),
    ],
)
def test_changed_code_is_named(line: Line, digest: str | None, because: str) -> None:
    line.write(1)
    line.run()
    behaviour = Behaviour(
        function="pipelines:increment",
        skippable=True,
        timeout=None,
        retries=0,
        retry_delay=timedelta(seconds=1),
        retry_on=(),
        retries_after_loss=2,
        fresh=False,
        properties={},
    )
    declared = DeclaredConfigs(
        {
            name: DeclaredTask(
                inputs=(reads,), outputs=(writes,), behaviour=behaviour, code_digest=digest
            )
            for name, reads, writes in (("first", "start", "middle"), ("second", "middle", "end"))
        },
        frozenset(),
    )
    plans = PlanService(line.world.database, now=line.world.clock, declared=declared)

    (plan,) = plans.plan(ANYONE, EntityType.TASK, line.first)

    assert (plan.reason, plan.because) == (RunReason.CODE_CHANGED, because)


def take(task_id: TaskId, begin: datetime, seconds: int, connection: Connection) -> None:
    """Record that the jobs of a task have taken some time."""
    times = {"run_at": begin, "finished_at": begin + timedelta(seconds=seconds)}
    connection.execute(update(jobs).where(jobs.c.task_id == task_id).values(times))


def test_the_time_is_estimated_from_the_last_runs_of_the_newest_tasks_of_a_config(
    world: World, clock: Clock
) -> None:
    lines = [Line(world) for _ in range(3)]
    for line, seconds in zip(lines, (1, 3), strict=False):
        line.write(1)
        world.submit(line.first)
        world.run_all()
        world.database.write(partial(take, line.first, clock(), seconds))

    first, second = lines[2].plan()

    assert (first.duration, second.duration) == (timedelta(seconds=2), None)


def test_a_plan_changes_nothing(line: Line) -> None:
    line.write(1)
    before = line.world.database.commits
    sequence_id = line.world._make_sequence([line.first, line.second])
    made = line.world.database.commits

    line.world.plans.plan(ANYONE, EntityType.SEQUENCE, sequence_id)

    assert before < made == line.world.database.commits


def test_a_plan_is_refused_like_the_submit(line: Line) -> None:
    until = line.world.clock() + timedelta(hours=1)
    line.world.database.write(
        lambda connection: set_lock(connection, line.end, "anna", until, ANYONE.ref)
    )

    with pytest.raises(ConflictError) as of_submit:
        line.world.submit(line.first, line.second)
    with pytest.raises(ConflictError) as of_plan:
        line.plan()

    assert of_plan.value.message == of_submit.value.message
    with pytest.raises(NotFoundError):
        line.world.plans.plan(ANYONE, EntityType.SCENARIO, "SCENARIO_none")


def test_a_plan_takes_the_role_of_a_reader(line: Line) -> None:
    nobody = Actor("nobody")

    with pytest.raises(DeniedError):
        line.world.plans.plan(nobody, EntityType.TASK, line.first)


def test_what_the_submit_would_write_first_counts_as_changed(line: Line) -> None:
    line.write(1)
    line.run()
    sequence_id = line.world._make_sequence([line.first, line.second])

    plan = line.world.plans.plan(
        ANYONE, EntityType.SEQUENCE, sequence_id, check_inputs=lambda _: {line.start: UNKNOWN}
    )

    assert shown(plan) == [
        (RUN, RunReason.INPUT_CHANGED, "the submit writes data node 'start'"),
        (RUN, RunReason.INPUT_CHANGED, "task 'first' runs before it"),
    ]


def test_a_first_value_that_the_submit_would_write_lets_tasks_run(line: Line) -> None:
    plan = line.world.plans.plan(
        ANYONE, EntityType.TASK, line.first, check_inputs=lambda _: {line.start: UNKNOWN}
    )

    assert [task.action for task in plan] == [RUN]


def test_what_the_submit_would_write_replaces_what_is_at_the_same_place(
    world: World, tmp_path: Path
) -> None:
    path = str(tmp_path / "shared.json")

    def build(draft: Draft) -> tuple[TaskId, DataNodeId]:
        one, other = (
            draft.node(name, 1, storage_type="json", default_path=path) for name in ("one", "other")
        )
        return draft.task("first", "increment", [one], [draft.node("end")]), other

    task, other = world.make(build)

    (plan,) = world.plans.plan(
        ANYONE, EntityType.TASK, task, check_inputs=lambda _: {other: UNKNOWN}
    )

    assert plan.action is FAIL
    assert "'other'" in plan.because or str(other) in plan.because
