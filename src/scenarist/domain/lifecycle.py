"""What may happen to a job, what follows from it, and how a submission sums up its jobs.

Pure: tables and functions over statuses. The database room applies what they say, and nothing
may move a job in a way that is not in `TRANSITIONS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from hashlib import blake2b

from scenarist.domain.errors import ConflictError
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus

LOST_LIMIT = 3
"""How many workers a job may lose before it is FAILED, unless its task says otherwise."""

LOST_TOGETHER_LIMIT = 5
"""How many attempts may end together with all that ran beside them before a job is FAILED."""

SUSPECT_FROM = 2
"""After how many of those a job runs beside no other job of this kind."""


@unique
class JobEvent(StrEnum):
    HELD_BACK = "held back"  #: something it needs is not there yet
    RELEASED = "released"  #: the last thing that it waited for is there
    CLAIMED = "claimed"  #: a holder took it
    SUCCEEDED = "succeeded"  #: its function returned and its outputs are written
    RAISED = "raised"  #: its function, or the reading or writing around it, went wrong
    TIMED_OUT = "timed out"  #: it ran longer than its task allows and was killed
    RETRIED = "retried"  #: it went wrong, and its task allows another attempt
    WORKER_LOST = "worker lost"  #: its process ended under it
    LOST_TOGETHER = "lost together"  #: what ran it ended, and all that ran beside it with it
    GIVEN_UP = "given up"  #: its process ended under it too often
    HANDED_BACK = "handed back"  #: its holder stopped, or is gone
    NOT_NEEDED = "not needed"  #: its outputs are still valid
    CANCEL_REQUESTED = "cancel requested"
    UPSTREAM_FAILED = "upstream failed"  #: a job of its submission that it needs did not succeed


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
    """Return the status that a job takes when an event happens to it.

    Raises:
        ConflictError: The event cannot happen to a job of this status.
    """
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise ConflictError(
            f"a {status} job cannot be {event}", code="invalid_transition"
        ) from None


def lets_followers_run(status: JobStatus) -> bool:
    """Whether a job that ended in a status leaves its outputs to those that need them."""
    return status in {JobStatus.COMPLETED, JobStatus.SKIPPED}


def ending_of(  # noqa: PLR0913 - all that decides it
    event: JobEvent,
    *,
    failures: int,
    retries: int,
    losses: int,
    losses_allowed: int = LOST_LIMIT - 1,
    lost_together: int = 0,
    may_be_retried: bool = True,
) -> JobEvent:
    """Return what an ending means for a job that has failed and lost workers before.

    Args:
        may_be_retried: Whether what went wrong is something that its task is tried again for.
        failures: How many attempts went wrong before this one.
        losses: How many workers ended under it before this one.
        losses_allowed: After how many of them it runs again. A job that may run once only is also
            given up when it has to be handed back.
        lost_together: How many attempts ended before this one together with all beside them.
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


def retry_delay(failures: int, base: timedelta, *, job_id: str) -> timedelta:
    """Return how long a job waits after it went wrong so many times, doubling each time.

    Up to a quarter is added, by what looks like chance and is the same for the same job and
    attempt, so that jobs which went wrong together do not come back together.
    """
    doublings: int = 2 ** min(failures - 1, 20)
    digest = blake2b(f"{job_id} {failures}".encode(), digest_size=4).digest()
    chance = int.from_bytes(digest) / 2**32
    return min(base * doublings, timedelta(hours=1)) * (1 + chance / 4)


def roll_up_ended(*, failed: int, canceled: int) -> SubmissionStatus:
    """Sum up a submission whose jobs have all ended: FAILED, else CANCELED, else COMPLETED.

    An ABANDONED job is explained by the failed or canceled one before it.
    """
    if failed:
        return SubmissionStatus.FAILED
    if canceled:
        return SubmissionStatus.CANCELED
    return SubmissionStatus.COMPLETED


def roll_up_under_way(statuses: Mapping[JobStatus, int]) -> SubmissionStatus:
    """Sum up a submission that still has unfinished jobs, given how many are in each status."""
    for status in (JobStatus.RUNNING, JobStatus.PENDING, JobStatus.BLOCKED):
        if statuses.get(status):
            return SubmissionStatus(status)
    return SubmissionStatus.SUBMITTED


@dataclass(frozen=True, slots=True)
class PresentOutput:
    """The present value of a data node that a skippable task writes.

    Args:
        made_of: Digests of what it was made of, separated by blanks; None where that is unknown.
        is_in_place: Whether it is still where it was written: False for a named file that is gone
            or was replaced.
    """

    written_at: datetime
    made_of: str | None
    validity: timedelta | None
    is_in_place: bool = True


def provenance(task_id: str, edit_ids: Sequence[str]) -> str:
    """Return a digest of a task and of the edits that it reads, in the order of its inputs."""
    return blake2b("\n".join((task_id, *edit_ids)).encode(), digest_size=16).hexdigest()


def is_skippable(made_of: str, outputs: Sequence[PresentOutput | None], now: datetime) -> bool:
    """Whether a skippable task's outputs still hold, so that it need not run.

    They do when each has a value that was made of what the job would read now, is where it was
    written, and is within its validity period. Clocks only matter for the last, and one that is
    set back lengthens it by at most as much again.

    Args:
        made_of: What the job would make its outputs of: `provenance`.
        outputs: None for each data node without a value.
    """
    return bool(outputs) and all(
        output is not None
        and output.is_in_place
        and made_of in (output.made_of or "").split()
        and (output.validity is None or abs(now - output.written_at) <= output.validity)
        for output in outputs
    )
