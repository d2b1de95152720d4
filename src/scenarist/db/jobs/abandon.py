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
        ~any_of(job_holds.c.job_number, "finished"),
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
    connection: Connection,
    causes: Mapping[int, JobId],
    now: datetime,
    ended_waiting: EndedWhileWaiting,
) -> None:
    """Abandon every job that needs, directly or indirectly, the output of an unsuccessful job.

    Args:
        causes: The jobs that did not succeed, by number.
        ended_waiting: The abandoned jobs are added to it.
    """
    while causes:
        because = {
            number: causes[cause]
            for number, cause in connection.execute(_DATA_FOLLOWERS, {"numbers": list(causes)})
            if number not in ended_waiting.jobs
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
        causes = remove_waits(connection, list(because), ended_waiting)


def remove_waits(
    connection: Connection, numbers: Sequence[int], ended_waiting: EndedWhileWaiting
) -> dict[int, JobId]:
    """Delete the waits of jobs that have ended while they were waiting, and record these jobs.

    Returns:
        Their identifiers, by number.
    """
    for number, awaited in connection.execute(_WAITS_OF, {"numbers": numbers}):
        ended_waiting.waited_for.setdefault(number, set()).add(awaited)
    connection.execute(_DELETE_WAITS, {"numbers": numbers})
    connection.execute(_CLEAR_PRODUCERS, {"numbers": numbers})
    withdrawn = {}
    for number, job_id, submission_id in connection.execute(_JOBS, {"numbers": numbers}):
        ended_waiting.jobs[number] = WaitingJob(JobId(job_id), SubmissionId(submission_id))
        withdrawn[number] = JobId(job_id)
    return withdrawn


def transfer_waits(
    connection: Connection, ended_waiting: EndedWhileWaiting, finished: set[int]
) -> Counter[int]:
    """Make the dependents of jobs in *ended_waiting* wait for what these jobs still waited for.

    This keeps the order: a writer after such a job may not overtake the writers before it, and a
    reader after it reads what the writer before it makes. Call this before the holds of
    *finished* are deleted.

    Args:
        finished: All jobs that end in this transaction.

    Returns:
        How many waits each job has gained.
    """
    numbers = list(ended_waiting.jobs)
    for job_number, position, node_id, producer in connection.execute(
        _READERS, {"numbers": numbers}
    ).fetchall():
        values = {"node": node_id, "number": producer, "finished": list(finished)}
        before = connection.execute(_WRITER_BEFORE, values).scalar()
        if before is not None and job_number not in finished:
            connection.execute(_CHANGE_PRODUCER, {"of": job_number, "at": position, "by": before})
    inherited: dict[int, set[int]] = {}
    for follower, awaited in connection.execute(_FOLLOWERS, {"numbers": numbers}):
        inherited.setdefault(follower, set()).update(
            _find_unfinished(ended_waiting, awaited, finished)
        )
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


def _find_unfinished(ended_waiting: EndedWhileWaiting, number: int, finished: set[int]) -> set[int]:
    """Return the unfinished jobs that a job in *ended_waiting* waited for, also through others."""
    found: set[int] = set()
    to_visit = [number]
    seen = {number}
    while to_visit:
        for awaited in ended_waiting.waited_for.get(to_visit.pop(), ()):
            if awaited in seen:
                continue
            seen.add(awaited)
            if awaited in ended_waiting.jobs:
                to_visit.append(awaited)
            elif awaited not in finished:
                found.add(awaited)
    return found
