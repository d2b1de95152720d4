"""What a claimed job needs to be run: its function, its input values, the places of its outputs."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from scenarist.db.claims import (
    Claim,
    InputValue,
    TaskEnd,
    TaskRecipe,
    get_inputs,
    get_recipes,
)
from scenarist.db.data_nodes import is_of_other_code, last_edit_times, last_written
from scenarist.domain.behaviours import Declared
from scenarist.domain.environment import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.identifiers import TaskId, new_uuid
from scenarist.domain.lifecycle import is_skippable
from scenarist.domain.places import replaced_reason
from scenarist.domain.resources import READERS, Resources, read_resources
from scenarist.executors.base import JobRequest
from scenarist.storage.base import Place, Target

_RECIPES_KEPT = 10_000


class Recipes:
    """The recipes of tasks, read once each: what a task is made of never changes.

    Args:
        declared: What tasks do, as the application declares it now; None to do as recorded.
    """

    def __init__(self, declared: Declared | None = None) -> None:
        self._declared = declared
        self._kept: dict[TaskId, TaskRecipe] = {}

    def read(self, connection: Connection, task_ids: Iterable[TaskId]) -> None:
        """Read the recipes of tasks that are not known yet; `get` has them after this."""
        if len(self._kept) >= _RECIPES_KEPT:
            self._kept.clear()
        unknown = [task_id for task_id in dict.fromkeys(task_ids) if task_id not in self._kept]
        if unknown:
            found = get_recipes(connection, unknown)
            self._kept |= {task_id: self._as_declared(found[task_id]) for task_id in found}

    def get(self, task_id: TaskId) -> TaskRecipe:
        return self._kept[task_id]

    def _as_declared(self, recipe: TaskRecipe) -> TaskRecipe:
        if self._declared is None:
            return recipe
        inputs = [end.config_id for end in recipe.inputs]
        outputs = [end.config_id for end in recipe.outputs]
        fault = self._declared.task_fault(recipe.config_id, inputs, outputs)
        if fault is not None:
            return replace(recipe, mismatch=fault)
        now = self._declared.tasks[recipe.config_id]
        changes: dict[str, Any] = now.behaviour.changes()
        return replace(recipe, **changes, is_live=True, code_digest=now.code_digest)


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
    ) and not (_is_of_other_code(connection, recipe) or _are_replaced(connection, recipe))


def _is_of_other_code(connection: Connection, recipe: TaskRecipe) -> bool:
    """Whether other code than that of today made the outputs, as far as jobs made them."""
    if not recipe.is_live:
        return False
    if recipe.code_digest is None:
        return True  # it cannot be read, so nobody knows
    outputs = [end.data_node_id for end in recipe.outputs]
    return is_of_other_code(connection, outputs, recipe.code_digest)


def _are_replaced(connection: Connection, recipe: TaskRecipe) -> bool:
    """Whether another data node's value lies at the place of one of the outputs."""
    places = {end.place: end.data_node_id for end in recipe.outputs if end.place is not None}
    last = last_written(connection, list(places)) if places else {}
    return any(node_id != places[place] for place, (_, node_id) in last.items())


def faults_of(
    connection: Connection,
    claims: Sequence[Claim],
    recipes: Recipes,
    inputs: Mapping[int, Sequence[InputValue]],
) -> dict[int, str]:
    """Return why claimed jobs cannot be run, by job: those that would get what they must not get.

    A task that is declared otherwise now would get other arguments than its function takes. And
    where several data nodes have one place, another one's value may have come to lie there.
    """
    faults: dict[int, str] = {}
    shared: dict[int, list[tuple[TaskEnd, InputValue]]] = {}
    for claim in claims:
        recipe = recipes.get(claim.task_id)
        if recipe.mismatch is not None:
            faults[claim.number] = recipe.mismatch
            continue
        ends = zip(recipe.inputs, inputs.get(claim.number, ()), strict=True)
        at_risk = [
            (end, value)
            for end, value in ends
            if end.place is not None and value.is_written and not value.kept_as
        ]
        if at_risk:
            shared[claim.number] = at_risk
    places = {str(end.place) for ends in shared.values() for end, _ in ends}
    last = last_written(connection, sorted(places)) if places else {}
    for number, at_risk in shared.items():
        for end, value in at_risk:
            edit_id, writer = last.get(str(end.place), (value.edit_id, end.data_node_id))
            if edit_id != value.edit_id and writer != end.data_node_id:
                faults[number] = replaced_reason(end.data_node_id, writer)
    return faults


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
                storage_type=(value.kept_as or {}).get("storage_type", end.storage_type),
                properties=(value.kept_as or {}).get("properties", end.properties),
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
    )


def resources_of(recipe: TaskRecipe) -> Resources:
    """Return what a task asks of a machine: nothing, where it was made before that was checked."""
    asked = {name: recipe.properties[name] for name in READERS if name in recipe.properties}
    try:
        return read_resources(resolve(asked, os.environ))
    except InvalidError:
        return Resources()
