"""A statement for each of many rows leaves what it would leave for one after the other."""

from datetime import UTC, datetime

from sqlalchemy import bindparam, insert, select, update

from scenarist.db.each import execute_many
from scenarist.db.engine import Database
from scenarist.db.tables import submissions

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANY = 450

_INSERT = insert(submissions)
_END = (
    update(submissions)
    .where(submissions.c.id == bindparam("of"))
    .values(
        unfinished=submissions.c.unfinished - bindparam("fewer"),
        status=bindparam("status"),
        finished_at=bindparam("finished_at"),
        properties=bindparam("properties"),
    )
)


def row(number: int) -> dict[str, object]:
    return {
        "id": f"S{number}",
        "entity_id": 'a "quoted" {name}, ü',
        "entity_type": "TASK",
        "properties": {"n": number, "nothing": None},
        "idempotency_key": None if number % 2 else f"key {number}",
        "created_at": NOW,
        "finished_at": None,
        "status": None,
        "unfinished": 5,
        "failed": 0,
        "canceled": 0,
        "version": "latest",
        "retry_of": None,
        "traceparent": None,
    }


def stored(database: Database) -> list[tuple[object, ...]]:
    query = select(
        submissions.c.id,
        submissions.c.entity_id,
        submissions.c.properties,
        submissions.c.idempotency_key,
        submissions.c.unfinished,
        submissions.c.status,
        submissions.c.finished_at,
    )
    return [tuple(found) for found in database.reader.execute(query.order_by(submissions.c.number))]


def test_rows_are_inserted_in_their_order_with_all_kinds_of_values(database: Database) -> None:
    rows = [row(number) for number in range(MANY)]

    database.write(lambda connection: execute_many(connection, _INSERT, rows))

    assert stored(database) == [
        (new["id"], new["entity_id"], new["properties"], new["idempotency_key"], 5, None, None)
        for new in rows
    ]


def test_each_row_updates_its_own(database: Database) -> None:
    database.write(lambda connection: connection.execute(_INSERT, [row(n) for n in range(MANY)]))
    changes = [
        {
            "of": f"S{number}",
            "fewer": number % 5,
            "status": None if number % 3 else "FAILED",
            "finished_at": None if number % 3 else NOW,
            "properties": {"changed": [number]},
        }
        for number in range(1, MANY)
    ]

    database.write(lambda connection: execute_many(connection, _END, changes))

    first, *others = stored(database)
    assert first[4:] == (5, None, None)
    assert [(found[0], *found[2:3], *found[4:]) for found in others] == [
        (
            change["of"],
            change["properties"],
            5 - int(str(change["fewer"])),
            change["status"],
            change["finished_at"],
        )
        for change in changes
    ]


def test_nothing_is_asked_for_no_rows(database: Database) -> None:
    database.write(lambda connection: execute_many(connection, _INSERT, []))

    assert stored(database) == []
