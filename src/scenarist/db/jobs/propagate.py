"""Propagation of finished jobs: dependents are released or abandoned, submissions finish."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    case,
    delete,
    literal_column,
    select,
    update,
)

from scenarist.db.among import any_of
from scenarist.db.each import execute_many
from scenarist.db.jobs.abandon import EndedWhileWaiting, abandon, transfer_waits
from scenarist.db.jobs.claim import NO_JOB
from scenarist.db.jobs.first_values import (
    WaitChanges,
    await_values,
    move_writers_first,
    provide_values,
)
from scenarist.db.sql import Query
from scenarist.db.tables import (
    data_nodes,
    job_holds,
    job_inputs,
    job_waits,
    jobs,
    submissions,
)
from scenarist.domain.entities import Event
from scenarist.domain.identifiers import JobId, SubmissionId
from scenarist.domain.lifecycle import JobEvent, can_dependents_run, next_status, roll_up_finished
from scenarist.domain.permissions import ActorRef
from scenarist.domain.vocabulary import ChangeType, EntityKind, JobStatus, SubmissionStatus

_FORGET_HOLDS = delete(job_holds).where(any_of(job_holds.c.job_number, "numbers"))
_DECIDE_INPUTS = Query(
    update(job_inputs)
    .where(any_of(job_inputs.c.producer, "numbers"))
    .values(
        edit_id=select(data_nodes.c.last_edit_id)
        .where(data_nodes.c.id == job_inputs.c.data_node_id)
        .scalar_subquery(),
        producer=None,
    )
    .returning(job_inputs.c.job_number, job_inputs.c.data_node_id, job_inputs.c.edit_id)
)
_RELEASE = Query(
    delete(job_waits)
    .where(any_of(job_waits.c.for_job, "numbers"))
    .returning(job_waits.c.job_number)
)
_RELEASE_MACHINES = Query(
    delete(job_waits).where(job_waits.c.for_job == NO_JOB).returning(job_waits.c.job_number)
)
_COUNT_DOWN = (
    update(jobs)
    .where(jobs.c.number == bindparam("of"), jobs.c.status == literal_column("'BLOCKED'"))
    .values(
        waiting=jobs.c.waiting - bindparam("fewer"),
        status=case(
            (
                jobs.c.waiting == bindparam("fewer"),
                next_status(JobStatus.BLOCKED, JobEvent.RELEASED),
            ),
            else_=jobs.c.status,
        ),
        pending_since=bindparam("pending_since"),
    )
)
_COUNTS = Query(
    select(
        submissions.c.id, submissions.c.unfinished, submissions.c.failed, submissions.c.canceled
    ).where(any_of(submissions.c.id, "ids"))
)
_UPDATE_COUNTS = (
    update(submissions)
    .where(submissions.c.id == bindparam("of"))
    .values(
        unfinished=bindparam("unfinished"),
        failed=bindparam("failed"),
        canceled=bindparam("canceled"),
        status=bindparam("status"),
        finished_at=bindparam("finished_at"),
    )
)
_RELEASED = Query(
    select(jobs.c.id, jobs.c.submission_id).where(
        any_of(jobs.c.number, "numbers"), jobs.c.status == literal_column("'PENDING'")
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedJob:
    """Job that has finished; its own row is already updated."""

    number: int
    job_id: JobId
    submission_id: SubmissionId
    status: JobStatus
    has_data_nodes: bool = True  #: whether it reads or writes any data node


def propagate(
    connection: Connection,
    finished: Sequence[FinishedJob],
    now: datetime,
    *,
    written_nodes: Sequence[str] = (),
    ended_waiting: EndedWhileWaiting | None = None,
) -> list[Event]:
    """Release or abandon the dependents of finished jobs, and finish submissions that are done.

    Args:
        written_nodes: The data nodes to which the jobs wrote new values.
        ended_waiting: Those of the finished jobs that ended while they were waiting.

    Returns:
        The changes, without those of the finished jobs themselves.
    """
    ended_waiting = ended_waiting or EndedWhileWaiting()
    causes = {item.number: item.job_id for item in finished if not can_dependents_run(item.status)}
    if causes:
        abandon(connection, causes, now, ended_waiting)
    own = {item.number for item in finished}
    abandoned = [job for number, job in ended_waiting.jobs.items() if number not in own]
    numbers = list(own | set(ended_waiting.jobs))
    inherited: Counter[int] = Counter()
    decided: Sequence[Any] = []
    if ended_waiting.jobs or any(item.has_data_nodes for item in finished):
        if ended_waiting.jobs:
            inherited = transfer_waits(connection, ended_waiting, set(numbers))
        connection.execute(_FORGET_HOLDS, {"numbers": numbers})
        decided = _DECIDE_INPUTS.fetch(connection, {"numbers": numbers})
    wait_changes = WaitChanges(
        Counter(number for (number,) in _RELEASE.fetch(connection, {"numbers": numbers}))
    )
    wait_changes.removed.subtract(inherited)
    missing = [
        (number, node)
        for number, node, edit_id in decided
        if edit_id is None and number not in ended_waiting.jobs
    ]
    if missing:
        await_values(connection, missing, wait_changes)
        move_writers_first(connection, [node for _, node in missing], wait_changes)
    if written_nodes:
        provide_values(connection, written_nodes, wait_changes)
    changes = [
        make_job_event(job.id, job.submission_id, JobStatus.ABANDONED) for job in abandoned
    ] + _apply_wait_changes(connection, wait_changes, now)
    statuses = [(item.submission_id, item.status) for item in finished]
    statuses += [(job.submission_id, JobStatus.ABANDONED) for job in abandoned]
    done = _update_submissions(connection, statuses, now)
    changes += [
        Event(
            kind=EntityKind.SUBMISSION, id=submission_id, change=ChangeType.UPDATED, status=status
        )
        for submission_id, status in done.items()
    ]
    return changes


def release_readers(
    connection: Connection, data_node_ids: Sequence[str], now: datetime
) -> list[Event]:
    """Release the jobs that waited for the first value of data nodes, which now have one."""
    wait_changes = WaitChanges()
    provide_values(connection, data_node_ids, wait_changes)
    return _apply_wait_changes(connection, wait_changes, now)


def advance_writers(connection: Connection, nodes: Sequence[str], now: datetime) -> list[Event]:
    """Move jobs that write awaited data nodes before the jobs that wait for them, if possible."""
    wait_changes = WaitChanges()
    move_writers_first(connection, nodes, wait_changes)
    return _apply_wait_changes(connection, wait_changes, now)


def release_machine_waits(connection: Connection, now: datetime) -> list[Event]:
    """Release all jobs that wait for a machine; when claimed, some may be blocked again."""
    released = Counter(number for (number,) in _RELEASE_MACHINES.fetch(connection))
    return _apply_wait_changes(connection, WaitChanges(released), now)


def make_job_event(
    job_id: str, submission_id: str, status: JobStatus, actor: ActorRef | None = None
) -> Event:
    """Return the event that a job's status has changed."""
    return Event(
        kind=EntityKind.JOB,
        id=job_id,
        change=ChangeType.UPDATED,
        actor=actor,
        status=status,
        submission_id=submission_id,
    )


