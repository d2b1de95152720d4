"""The span of each attempt of a job, from when it might run until its end is recorded.

It is under the span that the submission was made in. Under it are the wait for the claim, and what
the worker traces; what lies between the two is the wait for a worker.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from scenarist import tracing
from scenarist.db import submissions as submission_rows
from scenarist.db.claims import Claim
from scenarist.domain.identifiers import JobId, SubmissionId
from scenarist.domain.vocabulary import JobStatus
from scenarist.executors.base import JobRequest
from scenarist.orchestrator.taking import Taken

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_WELL = frozenset({JobStatus.COMPLETED, JobStatus.CANCELED})


class AttemptSpans:
    """Does nothing while this process traces nothing."""

    def __init__(self) -> None:
        self._parents: dict[SubmissionId, str] = {}
        self._open: dict[JobId, Span] = {}

    def look(self, connection: Connection, claims: Sequence[Claim]) -> None:
        """Read the spans that the submissions of jobs were made in."""
        if tracing.is_on() and claims:
            ids = list(dict.fromkeys(claim.submission_id for claim in claims))
            self._parents = submission_rows.traceparents(connection, ids)

    def begun(self, taken: Sequence[Taken], requests: Sequence[JobRequest]) -> Sequence[JobRequest]:
        """Begin the spans of claimed jobs; return the requests with what workers are under."""
        if not tracing.is_on():
            return requests
        return [
            replace(request, traceparent=self._begin(claim, recipe.config_id))
            for (claim, recipe, _), request in zip(taken, requests, strict=True)
        ]

    def ended(self, job_id: JobId, ending: str, now: datetime) -> None:
        """End the span of a job, if it is still open."""
        opened = self._open.pop(job_id, None)
        if opened is not None:
            tracing.close_span(
                opened, {"scenarist.ending": ending}, is_amiss=ending not in _WELL, at=now
            )

    def _begin(self, claim: Claim, task: str) -> str | None:
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
