"""Enqueueing of submissions: their jobs are stored, each with its inputs and dependencies.

Which edit or which producing job each input is read from is decided here (decision 9).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError

from scenarist.db import event_log
from scenarist.db.among import any_of
from scenarist.db.data_nodes import READ, WRITE
from scenarist.db.each import execute_many, pipeline
from scenarist.db.notify import notifications
from scenarist.db.notify.notifications import Topic
from scenarist.db.sql import Query
from scenarist.db.tables import (
    data_nodes,
    job_holds,
    job_inputs,
    job_waits,
    jobs,
    submissions,
)
from scenarist.domain.entities import Event, Submission
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import DataNodeId, JobId, TaskId
from scenarist.domain.lifecycle import JobEvent, next_status
from scenarist.domain.locations import has_named_file, is_replaced_in_place
from scenarist.domain.permissions import ActorRef
from scenarist.domain.vocabulary import ChangeType, EntityKind, JobStatus, SubmissionStatus

FindEdits = Callable[[Sequence[str]], Mapping[str, str]]
"""Checks the files of data nodes that have a path, and returns the newest edit of each."""

JOBS_LIMIT = 16_384
"""Most jobs of one submission. Job numbers are computed from the submission's number, so that jobs
are numbered in the order of acceptance without asking the database for each number."""

DATA = "DATA"
ORDER = "ORDER"
INPUT = "INPUT"

PLACE = func.coalesce(data_nodes.c.place, data_nodes.c.id)
"""The place at which jobs are ordered when a data node's value is replaced in place; several data
nodes may share it (decision 84)."""

_NODES = Query(
    select(
        data_nodes.c.id,
        data_nodes.c.last_edit_id,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        PLACE.label("place"),
        select(job_holds.c.job_number)
        .where(job_holds.c.place == PLACE, job_holds.c.mode == WRITE)
        .order_by(job_holds.c.number.desc())
        .limit(1)
        .scalar_subquery()
        .label("last_at_place"),
        select(job_holds.c.job_number)
        .where(job_holds.c.data_node_id == data_nodes.c.id, job_holds.c.mode == WRITE)
        .order_by(job_holds.c.number.desc())
        .limit(1)
        .scalar_subquery()
        .label("writer"),
        # Not EXISTS: PostgreSQL may scan all waits for it while there are few.
        select(job_waits.c.kind)
        .where(job_waits.c.for_data_node == data_nodes.c.id, job_waits.c.kind == INPUT)
        .limit(1)
        .scalar_subquery()
        .is_not(None)
        .label("is_awaited"),
    ).where(any_of(data_nodes.c.id, "ids"))
)
_READERS = Query(
    select(job_holds.c.place, job_holds.c.job_number).where(
        any_of(job_holds.c.place, "places"), job_holds.c.mode == READ
    )
)
_UNSUCCESSFUL_TASKS = (
    select(jobs.c.task_id)
    .where(
        jobs.c.submission_id == bindparam("submission_id"),
        jobs.c.status.in_([JobStatus.FAILED, JobStatus.CANCELED, JobStatus.ABANDONED]),
    )
    .order_by(jobs.c.number)
)
_INSERT = insert(submissions).returning(submissions.c.number)
_INSERT_MANY = insert(submissions).returning(submissions.c.number, sort_by_parameter_order=True)
_INSERT_JOBS = insert(jobs)
_INSERT_INPUTS = insert(job_inputs)
_INSERT_WAITS = insert(job_waits)
_INSERT_HOLDS = insert(job_holds).inline()


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """Job to be created; those of a submission are in an order that respects their data."""

    id: JobId
    task_id: TaskId
    inputs: tuple[DataNodeId, ...]
    outputs: tuple[DataNodeId, ...]


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """Submission to be enqueued, with its jobs."""

    submission: Submission
    jobs: Sequence[PlannedJob]
    force: bool
    priority: int
    key: str | None  #: the idempotency key; each actor has its own keys
    request_digest: str | None  #: of the request that came with the key
    actor: ActorRef
    traceparent: str | None = None


@dataclass(slots=True)
class _PlaceQueue:
    """Jobs before the next one at a place where values are replaced in place."""

    place: str
    writer: int | None  # the number of the last unfinished job that writes there
    readers: list[int] = field(default_factory=list)  # accepted after that writer


@dataclass(slots=True)
class _Node:
    """State of a data node while submissions are being enqueued."""

    edit_id: str | None
    writer: int | None  # the number of the last unfinished job that writes it
    is_named: bool  # its value is in a file that the user named
    is_awaited: bool  # jobs wait for its first value
    queue: (
        _PlaceQueue | None
    )  # if its value is replaced in place; shared with nodes of the same place

    def wait_of_reader(
        self, draft: "_JobDraft", node_id: DataNodeId
    ) -> tuple[str, int | str] | None:
        """Return what a job that reads the node waits for: its writer, a first value, or None."""
        if self.writer is not None:
            return (DATA if self.writer >= draft.first else ORDER, self.writer)
        return (INPUT, node_id) if self.edit_id is None else None


@dataclass(slots=True)
class _JobDraft:
    """Job being enqueued; its waits are pairs of kind and job number or data node, each once."""

    number: int
    first: int  # the number of the first job of its submission
    waits: dict[tuple[str, int | str], None] = field(default_factory=dict)


@dataclass(slots=True)
class _Rows:
    """Rows of all jobs being enqueued, inserted with one statement per table."""

    jobs: list[dict[str, Any]] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    waits: list[dict[str, Any]] = field(default_factory=list)
    holds: list[dict[str, Any]] = field(default_factory=list)
    changes: list[Event] = field(default_factory=list)
    awaits_files: bool = False
    provided: list[str] = field(default_factory=list)


def find_unsuccessful_tasks(connection: Connection, submission_id: str) -> list[TaskId]:
    """Return the tasks of a submission whose jobs failed, were cancelled or abandoned."""
    found = connection.execute(_UNSUCCESSFUL_TASKS, {"submission_id": submission_id})
    return [TaskId(task_id) for task_id in found.scalars()]


def enqueue(
    connection: Connection, accepted: Sequence[NewSubmission], find_edits: FindEdits
) -> list[str]:
    """Enqueue submissions in the given order, as if each came alone.

    The number of statements does not depend on how many there are.

    Args:
        find_edits: Called with the data nodes that have a path, are read, and have no unfinished
            writer, if there are any; returns the newest edits of those whose files exist.

    Returns:
        The data nodes that the jobs write and whose first value earlier jobs wait for.

    Raises:
        ConflictError: Another server used an idempotency key at the same time.
    """
    if not accepted:
        return []
    numbers = _add_submissions(connection, accepted)
    nodes = _load_nodes(connection, accepted, find_edits)
    rows = _Rows()
    for number, new in zip(numbers, accepted, strict=True):
        first = number * JOBS_LIMIT
        rows.changes.append(
            Event(
                kind=EntityKind.SUBMISSION,
                id=new.submission.id,
                change=ChangeType.CREATED,
                actor=new.actor,
                status=new.submission.status,
            )
        )
        for position, job in enumerate(new.jobs):
            _draft_job(_JobDraft(first + position, first), job, new, nodes, rows)
    with pipeline(connection):
        for statement, values in (
            (_INSERT_JOBS, rows.jobs),
            (_INSERT_INPUTS, rows.inputs),
            (_INSERT_WAITS, rows.waits),
            (_INSERT_HOLDS, rows.holds),
        ):
            execute_many(connection, statement, values)
        event_log.add(connection, rows.changes, accepted[0].submission.created_at)
    if rows.awaits_files:
        notifications.publish(connection, Topic.FILES)
    return list(dict.fromkeys(rows.provided))


def _add_submissions(connection: Connection, accepted: Sequence[NewSubmission]) -> list[int]:
    rows = [_submission_row(new) for new in accepted]
    try:
        if len(rows) == 1:  # avoids what SQLAlchemy does to return many numbers in order
            return [connection.execute(_INSERT, rows[0]).scalar_one()]
        return list(connection.execute(_INSERT_MANY, rows).scalars())
    except IntegrityError:
        raise ConflictError(
            "an idempotency key was just used by another server; send the request again"
        ) from None


def _submission_row(new: NewSubmission) -> dict[str, Any]:
    submission = new.submission
    is_empty = not new.jobs
    return {
        "id": submission.id,
        "entity_id": submission.entity_id,
        "entity_type": submission.entity_type,
        "properties": submission.properties,
        "idempotency_key": new.key,
        "request_digest": new.request_digest,
        "created_at": submission.created_at,
        "finished_at": submission.created_at if is_empty else None,
        "status": SubmissionStatus.COMPLETED if is_empty else None,
        "unfinished": len(new.jobs),
        "failed": 0,
        "canceled": 0,
        "version": submission.version,
        "retry_of": submission.retry_of,
        "traceparent": new.traceparent,
    }


def _load_nodes(
    connection: Connection, accepted: Sequence[NewSubmission], find_edits: FindEdits
) -> dict[str, _Node]:
    ids = list(
        dict.fromkeys(
            node for new in accepted for job in new.jobs for node in (*job.inputs, *job.outputs)
        )
    )
    if not ids:
        return {}
    nodes: dict[str, _Node] = {}
    queue: dict[str, _PlaceQueue] = {}
    for row in _NODES.fetch(connection, {"ids": ids}):
        at = None
        if is_replaced_in_place(row.storage_type, row.properties):
            at = queue.setdefault(row.place, _PlaceQueue(row.place, row.last_at_place))
        nodes[row.id] = _Node(
            edit_id=row.last_edit_id,
            writer=row.writer,
            is_named=has_named_file(row.properties),
            is_awaited=bool(row.is_awaited),
            queue=at,
        )
    read = {node_id for new in accepted for job in new.jobs for node_id in job.inputs}
    named = [node_id for node_id in read if nodes[node_id].is_named]
    if unwritten := [node_id for node_id in named if nodes[node_id].writer is None]:
        for node_id, edit_id in find_edits(unwritten).items():
            nodes[node_id].edit_id = edit_id
    written = {node_id for new in accepted for job in new.jobs for node_id in job.outputs}
    to_write = {at.place for node_id in written if (at := nodes[node_id].queue) is not None}
    if to_write:
        for place, number in _READERS.fetch(connection, {"places": list(to_write)}):
            queue[place].readers.append(number)
    return nodes


def _draft_job(
    draft: _JobDraft, job: PlannedJob, new: NewSubmission, nodes: dict[str, _Node], rows: _Rows
) -> None:
    _draft_inputs(draft, job, nodes, rows)
    for node_id in dict.fromkeys(job.outputs):
        _draft_output(draft, node_id, nodes[node_id], rows)
        if nodes[node_id].is_awaited:
            rows.provided.append(node_id)
    for kind, target in draft.waits:
        is_node = isinstance(target, str)
        rows.waits.append(
            {
                "job_number": draft.number,
                "kind": kind,
                "for_job": None if is_node else target,
                "for_data_node": target if is_node else None,
            }
        )
    event = JobEvent.HELD_BACK if draft.waits else JobEvent.RELEASED
    status = next_status(JobStatus.SUBMITTED, event)
    rows.changes.append(
        Event(
            kind=EntityKind.JOB,
            id=job.id,
            change=ChangeType.CREATED,
            actor=new.actor,
            status=status,
            submission_id=new.submission.id,
        )
    )
    rows.jobs.append(
        {
            "number": draft.number,
            "id": job.id,
            "task_id": job.task_id,
            "submission_id": new.submission.id,
            "submit_entity_id": new.submission.entity_id,
            "status": status,
            "force": new.force,
            "priority": new.priority,
            "waiting": len(draft.waits),
            "attempt": 0,
            "failures": 0,
            "lost": 0,
            "created_at": new.submission.created_at,
            "version": new.submission.version,
        }
    )


def _draft_inputs(draft: _JobDraft, job: PlannedJob, nodes: dict[str, _Node], rows: _Rows) -> None:
    for position, node_id in enumerate(job.inputs):
        node = nodes[node_id]
        if (wait := node.wait_of_reader(draft, node_id)) is not None:
            draft.waits[wait] = None
        rows.inputs.append(
            {
                "job_number": draft.number,
                "position": position,
                "data_node_id": node_id,
                "edit_id": node.edit_id if node.writer is None else None,
                "producer": node.writer,
            }
        )
    awaited = [target for kind, target in draft.waits if kind == INPUT]
    if any(nodes[str(node_id)].is_named for node_id in awaited):
        rows.awaits_files = True
    if awaited:
        return  # it has no holds until its first values exist: see `first_values`
    for node_id in dict.fromkeys(job.inputs):
        queue = nodes[node_id].queue
        if queue is None:
            continue
        if queue.writer is not None and (DATA, queue.writer) not in draft.waits:
            # The writer of this data node, or of another one that shares the place.
            draft.waits[ORDER, queue.writer] = None
        queue.readers.append(draft.number)
        _add_hold(rows, draft, node_id, READ, queue)


def _draft_output(draft: _JobDraft, node_id: DataNodeId, node: _Node, rows: _Rows) -> None:
    earlier = [node.writer]
    if node.queue is not None:
        earlier += [node.queue.writer, *node.queue.readers]
        node.queue.readers = []
        node.queue.writer = draft.number
    for number in earlier:
        if number is None or number == draft.number or (DATA, number) in draft.waits:
            continue
        draft.waits[ORDER, number] = None
    node.writer = draft.number
    _add_hold(rows, draft, node_id, WRITE, node.queue)


def _add_hold(
    rows: _Rows, draft: _JobDraft, node_id: DataNodeId, mode: str, queue: _PlaceQueue | None
) -> None:
    rows.holds.append(
        {
            "job_number": draft.number,
            "data_node_id": node_id,
            "mode": mode,
            "place": None if queue is None else queue.place,
        }
    )
