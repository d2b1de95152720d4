"""Submissions as rows, and how one becomes jobs with their inputs and waits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from scenarist.db.among import among
from scenarist.db.data_nodes import READ, WRITE
from scenarist.db.pages import Page, cut
from scenarist.db.tables import (
    data_nodes,
    job_holds,
    job_inputs,
    job_waits,
    jobs,
    submissions,
)
from scenarist.domain.entities import Submission
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import DataNodeId, JobId, SubmissionId, TaskId
from scenarist.domain.lifecycle import JobEvent, next_status, roll_up_under_way
from scenarist.domain.vocabulary import EntityType, JobStatus, SubmissionStatus

JOBS_LIMIT = 16_384
"""Jobs that one submission can have. Their numbers follow from the submission's, so that jobs are
numbered in the order in which they were accepted, without asking the database for each number."""

DATA = "DATA"
ORDER = "ORDER"
INPUT = "INPUT"


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job to be made; a submission's are in an order that respects their data."""

    id: JobId
    task_id: TaskId
    inputs: tuple[DataNodeId, ...]
    outputs: tuple[DataNodeId, ...]


@dataclass(slots=True)
class _Node:
    """A data node while a submission is being made."""

    edit_id: str | None
    writer: int | None  # the number of the unfinished job that writes it last
    is_replaced: bool  # its file is replaced in place, so that readers and writers take turns
    readers: list[int]
    is_written_here: bool = False  # by a job of this submission


_NODES = select(
    data_nodes.c.id,
    data_nodes.c.last_edit_id,
    data_nodes.c.properties,
    select(job_holds.c.job_number)
    .where(job_holds.c.data_node_id == data_nodes.c.id, job_holds.c.mode == WRITE)
    .order_by(job_holds.c.number.desc())
    .limit(1)
    .scalar_subquery()
    .label("writer"),
).where(among(data_nodes.c.id, "ids"))
_READERS = select(job_holds.c.data_node_id, job_holds.c.job_number).where(
    among(job_holds.c.data_node_id, "ids"), job_holds.c.mode == READ
)
_INSERT = insert(submissions).returning(submissions.c.number)
_INSERT_JOBS = insert(jobs)
_INSERT_INPUTS = insert(job_inputs)
_INSERT_WAITS = insert(job_waits)
_INSERT_HOLDS = insert(job_holds)
_FIND = select(submissions).where(submissions.c.id == bindparam("id"))
_BY_KEY = select(submissions.c.id, submissions.c.entity_id).where(
    submissions.c.idempotency_key == bindparam("key")
)
_JOBS = (
    select(jobs.c.submission_id, jobs.c.id, jobs.c.status, jobs.c.run_at)
    .where(among(jobs.c.submission_id, "ids"))
    .order_by(jobs.c.number)
)


def add(
    connection: Connection,
    submission: Submission,
    planned: Sequence[PlannedJob],
    *,
    force: bool = False,
    priority: int = 0,
    idempotency_key: str | None = None,
) -> None:
    """Store a submission and its jobs, with what each reads and waits for decided now."""
    number = _add_row(connection, submission, len(planned), idempotency_key)
    if not planned:
        return
    nodes = _nodes(connection, planned)
    drafts = _drafts(planned, nodes)
    numbers = range(number * JOBS_LIMIT, number * JOBS_LIMIT + len(planned))
    connection.execute(
        _INSERT_JOBS,
        [
            {
                "number": number,
                "id": job.id,
                "task_id": job.task_id,
                "submission_id": submission.id,
                "submit_entity_id": submission.entity_id,
                "status": next_status(
                    JobStatus.SUBMITTED,
                    JobEvent.HELD_BACK if draft.waits else JobEvent.RELEASED,
                ),
                "force": force,
                "priority": priority,
                "waiting": len(draft.waits),
                "attempt": 0,
                "failures": 0,
                "lost": 0,
                "created_at": submission.created_at,
                "version": submission.version,
            }
            for number, job, draft in zip(numbers, planned, drafts, strict=True)
        ],
    )
    _add_links(connection, drafts, numbers)


