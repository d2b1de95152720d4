"""Turns outcomes of attempts into completions: the job's next status and what is recorded."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from scenarist.db.jobs.caching import CachedOutputs
from scenarist.db.jobs.claim import Claim, LostAttempt
from scenarist.db.jobs.complete import Completion
from scenarist.db.jobs.recipes import TaskRecipe
from scenarist.db.sharing import EditCopy, OutputCopy
from scenarist.domain.caching import explain_cached
from scenarist.domain.entities import Edit
from scenarist.domain.freshness import WHY_SKIPPED
from scenarist.domain.identifiers import DataNodeId, EditId, make_uuid
from scenarist.domain.lifecycle import (
    SUSPECT_FROM,
    JobEvent,
    compute_retry_delay,
    decide_attempt_event,
    next_status,
)
from scenarist.domain.redaction import redact, redact_log
from scenarist.domain.vocabulary import JobStatus
from scenarist.executors.base import JobOutcome, JobRequest

_log = structlog.get_logger(__name__)

AT_MOST_ONCE = "it does not run again, as its task has retries_after_loss = 0"


def build_completions(
    outcomes: Sequence[JobOutcome],
    running: Mapping[int, tuple[Claim, TaskRecipe, JobRequest]],
    now: datetime,
    *,
    interrupted: Collection[int] = (),
) -> list[Completion]:
    """Build completions from the outcomes of running jobs; skip attempts that are not running here.

    Only the first outcome of an attempt counts.

    Args:
        interrupted: The numbers of the jobs that were stopped so that they run again later.
    """
    completions: dict[int, Completion] = {}
    for outcome in outcomes:
        mine = running.get(outcome.number)
        if mine is None or mine[0].attempt != outcome.attempt:
            continue
        if outcome.number in completions:
            _log.error(
                "a second outcome of an attempt is dropped",
                job_id=mine[0].id,
                attempt=outcome.attempt,
                outcome=outcome.event,
            )
            continue
        if outcome.number in interrupted and outcome.event is not JobEvent.SUCCEEDED:
            outcome = replace(outcome, event=JobEvent.HANDED_BACK, stacktrace=None)
        completions[outcome.number] = build_completion(*mine, outcome, now)
    return list(completions.values())


def build_completion(
    claim: Claim, recipe: TaskRecipe, request: JobRequest, outcome: JobOutcome, now: datetime
) -> Completion:
    """Build the completion to record for the outcome of one attempt."""
    event = decide_attempt_event(
        outcome.event,
        failures=claim.failures,
        retries=recipe.retries,
        losses=claim.lost,
        # An attempt that has not begun may be repeated even with retries_after_loss = 0.
        losses_allowed=max(recipe.retries_after_loss, int(not outcome.has_begun)),
        lost_together=claim.lost_together,
        may_be_retried=outcome.may_be_retried,
    )
    reason = outcome.reason
    if event is JobEvent.GIVEN_UP:
        reason = _explain_given_up(claim, recipe, outcome)
    not_before = None
    if event is JobEvent.RETRIED:
        delay = compute_retry_delay(claim.failures + 1, recipe.retry_delay, job_id=claim.id)
        not_before = now + delay
    return Completion(
        number=claim.number,
        job_id=claim.id,
        submission_id=claim.submission_id,
        attempt=claim.attempt,
        status=next_status(JobStatus.RUNNING, event),
        edits=_build_edits(claim, recipe, request, outcome, now),
        has_data_nodes=bool(recipe.outputs or recipe.inputs),
        run_at=outcome.started_at,
        stopped_at=outcome.stopped_at,
        reason=None if reason is None else redact(reason),
        stacktrace=None if outcome.stacktrace is None else redact(outcome.stacktrace),
        log=redact_log(outcome.log) + _describe_missing_figures(recipe, outcome),
        not_before=not_before,
        failures=int(event is JobEvent.RETRIED),
        lost=int(event is JobEvent.WORKER_LOST),
        lost_together=int(event is JobEvent.LOST_TOGETHER),
        cache_key=claim.cache_key,
        is_suspect=is_suspect(claim),
        function=recipe.function,
        code_digest=recipe.code_digest,
        version=_find_other_version(claim, recipe),
        task_config_id=recipe.config_id,
        started_after=seconds_between(claim.claimed_at, outcome.started_at),
        run_seconds=seconds_between(outcome.started_at, outcome.finished_at),
    )


def complete_given_up(lost: LostAttempt, now: datetime) -> Completion:
    """Build the completion of a job whose holder is gone, and that must not run again."""
    return Completion(
        number=lost.number,
        job_id=lost.id,
        submission_id=lost.submission_id,
        attempt=lost.attempt,
        status=next_status(JobStatus.RUNNING, JobEvent.GIVEN_UP),
        run_at=lost.run_at,
        reason=_explain_no_retry(lost),
        task_config_id=lost.task_config_id,
        run_seconds=seconds_between(lost.run_at, now),
    )


def complete_refused(claim: Claim, task_config_id: str, reason: str, now: datetime) -> Completion:
    """Build the completion of a job that cannot run, now or in another attempt."""
    return Completion(
        number=claim.number,
        job_id=claim.id,
        submission_id=claim.submission_id,
        attempt=claim.attempt,
        status=next_status(JobStatus.RUNNING, JobEvent.RAISED),
        has_run=False,
        run_at=now,
        reason=redact(reason),
        task_config_id=task_config_id,
    )


def complete_unrecordable(item: Completion, cause: str) -> Completion:
    """Build the completion of a job whose outcome the database rejects; the outcome is dropped."""
    return Completion(
        number=item.number,
        job_id=item.job_id,
        submission_id=item.submission_id,
        attempt=item.attempt,
        status=next_status(JobStatus.RUNNING, JobEvent.RAISED),
        has_data_nodes=item.has_data_nodes,
        run_at=item.run_at,
        reason=f"it ended as {item.status}, which could not be recorded: {redact(cause)}",
        version=item.version,
        task_config_id=item.task_config_id,
        started_after=item.started_after,
        run_seconds=item.run_seconds,
    )


def complete_skipped(claim: Claim, recipe: TaskRecipe, now: datetime) -> Completion:
    return Completion(
        number=claim.number,
        job_id=claim.id,
        submission_id=claim.submission_id,
        attempt=claim.attempt,
        status=next_status(JobStatus.RUNNING, JobEvent.NOT_NEEDED),
        has_run=False,
        run_at=now,
        reason=WHY_SKIPPED,
        version=_find_other_version(claim, recipe),
        task_config_id=recipe.config_id,
    )


def complete_cached(
    claim: Claim, recipe: TaskRecipe, cached: CachedOutputs, now: datetime
) -> Completion:
    """Build the completion of a job whose outputs are taken from the cache."""
    return replace(
        complete_skipped(claim, recipe, now),
        reason=explain_cached(cached.job_id),
        cache_key=claim.cache_key,
        cached_from=cached.job_id,
        copies=[
            OutputCopy(
                copy=EditCopy(
                    id=EditId(make_uuid(now)),
                    data_node_id=end.data_node_id,
                    source_id=output.edit_id,
                    made_of=claim.made_of,
                ),
                job_id=claim.id,
                created_at=now,
                code_digest=recipe.code_digest,
                version=recipe.version or claim.version,
                figures=output.figures,
            )
            for end, output in zip(recipe.outputs, cached.outputs, strict=True)
        ],
    )


def seconds_between(begun: datetime | None, ended: datetime | None) -> float | None:
    """Return a duration in seconds, at least 0: the clocks of two machines may differ."""
    if begun is None or ended is None:
        return None
    return max(0.0, (ended - begun).total_seconds())


def is_suspect(claim: Claim) -> bool:
    """Return whether a job may be the cause of losing the servers that it ran on."""
    return claim.lost_together >= SUSPECT_FROM


def _find_other_version(claim: Claim, recipe: TaskRecipe) -> str | None:
    """Return the version of the application that runs a job, if it is not the job's yet."""
    return None if recipe.version == claim.version else recipe.version