def _apply_wait_changes(
    connection: Connection, wait_changes: WaitChanges, now: datetime
) -> list[Event]:
    """Update the wait counters of jobs; return the events of jobs now released or blocked again."""
    blocked = [
        make_job_event(job_id, submission_id, JobStatus.BLOCKED)
        for job_id, submission_id in wait_changes.blocked_again
    ]
    rows = [
        {"of": number, "fewer": fewer, "pending_since": now}
        for number, fewer in wait_changes.removed.items()
        if fewer
    ]
    if not rows:
        return blocked
    execute_many(connection, _COUNT_DOWN, rows)
    return blocked + [
        make_job_event(job_id, submission_id, JobStatus.PENDING)
        for job_id, submission_id in _RELEASED.fetch(
            connection, {"numbers": [row["of"] for row in rows]}
        )
    ]


def _update_submissions(
    connection: Connection, finished: Iterable[tuple[SubmissionId, JobStatus]], now: datetime
) -> dict[SubmissionId, SubmissionStatus]:
    """Subtract finished jobs from their submissions; return the submissions that now finished."""
    counts: dict[SubmissionId, Counter[JobStatus]] = {}
    for submission_id, job_status in finished:
        counts.setdefault(submission_id, Counter())[job_status] += 1
    rows = []
    done: dict[SubmissionId, SubmissionStatus] = {}
    for submission_id, unfinished, failed, canceled in _COUNTS.fetch(
        connection, {"ids": list(counts)}
    ):
        counted = counts[submission_id]
        left = unfinished - counted.total()
        failed += counted[JobStatus.FAILED]
        canceled += counted[JobStatus.CANCELED]
        status: SubmissionStatus | None = None
        if left == 0:
            status = roll_up_finished(failed=failed, canceled=canceled)
            done[SubmissionId(submission_id)] = status
        rows.append(
            {
                "of": submission_id,
                "unfinished": left,
                "failed": failed,
                "canceled": canceled,
                "status": status,
                "finished_at": now if status else None,
            }
        )
    execute_many(connection, _UPDATE_COUNTS, rows)
    return done
