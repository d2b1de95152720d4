"""How the outcomes of jobs are recorded, with all that follows from them, in one transaction."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    case,
    delete,
    insert,
    literal_column,
    null,
    select,
    update,
)

from scenarist.db import data_nodes as data_node_rows
from scenarist.db.abandonment import Abandoned, abandon, hand_on
from scenarist.db.acceptance import INPUT
from scenarist.db.among import among
from scenarist.db.tables import (
    data_nodes,
    job_holds,
    job_inputs,
    job_logs,
    job_waits,
    jobs,
    submissions,
)
from scenarist.domain.entities import Edit
from scenarist.domain.identifiers import HolderId, JobId, SubmissionId
from scenarist.domain.lifecycle import JobEvent, lets_followers_run, next_status, roll_up_ended
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """What shall be recorded of one attempt of a job.

    A status of PENDING sends the job back to be claimed again, not before ``not_before``.
    ``failures`` and ``lost`` are added to what the job counts of them.
    """

    number: int
    job_id: JobId
    submission_id: SubmissionId
    attempt: int
    status: JobStatus
    edits: Sequence[Edit] = ()
    has_outputs: bool = True
    run_at: datetime | None = None
    reason: str | None = None
    stacktrace: str | None = None
    log: str | None = None
    not_before: datetime | None = None
    failures: int = 0
    lost: int = 0


_HELD = select(jobs.c.number, jobs.c.attempt).where(
    among(jobs.c.number, "numbers"),
    jobs.c.status == literal_column("'RUNNING'"),
    jobs.c.holder_id == bindparam("holder"),
)
_UPDATE = (
    update(jobs)
    .where(jobs.c.number == bindparam("of"))
    .values(
        status=bindparam("status"),
        holder_id=None,
        run_at=bindparam("run_at"),
        finished_at=bindparam("finished_at"),
        not_before=bindparam("not_before"),
        reason=bindparam("reason"),
        stacktrace=bindparam("stacktrace"),
        failures=jobs.c.failures + bindparam("failures"),
        lost=jobs.c.lost + bindparam("lost"),
    )
)
# By far the most frequent of them, with as little as possible to bind.
_COMPLETE = (
    update(jobs)
    .where(jobs.c.number == bindparam("of"))
    .values(
        status=literal_column(f"'{JobStatus.COMPLETED}'"),
        holder_id=null(),
        run_at=bindparam("run_at"),
        finished_at=bindparam("finished_at"),
        not_before=null(),
        reason=null(),
        stacktrace=null(),
    )
)
_LOG = insert(job_logs)
_FORGET_HOLDS = delete(job_holds).where(among(job_holds.c.job_number, "numbers"))
_DECIDE_INPUTS = (
    update(job_inputs)
    .where(among(job_inputs.c.producer, "numbers"))
    .values(
        edit_id=select(data_nodes.c.last_edit_id)
        .where(data_nodes.c.id == job_inputs.c.data_node_id)
        .scalar_subquery(),
        producer=None,
    )
    .returning(job_inputs.c.job_number, job_inputs.c.data_node_id, job_inputs.c.edit_id)
)
_RELEASE = (
    delete(job_waits).where(among(job_waits.c.for_job, "numbers")).returning(job_waits.c.job_number)
)
_RELEASE_INPUT = (
    delete(job_waits)
    .where(among(job_waits.c.for_data_node, "nodes"))
    .returning(job_waits.c.job_number)
)
_GIVE_INPUT = (
    update(job_inputs)
    .where(
        and_(
            among(job_inputs.c.job_number, "numbers"),
            among(job_inputs.c.data_node_id, "nodes"),
            job_inputs.c.edit_id.is_(None),
            job_inputs.c.producer.is_(None),
        )
    )
    .values(
        edit_id=select(data_nodes.c.last_edit_id)
        .where(data_nodes.c.id == job_inputs.c.data_node_id)
        .scalar_subquery()
    )
)
_ADD_WAITS = insert(job_waits)
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
    )
)
_COUNTS = select(
    submissions.c.id, submissions.c.unfinished, submissions.c.failed, submissions.c.canceled
).where(among(submissions.c.id, "ids"))
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


def settle(
    connection: Connection,
    settlements: Sequence[Settlement],
    *,
    holder_id: HolderId,
    now: datetime,
) -> list[SubmissionId]:
    """Record attempts of jobs that a holder ran, their edits, and what follows for other jobs.

    A settlement stands only while its job is RUNNING under this holder in the same attempt; any
    other changes nothing, so that a late outcome of a lost attempt does no harm.

    Returns:
        The submissions that have ended by it.
    """
    held = connection.execute(
        _HELD, {"numbers": [item.number for item in settlements], "holder": holder_id}
    )
    attempts = {row.number: row.attempt for row in held}
    standing = [item for item in settlements if attempts.get(item.number) == item.attempt]
    if not standing:
        return []
    _update_jobs(connection, standing, now)
    logs = [
        {"job_number": item.number, "attempt": item.attempt, "text": item.log}
        for item in standing
        if item.log
    ]
    if logs:
        connection.execute(_LOG, logs)
    ended = [item for item in standing if item.status.is_finished]
    if not ended:
        return []
    edits = [edit for item in ended for edit in item.edits]
    data_node_rows.add_edits(connection, edits)
    statuses = [(item.submission_id, item.status) for item in ended]
    statuses += _follow(connection, ended, [edit.data_node_id for edit in edits], now)
    return _sum_up(connection, statuses, now)


def release_inputs(connection: Connection, data_node_ids: Sequence[str]) -> None:
    """Let the jobs go on that waited for the first value of data nodes, which is there now."""
    released = _released_by_values(connection, data_node_ids)
    _count_down(connection, released)


def _update_jobs(connection: Connection, standing: Sequence[Settlement], now: datetime) -> None:
    completed = [item for item in standing if item.status is JobStatus.COMPLETED]
    others = [item for item in standing if item.status is not JobStatus.COMPLETED]
    if completed:
        connection.execute(
            _COMPLETE,
            [{"of": item.number, "run_at": item.run_at, "finished_at": now} for item in completed],
        )
    if others:
        connection.execute(_UPDATE, [_job_values(item, now) for item in others])


def _job_values(item: Settlement, now: datetime) -> dict[str, object]:
    return {
        "of": item.number,
        "status": item.status,
        "run_at": item.run_at,
        "finished_at": now if item.status.is_finished else None,
        "not_before": item.not_before,
        "reason": item.reason,
        "stacktrace": item.stacktrace,
        "failures": item.failures,
        "lost": item.lost,
    }


def _follow(
    connection: Connection,
    ended: Sequence[Settlement],
    written_nodes: Sequence[str],
    now: datetime,
) -> list[tuple[SubmissionId, JobStatus]]:
    """Abandon or release the jobs that waited for those that ended; return the abandoned."""
    causes = {item.number: item.job_id for item in ended if not lets_followers_run(item.status)}
    abandoned = abandon(connection, causes, now) if causes else Abandoned()
    numbers = [item.number for item in ended] + list(abandoned.submissions)
    inherited: Counter[int] = Counter()
    decided: Sequence[Any] = []
    if abandoned.submissions or any(item.has_outputs for item in ended):
        connection.execute(_FORGET_HOLDS, {"numbers": numbers})
        if abandoned.submissions:
            inherited = hand_on(connection, abandoned, set(numbers))
        decided = connection.execute(_DECIDE_INPUTS, {"numbers": numbers}).fetchall()
    released = Counter(connection.execute(_RELEASE, {"numbers": numbers}).scalars())
    released.subtract(inherited)
    if written_nodes:
        released.update(_released_by_values(connection, written_nodes))
    still_missing = {(number, node) for number, node, edit_id in decided if edit_id is None}
    still_missing = {
        (number, node) for number, node in still_missing if number not in abandoned.submissions
    }
    if still_missing:
        connection.execute(
            _ADD_WAITS,
            [
                {"job_number": number, "kind": INPUT, "for_job": None, "for_data_node": node}
                for number, node in still_missing
            ],
        )
        released.subtract(number for number, _ in still_missing)
    _count_down(connection, released)
    return [
        (submission_id, JobStatus.ABANDONED) for submission_id in abandoned.submissions.values()
    ]


def _released_by_values(connection: Connection, nodes: Sequence[str]) -> Counter[int]:
    released = Counter(connection.execute(_RELEASE_INPUT, {"nodes": nodes}).scalars())
    if released:
        connection.execute(_GIVE_INPUT, {"numbers": list(released), "nodes": nodes})
    return released


def _count_down(connection: Connection, released: Counter[int]) -> None:
    rows = [{"of": number, "fewer": fewer} for number, fewer in released.items() if fewer]
    if rows:
        connection.execute(_COUNT_DOWN, rows)


def _sum_up(
    connection: Connection, ended: Iterable[tuple[SubmissionId, JobStatus]], now: datetime
) -> list[SubmissionId]:
    """Count ended jobs off their submissions; return the submissions that have ended by it."""
    counts: dict[SubmissionId, Counter[JobStatus]] = {}
    for submission_id, job_status in ended:
        counts.setdefault(submission_id, Counter())[job_status] += 1
    rows = []
    done: list[SubmissionId] = []
    for submission_id, unfinished, failed, canceled in connection.execute(
        _COUNTS, {"ids": list(counts)}
    ):
        counted = counts[submission_id]
        left = unfinished - counted.total()
        failed += counted[JobStatus.FAILED]
        canceled += counted[JobStatus.CANCELED]
        status: SubmissionStatus | None = None
        if left == 0:
            status = roll_up_ended(failed=failed, canceled=canceled)
            done.append(SubmissionId(submission_id))
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
    connection.execute(_UPDATE_COUNTS, rows)
    return done
