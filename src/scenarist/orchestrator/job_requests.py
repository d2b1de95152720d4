"""Builds the request of a claimed job: its function, its input values, its output targets."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from scenarist.db import named_files
from scenarist.db.jobs.claim import Claim, InputValue, get_inputs
from scenarist.db.jobs.recipes import RecipeCache, TaskDataNode, TaskRecipe
from scenarist.db.jobs.skipping import find_outputs, is_in_place
from scenarist.db.places import find_last_writes
from scenarist.db.value_sources import find_read_edits, find_writes
from scenarist.domain.entities import Event
from scenarist.domain.environment import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.explanations import WrittenOutputs, describe_write, explain_run
from scenarist.domain.freshness import (
    CurrentOutput,
    RunReason,
    find_changed_inputs,
    find_run_reason,
)
from scenarist.domain.identifiers import EditId, make_uuid
from scenarist.domain.locations import describe_replacement
from scenarist.domain.resources import RESOURCE_PARSERS, Resources, parse_resources
from scenarist.executors.base import JobRequest
from scenarist.storage.base import DeclaredType, ValueLocation, WriteTarget, fingerprint_of
from scenarist.storage.registry import find_file_state

_NO_RESOURCES = Resources()


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


@dataclass(frozen=True, slots=True)
class RunDecision:
    """Why a claimed job runs; without a reason it is skipped, since its outputs are valid.

    Args:
        because: The reason in a sentence, if it needs names.
    """

    reason: RunReason | None
    because: str | None = None


_NOT_SKIPPABLE = RunDecision(RunReason.NOT_SKIPPABLE)
_FORCED = RunDecision(RunReason.FORCED)


def decide_runs(
    connection: Connection,
    claims: Sequence[Claim],
    recipes: RecipeCache,
    inputs: Mapping[int, Sequence[InputValue]],
    now: datetime,
) -> dict[int, RunDecision]:
    """Decide which claimed jobs run, and why, by job.

    Queries the database only if there are skippable tasks, and once more to name their changed
    inputs.
    """
    decisions: dict[int, RunDecision] = {}
    skippable: list[_SkippableJob] = []
    for claim in claims:
        recipe = recipes.get(claim.task_id)
        if not recipe.skippable:
            decisions[claim.number] = _NOT_SKIPPABLE
        elif claim.force:
            decisions[claim.number] = _FORCED
        else:
            skippable.append(_SkippableJob(claim, recipe, inputs.get(claim.number, ())))
    if not skippable:
        return decisions
    found = find_outputs(connection, [job.recipe for job in skippable], find_file_state)
    for job, outputs in zip(skippable, found, strict=True):
        job.outputs = outputs
        job.reason = find_run_reason(job.find_made_of(), outputs, now)
    changes = _describe_changes(
        connection, [job for job in skippable if job.reason is RunReason.INPUT_CHANGED]
    )
    for job in skippable:
        number = job.claim.number
        because = None if job.reason is None else job.explain(changes.get(number, ()))
        decisions[number] = RunDecision(job.reason, because)
    return decisions


@dataclass(slots=True)
class _SkippableJob:
    claim: Claim
    recipe: TaskRecipe
    inputs: Sequence[InputValue]
    outputs: Sequence[CurrentOutput | None] = ()
    reason: RunReason | None = None

    def find_made_of(self) -> str | None:
        """Return the provenance of what it would write; None if a named file has lost its value."""
        has_inputs = all(
            is_in_place(*_storage_of(node, value.kept_as), value.stamp, find_file_state)
            for node, value in zip(self.recipe.inputs, self.inputs, strict=True)
        )
        return self.claim.made_of if has_inputs else None

    def explain(self, changes: Sequence[str]) -> str:
        ends = list(zip(self.recipe.outputs, self.outputs, strict=True))
        written = WrittenOutputs(
            function=self.recipe.function,
            names=[node.config_id for node, _ in ends],
            missing=[node.config_id for node, output in ends if output is None],
            is_code_known=self.recipe.code_digest is not None,
        )
        return explain_run(self.reason, written, changes)


def _describe_changes(
    connection: Connection, changed: Sequence[_SkippableJob]
) -> dict[int, list[str]]:
    """Return what happened to the inputs of jobs since their outputs were made, by job."""
    if not changed:
        return {}
    outputs = [output for job in changed for output in job.outputs if output is not None]
    job_ids = [output.job_id for output in outputs if output.job_id is not None]
    read = find_read_edits(connection, job_ids) if job_ids else {}
    edits: dict[int, list[EditId]] = {}
    for job in changed:
        ends = zip(job.recipe.inputs, job.inputs, strict=True)
        present = {node.data_node_id: value.edit_id for node, value in ends}
        nodes = {
            node_id
            for output in job.outputs
            if output is not None
            for node_id in find_changed_inputs(present, output, read)
        }
        edits[job.claim.number] = [present[node] for node in present if node in nodes]
    writes = find_writes(connection, [edit for found in edits.values() for edit in found])
    return {
        number: [describe_write(writes[edit]) for edit in found if edit in writes]
        for number, found in edits.items()
    }


def _storage_of(
    node: TaskDataNode, kept_as: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """Return the storage type and the properties to read a value with."""
    if kept_as is None:
        return node.storage_type, node.properties
    return kept_as["storage_type"], kept_as["properties"]


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
                figures=node.figures,
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