def find(connection: Connection, submission_id: str) -> Submission | None:
    row = connection.execute(_FIND, {"id": submission_id}).first()
    return None if row is None else _assembled(connection, [row])[0]


def find_by_key(connection: Connection, key: str) -> tuple[SubmissionId, str] | None:
    """Return the submission that an idempotency key made, and the entity that it was of."""
    row = connection.execute(_BY_KEY, {"key": key}).first()
    return None if row is None else (SubmissionId(row.id), row.entity_id)


def find_under_way(connection: Connection, entity_id: str) -> SubmissionId | None:
    """Return the oldest unfinished submission of an entity."""
    query = (
        select(submissions.c.id)
        .where(submissions.c.entity_id == entity_id, submissions.c.status.is_(None))
        .order_by(submissions.c.number)
        .limit(1)
    )
    return connection.execute(query).scalar()


def page(
    connection: Connection,
    *,
    entity_id: str | None = None,
    status: SubmissionStatus | None = None,
    after: int = 0,
    limit: int,
) -> Page[Submission]:
    """Return submissions in the order in which they were accepted."""
    query: Select[Any] = select(submissions)
    if entity_id is not None:
        query = query.where(submissions.c.entity_id == entity_id)
    if status is not None:
        query = query.where(_has_status(status))
    rows, following = cut(connection, query, submissions.c.number, after=after, limit=limit)
    return Page(_assembled(connection, rows), following)


