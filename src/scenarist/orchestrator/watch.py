"""Tells those who watch what the loop does with jobs: figures, and a line of log for each end."""

from collections.abc import Callable, Sequence

import structlog

from scenarist.db.claims import Claim
from scenarist.db.settlements import Settlement
from scenarist.domain.figures import HANDED_BACK, LOST, RETRIED, JobFigures
from scenarist.domain.identifiers import JobId, SubmissionId
from scenarist.domain.vocabulary import JobStatus
from scenarist.orchestrator.outcomes import seconds_between

JobOf = tuple[JobId, SubmissionId]
"""A job, and the submission that it is of."""

_log = structlog.get_logger(__name__)


class Watch:
    """Is told by the loop of what has been committed, and never of what may be undone."""

    def __init__(self) -> None:
        self.figures = JobFigures()

    def claimed(self, claims: Sequence[Claim]) -> None:
        """Note jobs that were claimed and are about to run."""
        for claim in claims:
            waited = seconds_between(claim.pending_since, claim.claimed_at)
            self.figures.claim_times.add(waited or 0.0)

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """Note attempts whose end is recorded."""
        for item in settlements:
            ending = _ending_of(item)
            if item.started_after is not None:
                self.figures.hand_over_times.add(item.started_after)
            self.figures.add_attempt(item.task_config_id, ending, item.run_seconds)
            # Without the reason: it is in the words of the task, which may hold secrets.
            _level_of(ending)(
                "attempt ended",
                job_id=item.job_id,
                submission_id=item.submission_id,
                task=item.task_config_id,
                attempt=item.attempt,
                ending=ending,
                seconds=item.run_seconds,
            )

    def handed_back(self, jobs: Sequence[JobOf]) -> None:
        """Note jobs that run again, as who ran them stops or is gone."""
        for job_id, submission_id in jobs:
            _log.info("job handed back", job_id=job_id, submission_id=submission_id)


def _level_of(ending: str) -> Callable[..., object]:
    """Return how an ending is logged; at best there are thousands a second that went well."""
    if ending in {JobStatus.COMPLETED, JobStatus.SKIPPED}:
        return _log.debug  # type: ignore[no-any-return]
    if ending in {JobStatus.FAILED, RETRIED, LOST}:
        return _log.warning  # type: ignore[no-any-return]
    return _log.info  # type: ignore[no-any-return]


def _ending_of(item: Settlement) -> str:
    if item.status is not JobStatus.PENDING:
        return item.status
    if item.failures:
        return RETRIED
    return LOST if item.lost else HANDED_BACK
