"""Fills a database with as many entities as a measurement wants, copied by SQLite itself."""

from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection

from bench.servers import APPS
from scenarist.config import load_app
from scenarist.domain.permissions import ANYONE
from scenarist.executors.inline import InlineExecutor
from scenarist.server.composition import Server, open_server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario

START = 1_700_000_000_000_000  # microseconds since 1970
JOBS_PER_SUBMISSION = 16_384  # see db/jobs/enqueue.py

_NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {total}) "
    "INSERT INTO {table} ({columns}) SELECT {values} FROM n"
)
_COPIES: dict[str, dict[str, str]] = {
    "cycles": {
        "id": "'CYCLE_' || i",
        "name": "'day ' || i",
        "frequency": "'DAILY'",
        "properties": "'{{}}'",
        "start_at": "{start} + i * 86400000000",
        "end_at": "{start} + (i + 1) * 86400000000",
        "created_at": "{start} + i",
    },
    "scenarios": {
        "number": "1000000 + i",
        "id": "'SCENARIO_copy_' || i",
        "config_id": "'copy' || (i % 4)",
        "name": "'name ' || i",
        "cycle_id": "'CYCLE_' || (i % 4 + 1)",
        "is_primary": "i <= 3",
        "properties": "'{{}}'",
        "created_at": "{start} + i",
        "version": "'latest'",
    },
    "scenario_tags": {
        "scenario_id": "'SCENARIO_copy_' || i",
        "tag": "'tag' || (i % 4)",
        "created_at": "{start} + i",
        "number": "1000000 + i",
    },
    "data_nodes": {
        "id": "'DATANODE_copy_' || i",
        "config_id": "'copy' || (i % 4)",
        "owner_id": "'SCENARIO_copy_' || i",
        "scope": "'SCENARIO'",
        "storage_type": "'json'",
        "properties": "'{{}}'",
        "created_at": "{start} + i",
        "version": "'latest'",
    },
    "tasks": {
        "id": "'TASK_copy_' || i",
        "config_id": "'copy' || (i % 4)",
        "owner_id": "'SCENARIO_copy_' || i",
        "function": "'noops:same'",
        "skippable": "0",
        "retries": "0",
        "retry_delay_seconds": "1",
        "properties": "'{{}}'",
        "created_at": "{start} + i",
        "version": "'latest'",
    },
    "scenario_tasks": {
        "scenario_id": "'SCENARIO_copy_' || i",
        "position": "0",
        "task_id": "'TASK_copy_' || i",
    },
    "task_data_nodes": {
        "task_id": "'TASK_copy_' || i",
        "direction": "'INPUT'",
        "position": "0",
        "data_node_id": "'DATANODE_copy_' || i",
    },
    "sequences": {
        "id": "'SEQUENCE_copy_' || i",
        # The first has many; each of the others one, so that pages of scenarios are alike.
        "scenario_id": "'SCENARIO_copy_' || (CASE WHEN i <= 200 THEN 1 ELSE i END)",
        "name": "'name ' || i",
        "properties": "'{{}}'",
        "created_at": "{start} + i",
        "version": "'latest'",
    },
    "sequence_tasks": {
        "sequence_id": "'SEQUENCE_copy_' || i",
        "position": "0",
        "task_id": "'TASK_copy_' || i",
    },
    "edits": {
        "id": "printf('%036d', i)",
        "data_node_id": "'DATANODE_copy_1'",
        "created_at": "{start} + i",
        "rendition": "'1'",
        "is_complete": "1",
    },
    "submissions": {
        "number": "i",
        "id": "'SUBMISSION_' || i",
        "entity_id": "'SEQUENCE_copy_' || (i / 100 + 1)",
        "entity_type": "'SEQUENCE'",
        "properties": "'{{}}'",
        "created_at": "{start} + i",
        "finished_at": "{start} + i",
        "status": "CASE i % 10 WHEN 0 THEN 'FAILED' ELSE 'COMPLETED' END",
        "unfinished": "0",
        "failed": "0",
        "canceled": "0",
        "version": "'latest'",
    },
    "jobs": {
        "number": "i * {jobs}",
        "id": "'JOB_' || i",
        "task_id": "'TASK_copy_' || (i / 100 + 1)",
        "submission_id": "'SUBMISSION_' || i",
        "submit_entity_id": "'SEQUENCE_copy_' || (i / 100 + 1)",
        "status": "CASE i % 10 WHEN 0 THEN 'FAILED' ELSE 'COMPLETED' END",
        "force": "0",
        "priority": "0",
        "waiting": "0",
        "attempt": "1",
        "failures": "0",
        "lost": "0",
        "created_at": "{start} + i",
        "run_at": "{start} + i",
        "finished_at": "{start} + i",
        "version": "'latest'",
    },
}


# Of the present value of the data node that the scenario of `fill_judged` has.
_OUTCOMES = (
    "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 4 FROM n WHERE i + 4 <= {total}) "
    "INSERT INTO scenario_outcomes (scenario_id, name, config_id, number, data_node_id, pointer, "
    "value, edit_id) SELECT 'SCENARIO_copy_' || i, 'figure', 'copy3', 1000000 + i, data_node_id, "
    "'', (i * 7919) % 1000003, edit_id "
    "FROM n, (SELECT data_node_id, edit_id FROM scenario_outcomes)"
)


def fill(folder: Path, total: int) -> None:
    """Make a database with a scenario of the workload, and so many copies of every entity."""
    folder.mkdir()
    with _open(folder, "workload.py") as server:
        server.database.write(lambda connection: _copy(connection, total))
        server.services.scenarios.create(ANYONE, NewScenario(config_id="pair"))


def fill_judged(folder: Path, total: int) -> None:
    """Make a database with so many scenarios, a quarter of which have an outcome."""
    fill(folder, total)
    with _open(folder, "judged.py") as server:
        server.services.scenarios.create(ANYONE, NewScenario(config_id="copy3"))
        server.database.write(
            lambda connection: connection.exec_driver_sql(_OUTCOMES.format(total=total))
        )


def _open(folder: Path, app: str) -> AbstractContextManager[Server]:
    settings = Settings(
        database=f"sqlite:///{folder}/scenarist.db", storage=str(folder / "data"), workers=2
    )
    return open_server(load_app(str(APPS / app)), settings, make_executor=InlineExecutor)


def _copy(connection: Connection, total: int) -> None:
    for table, columns in _COPIES.items():
        connection.exec_driver_sql(
            _NUMBERS.format(
                total=total,
                table=table,
                columns=", ".join(columns),
                values=", ".join(columns.values()).format(start=START, jobs=JOBS_PER_SUBMISSION),
            )
        )
