"""Recipes of tasks: what a task does now, and the data nodes that it reads and writes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from scenarist.db.among import any_of
from scenarist.db.sql import Query
from scenarist.db.tables import data_nodes, task_data_nodes, tasks
from scenarist.db.tasks import INPUT
from scenarist.domain.behaviours import DeclaredConfigs, DeclaredTask
from scenarist.domain.caching import CachedEnd, digest_cached_task, find_cache_fault
from scenarist.domain.identifiers import DataNodeId, TaskId

_CACHE_LIMIT = 10_000

_TASKS = Query(select(tasks).where(any_of(tasks.c.id, "ids")))
_TASK_DATA_NODES = Query(
    select(
        task_data_nodes.c.task_id,
        task_data_nodes.c.direction,
        data_nodes.c.id,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        data_nodes.c.validity_seconds,
        data_nodes.c.config_id,
        data_nodes.c.place,
    )
    .join(data_nodes, data_nodes.c.id == task_data_nodes.c.data_node_id)
    .where(any_of(task_data_nodes.c.task_id, "ids"))
    .order_by(task_data_nodes.c.position)
)


@dataclass(frozen=True, slots=True)
class TaskDataNode:
    """Data node that a task reads or writes."""

    data_node_id: DataNodeId
    storage_type: str
    properties: dict[str, Any]
    validity: timedelta | None
    config_id: str
    place: str | None  #: see `DataNode.place`
    declared_type: str | None = None  #: the type in which functions get its value, as text
    figures: tuple[str, ...] = ()  #: places of the numbers that outcomes take from its value


@dataclass(frozen=True, slots=True)
class TaskRecipe:
    """Everything needed to run a task, from its record or from the present declaration.

    Args:
        is_live: Whether it comes from the present declaration (decision 81).
        code_digest: Digest of the declared function's code; None when the code cannot be read.
        version: The version of the application that runs it; None if it is not known.
        mismatch: Why the declaration does not fit the task, so that it cannot run.
        cached_as: See `digest_cached_task`; None if its outputs are not taken from the cache.
        cache_fault: Why they are not, although the task is declared so.
    """

    config_id: str
    function: str
    skippable: bool
    timeout: timedelta | None
    retries: int
    retry_delay: timedelta
    retry_on: tuple[str, ...]
    retries_after_loss: int
    fresh: bool
    properties: dict[str, Any]
    inputs: tuple[TaskDataNode, ...]
    outputs: tuple[TaskDataNode, ...]
    is_live: bool = False
    code_digest: str | None = None
    version: str | None = None
    mismatch: str | None = None
    cached_as: str | None = None
    cache_fault: str | None = None


class RecipeCache:
    """Cache of task recipes. Each is read once, because a task's record never changes.

    Threads that share a cache use what `read` returns: the `read` of another one may clear the
    cache before a `get`.

    Args:
        declared: What tasks do according to the application as it is now. If None, tasks do what
            their records say.
    """

    def __init__(self, declared: DeclaredConfigs | None = None) -> None:
        self._declared = declared
        self._recipes: dict[TaskId, TaskRecipe] = {}

    def read(
        self, connection: Connection, task_ids: Iterable[TaskId]
    ) -> Mapping[TaskId, TaskRecipe]:
        """Load the recipes of tasks that are not cached yet; `get` returns them after this.

        Returns:
            The recipes of at least these tasks, whatever other threads read.
        """
        if len(self._recipes) >= _CACHE_LIMIT:
            self._recipes = {}  # the former one may be in use
        recipes = self._recipes
        unknown = [task_id for task_id in dict.fromkeys(task_ids) if task_id not in recipes]
        if unknown:
            found = get_recipes(connection, unknown)
            recipes |= {task_id: self._as_declared(found[task_id]) for task_id in found}
        return recipes

    def get(self, task_id: TaskId) -> TaskRecipe:
        return self._recipes[task_id]

    def find(self, task_id: TaskId) -> TaskRecipe | None:
        return self._recipes.get(task_id)

    def _as_declared(self, recipe: TaskRecipe) -> TaskRecipe:
        if self._declared is None:
            return recipe
        recipe = replace(recipe, version=self._declared.version)
        inputs = [node.config_id for node in recipe.inputs]
        outputs = [node.config_id for node in recipe.outputs]
        fault = self._declared.find_task_fault(recipe.config_id, inputs, outputs)
        if fault is not None:
            return replace(recipe, mismatch=fault)
        now = self._declared.tasks[recipe.config_id]
        types = self._declared.types
        read = tuple(
            replace(node, declared_type=types.get(node.config_id)) for node in recipe.inputs
        )
        written = tuple(
            replace(node, figures=self._declared.figures.get(node.config_id, ()))
            for node in recipe.outputs
        )
        changes: dict[str, Any] = {
            **now.behaviour.as_fields(),
            "inputs": read,
            "outputs": written,
        }
        live = replace(recipe, **changes, is_live=True, code_digest=now.code_digest)
        return _with_cache(live, now) if now.cache else live


def _with_cache(recipe: TaskRecipe, now: DeclaredTask) -> TaskRecipe:
    inputs, outputs = (
        [
            CachedEnd(
                node.config_id,
                node.storage_type,
                node.properties,
                node.declared_type,
                node.figures,
                expires=node.validity is not None,
            )
            for node in nodes
        ]
        for nodes in (recipe.inputs, recipe.outputs)
    )
    fault = find_cache_fault(inputs, outputs, now.code_digest)
    if fault is not None or now.code_digest is None:
        return replace(recipe, cache_fault=fault)
    digest = digest_cached_task(
        recipe.function, now.code_digest, now.cache_version, inputs, outputs
    )
    return replace(recipe, cached_as=digest)


def get_recipes(connection: Connection, task_ids: Sequence[TaskId]) -> dict[TaskId, TaskRecipe]:
    """Return the recipes of tasks, by task."""
    nodes: dict[tuple[str, bool], list[TaskDataNode]] = {}
    for task_id, direction, node_id, *node in _TASK_DATA_NODES.fetch(connection, {"ids": task_ids}):
        nodes.setdefault((task_id, direction == INPUT), []).append(
            TaskDataNode(DataNodeId(node_id), *node)
        )
    return {
        TaskId(task.id): TaskRecipe(
            config_id=task.config_id,
            function=task.function,
            skippable=task.skippable,
            timeout=task.timeout_seconds,
            retries=task.retries,
            retry_delay=task.retry_delay_seconds,
            retry_on=tuple(task.retry_on),
            retries_after_loss=task.retries_after_loss,
            fresh=task.fresh,
            properties=task.properties,
            inputs=tuple(nodes.get((task.id, True), ())),
            outputs=tuple(nodes.get((task.id, False), ())),
        )
        for task in _TASKS.fetch(connection, {"ids": task_ids})
    }
