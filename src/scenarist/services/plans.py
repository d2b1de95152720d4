"""Plans: what a submit would run now, and why, without running it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from scenarist.db import plans, value_sources
from scenarist.db.engine import Database
from scenarist.db.jobs.recipes import RecipeCache, TaskRecipe
from scenarist.db.jobs.skipping import find_outputs
from scenarist.db.plans import NodeState
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.caching import Content
from scenarist.domain.explanations import (
    ValueWrite,
    WrittenOutputs,
    describe_write,
    explain_run,
    name_data_nodes,
)
from scenarist.domain.freshness import (
    CurrentOutput,
    RunReason,
    digest_provenance,
    find_changed_inputs,
    find_run_reason,
)
from scenarist.domain.identifiers import DataNodeId, EditId, TaskId
from scenarist.domain.locations import describe_replacement
from scenarist.domain.named_files import file_path
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import EntityType, PlannedAction
from scenarist.services.planned_cache import PlannedCache
from scenarist.services.submit_requests import (
    OrderedTask,
    SubmitOptions,
    SubmitRequest,
    TaskFinder,
    open_batch,
)
from scenarist.storage.registry import explain_missing, find_file_state


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """Task of a plan.

    Args:
        reason: Why it would run; None if it would not, or not yet.
        because: The same in a sentence, with names.
        duration: How long it would run, estimated from past runs; None without any.
    """

    id: TaskId
    config_id: str
    action: PlannedAction
    reason: RunReason | None
    because: str
    duration: timedelta | None


class PlanService:
    """Tells what a submit would run. What decides about skipping is `find_run_reason`, as for jobs.

    Args:
        declared: What the application declares now; None to plan tasks as recorded.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        declared: DeclaredConfigs | None = None,
    ) -> None:
        self._database = database
        self._now = now
        self._tasks = TaskFinder(declared)
        self._recipes = RecipeCache(declared)

    def plan(
        self,
        actor: Actor,
        entity_type: EntityType,
        entity_id: str,
        *,
        force: bool = False,
        check_inputs: Callable[[Connection], Mapping[DataNodeId, Content]] | None = None,
    ) -> list[TaskPlan]:
        """Return what a submit of an entity would do now, in the order of its jobs.

        Nothing is changed. What jobs under way will write is not known yet: tasks that depend on it
        are planned as running.

        Args:
            check_inputs: Returns the data nodes that the submit would write first, with the
                contents that they would get; raises if it would be refused because of them.

        Raises:
            NotFoundError: There is no such entity.
            ConflictError: The submit would be refused.
        """
        actor.require(Permission.READ)
        request = SubmitRequest(actor, entity_type, entity_id, SubmitOptions(force=force))
        now = self._now()
        with self._database.snapshot() as connection:
            tasks = self._tasks.find(open_batch(connection, [request], now), request)
            given = {} if check_inputs is None else check_inputs(connection)
            recipes = self._recipes.read(connection, [task.id for task in tasks])
            draft = _Draft(connection, tasks, recipes, now, force=force, given=given)
            return [draft.plan(task) for task in tasks]


@dataclass(frozen=True, slots=True)
class _Value:
    """What a job would find at an input.

    Args:
        edit_id: None if it does not exist yet.
        change: Why it is not the recorded value, in a sentence; None if it is.
        content: Its content, if that is known although it does not exist yet.
    """

    edit_id: EditId | None
    change: str | None = None
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class _NoValue:
    action: PlannedAction
    because: str


