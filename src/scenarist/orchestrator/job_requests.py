"""Builds the request of a claimed job: its function, its input values, its output targets."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from scenarist.db import named_files
from scenarist.db.data_nodes import LastEdit, find_last_edits
from scenarist.db.jobs.claim import (
    Claim,
    InputValue,
    TaskDataNode,
    TaskRecipe,
    get_inputs,
    get_recipes,
)
from scenarist.db.places import find_last_writes
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Event
from scenarist.domain.environment import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.identifiers import TaskId, make_uuid
from scenarist.domain.lifecycle import CurrentOutput, is_skippable
from scenarist.domain.locations import describe_replacement
from scenarist.domain.named_files import file_path
from scenarist.domain.resources import RESOURCE_PARSERS, Resources, parse_resources
from scenarist.executors.base import JobRequest
from scenarist.storage.base import DeclaredType, ValueLocation, WriteTarget, fingerprint_of
from scenarist.storage.registry import find_file_state

_CACHE_LIMIT = 10_000
_NO_RESOURCES = Resources()


class RecipeCache:
    """Cache of task recipes. Each is read once, because a task's record never changes.

    Args:
        declared: What tasks do according to the application as it is now. If None, tasks do what
            their records say.
    """

    def __init__(self, declared: DeclaredConfigs | None = None) -> None:
        self._declared = declared
        self._recipes: dict[TaskId, TaskRecipe] = {}

    def read(self, connection: Connection, task_ids: Iterable[TaskId]) -> None:
        """Load the recipes of tasks that are not cached yet; `get` returns them after this."""
        if len(self._recipes) >= _CACHE_LIMIT:
            self._recipes.clear()
        unknown = [task_id for task_id in dict.fromkeys(task_ids) if task_id not in self._recipes]
        if unknown:
            found = get_recipes(connection, unknown)
            self._recipes |= {task_id: self._as_declared(found[task_id]) for task_id in found}

    def get(self, task_id: TaskId) -> TaskRecipe:
        return self._recipes[task_id]

    def find(self, task_id: TaskId) -> TaskRecipe | None:
        return self._recipes.get(task_id)

    def _as_declared(self, recipe: TaskRecipe) -> TaskRecipe:
        if self._declared is None:
            return recipe
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
        changes: dict[str, Any] = {**now.behaviour.as_fields(), "inputs": read}
        return replace(recipe, **changes, is_live=True, code_digest=now.code_digest)


def gather_inputs(
    connection: Connection, claims: Sequence[Claim], recipes: RecipeCache
) -> dict[int, list[InputValue]]:
    """Return the input values of the claimed jobs that have inputs, by job."""
    numbers = [claim.number for claim in claims if recipes.get(claim.task_id).inputs]
    return get_inputs(connection, numbers) if numbers else {}


def record_replaced_files(
    connection: Connection,
    claims: Sequence[Claim],
    recipes: RecipeCache,
    inputs: dict[int, list[InputValue]],
    now: datetime,
) -> tuple[Sequence[Event], dict[int, str]]:
    """Record new edits for the named files that other programs have replaced and jobs read.

    Queries the database only if there are such files.

    Args:
        inputs: The input values of the jobs; updated in place with the values that were found.

    Returns:
        The changes to log, and the reasons why jobs cannot run, by job: other data nodes have
        replaced their files.
    """
    suspects = [
        (claim.number, position, node.data_node_id)
        for claim in claims
        for position, node in enumerate(recipes.get(claim.task_id).inputs)
        if not (value := inputs[claim.number][position]).kept_as
        and (state := find_file_state(node.storage_type, node.properties)) is not None
        and state.stamp != value.stamp
    ]
    if not suspects:
        return (), {}
    nodes = list(dict.fromkeys(node_id for _, _, node_id in suspects))
    found = named_files.record_found_files(connection, nodes, find_file_state, now)
    reads = []
    faults: dict[int, str] = {}
    for number, position, node_id in suspects:
        if node_id in found.replaced:
            faults[number] = describe_replacement(node_id, found.replaced[node_id])
        elif node_id in found.edits:
            edit_id, state = found.edits[node_id]
            value = inputs[number][position]
            inputs[number][position] = InputValue(
                edit_id, state.path, None, state.stamp, value.is_own, None
            )
            reads.append((number, node_id, edit_id))
    if reads:
        named_files.change_inputs(connection, reads)
    return found.changes, faults


def can_skip(
    connection: Connection,
    claim: Claim,
    recipe: TaskRecipe,
    inputs: Sequence[InputValue],
    now: datetime,
) -> bool:
    """Return whether a job can be skipped: its outputs come from these inputs and are valid."""
    if claim.force or claim.made_of is None:
        return False
    if not all(
        _is_in_place(node, value.stamp, value.kept_as)
        for node, value in zip(recipe.inputs, inputs, strict=True)
    ):
        return False
    last = find_last_edits(connection, [node.data_node_id for node in recipe.outputs])
    outputs = [
        CurrentOutput(edit.created_at, edit.made_of, node.validity, _is_in_place(node, edit.stamp))
        if (edit := last.get(node.data_node_id)) is not None
        else None
        for node in recipe.outputs
    ]
    return is_skippable(claim.made_of, outputs, now) and not (
        _is_from_other_code(recipe, last.values()) or _has_replaced_outputs(connection, recipe)
    )


def _is_in_place(
    node: TaskDataNode, stamp: str | None, kept_as: Mapping[str, Any] | None = None
) -> bool:
    """Return whether a named file is the recorded one; True if the value has no named file."""
    storage_type, properties = _storage_of(node, kept_as)
    if file_path(storage_type, properties) is None:
        return True
    state = find_file_state(storage_type, properties)
    return state is not None and state.stamp == stamp


def _storage_of(
    node: TaskDataNode, kept_as: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """Return the storage type and the properties to read a value with."""
    if kept_as is None:
        return node.storage_type, node.properties
    return kept_as["storage_type"], kept_as["properties"]


def _is_from_other_code(recipe: TaskRecipe, made: Iterable[LastEdit]) -> bool:
    """Return whether code other than the current code made any output that a job has written."""
    if not recipe.is_live:
        return False
    if recipe.code_digest is None:
        return True  # the code cannot be read, so assume that it differs
    return any(
        edit.is_of_job and (edit.has_moved or edit.code_digest != recipe.code_digest)
        for edit in made
    )


def _has_replaced_outputs(connection: Connection, recipe: TaskRecipe) -> bool:
    """Return whether another data node has overwritten the value of one of the outputs."""
    places = {node.place: node.data_node_id for node in recipe.outputs if node.place is not None}
    last = find_last_writes(connection, list(places)) if places else {}
    return any(write.data_node_id != places[place] for place, write in last.items())


def find_faults(
    connection: Connection,
    claims: Sequence[Claim],
    recipes: RecipeCache,
    inputs: Mapping[int, Sequence[InputValue]],
) -> dict[int, str]:
    """Return the reasons why claimed jobs cannot run, by job: they would read wrong values.

    A task whose declaration no longer matches its record would call its function with the wrong
    arguments. And if several data nodes share one place, another data node may have overwritten
    the value there.
    """
    faults: dict[int, str] = {}
    shared: dict[int, list[tuple[TaskDataNode, InputValue]]] = {}
    for claim in claims:
        recipe = recipes.get(claim.task_id)
        if recipe.mismatch is not None:
            faults[claim.number] = recipe.mismatch
            continue
        pairs = zip(recipe.inputs, inputs.get(claim.number, ()), strict=True)
        at_risk = [
            (node, value)
            for node, value in pairs
            if node.place is not None and value.is_own and not value.kept_as
        ]
        if at_risk:
            shared[claim.number] = at_risk
    places = {str(node.place) for pairs in shared.values() for node, _ in pairs}
    last = find_last_writes(connection, sorted(places)) if places else {}
    for number, at_risk in shared.items():
        for node, value in at_risk:
            write = last.get(str(node.place))
            if write is None or write.edit_id == value.edit_id:
                continue
            if write.data_node_id != node.data_node_id:
                faults[number] = describe_replacement(node.data_node_id, write.data_node_id)
    return faults


def build_request(
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
            ValueLocation(
                storage_type=storage_type,
                properties=properties,
                uri=value.uri,
                content=value.content,
                fingerprint=fingerprint_of(properties, value.size, value.digest, value.stamp),
                declared_type=_find_declared_type(node, properties),
            )
            for node, value in zip(recipe.inputs, inputs, strict=True)
            for storage_type, properties in [_storage_of(node, value.kept_as)]
        ),
        outputs=tuple(
            WriteTarget(
                data_node_id=node.data_node_id,
                edit_id=make_uuid(now),
                storage_type=node.storage_type,
                folder=folder,
                properties=node.properties,
            )
            for node in recipe.outputs
        ),
        timeout_seconds=None if recipe.timeout is None else recipe.timeout.total_seconds(),
        grace_seconds=grace_seconds,
        retry_on=recipe.retry_on,
        resources=resources_of(recipe),
        fresh=recipe.fresh,
    )


def _find_declared_type(node: TaskDataNode, properties: Mapping[str, Any]) -> DeclaredType | None:
    """Return the type in which a function gets a value, unless its storage is told another one."""
    if node.declared_type is None or properties.get("exposed_type"):
        return None
    return DeclaredType(data_node=node.config_id, name=node.declared_type)


def resources_of(recipe: TaskRecipe) -> Resources:
    """Return the resources that a task requests; none if its record predates their validation."""
    requested = {
        name: recipe.properties[name] for name in RESOURCE_PARSERS if name in recipe.properties
    }
    if not requested:
        return _NO_RESOURCES
    try:
        return parse_resources(resolve(requested, os.environ))
    except InvalidError:
        return _NO_RESOURCES
