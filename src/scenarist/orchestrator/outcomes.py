"""What an outcome means for its job: the status it takes, and what is recorded with it."""

from datetime import datetime

from scenarist.db.claims import Claim, TaskRecipe
from scenarist.db.settlements import Settlement
from scenarist.domain.entities import Edit
from scenarist.domain.identifiers import DataNodeId, EditId
from scenarist.domain.lifecycle import (
    LOST_LIMIT,
    JobEvent,
    ending_of,
    next_status,
    retry_delay,
)
from scenarist.domain.vocabulary import JobStatus
from scenarist.executors.base import JobOutcome, JobRequest


def settlement_of(
    claim: Claim, recipe: TaskRecipe, request: JobRequest, outcome: JobOutcome, now: datetime
) -> Settlement:
    """Turn the outcome of one attempt into what the database shall record of it."""
    event = ending_of(
        outcome.event,
        failures=claim.failures,
        retries=recipe.retries,
        losses=claim.lost,
        may_be_retried=outcome.may_be_retried,
    )
    reason = outcome.reason
    if event is JobEvent.GIVEN_UP:
        reason = f"it has lost its worker {LOST_LIMIT} times; the last time {outcome.reason}"
    not_before = None
    if event is JobEvent.RETRIED:
        delay = retry_delay(claim.failures + 1, recipe.retry_delay, job_id=claim.id)
        not_before = now + delay
    return Settlement(
        number=claim.number,
        job_id=claim.id,
        submission_id=claim.submission_id,
        attempt=claim.attempt,
        status=next_status(JobStatus.RUNNING, event),
        edits=_edits(claim, request, outcome, now),
        has_ends=bool(recipe.outputs or recipe.inputs),
        run_at=outcome.started_at,
        reason=reason,
        stacktrace=outcome.stacktrace,
        log=outcome.log,
        not_before=not_before,
        failures=int(event is JobEvent.RETRIED),
        lost=int(event is JobEvent.WORKER_LOST),
    )


def skipped(claim: Claim, now: datetime) -> Settlement:
    return Settlement(
        number=claim.number,
        job_id=claim.id,
        submission_id=claim.submission_id,
        attempt=claim.attempt,
        status=next_status(JobStatus.RUNNING, JobEvent.NOT_NEEDED),
        run_at=now,
        reason="its outputs are valid and newer than its inputs",
    )


def _edits(
    claim: Claim, request: JobRequest, outcome: JobOutcome, now: datetime
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
        )
        for target, written in zip(request.outputs, outcome.written, strict=False)
    )