@dataclass(slots=True)
class _Draft:
    """A plan in the making.

    Args:
        given: The data nodes that the submit would write first, with their contents then.
        writers: By data node, the last task before that writes it and is not skipped.
        writes_at: The same by place where several data nodes may be stored, with the data node.
    """

    connection: Connection
    tasks: Sequence[OrderedTask]
    recipes: Mapping[TaskId, TaskRecipe]
    now: datetime
    force: bool
    given: Mapping[DataNodeId, Content]
    nodes: Mapping[DataNodeId, NodeState] = field(init=False)
    outputs: Mapping[TaskId, Sequence[CurrentOutput | None]] = field(init=False)
    durations: Mapping[str, timedelta] = field(init=False)
    writers: dict[DataNodeId, TaskPlan] = field(default_factory=dict)
    writes_at: dict[str, DataNodeId] = field(default_factory=dict)
    cache: PlannedCache = field(init=False)

    def __post_init__(self) -> None:
        used = [node for task in self.tasks for node in (*task.inputs, *task.outputs)]
        ids = dict.fromkeys([*used, *self.given])
        self.nodes = plans.find_node_states(self.connection, list(ids))
        skippable = [task.id for task in self.tasks if self.recipes[task.id].skippable]
        found = find_outputs(
            self.connection, [self.recipes[task_id] for task_id in skippable], find_file_state
        )
        self.outputs = dict(zip(skippable, found, strict=True))
        self.cache = PlannedCache(self.connection, self.force)
        self.durations = plans.estimate_runs(self.connection, [task.id for task in self.tasks])
        for node_id in self.given:
            if (place := self.nodes[node_id].place) is not None:
                self.writes_at[place] = node_id

    def plan(self, task: OrderedTask) -> TaskPlan:
        values = [self._find_input(self.nodes[node_id]) for node_id in task.inputs]
        obstacle = next((value for value in values if isinstance(value, _NoValue)), None)
        if obstacle is not None:
            planned = self._make(task, obstacle.action, None, obstacle.because)
        else:
            recipe = self.recipes[task.id]
            found = [value for value in values if isinstance(value, _Value)]
            reason = self._find_reason(task, recipe, found)
            action = PlannedAction.SKIP if reason is None else PlannedAction.RUN
            because = self._explain(reason, task, recipe, found)
            taken = None if reason is None else self._find_taken(task, recipe, found)
            if taken is not None:
                action, reason, because = PlannedAction.TAKE, None, taken
            elif reason is not None and recipe.cache_fault is not None:
                because += f"; it is never taken from the cache, as {recipe.cache_fault}"
            planned = self._make(task, action, reason, because)
        if planned.action is not PlannedAction.SKIP:
            for node_id in task.outputs:
                self.writers[node_id] = planned
                if (place := self.nodes[node_id].place) is not None:
                    self.writes_at[place] = node_id
        return planned

    def _find_taken(
        self, task: OrderedTask, recipe: TaskRecipe, inputs: Sequence[_Value]
    ) -> str | None:
        """Return why the outputs of a task are taken from the cache; None if they are not."""
        if recipe.cached_as is None:
            return None
        read = [(value.edit_id, value.content) for value in inputs]
        return self.cache.find(task, recipe.cached_as, read)

    def _make(
        self, task: OrderedTask, action: PlannedAction, reason: RunReason | None, because: str
    ) -> TaskPlan:
        duration = self.durations.get(task.config_id)
        return TaskPlan(task.id, task.config_id, action, reason, because, duration)

    def _find_input(self, node: NodeState) -> _Value | _NoValue:
        writer = self.writers.get(node.id)
        if writer is not None:
            if writer.action is PlannedAction.RUN:
                return _Value(None, f"task {writer.config_id!r} runs before it")
            if writer.action is PlannedAction.TAKE:
                because = f"the outputs of task {writer.config_id!r} are taken from the cache"
                return _Value(None, because, self.cache.contents.get(node.id))
            return _NoValue(writer.action, f"it reads what task {writer.config_id!r} would write")
        written_for = None if node.place is None else self.writes_at.get(node.place)
        if written_for is not None and written_for != node.id:
            return self._find_replaced(node, written_for)
        if node.writer is not None:
            return _Value(None, f"job {node.writer}, which has not ended, writes {_name(node)}")
        return self._find_present(node)

    def _find_replaced(self, node: NodeState, written_for: DataNodeId) -> _Value | _NoValue:
        """Return what a job would find that reads after a write to its place for another node."""
        if node.is_own:
            return _NoValue(PlannedAction.FAIL, describe_replacement(node.id, written_for))
        writer = self.writers.get(written_for)
        if writer is None:
            return _Value(None, f"the submit writes {_name(self.nodes[written_for])}")
        present = self._find_present(node)
        is_missing = isinstance(present, _NoValue) and present.action is PlannedAction.WAIT
        if is_missing or writer.action is PlannedAction.FAIL:
            return present
        if writer.action is PlannedAction.WAIT:
            return _NoValue(writer.action, f"it runs after task {writer.config_id!r}, which waits")
        return _Value(None, f"task {writer.config_id!r} runs before it")

    def _find_present(self, node: NodeState) -> _Value | _NoValue:
        if node.id in self.given:
            return _Value(None, f"the submit writes {_name(node)}", self.given[node.id])
        if not node.is_kept_elsewhere and file_path(node.storage_type, node.properties):
            return self._find_named_file(node)
        return self._find_recorded(node)

    def _find_named_file(self, node: NodeState) -> _Value | _NoValue:
        """Like `named_files.record_found_files`, without recording anything."""
        state = find_file_state(node.storage_type, node.properties)
        if state is None:
            if node.edit_id is None:
                return self._find_recorded(node)
            path = file_path(node.storage_type, node.properties)
            because = f"{_name(node)} has lost its value: there is no file at {path}"
            return _NoValue(PlannedAction.FAIL, because)
        if node.edit_id is not None and node.stamp == state.stamp:
            return self._find_recorded(node)
        is_of_place = node.place_stamp is None or node.place_stamp == state.stamp
        by = node.place_written_for
        if by is not None and is_of_place and by != node.id and node.is_own:
            return _NoValue(PlannedAction.FAIL, describe_replacement(node.id, by))
        return _Value(None, f"there is another file for {_name(node)}")

    def _find_recorded(self, node: NodeState) -> _Value | _NoValue:
        if node.edit_id is None:
            missing = explain_missing(node.storage_type, node.properties)
            because = f"{_name(node)} has no value yet{f': {missing}' if missing else ''}"
            return _NoValue(PlannedAction.WAIT, because)
        is_replaced = node.is_place_written_later and node.is_own and not node.is_kept_elsewhere
        if is_replaced and node.place_written_for is not None:
            because = describe_replacement(node.id, node.place_written_for)
            return _NoValue(PlannedAction.FAIL, because)
        return _Value(node.edit_id)

    def _find_reason(
        self, task: OrderedTask, recipe: TaskRecipe, inputs: Sequence[_Value]
    ) -> RunReason | None:
        if not recipe.skippable:
            return RunReason.NOT_SKIPPABLE
        if self.force:
            return RunReason.FORCED
        edit_ids = [value.edit_id for value in inputs if value.edit_id is not None]
        is_known = len(edit_ids) == len(inputs)
        made_of = digest_provenance(task.id, edit_ids) if is_known else None
        reason = find_run_reason(made_of, self.outputs[task.id], self.now)
        if reason is None and any(self._will_change(node_id) for node_id in task.outputs):
            return RunReason.OUTPUT_CHANGED
        return reason

    def _will_change(self, node_id: DataNodeId) -> bool:
        """Return whether an output will have another value before the job would start."""
        node = self.nodes[node_id]
        written_for = self.writes_at.get(node.place) if node.place is not None else None
        return (
            node_id in self.writers or node.writer is not None or written_for not in {None, node_id}
        )

    def _explain(
        self,
        reason: RunReason | None,
        task: OrderedTask,
        recipe: TaskRecipe,
        inputs: Sequence[_Value],
    ) -> str:
        outputs = [self.nodes[node_id] for node_id in task.outputs]
        names = [node.config_id for node in outputs]
        if reason is RunReason.OUTPUT_CHANGED:
            said = name_data_nodes(names)
            return f"the value of {said} was replaced or moved, or will be before it runs"
        written = WrittenOutputs(
            function=recipe.function,
            names=names,
            missing=[node.config_id for node in outputs if node.edit_id is None],
            is_code_known=recipe.code_digest is not None,
        )
        is_changed = reason is RunReason.INPUT_CHANGED
        changes = self._describe_changes(task, inputs) if is_changed else ()
        return explain_run(reason, written, changes)

    def _describe_changes(self, task: OrderedTask, inputs: Sequence[_Value]) -> list[str]:
        changes = [value.change for value in inputs if value.change is not None]
        if changes:
            return changes
        outputs = [output for output in self.outputs[task.id] if output is not None]
        job_ids = [output.job_id for output in outputs if output.job_id is not None]
        read = value_sources.find_read_edits(self.connection, job_ids) if job_ids else {}
        present = {
            node_id: value.edit_id for node_id, value in zip(task.inputs, inputs, strict=True)
        }
        changed = {
            node_id for output in outputs for node_id in find_changed_inputs(present, output, read)
        }
        return [
            describe_write(_write_of(self.nodes[node_id]))
            for node_id in task.inputs
            if node_id in changed
        ]


def _write_of(node: NodeState) -> ValueWrite:
    return ValueWrite(node.config_id, node.edited_at, node.job_id, node.editor, node.author)


def _name(node: NodeState) -> str:
    return name_data_nodes([node.config_id])