def _add_row(
    connection: Connection, submission: Submission, unfinished: int, key: str | None
) -> int:
    is_empty = unfinished == 0
    try:
        added = connection.execute(
            _INSERT,
            {
                "id": submission.id,
                "entity_id": submission.entity_id,
                "entity_type": submission.entity_type,
                "properties": submission.properties,
                "idempotency_key": key,
                "created_at": submission.created_at,
                "finished_at": submission.created_at if is_empty else None,
                "status": SubmissionStatus.COMPLETED if is_empty else None,
                "unfinished": unfinished,
                "failed": 0,
                "canceled": 0,
                "version": submission.version,
            },
        )
    except IntegrityError:
        raise ConflictError(
            f"the idempotency key {key!r} was just used; send the request again"
        ) from None
    number: int = added.scalar_one()
    return number


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a job will wait for, read and hold; a job of its own submission is a negative number."""

    waits: dict[tuple[str, int | str], None]  # (kind, job number or data node), each once
    inputs: list[tuple[DataNodeId, str | None, int | None]]  # node, edit, producer
    holds: list[tuple[DataNodeId, str]]


def _drafts(planned: Sequence[PlannedJob], nodes: Mapping[str, _Node]) -> list[_Draft]:
    drafts = []
    for position, job in enumerate(planned):
        draft = _Draft({}, [], [])
        here = -1 - position
        for node_id in job.inputs:
            _draft_input(draft, node_id, nodes[node_id], here)
        for node_id in dict.fromkeys(job.outputs):
            _draft_output(draft, node_id, nodes[node_id], here)
        drafts.append(draft)
    return drafts


def _draft_input(draft: _Draft, node_id: DataNodeId, node: _Node, here: int) -> None:
    if node.writer is not None:
        draft.inputs.append((node_id, None, node.writer))
        # The data wait includes the order: one row for one job.
        draft.waits.pop((ORDER, node.writer), None)
        kind = DATA if node.is_written_here else ORDER
        draft.waits[kind, node.writer] = None
    else:
        draft.inputs.append((node_id, node.edit_id, None))
        if node.edit_id is None:
            draft.waits[INPUT, node_id] = None
    if node.is_replaced:
        node.readers.append(here)
        draft.holds.append((node_id, READ))


def _draft_output(draft: _Draft, node_id: DataNodeId, node: _Node, here: int) -> None:
    earlier = [] if node.writer is None else [node.writer]
    if node.is_replaced:
        earlier += [reader for reader in node.readers if reader != here]
        node.readers = []
    for number in earlier:
        if (DATA, number) not in draft.waits:
            draft.waits[ORDER, number] = None
    node.writer = here
    node.is_written_here = True
    draft.holds.append((node_id, WRITE))


def _nodes(connection: Connection, planned: Sequence[PlannedJob]) -> dict[str, _Node]:
    ids = list(dict.fromkeys(node for job in planned for node in (*job.inputs, *job.outputs)))
    if not ids:
        return {}
    nodes = {
        row.id: _Node(
            edit_id=row.last_edit_id,
            writer=row.writer,
            is_replaced="path" in row.properties or "default_path" in row.properties,
            readers=[],
        )
        for row in connection.execute(_NODES, {"ids": ids})
    }
    replaced = [node_id for node_id, node in nodes.items() if node.is_replaced]
    if replaced:
        for node_id, number in connection.execute(_READERS, {"ids": replaced}):
            nodes[node_id].readers.append(number)
    return nodes


def _add_links(connection: Connection, drafts: list[_Draft], numbers: Sequence[int]) -> None:
    def settled(reference: int | None) -> int | None:
        is_here = reference is not None and reference < 0
        return numbers[-1 - reference] if is_here else reference  # type: ignore[operator]

    inputs: list[dict[str, Any]] = []
    waits: list[dict[str, Any]] = []
    holds: list[dict[str, Any]] = []
    for number, draft in zip(numbers, drafts, strict=True):
        inputs += [
            {
                "job_number": number,
                "position": position,
                "data_node_id": node_id,
                "edit_id": edit_id,
                "producer": settled(producer),
            }
            for position, (node_id, edit_id, producer) in enumerate(draft.inputs)
        ]
        for kind, target in draft.waits:
            is_node = isinstance(target, str)
            waits.append(
                {
                    "job_number": number,
                    "kind": kind,
                    "for_job": None if isinstance(target, str) else settled(target),
                    "for_data_node": target if is_node else None,
                }
            )
        holds += [
            {"job_number": number, "data_node_id": node_id, "mode": mode}
            for node_id, mode in draft.holds
        ]
    for statement, rows in (
        (_INSERT_INPUTS, inputs),
        (_INSERT_WAITS, waits),
        (_INSERT_HOLDS, holds),
    ):
        if rows:
            connection.execute(statement, rows)


def _has_status(status: SubmissionStatus) -> Any:
    if status.is_finished:
        return submissions.c.status == status
    # The jobs tell: the first of RUNNING, PENDING, BLOCKED that one of them has.
    conditions: list[ColumnElement[bool]] = [submissions.c.status.is_(None)]
    for rank in (SubmissionStatus.RUNNING, SubmissionStatus.PENDING, SubmissionStatus.BLOCKED):
        has = (
            select(jobs.c.number)
            .where(jobs.c.submission_id == submissions.c.id, jobs.c.status == str(rank))
            .exists()
        )
        if rank is status:
            return and_(*conditions, has)
        conditions.append(~has)
    return and_(*conditions)


def _assembled(connection: Connection, rows: Sequence[Any]) -> list[Submission]:
    job_ids: dict[str, list[JobId]] = {}
    statuses: dict[str, Counter[JobStatus]] = {}
    first_runs: dict[str, Any] = {}
    for owner, job_id, status, run_at in connection.execute(
        _JOBS, {"ids": [row.id for row in rows]}
    ):
        job_ids.setdefault(owner, []).append(JobId(job_id))
        statuses.setdefault(owner, Counter())[JobStatus(status)] += 1
        if run_at is not None:
            first_runs[owner] = min(run_at, first_runs.get(owner, run_at))
    return [
        Submission(
            id=SubmissionId(row.id),
            entity_id=row.entity_id,
            entity_type=EntityType(row.entity_type),
            status=SubmissionStatus(row.status)
            if row.status is not None
            else roll_up_under_way(statuses.get(row.id, {})),
            job_ids=tuple(job_ids.get(row.id, ())),
            properties=row.properties,
            created_at=row.created_at,
            run_at=first_runs.get(row.id),
            finished_at=row.finished_at,
            version=row.version,
        )
        for row in rows
    ]
