"""What a start that cannot be says: one clear line, and an exit code that is not zero."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from postgres_server import PostgresServer
from scenarist.config import load_app
from scenarist.db.engine import Database
from servers import TESTS, StartedServer

pytestmark = pytest.mark.e2e

WORKSHOP = str(TESTS / "apps" / "workshop.py")


def scenarist(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "scenarist", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def refusal(folder: Path, *arguments: str) -> str:
    code, out, err = scenarist(folder, "serve", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("scenarist: ")
    assert err.count("\n") == 1, err
    return err


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = refusal(tmp_path, WORKSHOP, f"--port={port}")

    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said
    assert not (tmp_path / ".scenarist").exists()


def test_a_database_of_a_newer_version(tmp_path: Path, database_url: str) -> None:
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    with Database(database_url) as database:
        database.write(lambda connection: connection.execute(newer))

    said = refusal(tmp_path, WORKSHOP, "--port=0", f"--database={database_url}")

    assert "belongs to a newer version of Scenarist (revision 9999)" in said


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database at all, only a few notes. " * 30)

    said = refusal(tmp_path, WORKSHOP, "--port=0", "--database=sqlite:///notes.txt")

    assert "file is not a database" in said


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("me:secret@/nowhere?host={host}", 'database "nowhere" does not exist'),
        ("guarded:secret@/postgres?host={host}", "password authentication failed"),
        ("me:secret@127.0.0.1:1/db", "Connection refused"),
        ("me:secret@/db?host=/nowhere", "No such file or directory"),
        ("me:secret@/db?colour=blue", 'invalid connection option "colour"'),
    ],
)
def test_a_postgresql_that_cannot_be_used(
    tmp_path: Path, postgres_server: PostgresServer, where: str, said: str
) -> None:
    postgres_server.run("DO $$ BEGIN CREATE ROLE me LOGIN; EXCEPTION WHEN OTHERS THEN END $$")
    url = f"postgresql://{where.format(host=postgres_server.host)}"

    told = refusal(tmp_path, WORKSHOP, "--port=0", f"--database={url}")

    assert said in told
    assert "secret" not in told


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "wall").write_text("a file where a folder should be")

    said = refusal(tmp_path, WORKSHOP, "--port=0", "--storage=wall/data")

    assert "the storage folder" in said
    assert "cannot be written: Not a directory" in said


def test_a_bucket_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of the store")

    said = refusal(tmp_path, WORKSHOP, "--port=0", "--storage=s3://plans/data")

    assert "the storage cannot be used: s3://plans/data/" in said
    assert "Could not connect to the endpoint URL" in said
    assert "a secret" not in said


def test_sockets_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "scenarist.db.bells").touch()

    said = refusal(tmp_path, WORKSHOP, "--port=0", "--database=sqlite:///scenarist.db")

    assert f"{tmp_path}/scenarist.db.bells cannot be used: File exists" in said


def test_an_orchestrator_that_shall_not_orchestrate(tmp_path: Path) -> None:
    (tmp_path / "app.toml").write_text("[SCENARIST]\nno_orchestrator = true\n")

    code, _, err = scenarist(tmp_path, "orchestrate", "app.toml")

    assert code == 1
    assert "without an orchestrator there is nothing to do" in err


def test_a_configuration_that_cannot_work_is_told_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "app.toml").write_text(
        '[DATA_NODE.a]\nstorage_type = "csw"\n\n'
        '[TASK.t]\nfunction = "nowhere.to_be:found:function"\ninputs = ["b:SECTION"]\n'
    )

    code, _, err = scenarist(tmp_path, "serve", "app.toml", "--port=0")

    assert code == 1
    assert "csw" in err
    assert "nowhere" in err
    assert "DATA_NODE.a" in err
    assert "Traceback" not in err
    assert not (tmp_path / ".scenarist").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.py"], "missing.py"),
        (["no.such.module"], "there is no module 'no'"),
        ([WORKSHOP, "--workers=0"], "workers must be at least 1"),
        ([WORKSHOP, "--port=99999"], "from 0 to 65535"),
        ([WORKSHOP, "--database=mysql://me:secret@there/db"], "databases of kind 'mysql'"),
        ([WORKSHOP, "--storage=memory://data"], "is the memory of one process"),
        ([WORKSHOP, "--time-zone=Mars/Olympus"], "no time zone named 'Mars/Olympus'"),
    ],
)
def test_an_option_that_cannot_be(tmp_path: Path, arguments: list[str], said: str) -> None:
    told = refusal(tmp_path, *arguments)

    assert said in told
    assert "secret" not in told


def test_a_server_does_not_import_the_functions_of_tasks(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(
        "import os\n\nwith open('importers', 'a') as file:\n    file.write(f'{os.getpid()}\\n')\n"
        "\n\ndef step():\n    pass\n"
    )
    (tmp_path / "app.toml").write_text(
        '[TASK.t]\nfunction = "steps.step:function"\n\n[SCENARIO.s]\ntasks = ["t:SECTION"]\n'
    )

    with StartedServer(tmp_path, str(tmp_path / "app.toml")) as server:
        scenario = server.create("s")
        done = server.http.post(
            f"/api/v1/tasks/submit/{scenario['task_of']['t']}", headers={"Prefer": "wait=30"}
        )
        submission = server.http.get(done.headers["location"]).json()["submission"]
        importers = (tmp_path / "importers").read_text().split()

    assert submission["status"] == "COMPLETED"
    assert str(server.process.pid) not in importers
    assert len(importers) == 2  # the check, and the worker that ran the job


def test_an_unknown_command_is_told_with_exit_code_not_zero(tmp_path: Path) -> None:
    code, out, err = scenarist(tmp_path, "sreve", WORKSHOP)

    assert code != 0
    assert "sreve" in out + err


def test_check_finds_nothing_wrong_with_what_can_be_served(tmp_path: Path) -> None:
    code, out, _ = scenarist(tmp_path, "check", WORKSHOP)

    assert code == 0
    count = len(load_app(WORKSHOP).registry.scenarios)
    assert f"can be served: {count} scenario configs" in out


def test_check_lists_every_mistake(tmp_path: Path) -> None:
    (tmp_path / "app.toml").write_text(
        '[DATA_NODE.a]\nstorage_type = "csw"\n\n[TASK.t]\nfunction = "nowhere.at_all:function"\n'
    )

    code, _, err = scenarist(tmp_path, "check", "app.toml")

    assert code == 1
    assert err.startswith("scenarist: the configuration has 2 mistakes:\n")


def test_the_database_can_be_made_and_told_its_revision(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    postgres_server.run("CREATE DATABASE to_be_made")
    for options in ([], [f"--database={postgres_server.url('to_be_made')}"]):
        assert scenarist(tmp_path, "db", "current", *options)[1] == "none\n"
        made = scenarist(tmp_path, "db", "upgrade", *options)
        current = scenarist(tmp_path, "db", "current", *options)
        assert current[1].strip().isdigit()
        assert made[1] == f"The database is at revision {current[1].strip()}.\n"
    postgres_server.run("DROP DATABASE to_be_made")


def test_settings_come_from_the_command_line_then_the_environment_then_the_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "app.toml").write_text('[SCENARIST]\nlog_format = "nonsense"\nworkers = 0\n')

    assert "log format" in refusal(tmp_path, "app.toml", "--workers=1")
    assert "workers must be at least 1" in refusal(tmp_path, "app.toml", "--log-format=text")
