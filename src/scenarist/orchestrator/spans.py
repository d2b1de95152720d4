"""Trace spans of attempts, from when the job could run until its end is recorded.

The parent is the span in which the submission was made. The children are the wait for the claim and
the spans of the worker; the gap between these is the wait for a worker (docs/decisions/0047).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from scenarist.db import submissions as submission_rows
from scenarist.db.jobs.claim import Claim
from scenarist.domain.identifiers import JobId, SubmissionId
from scenarist.domain.vocabulary import JobStatus
from scenarist.executors.base import JobRequest
from scenarist.observability import tracing
from scenarist.orchestrator.claiming import JobToRun

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_SUCCESSES = frozenset({JobStatus.COMPLETED, JobStatus.CANCELED})


class AttemptSpans:
    """Spans of the running attempts, for a process that has tracing enabled."""

    def __init__(self) -> None:
        self._parents: dict[SubmissionId, str] = {}
        self._open: dict[JobId, Span] = {}

    def read_parents(self, connection: Connection, claims: Sequence[Claim]) -> None:
        """Read the spans in which the jobs' submissions were made."""
        if claims:
            ids = list(dict.fromkeys(claim.submission_id for claim in claims))
            self._parents = submission_rows.find_traceparents(connection, ids)

    def open_spans(
        self, to_run: Sequence[JobToRun], requests: Sequence[JobRequest]
    ) -> Sequence[JobRequest]:
        """Open the spans of claimed jobs; return the requests with the workers' parent spans."""
        return [
            replace(request, traceparent=self._open_span(claim, recipe.config_id))
            for (claim, recipe, _), request in zip(to_run, requests, strict=True)
        ]

    def close_span(self, job_id: JobId, outcome: str, now: datetime) -> None:
        """Close the span of a job, if it is still open."""
        opened = self._open.pop(job_id, None)
        if opened is not None:
            tracing.close_span(
                opened, {"scenarist.ending": outcome}, is_amiss=outcome not in _SUCCESSES, at=now
            )

    def _open_span(self, claim: Claim, task: str) -> str | None:
        opened, written = tracing.open_span(
            f"job {task}",
            {
                "scenarist.job_id": claim.id,
                "scenarist.submission_id": claim.submission_id,
                "scenarist.task": task,
                "scenarist.attempt": claim.attempt,
            },
            parent=self._parents.get(claim.submission_id),
            at=claim.pending_since,
        )
        self._open[claim.id] = opened
        wait, _ = tracing.open_span("wait for claim", {}, parent=written, at=claim.pending_since)
        tracing.close_span(wait, {}, is_amiss=False, at=claim.claimed_at)
        return written
