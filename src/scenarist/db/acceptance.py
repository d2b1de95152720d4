"""How submissions are accepted: they become jobs, with what each reads and waits for decided."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError

from scenarist.db import events
from scenarist.db.among import among
from scenarist.db.data_nodes import READ, WRITE
from scenarist.db.each import execute_each
from scenarist.db.tables import (
    data_nodes,
    job_holds,
    job_inputs,
    job_waits,
    jobs,
    submissions,
)
from scenarist.db.together import together
from scenarist.domain.entities import Event, Submission
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import DataNodeId, JobId, TaskId
from scenarist.domain.lifecycle import JobEvent, next_status
from scenarist.domain.vocabulary import (
    EXTERNAL_STORAGE_TYPES,
    Change,
    JobStatus,
    Kind,
    SubmissionStatus,
)

JOBS_LIMIT = 16_384
"""Jobs that one submission can have. Their numbers follow from the submission's, so that jobs are
numbered in the order in which they were accepted, without asking the database for each number."""

DATA = "DATA"
ORDER = "ORDER"
INPUT = "INPUT"

# Where a value is replaced in place, jobs take turns at the place, which data nodes may share.
_PLACE = func.coalesce(data_nodes.c.place, data_nodes.c.id)
_NODES = select(
    data_nodes.c.id,
    data_nodes.c.last_edit_id,
    data_nodes.c.storage_type,
    data_nodes.c.properties,
    _PLACE.label("place"),
    select(job_holds.c.job_number)
    .where(job_holds.c.place == _PLACE, job_holds.c.mode == WRITE)
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
).where(among(data_nodes.c.id, "ids"))
_READERS = select(job_holds.c.place, job_holds.c.job_number).where(
    among(job_holds.c.place, "places"), job_holds.c.mode == READ
)
_LOCKS = select(data_nodes.c.id, data_nodes.c.locked_by, data_nodes.c.locked_until).where(
    data_nodes.c.locked_by.is_not(None), data_nodes.c.locked_until > bindparam("now")
)
_WITHOUT_SUCCESS = (
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
    """A job to be made; a submission's are in an order that respects their data."""

    id: JobId
    task_id: TaskId
    inputs: tuple[DataNodeId, ...]
    outputs: tuple[DataNodeId, ...]


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """A submission to be accepted, with its jobs."""

    submission: Submission
    jobs: Sequence[PlannedJob]
    force: bool
    priority: int
    idempotency_key: str | None
    actor: str
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """Who keeps others from writing a data node, and until when."""

    editor: str
    until: datetime


@dataclass(slots=True)
class _Turns:
    """Who comes before the next job at a place, where values are replaced in place."""

    place: str
    writer: int | None  # the number of the unfinished job that writes there last
    readers: list[int] = field(default_factory=list)  # since the last one that writes


@dataclass(slots=True)
class _Node:
    """A data node while submissions are being accepted."""

    edit_id: str | None
    writer: int | None  # the number of the unfinished job that writes it last
    turns: _Turns | None  # where its value is replaced in place; other data nodes may share them


@dataclass(slots=True)
class _Draft:
    """A job in the making: what it waits for (kind, then job number or data node), each once."""

    number: int
    first: int  # the number of the first job of its submission
    waits: dict[tuple[str, int | str], None] = field(default_factory=dict)


@dataclass(slots=True)
class _Rows:
    """The rows of all jobs that are being made, for one statement each."""

    jobs: list[dict[str, Any]] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    waits: list[dict[str, Any]] = field(default_factory=list)
    holds: list[dict[str, Any]] = field(default_factory=list)
    changes: list[Event] = field(default_factory=list)


def find_locks(connection: Connection, now: datetime) -> dict[str, Lock]:
    """Return the data nodes that editors have locked."""
    return {
        node_id: Lock(editor, until)
        for node_id, editor, until in connection.execute(_LOCKS, {"now": now})
    }


def tasks_without_success(connection: Connection, submission_id: str) -> list[TaskId]:
    """Return the tasks of a submission whose jobs failed, were cancelled or abandoned."""
    found = connection.execute(_WITHOUT_SUCCESS, {"submission_id": submission_id})
    return [TaskId(task_id) for task_id in found.scalars()]


