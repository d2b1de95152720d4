"""Retention: what may be deleted is found on a reader, page by page, and deleted in small sets.

Nothing found here can become needed later: a finished submission does not start again, and a value
that is not the newest of its data node never becomes the input of another job. See decisions 43
and 44.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    union_all,
    update,
)

from scenarist.db.among import any_of
from scenarist.db.data_nodes import WRITE
from scenarist.db.sharing import SharedFile, find_unneeded, is_system_named
from scenarist.db.tables import (
    chores,
    data_nodes,
    edits,
    event_readers,
    events,
    job_holds,
    job_inputs,
    job_logs,
    jobs,
    submissions,
    subscribers,
)
from scenarist.domain.identifiers import DataNodeId, EditId, SubmissionId

_PRUNE = "prune"
_PAGE = 500
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_FINISHED = (
    select(submissions.c.id, submissions.c.created_at, submissions.c.number)
    .where(
        submissions.c.created_at <= bindparam("before"),
        tuple_(submissions.c.created_at, submissions.c.number)
        > tuple_(
            bindparam("created_at", type_=submissions.c.created_at.type),
            bindparam("number", type_=submissions.c.number.type),
        ),
        submissions.c.status.is_not(None),
        submissions.c.finished_at <= bindparam("before"),
    )
    .order_by(submissions.c.created_at, submissions.c.number)
    .limit(_PAGE)
)
_JOB_COUNTS = (
    select(jobs.c.submission_id, func.count(jobs.c.number).label("jobs"))
    .where(any_of(jobs.c.submission_id, "ids"))
    .group_by(jobs.c.submission_id)
)
# Jobs are numbered in the order of creation, so no job with a higher number ended before then.
_LAST_BEFORE = (
    select(jobs.c.number)
    .where(jobs.c.created_at <= bindparam("before"))
    .order_by(jobs.c.created_at.desc(), jobs.c.number.desc())
    .limit(1)
)
_LOGS = (
    select(job_logs.c.job_number, job_logs.c.attempt)
    .join(jobs, jobs.c.number == job_logs.c.job_number)
    .where(
        tuple_(job_logs.c.job_number, job_logs.c.attempt)
        > tuple_(
            bindparam("number", type_=job_logs.c.job_number.type),
            bindparam("attempt", type_=job_logs.c.attempt.type),
        ),
        job_logs.c.job_number <= bindparam("last"),
        jobs.c.finished_at <= bindparam("before"),
    )
    .order_by(job_logs.c.job_number, job_logs.c.attempt)
    .limit(_PAGE)
)
_DELETE_LOG = delete(job_logs).where(
    job_logs.c.job_number == bindparam("number"), job_logs.c.attempt == bindparam("of")
)
_EVENTS = (
    select(events.c.number, events.c.created_at)
    .where(events.c.number > bindparam("after"))
    .order_by(events.c.number)
    .limit(_PAGE)
)
# Events that the webhooks have not read yet are kept while there is an active subscriber.
_LAST_READ = select(func.min(event_readers.c.event_number)).where(
    select(subscribers.c.number).where(subscribers.c.is_active == literal_column("1")).exists()
)
_DELETE_EVENTS = delete(events).where(events.c.number <= bindparam("last"))
_of_node = edits.alias("of_node")
_NEWEST_SUPERSEDED = (
    select(_of_node.c.id)
    .where(_of_node.c.data_node_id == data_nodes.c.id)
    .order_by(_of_node.c.id.desc())
    .limit(1)
    .offset(bindparam("kept"))
    .scalar_subquery()
)
_NODES = (
    select(
        data_nodes.c.number,
        data_nodes.c.id,
        data_nodes.c.last_edit_id,
        _NEWEST_SUPERSEDED.label("newest_superseded"),
    )
    .where(data_nodes.c.number > bindparam("after"))
    .order_by(data_nodes.c.number)
    .limit(_PAGE)
)
_SUPERSEDED = (
    select(edits.c.id, edits.c.uri, edits.c.shared_from)
    .where(
        edits.c.data_node_id == bindparam("node"),
        edits.c.id > bindparam("after"),
        edits.c.id <= bindparam("up_to"),
    )
    .order_by(edits.c.id)
    .limit(_PAGE)
)
_UNFINISHED = union_all(
    select(jobs.c.number).where(text("status IN ('BLOCKED', 'PENDING')")),
    select(jobs.c.number).where(text("status = 'RUNNING'")),
).cte("unfinished")
_PROMISED = (
    select(job_inputs.c.edit_id)
    .join(_UNFINISHED, _UNFINISHED.c.number == job_inputs.c.job_number)
    .where(any_of(job_inputs.c.edit_id, "ids"))
)
_DELETE_EDITS = delete(edits).where(any_of(edits.c.id, "ids"))
# One statement, as the bytes of an edit that is deleted meanwhile may be shared before.
_RECORDED = union_all(
    select(edits.c.uri).where(any_of(edits.c.data_node_id, "ids"), edits.c.uri.is_not(None)),
    select(edits.c.uri).where(
        edits.c.shared_from.is_not(None),
        any_of(edits.c.shared_from, "edit_ids"),
        edits.c.uri.is_not(None),
    ),
)
_BEING_WRITTEN = (
    select(job_holds.c.data_node_id)
    .join(jobs, jobs.c.number == job_holds.c.job_number)
    .where(
        any_of(job_holds.c.data_node_id, "ids"),
        job_holds.c.mode == WRITE,
        jobs.c.status == literal_column("'RUNNING'"),
    )
)
_KNOWN = select(data_nodes.c.id).where(any_of(data_nodes.c.id, "ids"))
_CLAIM_PRUNE = (
    update(chores)
    .where(
        chores.c.name == _PRUNE,
        # A time in the future comes from a wrong clock (decision 91).
        or_(chores.c.begun_at <= bindparam("before"), chores.c.begun_at > bindparam("now")),
    )
    .values(begun_at=bindparam("now"))
)
_BEGUN_AT = select(chores.c.begun_at).where(chores.c.name == _PRUNE)


@dataclass(frozen=True, slots=True)
class FinishedSubmission:
    id: SubmissionId
    jobs: int


@dataclass(frozen=True, slots=True)
class OldEdit:
    id: EditId
    file: SharedFile | None  #: the file of its value, if the server named it


def claim_prune(connection: Connection, every: timedelta, now: datetime) -> bool:
    """Claim the next pruning: return True if it is due and no other server has begun it."""
    return bool(connection.execute(_CLAIM_PRUNE, {"before": now - every, "now": now}).rowcount)


def find_last_prune(connection: Connection) -> datetime:
    """Return when a server last began to prune."""
    begun: datetime = connection.execute(_BEGUN_AT).scalar_one()
    return begun


def iter_finished_submissions(reader: Connection, before: datetime) -> Iterator[FinishedSubmission]:
    """Yield the submissions that had finished by *before*, the oldest first."""
    after = {"created_at": _LONG_AGO, "number": 0}
    while rows := reader.execute(_FINISHED, {"before": before, **after}).all():
        found = reader.execute(_JOB_COUNTS, {"ids": [row.id for row in rows]})
        counts = {row.submission_id: row.jobs for row in found}
        for row in rows:
            yield FinishedSubmission(SubmissionId(row.id), counts.get(row.id, 0))
        after = {"created_at": rows[-1].created_at, "number": rows[-1].number}


def iter_old_logs(reader: Connection, before: datetime) -> Iterator[tuple[int, int]]:
    """Yield the logs of jobs that had finished by *before*, as job number and attempt."""
    last = reader.execute(_LAST_BEFORE, {"before": before}).scalar()
    number, attempt = -1, 0
    while last is not None and (
        rows := reader.execute(
            _LOGS, {"before": before, "last": last, "number": number, "attempt": attempt}
        ).all()
    ):
        yield from ((row.job_number, row.attempt) for row in rows)
        number, attempt = rows[-1].job_number, rows[-1].attempt


def delete_logs(connection: Connection, found: Sequence[tuple[int, int]]) -> int:
    """Delete the logs of attempts; return how many were deleted."""
    values = [{"number": number, "of": attempt} for number, attempt in found]
    return connection.execute(_DELETE_LOG, values).rowcount


def iter_old_events(reader: Connection, before: datetime) -> Iterator[int]:
    """Yield the numbers of transactions in the event log that are not newer than *before*."""
    last_read = reader.execute(_LAST_READ).scalar()
    after = 0
    while rows := reader.execute(_EVENTS, {"after": after}).all():
        for number, created_at in rows:
            if created_at > before or (last_read is not None and number > last_read):
                return
            yield number
        after = rows[-1].number


def delete_events(connection: Connection, last: int) -> int:
    """Delete the event log up to and including a transaction; return how many rows were deleted."""
    return connection.execute(_DELETE_EVENTS, {"last": last}).rowcount


def iter_superseded_edits(reader: Connection, kept: int) -> Iterator[OldEdit]:
    """Yield the edits older than the newest *kept* of their data node, never its present value.

    Unfinished jobs may still read some of them, see `find_promised`.
    """
    after = 0
    while nodes := reader.execute(_NODES, {"after": after, "kept": kept}).all():
        for node in nodes:
            if node.newest_superseded is not None:
                yield from _iter_superseded_of(reader, node)
        after = nodes[-1].number


def _iter_superseded_of(reader: Connection, node: Any) -> Iterator[OldEdit]:
    up_to, after = node.newest_superseded, ""
    while found := reader.execute(
        _SUPERSEDED, {"node": node.id, "after": after, "up_to": up_to}
    ).all():
        for edit_id, uri, shared_from in found:
            # The last one written may have an older id, if the clock was set back.
            if edit_id != node.last_edit_id:
                is_ours = uri is not None and (
                    shared_from is not None or is_system_named(node.id, uri)
                )
                file = SharedFile(shared_from or edit_id, uri) if is_ours else None
                yield OldEdit(EditId(edit_id), file)
        after = found[-1].id


def find_promised(reader: Connection, edit_ids: Sequence[EditId]) -> set[EditId]:
    """Return those of the edits that are inputs of unfinished jobs."""
    return {EditId(item) for item in reader.execute(_PROMISED, {"ids": edit_ids}).scalars()}


def delete_edits(connection: Connection, old: Sequence[OldEdit]) -> tuple[int, list[str]]:
    """Delete edits.

    Returns:
        How many were deleted, and the files that no edit needs any more, which the caller removes
        after the commit.
    """
    gone = connection.execute(_DELETE_EDITS, {"ids": [edit.id for edit in old]}).rowcount
    files = [edit.file for edit in old if edit.file is not None]
    return gone, find_unneeded(connection, files)


def find_recorded_files(
    reader: Connection, data_node_ids: Sequence[str], edit_ids: Sequence[str]
) -> set[str]:
    """Return the files that contain values of data nodes, or bytes that were stored for edits.

    Args:
        edit_ids: The edits after which files in the folders of these data nodes are named.
    """
    values = {"ids": data_node_ids, "edit_ids": edit_ids}
    return set(reader.execute(_RECORDED, values).scalars())


def find_being_written(reader: Connection, data_node_ids: Sequence[str]) -> set[DataNodeId]:
    """Return those of the data nodes that a running job will write."""
    found = reader.execute(_BEING_WRITTEN, {"ids": data_node_ids}).scalars()
    return {DataNodeId(item) for item in found}


def find_known_data_nodes(reader: Connection, data_node_ids: Sequence[str]) -> set[DataNodeId]:
    return {DataNodeId(item) for item in reader.execute(_KNOWN, {"ids": data_node_ids}).scalars()}
