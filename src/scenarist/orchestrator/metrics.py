"""Observability of the loop: metrics of jobs, a log line per ended attempt, and spans."""

import logging
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Connection

from scenarist.db.jobs.complete import Completion
from scenarist.domain.identifiers import JobId, SubmissionId
from scenarist.domain.vocabulary import JobStatus
from scenarist.executors.base import JobRequest
from scenarist.observability import tracing
from scenarist.observability.metrics import HANDED_BACK, LOST, RETRIED, OrchestratorMetrics
from scenarist.orchestrator.claiming import JobToRun
from scenarist.orchestrator.outcomes import seconds_between
from scenarist.orchestrator.spans import AttemptSpans

JobRef = tuple[JobId, SubmissionId]
"""A job, and the submission it belongs to."""

_SUCCESSES = frozenset({JobStatus.COMPLETED, JobStatus.SKIPPED})
_FAILURES = frozenset({JobStatus.FAILED, RETRIED, LOST})
# The completion came too late: the job had been taken from this holder.
_NOT_RECORDED = "NOT_RECORDED"

_log = structlog.get_logger(__name__)


class JobMetrics:
    """Metrics, log lines and spans of jobs; the loop reports changes only after their commit."""

    def __init__(self) -> None:
        self.counters = OrchestratorMetrics()
        self._spans = AttemptSpans()

    def read_traces(self, connection: Connection, to_run: Sequence[JobToRun]) -> None:
        """Read the traces that the jobs being claimed belong to."""
        if tracing.is_on():
            self._spans.read_parents(connection, [claim for claim, _, _ in to_run])

    def record_claimed(
        self, to_run: Sequence[JobToRun], requests: Sequence[JobRequest]
    ) -> Sequence[JobRequest]:
        """Record claimed jobs; return their requests, with the spans for their workers."""
        for claim, _, _ in to_run:
            waited = seconds_between(claim.pending_since, claim.claimed_at)
            self.counters.claim_delays.add(waited or 0.0)
        return self._spans.open_spans(to_run, requests) if tracing.is_on() else requests

    def record_completed(
        self, recorded: Sequence[Completion], returned: Sequence[Completion], now: datetime
    ) -> None:
        """Count and log the recorded attempts, and close the spans of all that have returned."""
        if tracing.is_on():
            for item in recorded:
                self._spans.close_span(item.job_id, _outcome_of(item), now)
            for item in returned:
                self._spans.close_span(item.job_id, _NOT_RECORDED, now)
        logs_all = _log.is_enabled_for(logging.DEBUG)
        for item in recorded:
            outcome = _outcome_of(item)
            if item.started_after is not None:
                self.counters.start_delays.add(item.started_after)
            self.counters.add_attempt(item.task_config_id, outcome, item.run_seconds)
            # Successful attempts can number thousands per second, so they are logged at debug only.
            if logs_all or outcome not in _SUCCESSES:
                _log_attempt(item, outcome)

    def record_requeued(self, jobs: Sequence[JobRef], now: datetime) -> None:
        """Record jobs that run again because their holder stops or is gone."""
        for job_id, submission_id in jobs:
            self._spans.close_span(job_id, HANDED_BACK, now)
            _log.info("job handed back", job_id=job_id, submission_id=submission_id)


def _log_attempt(item: Completion, outcome: str) -> None:
    """Log the end of an attempt, without its reason, which may contain secrets of the task."""
    level = logging.DEBUG if outcome in _SUCCESSES else logging.INFO
    _log.log(
        logging.WARNING if outcome in _FAILURES else level,
        "attempt ended",
        job_id=item.job_id,
        submission_id=item.submission_id,
        task=item.task_config_id,
        attempt=item.attempt,
        ending=outcome,
        seconds=item.run_seconds,
    )


def _outcome_of(item: Completion) -> str:
    if item.status is not JobStatus.PENDING:
        return item.status
    if item.failures:
        return RETRIED
    return LOST if item.lost else HANDED_BACK
