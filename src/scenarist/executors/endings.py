"""Outcomes of attempts that the function itself could not report."""

from datetime import UTC, datetime

from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import JobOutcome, JobRequest
from scenarist.executors.messages import Run


def ended(
    attempt: JobRequest | Run,
    event: JobEvent,
    reason: str | None = None,
    *,
    started_at: datetime | None = None,
) -> JobOutcome:
    """Return the outcome of an attempt that ended just now."""
    return JobOutcome(
        number=attempt.number,
        attempt=attempt.attempt,
        event=event,
        reason=reason,
        started_at=started_at,
        finished_at=datetime.now(UTC),
    )