def _explain_no_retry(lost: LostAttempt) -> str:
    if lost.retries_after_loss == 0:
        return f"{AT_MOST_ONCE}: its server was lost while it ran, so it is unknown how far it got"
    return _explain_lost_together("its server was lost while it ran", lost.lost_together + 1)


def _explain_lost_together(what: str, times: int) -> str:
    return (
        f"{what}, for the {times}th time; it does not run again, as it may be the cause. "
        "Look in the server's log for why the server ended, and check the machine's memory; "
        "then submit the job again"
    )


def _explain_given_up(claim: Claim, recipe: TaskRecipe, outcome: JobOutcome) -> str:
    if recipe.retries_after_loss == 0:
        what = "its server stopped it" if outcome.reason is None else outcome.reason
        return f"{AT_MOST_ONCE}: {what}"
    if outcome.event is JobEvent.LOST_TOGETHER:
        return _explain_lost_together(str(outcome.reason), claim.lost_together + 1)
    times = claim.lost + 1
    count = "once" if times == 1 else f"{times} times"
    return f"it has lost its worker {count}; the last time {outcome.reason}"


def _describe_missing_figures(recipe: TaskRecipe, outcome: JobOutcome) -> str:
    """Return a line of the log for each place without a number that an outcome is taken from."""
    lines = [
        f"warning: no outcome is taken from data node {end.config_id!r}"
        f"{f' at {pointer}' if pointer else ''}: {figure}\n"
        for end, written in zip(recipe.outputs, outcome.written, strict=False)
        for pointer, figure in written.figures.items()
        if isinstance(figure, str)
    ]
    before = "\n" if lines and outcome.log and not outcome.log.endswith("\n") else ""
    return before + "".join(lines)


def _build_edits(
    claim: Claim, recipe: TaskRecipe, request: JobRequest, outcome: JobOutcome, now: datetime
) -> tuple[Edit, ...]:
    return tuple(
        Edit(
            id=EditId(target.edit_id),
            data_node_id=DataNodeId(target.data_node_id),
            created_at=now,
            job_id=claim.id,
            actor=None,
            comment=None,
            uri=written.uri,
            content=written.content,
            size=written.size,
            digest=written.digest,
            python_type=written.python_type,
            rendition=written.rendition,
            is_complete=written.is_complete,
            code_digest=recipe.code_digest,
            written_to=end.place,
            stamp=written.stamp,
            made_of=claim.made_of,
            version=recipe.version or claim.version,
            figures=written.figures,
        )
        for end, target, written in zip(
            recipe.outputs, request.outputs, outcome.written, strict=False
        )
    )
