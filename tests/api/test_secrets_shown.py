"""No secret that an application declares comes out of a server, in whatever storage it is used."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processes import descendants_of
from scenarist.config import load_app
from servers import TESTS, StartedServer

MARK = re.compile(r"MARK_\w+")
MARKED = "MARK_environment"
FOLDER = "MARK_folder"


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    folder = tmp_path_factory.mktemp("marked")
    with StartedServer(
        folder,
        app="marked.py",
        options=("--access-log", "--log-level=debug"),
        environment={"MARKED": MARKED, "FOLDER": FOLDER},
    ) as server:
        yield server


@pytest.fixture(scope="module")
def answers(marked: StartedServer) -> dict[str, Any]:
    """What the server answers to everything that can be read of a scenario with a failed job."""
    http = marked.http
    made = marked.create("marked")
    found: dict[str, Any] = {"made": made}
    found["submission"] = marked.submit(made["sequences"]["all"]["id"])
    nodes = http.get("/api/v1/datanodes").json()["results"]
    for node in nodes:
        path = f"/api/v1/datanodes/{node['id']}"
        if node["config_id"] in {"pickled", "drawer", "ledger", "papers", "thing"}:
            found[f"read {node['config_id']}"] = http.get(f"{path}/read").text
        found[f"edits {node['config_id']}"] = http.get(f"{path}/edits").text
    drawer = made["node_of"]["drawer"]
    found["write drawer"] = http.put(f"/api/v1/datanodes/{drawer}/write", json=[1]).text
    (job,) = http.get("/api/v1/jobs").json()["results"]
    for path in (
        *("/api/v1/datanodes", "/api/v1/scenarios", "/api/v1/tasks", "/api/v1/sequences"),
        *("/api/v1/jobs", "/api/v1/submissions", "/api/v1/configs/scenarios"),
        *(f"/api/v1/jobs/{job['id']}", f"/api/v1/jobs/{job['id']}/log", "/api/v1/audit"),
        *("/metrics", "/readyz", "/schema/openapi.json", "/"),
    ):
        found[path] = http.get(path).text
    return found


def test_no_answer_has_a_secret(answers: dict[str, Any]) -> None:
    shown = {what: MARK.findall(json.dumps(answer)) for what, answer in answers.items()}

    assert {what: marks for what, marks in shown.items() if marks} == {}


def test_what_is_known_to_be_safe_is_shown(answers: dict[str, Any]) -> None:
    nodes = {
        node["config_id"]: node["properties"]
        for node in json.loads(answers["/api/v1/datanodes"])["results"]
    }

    assert nodes["thing"]["aws_s3_get_object_parameters"]["SSECustomerAlgorithm"] == "AES256"
    assert nodes["papers"]["db_extra_args"]["appname"] == "shown"
    assert nodes["papers"]["db_password"] == "ENV[MARKED]"
    assert nodes["rows"]["default_path"] == "ENV[FOLDER].csv"
    assert nodes["rows"]["headers"]["shown"] == "shown"


def test_a_failed_job_tells_why_without_its_secrets(answers: dict[str, Any]) -> None:
    (job,) = json.loads(answers["/api/v1/jobs"])["results"]
    (log,) = [text for path, text in answers.items() if path.endswith("/log")]

    assert job["reason"] == "ValueError: ('refused: ENV[MARKED]', '***')"
    assert "connecting with ENV[MARKED] and ***" in log


def test_neither_the_database_nor_the_log_has_a_secret(
    marked: StartedServer, answers: dict[str, Any]
) -> None:
    kept = b"".join(
        path.read_bytes() for path in marked.folder.glob("scenarist.db*") if path.is_file()
    )

    assert b"connect_timeout" in kept
    # Where a file lies has to be known, also when the variable is another one later.
    assert set(MARK.findall(kept.decode(errors="replace"))) <= {FOLDER}
    assert MARK.findall(json.dumps(marked.lines)) == []


def test_no_process_has_a_secret_among_its_arguments(marked: StartedServer) -> None:
    arguments = [
        Path(f"/proc/{process}/cmdline").read_text()
        for process in descendants_of(marked.process.pid)
    ]

    assert arguments
    assert MARK.findall(" ".join(arguments)) == []


def test_an_exported_configuration_has_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKED", MARKED)
    registry = load_app(str(TESTS / "apps" / "marked.py")).registry
    file = tmp_path / "marked.toml"

    registry.export(str(file))

    assert "db_password" in file.read_text()
    assert MARK.findall(file.read_text()) == []


def test_a_property_that_is_kept_as_a_secret_is_not_taken_from_a_client(
    marked: StartedServer, answers: dict[str, Any]
) -> None:
    made = marked.http.post(
        "/api/v1/scenarios", json={"config_id": "marked", "properties": {"note": "sesame"}}
    )
    changed = marked.http.patch(
        f"/api/v1/scenarios/{answers['made']['id']}", json={"properties": {"a": {"note": 1}}}
    )

    assert (made.status_code, changed.status_code) == (400, 400)
    assert "the property 'note' is a secret that only the application itself can set" in made.text
    assert changed.json()["errors"] == [{"field": "properties.note", "message": "is a secret"}]


def test_the_address_of_a_webhook_is_shown_without_its_secrets(
    marked: StartedServer, answers: dict[str, Any]
) -> None:
    path = f"/api/v1/scenarios/{answers['made']['id']}/subscribers"
    marked.http.post(path, json={"url": "https://example.com/hook?token=sesame&room=2"})

    shown = marked.http.get(path).json()["results"][0]["url"]

    assert shown == "https://example.com/hook?token=***&room=2"
