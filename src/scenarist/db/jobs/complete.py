"""Completion of job attempts: their outcomes and all consequences, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Boolean, Connection, bindparam, case, literal_column, null, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from scenarist.db import data_nodes as data_node_rows
from scenarist.db.among import any_of
from scenarist.db.each import execute_many, pipeline
from scenarist.db.jobs import caching
from scenarist.db.jobs.propagate import FinishedJob, make_job_event, propagate
from scenarist.db.sharing import OutputCopy, add_output_copies
from scenarist.db.sql import Query
from scenarist.db.tables import job_logs, jobs
from scenarist.domain.entities import Edit, Event
from scenarist.domain.identifiers import DataNodeId, HolderId, JobId, SubmissionId
from scenarist.domain.lifecycle import JobEvent, next_status
from scenarist.domain.vocabulary import ChangeType, EntityKind, JobStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """Record to be made of one attempt of a job.

    Status PENDING makes the job claimable again, not before ``not_before``. ``failures``, ``lost``
    and ``lost_together`` are added to the job's counters.
    """

    number: int
    job_id: JobId
    submission_id: SubmissionId
    attempt: int
    status: JobStatus
    edits: Sequence[Edit] = ()
    has_data_nodes: bool = True  #: whether the job reads or writes any data node
    run_at: datetime | None = None
    stopped_at: datetime | None = None  #: when its executor itself began to stop it (timeout)
    reason: str | None = None
    stacktrace: str | None = None
    log: str | None = None
    not_before: datetime | None = None
    failures: int = 0
    lost: int = 0
    lost_together: int = 0
    function: str | None = None  #: the function that ran
    code_digest: str | None = None
    version: str | None = None  #: of the application that ran it, if another one accepted it
    has_run: bool = True  #: False if it was skipped or refused when it was claimed
    cache_key: str | None = None  #: under which its outputs are found again
    cached_from: JobId | None = None  #: the job from which its outputs were taken
    copies: Sequence[OutputCopy] = ()  #: its outputs, if they were taken from the cache
    is_suspect: bool = False  #: a suspect (decision 93), whose end other suspects wait for
    # Not recorded; for metrics only.
    task_config_id: str = ""
    started_after: float | None = None  #: seconds between its claim and its start
    run_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RecordedCompletions:
    """Completions that were recorded, and their consequences."""

    completions: Sequence[Completion] = ()
    changes: list[Event] = field(default_factory=list)


_RUNNING_ATTEMPTS = Query(
    select(jobs.c.number, jobs.c.attempt, jobs.c.cancel_requested_at, jobs.c.reason).where(
        any_of(jobs.c.number, "numbers"),
        # Bound, not written out: else PostgreSQL uses the index of running jobs, which is full of
        # dead entries.
        jobs.c.status == JobStatus.RUNNING,
        jobs.c.holder_id == bindparam("holder"),
    )
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
        run_reason=case((bindparam("has_run", type_=Boolean), jobs.c.run_reason)),
        because=case((bindparam("has_run", type_=Boolean), jobs.c.because)),
    )
)
# For COMPLETED, by far the most frequent status: as few parameters as possible.
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
# Of the few jobs that another version ran: an update of an indexed column costs more than others.
_SET_VERSION = (
    update(jobs).where(jobs.c.number == bindparam("of")).values(version=bindparam("version"))
)
_NEW_LOG = insert_or_update(job_logs)
# A part of the log may have been stored while the job ran (`outputs`).
_LOG = _NEW_LOG.on_conflict_do_update(
    index_elements=[job_logs.c.job_number, job_logs.c.attempt],
    set_={"text": _NEW_LOG.excluded.text},
)


def complete_attempts(
    connection: Connection,
    completions: Sequence[Completion],
    *,
    holder_id: HolderId,
    now: datetime,
) -> RecordedCompletions:
    """Record attempts that a holder ran, their edits, and the consequences for other jobs.

    A completion counts only while its job is RUNNING under this holder in the same attempt; any
    other is ignored, so that a late outcome of a lost attempt changes nothing.
    """
    running = _RUNNING_ATTEMPTS.fetch(
        connection, {"numbers": [item.number for item in completions], "holder": holder_id}
    )
    attempts = {number: attempt for number, attempt, _, _ in running}
    requests = {number: (at, why) for number, _, at, why in running if at is not None}
    accepted = [
        _resolve_cancellation(item, *requests[item.number]) if item.number in requests else item
        for item in completions
        if attempts.get(item.number) == item.attempt
    ]
    if not accepted:
        return RecordedCompletions()
    logs = [
        {"job_number": item.number, "attempt": item.attempt, "text": item.log}
        for item in accepted
        if item.log
    ]
    ended = [item for item in accepted if item.status.is_finished]
    edits = [edit for item in ended for edit in item.edits]
    with pipeline(connection):
        _update_jobs(connection, accepted, now)
        if logs:
            connection.execute(_LOG, logs)
        data_node_rows.add_edits(connection, edits)
    changes = [make_job_event(item.job_id, item.submission_id, item.status) for item in accepted]
    if not ended:
        return RecordedCompletions(accepted, changes)
    with_key = [item for item in ended if item.cache_key is not None]
    taken = _record_cached(connection, with_key) if with_key else []
    written = [*(edit.data_node_id for edit in edits), *taken]
    changes += [
        Event(kind=EntityKind.DATA_NODE, id=node_id, change=ChangeType.UPDATED)
        for node_id in written
    ]
    changes += propagate(
        connection,
        [_to_finished_job(item) for item in ended],
        now,
        written_nodes=written,
    )
    return RecordedCompletions(accepted, changes)


def _record_cached(connection: Connection, ended: Sequence[Completion]) -> list[DataNodeId]:
    """Record what jobs have put into the cache, or taken from it; return what the latter write."""
    caching.record_outputs(
        connection,
        {
            item.cache_key: item.edits
            for item in ended
            if item.cache_key is not None and item.status is JobStatus.COMPLETED
        },
    )
    caching.set_origins(
        connection,
        [
            (item.number, item.cache_key, item.cached_from)
            for item in ended
            if item.cache_key is not None and item.cached_from is not None
        ],
    )
    copies = [copy for item in ended for copy in item.copies]
    add_output_copies(connection, copies)
    return [item.copy.data_node_id for item in copies]


def _to_finished_job(item: Completion) -> FinishedJob:
    return FinishedJob(
        number=item.number,
        job_id=item.job_id,
        submission_id=item.submission_id,
        status=item.status,
        has_data_nodes=item.has_data_nodes,
    )


def _resolve_cancellation(item: Completion, requested_at: datetime, why: str) -> Completion:
    """Return the completion of a job whose cancellation was requested, by what happened first.

    A failure after the request is recorded as CANCELED. If the executor had begun to stop the job
    before the request because of its timeout, the job has failed and is not retried.

    Args:
        why: The reason that was recorded with the request.
    """
    if item.status not in {JobStatus.PENDING, JobStatus.FAILED, JobStatus.CANCELED}:
        return item
    if item.stopped_at is not None and item.stopped_at < requested_at:
        status = next_status(JobStatus.RUNNING, JobEvent.TIMED_OUT)
        return replace(item, status=status, not_before=None, failures=0)
    status = next_status(JobStatus.RUNNING, JobEvent.CANCEL_REQUESTED)
    return replace(item, status=status, not_before=None, reason=why, stacktrace=None)


def _update_jobs(connection: Connection, accepted: Sequence[Completion], now: datetime) -> None:
    completed = [item for item in accepted if item.status is JobStatus.COMPLETED]
    others = [item for item in accepted if item.status is not JobStatus.COMPLETED]
    execute_many(
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
    execute_many(connection, _UPDATE, [_job_values(item, now) for item in others])
    execute_many(
        connection,
        _SET_VERSION,
        [
            {"of": item.number, "version": item.version}
            for item in accepted
            if item.version is not None
        ],
    )


def _job_values(item: Completion, now: datetime) -> dict[str, object]:
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
        "has_run": item.has_run,
        "function": item.function,
        "code_digest": item.code_digest,
    }
