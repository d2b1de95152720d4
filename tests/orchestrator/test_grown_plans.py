"""What is said to a database that has grown is still found by indexes, as it chooses itself."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Table

from orchestrator.test_query_plans import live_a_life
from orchestrator.world import World
from scenarist.db.tables import edits, events, job_inputs, job_logs, jobs, submissions
from scenarist.domain.permissions import ANYONE
from scenarist.domain.retention import Retention
from scenarist.services.pruning import PruningService
from statements import noted, plans_as_they_are, scanned

COPIES = 1_000
DAY = timedelta(days=1)
OF_WHAT_HAS_NOT_ENDED = ("ix_jobs_pending", "ix_jobs_running", "ix_jobs_waiting")
GROWN = ("jobs", "submissions", "edits", "job_inputs", "job_logs", "events")

# Copies of what is there, with numbers and identifiers of their own, which belong together.
_NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {COPIES}) "
_OTHER: dict[Table, dict[str, str]] = {
    submissions: {"number": "number + i * 1000", "id": "id || i", "idempotency_key": "NULL"},
    jobs: {
        "number": "number + i * CAST(16384000 AS BIGINT)",
        "id": "id || i",
        "submission_id": "submission_id || i",
    },
    job_inputs: {
        "job_number": "job_number + i * CAST(16384000 AS BIGINT)",
        "edit_id": "edit_id || i",
    },
    job_logs: {"job_number": "job_number + i * CAST(16384000 AS BIGINT)"},
    edits: {"id": "id || i", "job_id": "job_id || i"},
    events: {"number": "number + i * 1000"},
}


def grow(connection: Connection) -> None:
    """Add a thousand times what there is and has ended."""
    for table, others in _OTHER.items():
        quoted = [f'"{column.name}"' for column in table.columns]
        values = [others.get(column.name, f't."{column.name}"') for column in table.columns]
        connection.exec_driver_sql(
            f"{_NUMBERS}INSERT INTO {table.name} ({', '.join(quoted)}) "
            f"SELECT {', '.join(values)} FROM {table.name} AS t, n"
        )


@pytest.fixture
def grown(world: World) -> World:
    live_a_life(world)
    for statement in ("DELETE FROM job_waits", "DELETE FROM job_holds"):
        world.database.write(partial(Connection.exec_driver_sql, statement=statement))
    world.database.write(grow)
    if world.database.file is None:
        believe_in_millions(world)
    return world


def believe_in_millions(world: World) -> None:
    """Tell PostgreSQL that each page holds a thousand times as much as it found."""
    reader = world.database.reader
    for name in GROWN:
        reader.exec_driver_sql(f"ALTER TABLE {name} SET (autovacuum_enabled = off)")
    reader.exec_driver_sql("ANALYZE")
    names = ", ".join(f"'{name}'" for name in GROWN)
    reader.exec_driver_sql(
        f"UPDATE pg_class SET reltuples = reltuples * 1000 WHERE relname IN ({names})"
    )


def check(world: World, live: Any) -> None:
    with noted(world.database) as statements:
        live()
    assert len(statements.parameters) > 5
    # Whole lists begin at their beginning, and the pruning of events at the oldest.
    faults = {
        statement: steps
        for statement, parameters in statements.parameters.items()
        if statement.split()[0] in {"SELECT", "UPDATE", "DELETE", "WITH"}
        and (
            steps := [
                step
                for step in scanned(plans_as_they_are(world.database, statement, parameters), GROWN)
                if not any(name in step for name in OF_WHAT_HAS_NOT_ENDED)
            ]
        )
        and not (" LIMIT " in statement and " WHERE " not in statement)
    }
    assert faults == {}


def test_a_life_after_many_others(grown: World) -> None:
    check(grown, lambda: live_a_life(grown))


def test_pruning_much_of_it(grown: World) -> None:
    grown.clock.advance(1000 * DAY)
    service = PruningService(
        grown.database, folder=str(grown.folder), now=grown.clock, pause=lambda seconds: None
    )
    grown.folder.mkdir(exist_ok=True)

    def prune() -> None:
        retention = Retention(jobs=DAY, logs=DAY, events=DAY, edits=1, leftovers=DAY)
        pruned = service.prune(ANYONE, retention)
        assert pruned.submissions > COPIES
        assert pruned.edits > COPIES
        assert pruned.events > COPIES

    check(grown, prune)
