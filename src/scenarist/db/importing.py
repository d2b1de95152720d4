"""Queries for importing entities: which exist, and rows of jobs that have ended elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, text, update

from scenarist.db.among import any_of
from scenarist.db.each import execute_many
from scenarist.db.jobs.enqueue import JOBS_LIMIT
from scenarist.db.tables import (
    cycles,
    data_nodes,
    edits,
    jobs,
    scenarios,
    sequences,
    submissions,
    tasks,
)
from scenarist.domain.entities import Job, Submission
from scenarist.domain.vocabulary import EntityKind, Frequency, JobStatus

_TABLES: Mapping[EntityKind, Table] = {
    EntityKind.CYCLE: cycles,
    EntityKind.SCENARIO: scenarios,
    EntityKind.SEQUENCE: sequences,
    EntityKind.TASK: tasks,
    EntityKind.DATA_NODE: data_nodes,
    EntityKind.JOB: jobs,
    EntityKind.SUBMISSION: submissions,
}
_CYCLES = select(cycles.c.id, cycles.c.frequency, cycles.c.start_at)
_LED_CYCLES = select(scenarios.c.cycle_id).where(text("is_primary"))
_NODES = (
    select(
        data_nodes.c.id,
        data_nodes.c.config_id,
        data_nodes.c.owner_id,
        data_nodes.c.last_edit_id,
        edits.c.created_at,
    )
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .where(any_of(data_nodes.c.config_id, "ids"))
)
_TASKS = select(tasks.c.id, tasks.c.config_id, tasks.c.owner_id, tasks.c.wiring).where(
    any_of(tasks.c.config_id, "ids")
)
_EDITS = select(edits.c.id).where(any_of(edits.c.id, "ids"))
_INSERT_SUBMISSIONS = insert(submissions).returning(
    submissions.c.number, sort_by_parameter_order=True
)
_INSERT_JOBS = insert(jobs)
_KEEP_AS = update(edits).where(edits.c.id == bindparam("of")).values(kept_as=bindparam("kept_as"))


@dataclass(frozen=True, slots=True)
class ExistingNode:
    """A data node of the database, with the identifier and the time of its newest edit."""

    id: str
    last_edit_id: str | None
    last_edited_at: datetime | None


def find_existing(connection: Connection, kind: EntityKind, ids: Sequence[str]) -> set[str]:
    """Return those of the identifiers that entities of a kind have."""
    table = _TABLES[kind]
    found = connection.execute(select(table.c.id).where(any_of(table.c.id, "ids")), {"ids": ids})
    return set(found.scalars())


def find_existing_edits(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return those of the identifiers that edits have."""
    return set(connection.execute(_EDITS, {"ids": ids}).scalars())


def find_periods(connection: Connection) -> dict[tuple[Frequency, datetime], str]:
    """Return all cycles, by frequency and start."""
    return {(Frequency(row.frequency), row.start_at): row.id for row in connection.execute(_CYCLES)}


def find_led_cycles(connection: Connection) -> set[str]:
    """Return the cycles that have a primary scenario."""
    return set(connection.execute(_LED_CYCLES).scalars())


def find_nodes(
    connection: Connection, config_ids: Sequence[str]
) -> dict[tuple[str, str | None], ExistingNode]:
    """Return the data nodes of configs, by config and owner."""
    return {
        (row.config_id, row.owner_id): ExistingNode(row.id, row.last_edit_id, row.created_at)
        for row in connection.execute(_NODES, {"ids": config_ids})
    }


def find_tasks(
    connection: Connection, config_ids: Sequence[str]
) -> dict[tuple[str, str | None, str], str]:
    """Return the tasks of configs, by config, owner and wiring."""
    return {
        (row.config_id, row.owner_id, row.wiring): row.id
        for row in connection.execute(_TASKS, {"ids": config_ids})
    }


def keep_as(connection: Connection, kept: Mapping[str, Mapping[str, Any]]) -> None:
    """Record how the values of edits are read, where their data nodes declare something else."""
    if kept:
        connection.execute(_KEEP_AS, [{"of": of, "kept_as": dict(as_)} for of, as_ in kept.items()])


def add_ended(connection: Connection, ended: Sequence[tuple[Submission, Sequence[Job]]]) -> None:
    """Store submissions that have ended, each with its jobs, which have ended too."""
    if not ended:
        return
    rows = [_submission_row(submission, its_jobs) for submission, its_jobs in ended]
    numbers = connection.execute(_INSERT_SUBMISSIONS, rows).scalars()
    execute_many(
        connection,
        _INSERT_JOBS,
        [
            _job_row(job, number * JOBS_LIMIT + position)
            for number, (_, its_jobs) in zip(numbers, ended, strict=True)
            for position, job in enumerate(its_jobs)
        ],
    )


def _submission_row(submission: Submission, its_jobs: Sequence[Job]) -> dict[str, Any]:
    statuses = [job.status for job in its_jobs]
    return {
        "id": submission.id,
        "entity_id": submission.entity_id,
        "entity_type": submission.entity_type,
        "properties": dict(submission.properties),
        "created_at": submission.created_at,
        "finished_at": submission.finished_at,
        "status": submission.status,
        "unfinished": 0,
        "failed": statuses.count(JobStatus.FAILED),
        "canceled": statuses.count(JobStatus.CANCELED),
        "version": submission.version,
    }


def _job_row(job: Job, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "id": job.id,
        "task_id": job.task_id,
        "submission_id": job.submission_id,
        "submit_entity_id": job.submit_entity_id,
        "status": job.status,
        "force": job.force,
        "priority": 0,
        "waiting": 0,
        "attempt": job.attempt,
        "failures": int(job.status is JobStatus.FAILED),
        "lost": 0,
        "created_at": job.created_at,
        "run_at": job.run_at,
        "finished_at": job.finished_at,
        "stacktrace": job.stacktrace[0] if job.stacktrace else None,
        "reason": job.reason,
        "version": job.version,
        "function": job.function,
    }
