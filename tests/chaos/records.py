"""What the database holds in the end: the other side of each law."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from scenarist.db import tables
from scenarist.db.engine import Database

Row = dict[str, Any]


@dataclass
class Edit:
    id: str
    data_node: str
    job: str | None
    value: Any
    fault: str = ""  # what is wrong with its content


@dataclass
class Records:
    """The rows that the laws are about, oldest first."""

    scenarios: list[Row]
    submissions: list[Row]
    jobs: list[Row]
    inputs: dict[int, dict[str, str]]  # by number of a job: the edit of each data node it read
    nodes: dict[str, Row]
    edits: dict[str, Edit]
    events: list[tuple[str, Row]]  # with their ids in the stream
    leftovers: list[str] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)
    """Deliveries that have not arrived, by sequence with a subscriber."""
    runs: list[str] = field(default_factory=list)


def read_records(url: str, runs: Path) -> Records:
    """Read them from the database itself, past all servers."""
    with Database(url) as database, database.connect() as connection:

        def rows(table: Table, *order: str) -> list[Row]:
            statement = select(table).order_by(*(table.c[name] for name in order))
            return [dict(row) for row in connection.execute(statement).mappings()]

        jobs = rows(tables.jobs, "number")
        nodes = {row["id"]: row for row in rows(tables.data_nodes, "number")}
        inputs: dict[int, dict[str, str]] = {}
        for row in rows(tables.job_inputs, "job_number", "position"):
            config = nodes[row["data_node_id"]]["config_id"]
            inputs.setdefault(row["job_number"], {})[config] = row["edit_id"]
        subscribed = {row["id"]: row["entity_id"] for row in rows(tables.subscribers, "number")}
        waiting = dict.fromkeys(subscribed.values(), 0)
        for row in rows(tables.deliveries, "number"):
            waiting[subscribed[row["subscriber_id"]]] += 1
        return Records(
            scenarios=rows(tables.scenarios, "number"),
            submissions=rows(tables.submissions, "number"),
            jobs=jobs,
            inputs=inputs,
            nodes=nodes,
            edits={row["id"]: edit_of(row) for row in rows(tables.edits, "id")},
            events=[
                (f"{row['number']}.{position}", change)
                for row in rows(tables.events, "number")
                for position, change in enumerate(json.loads(row["changes"]))
            ],
            leftovers=_leftovers(jobs, rows(tables.job_holds) + rows(tables.job_waits)),
            waiting=waiting,
            runs=runs.read_text().split() if runs.exists() else [],
        )


def edit_of(row: Row) -> Edit:
    """Look at the content of an edit, in its row or in its file."""
    edit = Edit(row["id"], row["data_node_id"], row["job_id"], None)
    content = row["content"]
    try:
        content = Path(row["uri"]).read_bytes() if content is None else bytes(content)
    except OSError as error:
        edit.fault = f"its file cannot be read: {error}"
        return edit
    if (digest := f"sha256:{hashlib.sha256(content).hexdigest()}") != row["digest"]:
        edit.fault = (
            f"it has {len(content)} bytes of {digest}, not {row['size']} of {row['digest']}"
        )
    else:
        edit.value = json.loads(content)
    return edit


def _leftovers(jobs: list[Row], kept: list[Row]) -> list[str]:
    ended = {row["number"] for row in jobs if row["finished_at"] is not None}
    return [f"a job has ended and keeps {row}" for row in kept if row["job_number"] in ended]
