"""Deletion of entities together with everything that belongs to them, in sets.

Nothing here checks whether a deletion is allowed: the caller first rejects what is unfinished or
still referenced, in the same transaction. The number of statements does not depend on how much is
deleted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Select, delete, select, union

from scenarist.db.among import any_of
from scenarist.db.sharing import SharedFile, find_unneeded, is_system_named
from scenarist.db.tables import (
    cycles,
    data_nodes,
    edits,
    jobs,
    scenarios,
    sequences,
    submissions,
    subscribers,
    tasks,
)

Ids = tuple[str, ...]

_SCENARIOS_OF = (
    select(scenarios.c.id).where(any_of(scenarios.c.cycle_id, "ids")).order_by(scenarios.c.number)
)
_SEQUENCES_OF = (
    select(sequences.c.id)
    .where(any_of(sequences.c.scenario_id, "ids"))
    .order_by(sequences.c.number)
)
_TASKS_OF = select(tasks.c.id).where(any_of(tasks.c.owner_id, "ids")).order_by(tasks.c.number)
_NODES_OF = (
    select(data_nodes.c.id)
    .where(any_of(data_nodes.c.owner_id, "ids"))
    .order_by(data_nodes.c.number)
)
# Submissions of the entities, and those with jobs of their tasks, since the sequence that was
# submitted may be deleted.
_SUBMISSIONS_OF = union(
    select(submissions.c.id).where(any_of(submissions.c.entity_id, "ids")),
    select(jobs.c.submission_id).where(any_of(jobs.c.task_id, "task_ids")),
).order_by("id")
_JOBS_OF = select(jobs.c.id).where(any_of(jobs.c.submission_id, "ids")).order_by(jobs.c.number)
_FILES = (
    select(edits.c.data_node_id, edits.c.uri, edits.c.shared_from, edits.c.id)
    .where(any_of(edits.c.data_node_id, "ids"), edits.c.uri.is_not(None))
    .order_by(edits.c.id)
)

_DELETE_CYCLES = delete(cycles).where(any_of(cycles.c.id, "ids"))
_DELETE_SCENARIOS = delete(scenarios).where(any_of(scenarios.c.id, "ids"))
_DELETE_SEQUENCES = delete(sequences).where(any_of(sequences.c.id, "ids"))
_DELETE_SUBSCRIBERS = delete(subscribers).where(any_of(subscribers.c.entity_id, "ids"))
_DELETE_TASKS = delete(tasks).where(any_of(tasks.c.id, "ids"))
_DELETE_NODES = delete(data_nodes).where(any_of(data_nodes.c.id, "ids"))
_DELETE_SUBMISSIONS = delete(submissions).where(any_of(submissions.c.id, "ids"))
_DELETE_JOBS = delete(jobs).where(any_of(jobs.c.submission_id, "ids"))
_DELETE_JOBS_ALONE = delete(jobs).where(any_of(jobs.c.id, "ids"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Cascade:
    """Everything deleted with an entity: identifiers by kind, in the order of creation."""

    cycles: Ids = ()
    scenarios: Ids = ()
    sequences: Ids = ()
    tasks: Ids = ()
    data_nodes: Ids = ()
    submissions: Ids = ()
    jobs: Ids = ()

    @property
    def by_kind(self) -> dict[str, Ids]:
        """The identifiers by the names of their kinds."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def cascade_of_cycles(connection: Connection, cycle_ids: Iterable[str]) -> Cascade:
    """Return what is deleted with cycles: their scenarios, and what cycles and scenarios own."""
    ids = tuple(cycle_ids)
    return _cascade(connection, ids, _ids(connection, _SCENARIOS_OF, ids))


def cascade_of_scenarios(
    connection: Connection, scenario_ids: Iterable[str], *, cycle_ids: Iterable[str] = ()
) -> Cascade:
    """Return what is deleted with scenarios: what they own, and its submissions.

    Args:
        cycle_ids: Cycles to delete as well, because they would be left without a scenario.
    """
    return _cascade(connection, tuple(cycle_ids), tuple(scenario_ids))


