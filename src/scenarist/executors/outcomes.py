"""Outcomes for attempts whose worker could not report one."""

from datetime import UTC, datetime

from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import JobOutcome, JobRequest
from scenarist.executors.messages import RunJob

_TIMEOUT_NAMES = {f"builtins:{base.__qualname__}" for base in TimeoutError.__mro__}


def build_outcome(
    attempt: JobRequest | RunJob,
    event: JobEvent,
    reason: str | None = None,
    *,
    started_at: datetime | None = None,
    was_stopped: bool = False,
    has_begun: bool = True,
) -> JobOutcome:
    """Build the outcome of an attempt that ended just now."""
    is_named = event is not JobEvent.TIMED_OUT or _is_retried_on_timeout(attempt)
    return JobOutcome(
        number=attempt.number,
        attempt=attempt.attempt,
        event=event,
        may_be_retried=is_named,
        reason=reason,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        was_stopped=was_stopped,
        has_begun=has_begun,
    )


def _is_retried_on_timeout(attempt: JobRequest | RunJob) -> bool:
    retry_on = attempt.retry_on if isinstance(attempt, JobRequest) else ()
    return not retry_on or not _TIMEOUT_NAMES.isdisjoint(retry_on)
