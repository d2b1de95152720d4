"""The table of what may happen to a job, and what a submission makes of it."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from scenarist.domain.errors import ConflictError
from scenarist.domain.lifecycle import (
    TRANSITIONS,
    JobEvent,
    compute_retry_delay,
    next_status,
    roll_up_finished,
    roll_up_unfinished,
)
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("status", list(JobStatus))
@pytest.mark.parametrize("event", list(JobEvent))
def test_every_pair_is_in_the_table_or_refused(status: JobStatus, event: JobEvent) -> None:
    if (status, event) in TRANSITIONS:
        assert next_status(status, event) is TRANSITIONS[status, event]
    else:
        with pytest.raises(ConflictError, match=f"a {status} job cannot be {event}"):
            next_status(status, event)


@pytest.mark.parametrize("status", [status for status in JobStatus if status.is_finished])
def test_nothing_happens_to_a_job_that_has_ended(status: JobStatus) -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] is status]


def test_every_status_but_the_first_can_be_reached() -> None:
    assert set(TRANSITIONS.values()) == set(JobStatus) - {JobStatus.SUBMITTED}


@pytest.mark.parametrize(
    ("failed", "canceled", "expected"),
    [
        (0, 0, SubmissionStatus.COMPLETED),
        (0, 2, SubmissionStatus.CANCELED),
        (1, 2, SubmissionStatus.FAILED),
        (1, 0, SubmissionStatus.FAILED),
    ],
)
def test_a_submission_that_has_ended_tells_the_worst(
    failed: int, canceled: int, expected: SubmissionStatus
) -> None:
    assert roll_up_finished(failed=failed, canceled=canceled) is expected


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({JobStatus.FAILED: 1, JobStatus.RUNNING: 1}, SubmissionStatus.RUNNING),
        ({JobStatus.PENDING: 1, JobStatus.BLOCKED: 5}, SubmissionStatus.PENDING),
        ({JobStatus.COMPLETED: 3, JobStatus.BLOCKED: 1}, SubmissionStatus.BLOCKED),
        ({}, SubmissionStatus.SUBMITTED),
    ],
)
def test_a_submission_under_way_tells_its_liveliest_job(
    statuses: dict[JobStatus, int], expected: SubmissionStatus
) -> None:
    assert roll_up_unfinished(statuses) is expected


def test_delays_between_attempts_double_up_to_an_hour() -> None:
    for failures, least in ((1, 10), (2, 20), (3, 40), (40, 3600)):
        delay = compute_retry_delay(failures, timedelta(seconds=10), job_id="JOB_a")

        assert timedelta(seconds=least) <= delay <= timedelta(seconds=least) * 1.25


def test_jobs_that_failed_together_do_not_come_back_together() -> None:
    delays = [compute_retry_delay(1, HOUR, job_id=f"JOB_{number}") for number in range(100)]

    quarters = Counter(int((delay - HOUR) / (HOUR / 16)) for delay in delays)
    assert set(quarters) == {0, 1, 2, 3}
    assert min(quarters.values()) > 10
