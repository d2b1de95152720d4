"""Fills a database with jobs that have ended, made by the database itself, as S7 wants them."""

from pathlib import Path

from sqlalchemy import Connection

from bench.databases import Records
from scenarist.db import migrate
from scenarist.db.engine import Database
from scenarist.db.jobs.enqueue import JOBS_LIMIT

SCENARIOS = 1_000
START = 1_700_000_000_000_000  # microseconds since 1970
SECOND = 1_000_000
_BEFORE = "01800000-0000-7000-8000-"  # sorts before the identifiers that are made now

# ``i`` counts from 1, as the numbers of submissions do. They are of two-task sequences of many
# scenarios, whose jobs read and wrote.
_ROWS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
    "INSERT INTO {table} ({columns}) SELECT {values} FROM n",
    "postgresql": "INSERT INTO {table} ({columns}) "
    "SELECT {values} FROM (SELECT generate_series(1, {count}::bigint) AS i) AS n",
}
_SUBMISSION = "(i + 1) / 2"
_SCENARIO = f"(({_SUBMISSION} - 1) / {{per_scenario}} + 1)"
_DIGITS = 100_000_000_000
_COLUMNS: dict[str, dict[str, str]] = {
    "data_nodes": {
        "id": "'DATANODE_middle_{before}' || ({digits} + i)",
        "config_id": "'middle'",
        "owner_id": "'SCENARIO_pair_{before}' || ({digits} + i)",
        "scope": "'SCENARIO'",
        "storage_type": "'pickle'",
        "properties": "'{{}}'",
        "created_at": "{start} + i",
        "version": "'latest'",
    },
    "submissions": {
        "id": "'SUBMISSION_{before}' || ({digits} + i)",
        "entity_id": "'SEQUENCE_all_SCENARIO_pair_{before}' || "
        "({digits} + (i - 1) / {per_scenario} + 1)",
        "entity_type": "'SEQUENCE'",
        "properties": "'{{}}'",
        "created_at": "{start} + i * {second}",
        "finished_at": "{start} + (i + 1) * {second}",
        "status": "'COMPLETED'",
        "unfinished": "0",
        "failed": "0",
        "canceled": "0",
        "version": "'latest'",
    },
    "jobs": {
        "number": f"{_SUBMISSION} * {{jobs}} + i - i / 2 * 2",
        "id": "'JOB_first_{before}' || ({digits} + i)",
        "task_id": f"'TASK_first_{{before}}' || ({{digits}} + {_SCENARIO})",
        "submission_id": f"'SUBMISSION_{{before}}' || ({{digits}} + {_SUBMISSION})",
        "submit_entity_id": "'SEQUENCE_all_SCENARIO_pair_{before}' || "
        f"({{digits}} + {_SCENARIO})",
        "status": "'COMPLETED'",
        "force": "false",
        "priority": "0",
        "waiting": "0",
        "attempt": "1",
        "failures": "0",
        "lost": "0",
        "created_at": f"{{start}} + {_SUBMISSION} * {{second}}",
        "run_at": f"{{start}} + {_SUBMISSION} * {{second}}",
        "finished_at": f"{{start}} + ({_SUBMISSION} + 1) * {{second}}",
        "version": "'latest'",
    },
    "job_inputs": {
        "job_number": f"{_SUBMISSION} * {{jobs}} + i - i / 2 * 2",
        "position": "0",
        "data_node_id": f"'DATANODE_middle_{{before}}' || ({{digits}} + {_SCENARIO})",
        "edit_id": "'{before}' || ({digits} + i)",
    },
    "edits": {
        "id": "'{before}' || ({digits} + i)",
        "data_node_id": f"'DATANODE_middle_{{before}}' || ({{digits}} + {_SCENARIO})",
        "created_at": f"{{start}} + {_SUBMISSION} * {{second}}",
        "job_id": "'JOB_first_{before}' || ({digits} + i)",
        "content": "{bytes}",
        "size": "5",
        "digest": "'sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'",
        "python_type": "'int'",
        "rendition": "'1'",
        "is_complete": "true",
    },
}
_BYTES = {"sqlite": "x'80044b012e'", "postgresql": r"'\x80044b012e'"}


def fill_ended(folder: Path, records: Records, count: int) -> None:
    """Put so many jobs that have ended into the database of a folder, with all that they left."""
    with Database(records.url(folder)) as database:
        migrate.upgrade(database)
        database.write(lambda connection: _fill(connection, count))
    records.settle(folder)


def _fill(connection: Connection, count: int) -> None:
    kind = connection.dialect.name
    counts = {"data_nodes": SCENARIOS, "submissions": count // 2}
    for table, columns in _COLUMNS.items():
        connection.exec_driver_sql(
            _ROWS[kind].format(
                count=counts.get(table, count),
                table=table,
                columns=", ".join(columns),
                values=", ".join(columns.values()).format(
                    before=_BEFORE,
                    bytes=_BYTES[kind],
                    digits=_DIGITS,
                    jobs=JOBS_LIMIT,
                    per_scenario=max(1, count // 2 // SCENARIOS),
                    second=SECOND,
                    start=START,
                ),
            )
        )
