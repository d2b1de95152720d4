"""Pruning by real processes: a server that does it by itself, and a command beside one."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from builders import NOON, Draft
from scenarist.db import data_nodes as data_node_rows
from scenarist.db.engine import Database
from scenarist.db.tables import edits, jobs, submissions
from scenarist.domain.entities import Edit
from scenarist.domain.identifiers import DataNodeId, EditId, make_uuid
from servers import StartedServer

pytestmark = pytest.mark.e2e

EDITS = 3_000
A_MONTH = timedelta(days=30)


def prune(folder: Path, url: str, *options: str) -> Sequence[str]:
    return [
        *(sys.executable, "-m", "scenarist", "db", "prune"),
        *(f"--database={url}", f"--storage={folder}/data"),
        *options,
    ]


def age(url: str) -> None:
    """Let all that there is be older by a month."""

    def work(connection: Connection) -> None:
        for table, columns in (
            (submissions, (submissions.c.created_at, submissions.c.finished_at)),
            (jobs, (jobs.c.created_at, jobs.c.run_at, jobs.c.finished_at)),
        ):
            rows = connection.execute(select(table.c.id, *columns)).all()
            for row in rows:
                values = {
                    column.name: moment - A_MONTH
                    for column, moment in zip(columns, row[1:], strict=True)
                }
                connection.execute(update(table).where(table.c.id == row.id).values(values))

    with Database(url) as database:
        database.write(work)


def test_a_server_with_a_retention_prunes_by_itself(tmp_path: Path, database_url: str) -> None:
    with StartedServer(tmp_path, database=database_url) as server:
        sequence_id = server.create("speaking")["sequences"]["all"]["id"]
        old = server.submit(sequence_id)
        server.stop()
        age(database_url)
    with StartedServer(tmp_path, database=database_url, options=["--keep-jobs-days=7"]) as server:
        while server.http.get(f"/api/v1/submissions/{old['id']}").status_code == 200:
            pass  # each request gives it time

        young = server.submit(sequence_id)
        found = server.http.get("/api/v1/submissions").json()["results"]
        server.stop()

    assert [item["id"] for item in found] == [young["id"]]
    assert [
        (line["submissions"], line["jobs"]) for line in server.lines if line["event"] == "pruned"
    ] == [(1, 1)]


def test_submits_go_on_while_a_command_prunes(tmp_path: Path, database_url: str) -> None:
    with StartedServer(tmp_path, database=database_url) as server:
        sequence_id = server.create("speaking")["sequences"]["all"]["id"]
        for _ in range(600):
            assert server.http.post(f"/api/v1/sequences/submit/{sequence_id}").is_success
        server.submit(sequence_id)
        age(database_url)
        command = prune(tmp_path, database_url, "--keep-jobs-days=7")
        ended = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pruning:
            while pruning.poll() is None:
                ended.append(server.submit(sequence_id))
            assert pruning.stdout is not None
            said = pruning.stdout.read()
        found = server.http.get("/api/v1/submissions").json()["results"]

    assert "601 submissions with 601 jobs" in said
    assert len(ended) > 1
    assert {item["status"] for item in ended} == {"COMPLETED"}
    assert [item["id"] for item in found] == [item["id"] for item in ended]


def test_a_command_that_is_killed_leaves_every_edit_with_its_file(
    tmp_path: Path, database_url: str
) -> None:
    folder = tmp_path / "data" / "jsons"
    with Database(database_url) as database:
        node_id = database.write(lambda connection: with_many_edits(connection, folder))
        files = folder / node_id
        pruning = subprocess.Popen(prune(tmp_path, database_url, "--keep-edits=1"))
        while len(os.listdir(files)) == EDITS:
            assert pruning.poll() is None
        pruning.send_signal(signal.SIGKILL)
        pruning.wait()

        uris = set(database.reader.execute(select(edits.c.uri)).scalars())
        assert 1 < len(uris) < EDITS
        assert uris <= {str(file) for file in files.iterdir()}
        for file in files.iterdir():
            os.utime(file, (0, 0))
        options = ("--keep-edits=1", "--keep-leftovers-days=1")
        subprocess.run(prune(tmp_path, database_url, *options), check=True)
        (newest,) = database.reader.execute(select(edits.c.uri)).scalars()
        assert [str(file) for file in files.iterdir()] == [newest]


def with_many_edits(connection: Connection, folder: Path) -> DataNodeId:
    draft = Draft(connection)
    node_id = draft.node("noted", storage_type="json")
    draft.finish()
    (folder / node_id).mkdir(parents=True)
    made = []
    for number in range(EDITS):
        at = NOON + timedelta(milliseconds=number)
        edit_id = make_uuid(at)
        file = folder / node_id / f"{edit_id}.json"
        file.write_text(str(number))
        made.append(an_edit(node_id, edit_id, str(file)))
    data_node_rows.add_edits(connection, made)
    return node_id


def an_edit(node_id: DataNodeId, edit_id: str, uri: str) -> Edit:
    return Edit(
        id=EditId(edit_id),
        data_node_id=node_id,
        created_at=NOON,
        job_id=None,
        actor="test",
        comment=None,
        uri=uri,
        content=None,
        size=1,
        digest=None,
        python_type="int",
        rendition="1",
        is_complete=True,
    )
