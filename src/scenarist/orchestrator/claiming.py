"""Sorts claimed jobs: those to run, those to skip or refuse, and those that wait for a machine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db.jobs import claim as claims
from scenarist.db.jobs.claim import Claim, InputValue
from scenarist.db.jobs.complete import Completion
from scenarist.db.jobs.propagate import make_job_event
from scenarist.db.jobs.recipes import RecipeCache, TaskRecipe
from scenarist.domain.entities import Event
from scenarist.domain.freshness import RunReason, digest_provenance
from scenarist.domain.resources import Resources
from scenarist.domain.vocabulary import JobStatus
from scenarist.orchestrator.cached_jobs import CachedJobs
from scenarist.orchestrator.job_requests import (
    RunDecision,
    decide_runs,
    find_faults,
    gather_inputs,
    record_replaced_files,
    resources_of,
)
from scenarist.orchestrator.outcomes import (
    complete_cached,
    complete_refused,
    complete_skipped,
    is_suspect,
)

_MACHINE_WITHOUT_SUSPECTS = (
    "a machine that runs no other job under which servers were lost more than once"
)

JobToRun = tuple[Claim, TaskRecipe, list[InputValue]]
"""A claimed job to run, with its recipe and its input values."""


@dataclass(slots=True)
class SortedClaims:
    """Claimed jobs, sorted by what to do with them.

    Args:
        completions: Completions of jobs that are skipped because their outputs are still valid, or
            that fail because they cannot run.
        waiting: Jobs that no machine can run, with the machine that they wait for. The jobs behind
            them are claimed next.
        behind: Jobs whose outputs a running job computes now, with the number of that job.
        file_events: Changes recorded because other programs have replaced named files.
    """

    to_run: list[JobToRun] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    waiting: list[tuple[Claim, str]] = field(default_factory=list)
    behind: list[tuple[Claim, int]] = field(default_factory=list)
    file_events: Sequence[Event] = ()

    @property
    def may_free_others(self) -> bool:
        return bool(self.completions or self.waiting or self.behind or self.file_events)

    @property
    def changes(self) -> list[Event]:
        moved = [(claim, JobStatus.RUNNING) for claim, _, _ in self.to_run]
        held_back = [*self.waiting, *self.behind]
        moved += [(claim, JobStatus.BLOCKED) for claim, _ in held_back]
        changes = [make_job_event(claim.id, claim.submission_id, to) for claim, to in moved]
        return [*self.file_events, *changes]


def sort_claims(
    connection: Connection,
    claimed: Sequence[Claim],
    recipes: RecipeCache,
    lacks: Callable[[Resources], str | None],
    *,
    now: datetime,
    suspects: int = 0,
) -> SortedClaims:
    """Decide for each claimed job whether it runs, is skipped, fails or waits for a machine.

    Args:
        suspects: How many running jobs of this process are suspects: servers were lost more than
            once while they ran. Only one suspect runs at a time, so that those that are not the
            cause can complete (docs/decisions/0093).
    """
    recipes.read(connection, (claim.task_id for claim in claimed))
    inputs = gather_inputs(connection, claimed, recipes)
    found, replaced = record_replaced_files(connection, claimed, recipes, inputs, now)
    faults = find_faults(connection, claimed, recipes, inputs) | replaced
    claimed = [
        replace(claim, made_of=_digest_inputs(claim, inputs.get(claim.number, ())))
        for claim in claimed
    ]
    is_cached = any(recipes.get(claim.task_id).cached_as is not None for claim in claimed)
    cached = CachedJobs.read(connection, claimed, recipes, inputs) if is_cached else None
    result = SortedClaims(file_events=found)
    sound = [claim for claim in claimed if claim.number not in faults]
    decisions = decide_runs(connection, sound, recipes, inputs, now)
    for claim in claimed:
        recipe = recipes.get(claim.task_id)
        values = inputs.get(claim.number, [])
        if claim.number in faults:
            result.completions.append(
                complete_refused(claim, recipe.config_id, faults[claim.number], now)
            )
        elif decisions[claim.number].reason is None:
            result.completions.append(complete_skipped(claim, recipe, now))
        elif cached is not None and _leave_to_cache(cached, claim, recipe, result):
            pass
        elif (lacking := lacks(resources_of(recipe))) is not None:
            result.waiting.append((claim, f"a machine with {lacking}"))
        elif is_suspect(claim) and suspects:
            result.waiting.append((claim, _MACHINE_WITHOUT_SUSPECTS))
        else:
            suspects += is_suspect(claim)
            result.to_run.append((cached.start(claim) if cached else claim, recipe, values))
    _hold_back(connection, result, cached)
    _record_reasons(connection, result.to_run, decisions)
    return result


def _hold_back(connection: Connection, result: SortedClaims, cached: CachedJobs | None) -> None:
    if result.waiting:
        claims.block_for_machine(connection, result.waiting)
    if cached is not None:
        cached.record(connection, result.behind)


def _digest_inputs(claim: Claim, values: Sequence[InputValue]) -> str:
    return digest_provenance(claim.task_id, [value.edit_id for value in values])


def _record_reasons(
    connection: Connection, to_run: Sequence[JobToRun], decisions: Mapping[int, RunDecision]
) -> None:
    """Record why jobs run, where that differs from what the claim has recorded."""
    reasons = []
    for claim, _, _ in to_run:
        decision = decisions[claim.number]
        if decision.reason is not None and decision.reason is not RunReason.NOT_SKIPPABLE:
            reasons.append((claim, decision.reason, decision.because))
    if reasons:
        claims.record_reasons(connection, reasons)


def _leave_to_cache(
    cached: CachedJobs, claim: Claim, recipe: TaskRecipe, result: SortedClaims
) -> bool:
    """Take the outputs of a job from the cache, or have it wait for the job that computes them.

    Return whether either is possible; otherwise it has to run.
    """
    outputs = cached.find(claim)
    if outputs is not None:
        claim = cached.with_key(claim)
        result.completions.append(complete_cached(claim, recipe, outputs, claim.claimed_at))
        return True
    other = cached.find_running(claim)
    if other is not None:
        result.behind.append((claim, other))
    return other is not None