def add_many(connection: Connection, accepted: Sequence[NewSubmission]) -> None:
    """Store submissions in the order in which they are given, as if each came alone.

    The number of statements does not depend on how many there are.

    Raises:
        ConflictError: An idempotency key was used by another server in this moment.
    """
    if not accepted:
        return
    numbers = _add_submissions(connection, accepted)
    nodes = _nodes(connection, accepted)
    rows = _Rows()
    for number, new in zip(numbers, accepted, strict=True):
        first = number * JOBS_LIMIT
        rows.changes.append(
            Event(
                kind=Kind.SUBMISSION,
                id=new.submission.id,
                change=Change.CREATED,
                actor=new.actor,
                status=new.submission.status,
            )
        )
        for position, job in enumerate(new.jobs):
            _draft_job(_Draft(first + position, first), job, new, nodes, rows)
    with together(connection):
        for statement, values in (
            (_INSERT_JOBS, rows.jobs),
            (_INSERT_INPUTS, rows.inputs),
            (_INSERT_WAITS, rows.waits),
            (_INSERT_HOLDS, rows.holds),
        ):
            execute_each(connection, statement, values)
        events.add(connection, rows.changes, accepted[0].submission.created_at)


def _add_submissions(connection: Connection, accepted: Sequence[NewSubmission]) -> list[int]:
    rows = [_submission_row(new) for new in accepted]
    try:
        if len(rows) == 1:  # without what SQLAlchemy does to return the numbers of many
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
        "idempotency_key": new.idempotency_key,
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


def _nodes(connection: Connection, accepted: Sequence[NewSubmission]) -> dict[str, _Node]:
    ids = list(
        dict.fromkeys(
            node for new in accepted for job in new.jobs for node in (*job.inputs, *job.outputs)
        )
    )
    if not ids:
        return {}
    nodes: dict[str, _Node] = {}
    turns: dict[str, _Turns] = {}
    for row in connection.execute(_NODES, {"ids": ids}):
        is_replaced = (
            row.storage_type in EXTERNAL_STORAGE_TYPES
            or "path" in row.properties
            or "default_path" in row.properties
        )
        if is_replaced:
            turns.setdefault(row.place, _Turns(row.place, row.last_at_place))
        nodes[row.id] = _Node(
            row.last_edit_id, row.writer, turns[row.place] if is_replaced else None
        )
    written = {node for new in accepted for job in new.jobs for node in job.outputs}
    to_write = {at.place for node, item in nodes.items() if node in written and (at := item.turns)}
    if to_write:
        for place, number in connection.execute(_READERS, {"places": list(to_write)}):
            turns[place].readers.append(number)
    return nodes


def _draft_job(
    draft: _Draft, job: PlannedJob, new: NewSubmission, nodes: dict[str, _Node], rows: _Rows
) -> None:
    for position, node_id in enumerate(job.inputs):
        _draft_input(draft, node_id, position, nodes[node_id], rows)
    for node_id in dict.fromkeys(job.outputs):
        _draft_output(draft, node_id, nodes[node_id], rows)
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
            kind=Kind.JOB,
            id=job.id,
            change=Change.CREATED,
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


def _draft_input(
    draft: _Draft, node_id: DataNodeId, position: int, node: _Node, rows: _Rows
) -> None:
    edit_id = None
    if node.writer is None:
        edit_id = node.edit_id
        if edit_id is None:
            draft.waits[INPUT, node_id] = None
    else:
        # The data wait includes the order: one row for one job.
        draft.waits.pop((ORDER, node.writer), None)
        draft.waits[DATA if node.writer >= draft.first else ORDER, node.writer] = None
    rows.inputs.append(
        {
            "job_number": draft.number,
            "position": position,
            "data_node_id": node_id,
            "edit_id": edit_id,
            "producer": node.writer,
        }
    )
    if node.turns is not None:
        last = node.turns.writer
        if last is not None and last != node.writer and (DATA, last) not in draft.waits:
            # Another data node's value comes to lie there first.
            draft.waits[ORDER, last] = None
        node.turns.readers.append(draft.number)
        _hold(rows, draft, node_id, READ, node.turns)


def _draft_output(draft: _Draft, node_id: DataNodeId, node: _Node, rows: _Rows) -> None:
    earlier = [node.writer]
    if node.turns is not None:
        earlier += [node.turns.writer, *node.turns.readers]
        node.turns.readers = []
        node.turns.writer = draft.number
    for number in earlier:
        if number is None or number == draft.number or (DATA, number) in draft.waits:
            continue
        draft.waits[ORDER, number] = None
    node.writer = draft.number
    _hold(rows, draft, node_id, WRITE, node.turns)


def _hold(rows: _Rows, draft: _Draft, node_id: DataNodeId, mode: str, turns: _Turns | None) -> None:
    rows.holds.append(
        {
            "job_number": draft.number,
            "data_node_id": node_id,
            "mode": mode,
            "place": None if turns is None else turns.place,
        }
    )
