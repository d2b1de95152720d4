"""What a claimed job needs to be run: its function, its input values, the places of its outputs."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import found_files
from scenarist.db.claims import (
    Claim,
    InputValue,
    TaskEnd,
    TaskRecipe,
    get_inputs,
    get_recipes,
)
from scenarist.db.data_nodes import last_edits
from scenarist.domain.entities import Event
from scenarist.domain.environment import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.identifiers import TaskId, new_uuid
from scenarist.domain.lifecycle import PresentOutput, is_skippable
from scenarist.domain.named_files import file_path
from scenarist.domain.resources import READERS, Resources, read_resources
from scenarist.executors.base import JobRequest
from scenarist.storage.base import Place, Target
from scenarist.storage.kinds import find_file

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


def read_files_anew(
    connection: Connection,
    claims: Sequence[Claim],
    recipes: Recipes,
    inputs: dict[int, list[InputValue]],
    now: datetime,
) -> Sequence[Event]:
    """Record the named files that jobs read where other programs have replaced them.

    Nothing is asked of the database unless there are such files.

    Args:
        inputs: The input values of the jobs, which become those that they find.
    """
    replaced = [
        (claim.number, position, end.data_node_id)
        for claim in claims
        for position, end in enumerate(recipes.get(claim.task_id).inputs)
        if (state := find_file(end.storage_type, end.properties)) is not None
        and state.stamp != inputs[claim.number][position].stamp
    ]
    if not replaced:
        return ()
    nodes = list(dict.fromkeys(node_id for _, _, node_id in replaced))
    noticed = found_files.notice(connection, nodes, find_file, now)
    reads = []
    for number, position, node_id in replaced:
        if node_id in noticed.edits:
            edit_id, state = noticed.edits[node_id]
            inputs[number][position] = InputValue(edit_id, state.path, None, state.stamp)
            reads.append((number, node_id, edit_id))
    if reads:
        found_files.read_instead(connection, reads)
    return noticed.changes


def need_not_run(
    connection: Connection,
    claim: Claim,
    recipe: TaskRecipe,
    inputs: Sequence[InputValue],
    now: datetime,
) -> bool:
    """Whether the job's outputs are those that it would make of its inputs, and still valid."""
    if claim.force or claim.made_of is None:
        return False
    if not all(map(_is_in_place, recipe.inputs, (value.stamp for value in inputs))):
        return False
    last = last_edits(connection, [end.data_node_id for end in recipe.outputs])
    outputs = [
        PresentOutput(edit.created_at, edit.made_of, end.validity, _is_in_place(end, edit.stamp))
        if (edit := last.get(end.data_node_id)) is not None
        else None
        for end in recipe.outputs
    ]
    return is_skippable(claim.made_of, outputs, now)


def _is_in_place(end: TaskEnd, stamp: str | None) -> bool:
    """Whether a named file is the one that was recorded; where none is named, nothing can be."""
    if file_path(end.storage_type, end.properties) is None:
        return True
    state = find_file(end.storage_type, end.properties)
    return state is not None and state.stamp == stamp


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
