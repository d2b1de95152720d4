"""Rows of sequences, each with a row per task."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    bindparam,
    delete,
    insert,
    select,
    type_coerce,
    update,
)
from sqlalchemy.exc import IntegrityError

from scenarist.db import subscribers as subscriber_rows
from scenarist.db.among import any_of
from scenarist.db.json_columns import decoded_list, json_list, json_row
from scenarist.db.paging import EntityList, Page, apply_filters, created_between, match_any
from scenarist.db.sql import Query
from scenarist.db.tables import (
    jobs,
    scenarios,
    sequence_tasks,
    sequences,
    submissions,
    subscribers,
)
from scenarist.db.tables.columns import to_timestamp
from scenarist.domain import entities
from scenarist.domain.entities import Subscriber
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import ScenarioId, SequenceId, TaskId
from scenarist.domain.listings import CREATION_DATE, NAME, PageRequest, SequenceFilter

_TASK_IDS = (
    select(sequence_tasks.c.task_id.label("item"))
    .where(sequence_tasks.c.sequence_id == sequences.c.id)
    .correlate(sequences)
    .order_by(sequence_tasks.c.position)
)
_LIST = EntityList(
    select(sequences, decoded_list(_TASK_IDS).label("task_ids"), subscriber_rows.HAS_ANY),
    number=sequences.c.number,
    keys={CREATION_DATE: sequences.c.created_at, NAME: sequences.c.name},
)
_FIND = Query(_LIST.query.where(sequences.c.id == bindparam("id")))
_OF_SCENARIO = (
    select(
        json_row(
            sequences.c.id,
            sequences.c.name,
            json_list(_TASK_IDS),
            sequences.c.properties,
            type_coerce(sequences.c.created_at, BigInteger),
            sequences.c.version,
        ).label("item")
    )
    .where(sequences.c.scenario_id == scenarios.c.id)
    .correlate(scenarios)
    .order_by(sequences.c.number)
)
SEQUENCES = decoded_list(
    _OF_SCENARIO, tuple[str, str, tuple[TaskId, ...], dict[str, Any], int, str]
).label("sequences")
"""Column of a query for scenarios: their sequences, for `of_scenario`."""

_TASKS_IF_ANY = Query(
    select(sequences.c.id, sequence_tasks.c.task_id)
    .outerjoin(sequence_tasks, sequence_tasks.c.sequence_id == sequences.c.id)
    .where(any_of(sequences.c.id, "ids"))
    .order_by(sequences.c.id, sequence_tasks.c.position)
)
_INSERT = insert(sequences)
_INSERT_TASKS = insert(sequence_tasks)
_UPDATE = (
    update(sequences)
    .where(sequences.c.id == bindparam("of"))
    .values(
        id=bindparam("new_id"),
        name=bindparam("name"),
        properties=bindparam("properties", type_=JSON),
    )
)
_DELETE_TASKS = delete(sequence_tasks).where(sequence_tasks.c.sequence_id == bindparam("of"))
# The jobs first: they are found by the old entity of their submissions.
_UPDATE_REFERENCES = (
    update(jobs)
    .where(
        jobs.c.submission_id.in_(
            select(submissions.c.id).where(submissions.c.entity_id == bindparam("of"))
        )
    )
    .values(submit_entity_id=bindparam("new_id")),
    update(submissions)
    .where(submissions.c.entity_id == bindparam("of"))
    .values(entity_id=bindparam("new_id")),
    update(subscribers)
    .where(subscribers.c.entity_id == bindparam("of"))
    .values(entity_id=bindparam("new_id")),
)


def add(connection: Connection, sequence: entities.Sequence) -> None:
    """Store a sequence.

    Raises:
        ConflictError: Its scenario already has a sequence with that name.
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
        raise _name_conflict(sequence) from None
    _add_tasks(connection, sequence)


