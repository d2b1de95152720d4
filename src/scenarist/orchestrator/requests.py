"""What a claimed job needs to be run: its function, its input values, the places of its outputs."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db.claims import Claim, InputValue, TaskRecipe, get_inputs, get_recipes
from scenarist.db.data_nodes import last_edit_times
from scenarist.domain.environment import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.identifiers import TaskId, new_uuid
from scenarist.domain.lifecycle import is_skippable
from scenarist.domain.resources import READERS, Resources, read_resources
from scenarist.executors.base import JobRequest
from scenarist.storage.base import Place, Target

_RECIPES_KEPT = 10_000


class Recipes:
    """The recipes of tasks, read once each: a task never changes."""

    def __init__(self) -> None:
        self._kept: dict[TaskId, TaskRecipe] = {}

    def read(self, connection: Connection, task_ids: Iterable[TaskId]) -> None:
        """Read the recipes of tasks that are not known yet; `get` has them after this."""
        if len(self._kept) >= _RECIPES_KEPT:
            self._kept.clear()
        unknown = [task_id for task_id in dict.fromkeys(task_ids) if task_id not in self._kept]
        if unknown:
            self._kept |= get_recipes(connection, unknown)

    def get(self, task_id: TaskId) -> TaskRecipe:
        return self._kept[task_id]


def gather_inputs(
    connection: Connection, claims: Sequence[Claim], recipes: Recipes
) -> dict[int, list[InputValue]]:
    """Return the input values of the claimed jobs that have inputs, by job."""
    numbers = [claim.number for claim in claims if recipes.get(claim.task_id).inputs]
    return get_inputs(connection, numbers) if numbers else {}


def need_not_run(
    connection: Connection,
    claim: Claim,
    recipe: TaskRecipe,
    inputs: Sequence[InputValue],
    now: datetime,
) -> bool:
    """Whether the job's outputs are still valid and newer than its inputs."""
    if claim.force or not recipe.skippable:
        return False
    written = last_edit_times(connection, [end.data_node_id for end in recipe.outputs])
    return is_skippable(
        input_times=[value.written_at for value in inputs],
        output_times=[written[end.data_node_id] for end in recipe.outputs],
        validity=[end.validity for end in recipe.outputs],
        now=now,
    )


def request_for(
    claim: Claim,
    recipe: TaskRecipe,
    inputs: Sequence[InputValue],
    *,
    folder: str,
    grace_seconds: float,
    now: datetime,
) -> JobRequest:
    return JobRequest(
        number=claim.number,
        attempt=claim.attempt,
        function=recipe.function,
        inputs=tuple(
            Place(
                storage_type=end.storage_type,
                properties=end.properties,
                uri=value.uri,
                content=value.content,
            )
            for end, value in zip(recipe.inputs, inputs, strict=True)
        ),
        outputs=tuple(
            Target(
                data_node_id=end.data_node_id,
                edit_id=new_uuid(now),
                storage_type=end.storage_type,
                folder=folder,
                properties=end.properties,
            )
            for end in recipe.outputs
        ),
        timeout_seconds=None if recipe.timeout is None else recipe.timeout.total_seconds(),
        grace_seconds=grace_seconds,
        retry_on=recipe.retry_on,
        resources=resources_of(recipe),
        fresh=recipe.fresh,
    )


def resources_of(recipe: TaskRecipe) -> Resources:
    """Return what a task asks of a machine: nothing, where it was made before that was checked."""
    asked = {name: recipe.properties[name] for name in READERS if name in recipe.properties}
    try:
        return read_resources(resolve(asked, os.environ))
    except InvalidError:
        return Resources()
