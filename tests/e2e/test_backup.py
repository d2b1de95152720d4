"""The lines of docs/operations.md that back up a server at work, and bring it back elsewhere."""

import os
import re
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from postgres_server import PostgresServer
from servers import StartedServer

pytestmark = pytest.mark.e2e

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
LARGE = ["a value that is kept in a file of its own"] * 3_000


def block(language: str, title: str, number: int = 0) -> str:
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return blocks[number]


def run(script: str, commands: Path | None, **variables: str | Path) -> None:
    """Run lines of the page, with the commands of a PostgreSQL if there are any."""
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    if commands is not None:
        environment["PATH"] = f"{commands}:{environment['PATH']}"
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment, check=True)


class Writer:
    """Writes values and submits jobs as fast as it can, until it is told to stop."""

    def __init__(self, server: StartedServer) -> None:
        self._server = server
        self.written: dict[str, list[str]] = {}
        self.is_under_way = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._thread.start()
        self.is_under_way.wait()
        yield
        self._is_over.set()
        self._thread.join()

    def _write(self) -> None:
        with httpx.Client(base_url=self._server.address, timeout=30) as http:
            speaking = self._server.create("speaking")["id"]
            while not self._is_over.is_set():
                node = self._server.create("gated")["node_of"]["gate"]
                value = [*LARGE, node]
                http.put(f"/api/v1/datanodes/{node}/write", json=value).raise_for_status()
                self.written[node] = value
                http.post(f"/api/v1/scenarios/submit/{speaking}").raise_for_status()
                if len(self.written) == 3:
                    self.is_under_way.set()


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of database: which of the page's blocks are for it, and where a copy goes."""

    number: int
    copy: str
    commands: Path | None = None

    def move(self, old: Path, new: Path) -> None:
        """Tell the records where the files are now, as the page says."""
        statement = block("sql", "Restoring").replace("/new/data", str(new))
        statement = statement.replace("/old/data", str(old))
        if self.commands is None:
            with closing(sqlite3.connect(self.copy.removeprefix("sqlite:///"))) as connection:
                connection.execute(statement)
                connection.commit()
        else:
            script = 'psql --quiet --dbname "$DATABASE" --command "$SQL"'
            run(script, self.commands, DATABASE=self.copy, SQL=statement)


@pytest.fixture
def kind(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Kind]:
    if database_url.startswith("sqlite"):
        yield Kind(number=0, copy=f"sqlite:///{tmp_path}/new/scenarist.db")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    server.run("CREATE DATABASE restored")
    yield Kind(number=1, copy=server.url("restored"), commands=server.commands)
    server.run("DROP DATABASE restored WITH (FORCE)")


def test_a_copy_of_a_server_at_work_has_all_that_was_acknowledged_before_it(
    database_url: str, kind: Kind, tmp_path: Path
) -> None:
    old, new, backup = tmp_path / "old", tmp_path / "new", tmp_path / "backup"
    old.mkdir()
    with StartedServer(old, database=database_url) as server:
        gated = server.create("gated")
        gate = f"/api/v1/datanodes/{gated['node_of']['gate']}/write"
        server.http.put(gate, json=str(tmp_path / "opened")).raise_for_status()
        submitted = server.http.post(f"/api/v1/scenarios/submit/{gated['id']}")
        writer = Writer(server)
        with writer.at_work():
            before = dict(writer.written)
            run(
                block("bash", "Backing up", kind.number),
                kind.commands,
                DATABASE=database_url.removeprefix("sqlite:///"),
                STORAGE=old / "data",
                BACKUP=backup,
            )
        server.kill()
    shutil.rmtree(old)

    run(
        block("bash", "Restoring", kind.number),
        kind.commands,
        BACKUP=backup,
        NEW=new,
        NEW_DATABASE=kind.copy,
    )
    kind.move(old / "data", new / "data")
    (tmp_path / "opened").touch()
    with StartedServer(new, database=kind.copy) as server:
        nodes = server.http.get("/api/v1/datanodes?config_id=gate").json()["results"]
        found = {
            node["id"]: server.http.get(f"/api/v1/datanodes/{node['id']}/read").json()["data"]
            for node in nodes
            if node["id"] in writer.written and node["last_edit_date"] is not None
        }
        ended = server.http.get(submitted.headers["location"], headers={"Prefer": "wait=30"})

    assert len(before) >= 3
    assert {node: found.get(node) for node in before} == before
    assert found == {node: writer.written[node] for node in found}
    assert ended.json()["submission"]["status"] == "COMPLETED"