def change(connection: Connection, former: entities.Sequence, sequence: entities.Sequence) -> None:
    """Update a sequence. If its identifier changes, its submissions and subscribers follow.

    Raises:
        ConflictError: Its scenario already has a sequence with that name.
    """
    connection.execute(_DELETE_TASKS, {"of": former.id})
    try:
        connection.execute(
            _UPDATE,
            {
                "of": former.id,
                "new_id": sequence.id,
                "name": sequence.name,
                "properties": sequence.properties,
            },
        )
    except IntegrityError:
        raise _name_conflict(sequence) from None
    _add_tasks(connection, sequence)
    if sequence.id != former.id:
        for statement in _UPDATE_REFERENCES:
            connection.execute(statement, {"of": former.id, "new_id": sequence.id})


def _add_tasks(connection: Connection, sequence: entities.Sequence) -> None:
    if sequence.task_ids:
        connection.execute(
            _INSERT_TASKS,
            [
                {"sequence_id": sequence.id, "position": position, "task_id": task_id}
                for position, task_id in enumerate(sequence.task_ids)
            ],
        )


def _name_conflict(sequence: entities.Sequence) -> ConflictError:
    return ConflictError(
        f"scenario {sequence.scenario_id} already has a sequence named {sequence.name!r}; "
        "choose another name, or delete that one first",
        code="sequence_exists",
    )


def find(connection: Connection, sequence_id: str) -> entities.Sequence | None:
    row = _FIND.fetch_first(connection, {"id": sequence_id})
    return None if row is None else _assemble(connection, [row])[0]


def tasks_of(connection: Connection, sequence_ids: Iterable[str]) -> dict[str, tuple[TaskId, ...]]:
    """Return the tasks of sequences, in order, by sequence; unknown sequences are omitted."""
    tasks: dict[str, list[TaskId]] = {}
    for sequence_id, task_id in _TASKS_IF_ANY.fetch(connection, {"ids": list(sequence_ids)}):
        known = tasks.setdefault(sequence_id, [])
        if task_id is not None:
            known.append(TaskId(task_id))
    return {sequence_id: tuple(known) for sequence_id, known in tasks.items()}


def list_page(
    connection: Connection, wanted: SequenceFilter, request: PageRequest
) -> Page[entities.Sequence]:
    query, branches = apply_filters(
        _LIST.query,
        [
            match_any(sequences.c.id, wanted.id),
            match_any(sequences.c.scenario_id, wanted.scenario_id),
            match_any(sequences.c.name, wanted.name),
            match_any(sequences.c.version, wanted.version),
        ],
    )
    query = created_between(query, sequences.c.created_at, wanted.created)
    found = _LIST.fetch_page(connection, request, query, branches)
    return found.to_page(_assemble(connection, found.rows))


def of_scenario(
    row: Any, subscribers: Mapping[str, tuple[Subscriber, ...]]
) -> tuple[entities.Sequence, ...]:
    """Return the sequences of a row with the column `SEQUENCES`, in the order of creation."""
    return tuple(
        entities.Sequence(
            id=SequenceId(sequence_id),
            name=name,
            scenario_id=row.id,
            task_ids=task_ids,
            properties=properties,
            created_at=to_timestamp(created_at),
            version=version,
            subscribers=subscribers.get(sequence_id, ()),
        )
        for sequence_id, name, task_ids, properties, created_at, version in row.sequences
    )


def _assemble(connection: Connection, rows: Sequence[Any]) -> list[entities.Sequence]:
    subscribers: Mapping[str, tuple[Subscriber, ...]] = {}
    if rows and rows[0].has_any_subscribers:
        subscribers = subscriber_rows.of_entities(connection, [row.id for row in rows])
    return [
        entities.Sequence(
            id=SequenceId(row.id),
            name=row.name,
            scenario_id=ScenarioId(row.scenario_id),
            task_ids=row.task_ids,
            properties=row.properties,
            created_at=row.created_at,
            version=row.version,
            subscribers=subscribers.get(row.id, ()),
        )
        for row in rows
    ]
