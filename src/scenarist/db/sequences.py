"""Sequences as rows, each with a row for every task."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from scenarist.db.among import among
from scenarist.db.pages import Page, cut, narrowed, within
from scenarist.db.tables import sequence_tasks, sequences
from scenarist.domain import entities
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import ScenarioId, SequenceId, TaskId
from scenarist.domain.listings import CREATION_DATE, NAME, PageRequest, SequenceFilter

# One statement for the most frequent look-up of all: a row for each task, or one without.
_FIND = (
    select(sequences, sequence_tasks.c.task_id)
    .outerjoin(sequence_tasks, sequence_tasks.c.sequence_id == sequences.c.id)
    .where(sequences.c.id == bindparam("id"))
    .order_by(sequence_tasks.c.position)
)
_TASKS = (
    select(sequence_tasks.c.sequence_id, sequence_tasks.c.task_id)
    .where(among(sequence_tasks.c.sequence_id, "ids"))
    .order_by(sequence_tasks.c.sequence_id, sequence_tasks.c.position)
)
_TASKS_IF_ANY = (
    select(sequences.c.id, sequence_tasks.c.task_id)
    .outerjoin(sequence_tasks, sequence_tasks.c.sequence_id == sequences.c.id)
    .where(among(sequences.c.id, "ids"))
    .order_by(sequences.c.id, sequence_tasks.c.position)
)
_OF_SCENARIOS = (
    select(sequences).where(among(sequences.c.scenario_id, "ids")).order_by(sequences.c.number)
)
_KEYS = {CREATION_DATE: sequences.c.created_at, NAME: sequences.c.name}
_INSERT = insert(sequences)
_INSERT_TASKS = insert(sequence_tasks)
_DELETE = delete(sequences).where(sequences.c.id == bindparam("id"))


def add(connection: Connection, sequence: entities.Sequence) -> None:
    """Store a sequence.

    Raises:
        ConflictError: Its scenario already has a sequence of that name.
    """
    try:
        connection.execute(
            _INSERT,
            {
                "id": sequence.id,
                "scenario_id": sequence.scenario_id,
                "name": sequence.name,
                "properties": sequence.properties,
                "created_at": sequence.created_at,
                "version": sequence.version,
            },
        )
    except IntegrityError:
        raise ConflictError(
            f"scenario {sequence.scenario_id} already has a sequence named {sequence.name!r}; "
            "take another name, or delete that one first",
            code="sequence_exists",
        ) from None
    if sequence.task_ids:
        connection.execute(
            _INSERT_TASKS,
            [
                {"sequence_id": sequence.id, "position": position, "task_id": task_id}
                for position, task_id in enumerate(sequence.task_ids)
            ],
        )


def find(connection: Connection, sequence_id: str) -> entities.Sequence | None:
    rows = connection.execute(_FIND, {"id": sequence_id}).fetchall()
    if not rows:
        return None
    return _sequence(rows[0], (row.task_id for row in rows if row.task_id is not None))


def tasks_of(connection: Connection, sequence_ids: Iterable[str]) -> dict[str, tuple[TaskId, ...]]:
    """Return the tasks of sequences in order; sequences that do not exist are left out."""
    tasks: dict[str, list[TaskId]] = {}
    for sequence_id, task_id in connection.execute(_TASKS_IF_ANY, {"ids": list(sequence_ids)}):
        known = tasks.setdefault(sequence_id, [])
        if task_id is not None:
            known.append(TaskId(task_id))
    return {sequence_id: tuple(known) for sequence_id, known in tasks.items()}


def delete_one(connection: Connection, sequence_id: str) -> bool:
    """Delete a sequence; False when there is none."""
    return connection.execute(_DELETE, {"id": sequence_id}).rowcount == 1


def page(
    connection: Connection, wanted: SequenceFilter, request: PageRequest
) -> Page[entities.Sequence]:
    query = narrowed(
        select(sequences),
        {sequences.c.scenario_id: wanted.scenario_id, sequences.c.name: wanted.name},
    )
    query = within(query, sequences.c.created_at, wanted.created)
    found = cut(connection, query, request, number=sequences.c.number, keys=_KEYS)
    return found.page(_assembled(connection, found.rows))


def of_scenarios(
    connection: Connection, scenario_ids: Iterable[str]
) -> dict[str, list[entities.Sequence]]:
    """Return the sequences of some scenarios, by scenario, in the order of their creation."""
    rows = connection.execute(_OF_SCENARIOS, {"ids": list(scenario_ids)}).fetchall()
    found: dict[str, list[entities.Sequence]] = {}
    for sequence in _assembled(connection, rows):
        found.setdefault(sequence.scenario_id, []).append(sequence)
    return found


def _assembled(connection: Connection, rows: Sequence[Any]) -> list[entities.Sequence]:
    tasks: dict[str, list[str]] = {}
    for owner, task_id in connection.execute(_TASKS, {"ids": [row.id for row in rows]}):
        tasks.setdefault(owner, []).append(task_id)
    return [_sequence(row, tasks.get(row.id, ())) for row in rows]


def _sequence(row: Any, task_ids: Iterable[str]) -> entities.Sequence:
    return entities.Sequence(
        id=SequenceId(row.id),
        name=row.name,
        scenario_id=ScenarioId(row.scenario_id),
        task_ids=tuple(TaskId(item) for item in task_ids),
        properties=row.properties,
        created_at=row.created_at,
        version=row.version,
    )
