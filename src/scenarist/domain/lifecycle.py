"""Life cycle of jobs: events, transitions, retries, and the status of a submission.

Pure tables and functions over statuses, which the `db` package applies. `TRANSITIONS` contains
every change of a job's status that is allowed.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum, unique
from hashlib import blake2b

from scenarist.domain.errors import ConflictError
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus

LOST_LIMIT = 3
"""After how many lost workers a job is FAILED, unless its task sets another limit."""

LOST_TOGETHER_LIMIT = 5
"""After how many attempts that ended together with everything else that ran a job is FAILED."""

SUSPECT_FROM = 2
"""After how many such attempts a job is a suspect; an orchestrator runs one suspect at a time."""


@unique
class JobEvent(StrEnum):
    HELD_BACK = "held back"  #: something that it needs is missing
    RELEASED = "released"  #: nothing that it waited for is missing any more
    CLAIMED = "claimed"  #: an orchestrator claimed it
    SUCCEEDED = "succeeded"  #: its function returned and its outputs are written
    RAISED = "raised"  #: its function failed, or reading its inputs or writing its outputs did
    TIMED_OUT = "timed out"  #: it exceeded the timeout of its task and was stopped
    RETRIED = "retried"  #: it failed, and its task allows another attempt
    WORKER_LOST = "worker lost"  #: its worker process died
    LOST_TOGETHER = "lost together"  #: its server or engine died, with everything that it ran
    GIVEN_UP = "given up"  #: its worker process died too often
    HANDED_BACK = "handed back"  #: its orchestrator stopped or disappeared
    NOT_NEEDED = "not needed"  #: its outputs are still valid
    CANCEL_REQUESTED = "cancel requested"
    UPSTREAM_FAILED = "upstream failed"  #: a job whose output it needs did not succeed


TRANSITIONS: Mapping[tuple[JobStatus, JobEvent], JobStatus] = {
    (JobStatus.SUBMITTED, JobEvent.HELD_BACK): JobStatus.BLOCKED,
    (JobStatus.SUBMITTED, JobEvent.RELEASED): JobStatus.PENDING,
    (JobStatus.BLOCKED, JobEvent.RELEASED): JobStatus.PENDING,
    (JobStatus.BLOCKED, JobEvent.CANCEL_REQUESTED): JobStatus.CANCELED,
    (JobStatus.BLOCKED, JobEvent.UPSTREAM_FAILED): JobStatus.ABANDONED,
    (JobStatus.PENDING, JobEvent.HELD_BACK): JobStatus.BLOCKED,
    (JobStatus.PENDING, JobEvent.CLAIMED): JobStatus.RUNNING,
    (JobStatus.PENDING, JobEvent.CANCEL_REQUESTED): JobStatus.CANCELED,
    (JobStatus.RUNNING, JobEvent.SUCCEEDED): JobStatus.COMPLETED,
    (JobStatus.RUNNING, JobEvent.RAISED): JobStatus.FAILED,
    (JobStatus.RUNNING, JobEvent.TIMED_OUT): JobStatus.FAILED,
    (JobStatus.RUNNING, JobEvent.RETRIED): JobStatus.PENDING,
    (JobStatus.RUNNING, JobEvent.WORKER_LOST): JobStatus.PENDING,
    (JobStatus.RUNNING, JobEvent.LOST_TOGETHER): JobStatus.PENDING,
    (JobStatus.RUNNING, JobEvent.GIVEN_UP): JobStatus.FAILED,
    (JobStatus.RUNNING, JobEvent.HANDED_BACK): JobStatus.PENDING,
    (JobStatus.RUNNING, JobEvent.NOT_NEEDED): JobStatus.SKIPPED,
    (JobStatus.RUNNING, JobEvent.CANCEL_REQUESTED): JobStatus.CANCELED,
}


def next_status(status: JobStatus, event: JobEvent) -> JobStatus:
    """Return the status of a job after an event.

    Raises:
        ConflictError: The event is not allowed for a job of this status.
    """
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise ConflictError(
            f"a {status} job cannot be {event}", code="invalid_transition"
        ) from None


def can_dependents_run(status: JobStatus) -> bool:
    """Whether the jobs that depend on the outputs of a job may run after it ended in a status."""
    return status in {JobStatus.COMPLETED, JobStatus.SKIPPED}


def decide_attempt_event(  # noqa: PLR0913 - all inputs of the decision
    event: JobEvent,
    *,
    failures: int,
    retries: int,
    losses: int,
    losses_allowed: int = LOST_LIMIT - 1,
    lost_together: int = 0,
    may_be_retried: bool = True,
) -> JobEvent:
    """Return the event to apply at the end of an attempt, given the job's earlier failures.

    Args:
        may_be_retried: Whether the task retries after this error (``retry_on``).
        failures: How many earlier attempts raised or timed out.
        losses: How many earlier attempts lost their worker.
        losses_allowed: After how many lost workers it runs again. With 0 the job may run only
            once, so it is also given up when it is handed back.
        lost_together: How many earlier attempts ended together with everything else that ran.
    """
    has_failed = event in {JobEvent.RAISED, JobEvent.TIMED_OUT}
    if has_failed and may_be_retried and failures < retries:
        return JobEvent.RETRIED
    if event is JobEvent.WORKER_LOST and losses >= losses_allowed:
        return JobEvent.GIVEN_UP
    if event is JobEvent.LOST_TOGETHER and lost_together >= LOST_TOGETHER_LIMIT - 1:
        return JobEvent.GIVEN_UP
    if event in {JobEvent.HANDED_BACK, JobEvent.LOST_TOGETHER} and losses_allowed == 0:
        return JobEvent.GIVEN_UP
    return event


def compute_retry_delay(failures: int, base: timedelta, *, job_id: str) -> timedelta:
    """Return the delay before the next attempt: *base*, doubled for each failure after the first.

    It is capped at an hour. Jitter adds up to a quarter, so that jobs that failed together do not
    retry together; it is derived from job and attempt, so it is reproducible.
    """
    doublings: int = 2 ** min(failures - 1, 20)
    digest = blake2b(f"{job_id} {failures}".encode(), digest_size=4).digest()
    chance = int.from_bytes(digest) / 2**32
    return min(base * doublings, timedelta(hours=1)) * (1 + chance / 4)


def roll_up_finished(*, failed: int, canceled: int) -> SubmissionStatus:
    """Return the status of a submission whose jobs have all ended.

    It is FAILED if a job failed, else CANCELED if one was canceled, else COMPLETED. Abandoned jobs
    do not count: the failed or canceled job that they depended on does.
    """
    if failed:
        return SubmissionStatus.FAILED
    if canceled:
        return SubmissionStatus.CANCELED
    return SubmissionStatus.COMPLETED


def roll_up_unfinished(statuses: Mapping[JobStatus, int]) -> SubmissionStatus:
    """Return the status of a submission with unfinished jobs, given their number per status."""
    for status in (JobStatus.RUNNING, JobStatus.PENDING, JobStatus.BLOCKED):
        if statuses.get(status):
            return SubmissionStatus(status)
    return SubmissionStatus.SUBMITTED