def cascade_of_tasks(connection: Connection, task_ids: Iterable[str]) -> Cascade:
    """Return what is deleted with tasks that are in no scenario: their submissions."""
    ids = tuple(task_ids)
    submission_ids = tuple(
        connection.execute(_SUBMISSIONS_OF, {"ids": ids, "task_ids": ids}).scalars()
    )
    return Cascade(
        tasks=ids,
        submissions=submission_ids,
        jobs=jobs_of_submissions(connection, submission_ids),
    )


def delete_cascade(connection: Connection, cascade: Cascade) -> list[str]:
    """Delete a cascade; return the files of values that no edit needs any more."""
    delete_submissions(connection, cascade.submissions)
    delete_sequences(connection, cascade.sequences)
    connection.execute(_DELETE_SUBSCRIBERS, {"ids": cascade.scenarios})
    connection.execute(_DELETE_SCENARIOS, {"ids": cascade.scenarios})
    delete_tasks(connection, cascade.tasks)
    uris = delete_data_nodes(connection, cascade.data_nodes)
    connection.execute(_DELETE_CYCLES, {"ids": cascade.cycles})
    return uris


def delete_sequences(connection: Connection, sequence_ids: Iterable[str]) -> None:
    """Delete sequences and their subscribers; jobs and submissions stay."""
    ids = tuple(sequence_ids)
    connection.execute(_DELETE_SUBSCRIBERS, {"ids": ids})
    connection.execute(_DELETE_SEQUENCES, {"ids": ids})


def delete_submissions(connection: Connection, submission_ids: Iterable[str]) -> tuple[int, int]:
    """Delete finished submissions, with their jobs and the logs of these.

    Returns:
        How many submissions were deleted, and how many jobs.
    """
    ids = tuple(submission_ids)
    gone_jobs = connection.execute(_DELETE_JOBS, {"ids": ids}).rowcount
    return connection.execute(_DELETE_SUBMISSIONS, {"ids": ids}).rowcount, gone_jobs


def delete_jobs(connection: Connection, job_ids: Iterable[str]) -> None:
    """Delete finished jobs, with their logs; their submissions stay."""
    connection.execute(_DELETE_JOBS_ALONE, {"ids": tuple(job_ids)})


def delete_tasks(connection: Connection, task_ids: Iterable[str]) -> None:
    """Delete tasks that no scenario or sequence contains; their jobs stay."""
    connection.execute(_DELETE_TASKS, {"ids": tuple(task_ids)})


def delete_data_nodes(connection: Connection, data_node_ids: Iterable[str]) -> list[str]:
    """Delete data nodes that no task or scenario refers to, with their edits.

    Returns:
        The files of their values that the server named and that no other edit shares, to be
        removed after the commit. Files and tables that the user named are not included.
    """
    ids = tuple(data_node_ids)
    files = [
        SharedFile(shared_from or edit_id, uri)
        for node_id, uri, shared_from, edit_id in connection.execute(_FILES, {"ids": ids})
        if shared_from is not None or is_system_named(node_id, uri)
    ]
    connection.execute(_DELETE_NODES, {"ids": ids})
    return find_unneeded(connection, files)


def jobs_of_submissions(connection: Connection, submission_ids: Iterable[str]) -> Ids:
    """Return the identifiers of the jobs of submissions, in the order of acceptance."""
    return _ids(connection, _JOBS_OF, tuple(submission_ids))


def _cascade(connection: Connection, cycle_ids: Ids, scenario_ids: Ids) -> Cascade:
    owners = (*cycle_ids, *scenario_ids)
    sequence_ids = _ids(connection, _SEQUENCES_OF, scenario_ids)
    task_ids = _ids(connection, _TASKS_OF, owners)
    submission_ids = tuple(
        connection.execute(
            _SUBMISSIONS_OF,
            {"ids": (*scenario_ids, *sequence_ids, *task_ids), "task_ids": task_ids},
        ).scalars()
    )
    return Cascade(
        cycles=cycle_ids,
        scenarios=scenario_ids,
        sequences=sequence_ids,
        tasks=task_ids,
        data_nodes=_ids(connection, _NODES_OF, owners),
        submissions=submission_ids,
        jobs=jobs_of_submissions(connection, submission_ids),
    )


def _ids(connection: Connection, query: Select[Any], ids: Ids) -> Ids:
    return tuple(connection.execute(query, {"ids": ids}).scalars())
