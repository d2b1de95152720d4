"""Plans as a law: a submit at the same moment does what the plan has said, task by task."""

import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import Draft
from orchestrator.world import World
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import JobStatus, PlannedAction
from scenarist.services.plans import TaskPlan

EXPECTED = {
    PlannedAction.RUN: {JobStatus.COMPLETED},
    PlannedAction.SKIP: {JobStatus.SKIPPED},
    PlannedAction.WAIT: {JobStatus.BLOCKED},
    PlannedAction.FAIL: {JobStatus.FAILED, JobStatus.ABANDONED},
}
TASKS = 10
FILES = ("source", "copy", "shared")

_chosen = st.sets(st.integers(0, TASKS - 1), min_size=1)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.just(set(range(TASKS)))),
        st.tuples(st.just("write"), st.integers(0, 2)),
        st.tuples(st.just("submit"), _chosen),
        st.tuples(st.just("put"), st.sampled_from(FILES)),
        st.tuples(st.just("remove"), st.sampled_from(FILES)),
        st.tuples(st.just("wait"), st.none()),
    ),
    min_size=1,
    max_size=8,
)


@dataclass
class Factory:
    """Tasks over values in the storage, over files of the user, and over one place of two nodes."""

    world: World
    folder: Path
    skippable: list[bool]
    inputs: list[DataNodeId] = field(default_factory=list)
    tasks: list[TaskId] = field(default_factory=list)
    written: int = 0

    def __post_init__(self) -> None:
        self.world.make(self._build)

    def _build(self, draft: Draft) -> None:
        first, second, late = draft.node("first", 1), draft.node("second", 1), draft.node("late")
        c, d, e, g, h = (draft.node(name) for name in "cdegh")
        source, copy = (self._file(draft, name, name) for name in ("source", "copy"))
        one, other = (self._file(draft, name, "shared") for name in ("one", "other"))
        seen, i = self._file(draft, "seen", "copy"), draft.node("i")
        self.inputs = [first, second, late]
        wiring = [
            ([first], [c]),
            ([second, c], [d]),
            ([late, first], [e]),
            ([d, e], [g]),
            ([], [h]),
            ([h, h], []),
            ([source], [copy]),
            ([copy, first], [one]),
            ([one, second], [other]),
            ([seen], [i]),
        ]
        self.tasks = [
            draft.task(f"t{place}", "mix", reads, writes, skippable=is_skippable)
            for place, ((reads, writes), is_skippable) in enumerate(
                zip(wiring, self.skippable, strict=True)
            )
        ]

    def _file(self, draft: Draft, name: str, file: str) -> DataNodeId:
        return draft.node(name, storage_type="json", default_path=str(self.folder / file))

    def take(self, kind: str, what: object) -> None:
        match kind, what:
            case "write", int(place):
                self.written += 1
                with suppress(ConflictError):
                    self.world.data_nodes.write(ANYONE, self.inputs[place], self.written)
            case "submit", set(chosen):
                self.submit([self.tasks[place] for place in sorted(chosen)])
            case "put", str(name):
                self.written += 1
                (self.folder / name).write_text(json.dumps(10 ** (self.written % 8)))
            case "remove", str(name):
                (self.folder / name).unlink(missing_ok=True)
            case _:
                self.world.clock.advance(timedelta(hours=1))

    def submit(self, task_ids: list[TaskId], *, force: bool = False) -> list[JobStatus]:
        """Submit tasks, run what can run, and cancel the rest; return what became of each."""
        submission = self.world.submit(*task_ids, force=force)
        for _ in range(TASKS):  # a skipped job frees others without any outcome
            self.world.run_all()
        statuses = self.world.statuses(submission)
        if not self.world.submission(submission).status.is_finished:
            self.world.submissions.cancel(ANYONE, submission.id)
        return statuses


def misplanned(plan: list[TaskPlan], statuses: list[JobStatus]) -> list[TaskPlan]:
    """Return the tasks of which something else has become than was planned."""
    return [
        task
        for task, status in zip(plan, statuses, strict=True)
        if status not in EXPECTED[task.action]
    ]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    skippable=st.lists(st.booleans(), min_size=TASKS, max_size=TASKS),
    is_ready=st.booleans(),
    steps=_steps,
    chosen=_chosen,
    force=st.booleans(),
)
def test_a_submit_does_what_was_planned(
    world: World,
    skippable: list[bool],
    is_ready: bool,
    steps: list[tuple[str, object]],
    chosen: set[int],
    force: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        factory = Factory(world, Path(folder), skippable)
        if is_ready:
            steps = [("put", "source"), ("write", 2), ("submit", set(range(TASKS))), *steps]
        for kind, what in steps:
            factory.take(kind, what)
        task_ids = [factory.tasks[place] for place in sorted(chosen)]

        plan = world.plan(*task_ids, force=force)
        statuses = factory.submit(task_ids, force=force)

        assert misplanned(plan, statuses) == []
