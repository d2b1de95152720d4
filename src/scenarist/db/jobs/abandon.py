"""Jobs that end while they wait: cancelled, or abandoned because a dependency did not succeed.

What waited for such a job inherits its unfinished dependencies, so that the order is kept.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from scenarist.db.among import any_of
from scenarist.db.data_nodes import WRITE
from scenarist.db.jobs.enqueue import DATA, ORDER
from scenarist.db.tables import job_holds, job_inputs, job_waits, jobs
from scenarist.domain.identifiers import JobId, SubmissionId
from scenarist.domain.lifecycle import JobEvent, next_status
from scenarist.domain.vocabulary import JobStatus

_DATA_FOLLOWERS = select(job_waits.c.job_number, job_waits.c.for_job).where(
    any_of(job_waits.c.for_job, "numbers"), job_waits.c.kind == DATA
)
_JOBS = select(jobs.c.number, jobs.c.id, jobs.c.submission_id).where(
    any_of(jobs.c.number, "numbers")
)
_ABANDON = (
    update(jobs)
    .where(jobs.c.number == bindparam("of"))
    .values(
        status=next_status(JobStatus.BLOCKED, JobEvent.UPSTREAM_FAILED),
        waiting=0,
        finished_at=bindparam("finished_at"),
        reason=bindparam("reason"),
    )
)
_WAITS_OF = select(job_waits.c.job_number, job_waits.c.for_job).where(
    any_of(job_waits.c.job_number, "numbers"), job_waits.c.for_job.is_not(None)
)
_DELETE_WAITS = delete(job_waits).where(any_of(job_waits.c.job_number, "numbers"))
_CLEAR_PRODUCERS = (
    update(job_inputs).where(any_of(job_inputs.c.job_number, "numbers")).values(producer=None)
)
_FOLLOWERS = select(job_waits.c.job_number, job_waits.c.for_job).where(
    any_of(job_waits.c.for_job, "numbers")
)
_ADD_WAITS = insert(job_waits)
_READERS = select(
    job_inputs.c.job_number,
    job_inputs.c.position,
    job_inputs.c.data_node_id,
    job_inputs.c.producer,
).where(any_of(job_inputs.c.producer, "numbers"))
_own = job_holds.alias("own")
_OWN_HOLD = (
    select(_own.c.number)
    .where(
        _own.c.data_node_id == bindparam("node"),
        _own.c.mode == WRITE,
        _own.c.job_number == bindparam("number"),
    )
    .scalar_subquery()
)
_WRITER_BEFORE = (
    select(job_holds.c.job_number)
    .where(
        job_holds.c.data_node_id == bindparam("node"),
        job_holds.c.mode == WRITE,
        job_holds.c.number < _OWN_HOLD,
        ~any_of(job_holds.c.job_number, "gone"),
    )
    .order_by(job_holds.c.number.desc())
    .limit(1)
)
_CHANGE_PRODUCER = (
    update(job_inputs)
    .where(job_inputs.c.job_number == bindparam("of"), job_inputs.c.position == bindparam("at"))
    .values(producer=bindparam("by"))
)


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """Job that ended while it was waiting."""

    id: JobId
    submission_id: SubmissionId


@dataclass(frozen=True, slots=True)
class EndedWhileWaiting:
    """Jobs that ended while they were waiting, by number, and the jobs that they waited for."""

    jobs: dict[int, WaitingJob] = field(default_factory=dict)
    waited_for: dict[int, set[int]] = field(default_factory=dict)


def abandon(
    connection: Connection, causes: Mapping[int, JobId], now: datetime, turnless: EndedWhileWaiting
) -> None:
    """Abandon every job that needs, directly or indirectly, the output of an unsuccessful job.

    Args:
        causes: The jobs that did not succeed, by number.
        turnless: The abandoned jobs are added to it.
    """
    while causes:
        because = {
            number: causes[cause]
            for number, cause in connection.execute(_DATA_FOLLOWERS, {"numbers": list(causes)})
            if number not in turnless.jobs
        }
        if not because:
            break
        connection.execute(
            _ABANDON,
            [
                {
                    "of": number,
                    "finished_at": now,
                    "reason": f"it needs the output of {cause}, which did not succeed",
                }
                for number, cause in because.items()
            ],
        )
        causes = remove_waits(connection, list(because), turnless)


def remove_waits(
    connection: Connection, numbers: Sequence[int], turnless: EndedWhileWaiting
) -> dict[int, JobId]:
    """Delete the waits of jobs that have ended while they were waiting; record them in *turnless*.

    Returns:
        Their identifiers, by number.
    """
    for number, awaited in connection.execute(_WAITS_OF, {"numbers": numbers}):
        turnless.waited_for.setdefault(number, set()).add(awaited)
    connection.execute(_DELETE_WAITS, {"numbers": numbers})
    connection.execute(_CLEAR_PRODUCERS, {"numbers": numbers})
    withdrawn = {}
    for number, job_id, submission_id in connection.execute(_JOBS, {"numbers": numbers}):
        turnless.jobs[number] = WaitingJob(JobId(job_id), SubmissionId(submission_id))
        withdrawn[number] = JobId(job_id)
    return withdrawn


def transfer_waits(
    connection: Connection, turnless: EndedWhileWaiting, gone: set[int]
) -> Counter[int]:
    """Make the dependents of *turnless* jobs wait for what these jobs still waited for.

    This keeps the order: a writer after such a job may not overtake the writers before it, and a
    reader after it reads what the writer before it makes. Call this before the holds of *gone* are
    deleted.

    Args:
        gone: All jobs that end in this transaction.

    Returns:
        How many waits each job has gained.
    """
    numbers = list(turnless.jobs)
    for job_number, position, node_id, producer in connection.execute(
        _READERS, {"numbers": numbers}
    ).fetchall():
        values = {"node": node_id, "number": producer, "gone": list(gone)}
        before = connection.execute(_WRITER_BEFORE, values).scalar()
        if before is not None and job_number not in gone:
            connection.execute(_CHANGE_PRODUCER, {"of": job_number, "at": position, "by": before})
    inherited: dict[int, set[int]] = {}
    for follower, awaited in connection.execute(_FOLLOWERS, {"numbers": numbers}):
        inherited.setdefault(follower, set()).update(_find_unfinished(turnless, awaited, gone))
    for follower, awaited in connection.execute(_WAITS_OF, {"numbers": list(inherited)}):
        inherited[follower].discard(awaited)
    waits = [
        {"job_number": follower, "kind": ORDER, "for_job": awaited, "for_data_node": None}
        for follower, many in inherited.items()
        for awaited in sorted(many)
    ]
    if waits:
        connection.execute(_ADD_WAITS, waits)
    return Counter({follower: len(many) for follower, many in inherited.items()})


def _find_unfinished(turnless: EndedWhileWaiting, number: int, gone: set[int]) -> set[int]:
    """Return the unfinished jobs that a job in *turnless* waited for, also through others in it."""
    found: set[int] = set()
    to_look_at = [number]
    seen = {number}
    while to_look_at:
        for awaited in turnless.waited_for.get(to_look_at.pop(), ()):
            if awaited in seen:
                continue
            seen.add(awaited)
            if awaited in turnless.jobs:
                to_look_at.append(awaited)
            elif awaited not in gone:
                found.add(awaited)
    return found
