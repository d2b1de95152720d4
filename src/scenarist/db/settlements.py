"""How the outcomes of jobs are recorded, with all that follows from them, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, literal_column, null, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from scenarist.db import data_nodes as data_node_rows
from scenarist.db.among import among
from scenarist.db.each import execute_each
from scenarist.db.endings import Consequences, Ended, follow, job_change
from scenarist.db.tables import job_logs, jobs
from scenarist.db.together import together
from scenarist.domain.entities import Edit, Event
from scenarist.domain.identifiers import HolderId, JobId, SubmissionId
from scenarist.domain.lifecycle import JobEvent, next_status
from scenarist.domain.vocabulary import Change, JobStatus, Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """What shall be recorded of one attempt of a job.

    A status of PENDING sends the job back to be claimed again, not before ``not_before``.
    ``failures``, ``lost`` and ``lost_together`` are added to what the job counts of them.
    """

    number: int
    job_id: JobId
    submission_id: SubmissionId
    attempt: int
    status: JobStatus
    edits: Sequence[Edit] = ()
    has_ends: bool = True  #: whether the job reads or writes any data node
    run_at: datetime | None = None
    stopped_at: datetime | None = None  #: when its executor began to stop it by itself
    reason: str | None = None
    stacktrace: str | None = None
    log: str | None = None
    not_before: datetime | None = None
    failures: int = 0
    lost: int = 0
    lost_together: int = 0
    function: str | None = None  #: what ran
    code_digest: str | None = None
    is_suspect: bool = False  #: whether jobs wait for its end, as servers were lost under it
    # Not recorded, but told to those who watch.
    task_config_id: str = ""
    started_after: float | None = None  #: seconds from its claim
    run_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """The settlements that stood, as they were recorded, and what came of them."""

    standing: Sequence[Settlement] = ()
    consequences: Consequences = field(default_factory=Consequences)


_HELD = select(jobs.c.number, jobs.c.attempt, jobs.c.cancel_requested_at).where(
    among(jobs.c.number, "numbers"),
    # Bound: PostgreSQL would look in the index of running jobs, which has many that run no more.
    jobs.c.status == JobStatus.RUNNING,
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
        waits_after=bindparam("waits_after"),
        pending_since=bindparam("pending_since"),
        reason=bindparam("reason"),
        stacktrace=bindparam("stacktrace"),
        failures=jobs.c.failures + bindparam("failures"),
        lost=jobs.c.lost + bindparam("lost"),
        lost_together=jobs.c.lost_together + bindparam("lost_together"),
        function=bindparam("function"),
        code_digest=bindparam("code_digest"),
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
        function=bindparam("function"),
        code_digest=bindparam("code_digest"),
    )
)
_NEW_LOG = insert_or_update(job_logs)
# While it ran, a part of it may have been kept already.
_LOG = _NEW_LOG.on_conflict_do_update(
    index_elements=[job_logs.c.job_number, job_logs.c.attempt],
    set_={"text": _NEW_LOG.excluded.text},
)


def settle(
    connection: Connection,
    settlements: Sequence[Settlement],
    *,
    holder_id: HolderId,
    now: datetime,
) -> Settled:
    """Record attempts of jobs that a holder ran, their edits, and what follows for other jobs.

    A settlement stands only while its job is RUNNING under this holder in the same attempt; any
    other changes nothing, so that a late outcome of a lost attempt does no harm.
    """
    held = connection.execute(
        _HELD, {"numbers": [item.number for item in settlements], "holder": holder_id}
    )
    attempts = {number: (attempt, asked_at) for number, attempt, asked_at in held}
    standing = [
        item if (asked_at := attempts[item.number][1]) is None else _stopped(item, asked_at)
        for item in settlements
        if item.number in attempts and attempts[item.number][0] == item.attempt
    ]
    if not standing:
        return Settled()
    logs = [
        {"job_number": item.number, "attempt": item.attempt, "text": item.log}
        for item in standing
        if item.log
    ]
    ended = [item for item in standing if item.status.is_finished]
    edits = [edit for item in ended for edit in item.edits]
    with together(connection):
        _update_jobs(connection, standing, now)
        if logs:
            connection.execute(_LOG, logs)
        data_node_rows.add_edits(connection, edits)
    changes = [job_change(item.job_id, item.submission_id, item.status) for item in standing]
    if not ended:
        return Settled(standing, Consequences(changes=changes))
    written = [edit.data_node_id for edit in edits]
    changes += [
        Event(kind=Kind.DATA_NODE, id=node_id, change=Change.UPDATED) for node_id in written
    ]
    consequences = follow(
        connection,
        [
            Ended(
                number=item.number,
                job_id=item.job_id,
                submission_id=item.submission_id,
                status=item.status,
                has_ends=item.has_ends,
            )
            for item in ended
        ],
        now,
        written_nodes=written,
    )
    return Settled(standing, Consequences(consequences.ended, changes + consequences.changes))


def _stopped(item: Settlement, asked_at: datetime) -> Settlement:
    """Word the end of a job that was asked to stop, by what came first.

    What goes wrong after that is its cancelling. One that was being stopped before, as its time was
    over, has failed, and does not run again.
    """
    if item.status not in {JobStatus.PENDING, JobStatus.FAILED}:
        return item
    if item.stopped_at is not None and item.stopped_at < asked_at:
        status = next_status(JobStatus.RUNNING, JobEvent.TIMED_OUT)
        return replace(item, status=status, not_before=None, failures=0)
    status = next_status(JobStatus.RUNNING, JobEvent.CANCEL_REQUESTED)
    return replace(item, status=status, not_before=None, reason=None, stacktrace=None)


def _update_jobs(connection: Connection, standing: Sequence[Settlement], now: datetime) -> None:
    completed = [item for item in standing if item.status is JobStatus.COMPLETED]
    others = [item for item in standing if item.status is not JobStatus.COMPLETED]
    execute_each(
        connection,
        _COMPLETE,
        [
            {
                "of": item.number,
                "run_at": item.run_at,
                "finished_at": now,
                "function": item.function,
                "code_digest": item.code_digest,
            }
            for item in completed
        ],
    )
    execute_each(connection, _UPDATE, [_job_values(item, now) for item in others])


def _job_values(item: Settlement, now: datetime) -> dict[str, object]:
    return {
        "of": item.number,
        "status": item.status,
        "run_at": item.run_at,
        "finished_at": now if item.status.is_finished else None,
        "not_before": item.not_before,
        "waits_after": None if item.not_before is None else now - (item.not_before - now),
        "pending_since": None if item.status.is_finished else item.not_before or now,
        "reason": item.reason,
        "stacktrace": item.stacktrace,
        "failures": item.failures,
        "lost": item.lost,
        "lost_together": item.lost_together,
        "function": item.function,
        "code_digest": item.code_digest,
    }
