"""Each request has a name, which its answer, its log and its submission carry."""

import re
from pathlib import Path
from typing import Any

import pytest

from servers import StartedServer

MADE = re.compile("[0-9a-f]{32}")


def ended_lines(server: StartedServer) -> list[dict[str, Any]]:
    """Stop a server; return all that it has logged."""
    server.stop()
    return server.lines


def test_the_answer_has_the_name_that_the_client_gave(server: StartedServer) -> None:
    answer = server.http.get("/healthz", headers={"X-Request-ID": "9f1c-a.b:c/d+e=f@g_h"})

    assert answer.headers["x-request-id"] == "9f1c-a.b:c/d+e=f@g_h"


@pytest.mark.parametrize(
    "given", [None, "", "two words", "é", "a" * 129, 'quote"', "a;b"], ids=repr
)
def test_without_a_well_formed_name_the_server_makes_one(
    server: StartedServer, given: str | None
) -> None:
    headers = [] if given is None else [(b"X-Request-ID", given.encode("latin-1"))]

    answer = server.http.get("/healthz", headers=headers)

    assert MADE.fullmatch(answer.headers["x-request-id"])


def test_each_request_has_a_name_of_its_own(server: StartedServer) -> None:
    made = {server.http.get("/healthz").headers["x-request-id"] for _ in range(3)}

    assert len(made) == 3


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("HEAD", "/healthz", 200),
        ("OPTIONS", "/healthz", 204),
        ("POST", "/api/v1/sequences", 400),
    ],
)
def test_every_answer_has_a_name(
    server: StartedServer, method: str, path: str, status: int
) -> None:
    answer = server.http.request(method, path, headers={"X-Request-ID": "mine"})

    assert answer.status_code == status
    assert answer.headers["x-request-id"] == "mine"


def test_the_log_leads_from_a_request_over_its_submission_to_the_job(tmp_path: Path) -> None:
    with StartedServer(tmp_path, options=["--log-level=debug"]) as server:
        broken = server.create("broken")
        sequence = broken["sequences"]["all"]["id"]
        server.http.post(
            f"/api/v1/sequences/submit/{sequence}",
            headers={"Prefer": "wait=30", "X-Request-ID": "from-the-proxy"},
        )
        lines = ended_lines(server)

    (submitted,) = (line for line in lines if line.get("request_id") == "from-the-proxy")
    assert submitted["event"] == "submitted"
    assert submitted["entity_id"] == sequence
    assert submitted["jobs"] == 2
    ends = [line for line in lines if line["event"] == "attempt ended"]
    assert [(line["submission_id"], line["task"], line["attempt"]) for line in ends] == [
        (submitted["submission_id"], "breaks", 1)
    ]
    assert ends[0]["job_id"].startswith("JOB_breaks_")


def test_no_line_of_one_request_has_the_name_of_another(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        sequences = [server.create("speaking")["sequences"]["all"]["id"] for _ in range(2)]
        for number, sequence in enumerate(sequences):
            server.http.post(
                f"/api/v1/sequences/submit/{sequence}", headers={"X-Request-ID": f"r{number}"}
            )
        lines = ended_lines(server)

    named = {line["request_id"]: line.get("entity_id") for line in lines if "request_id" in line}
    assert named == {"r0": sequences[0], "r1": sequences[1]}


def test_requests_are_logged_when_that_is_wanted(tmp_path: Path) -> None:
    with StartedServer(tmp_path, options=["--access-log"]) as server:
        server.http.get(
            "/api/v1/jobs/no%0Aline?limit=sesame", headers={"X-Request-ID": "looked-for"}
        )
        lines = ended_lines(server)

    (line,) = (line for line in lines if line["event"] == "request")
    assert line.pop("seconds") > 0
    assert line.pop("timestamp")
    assert line == {
        "event": "request",
        "level": "info",
        "request_id": "looked-for",
        "method": "GET",
        "path": "/api/v1/jobs/no%0Aline",
        "status": 400,
        "client": "127.0.0.1",
        "actor": "anyone",
    }


def test_requests_are_not_logged_by_themselves(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        server.http.get("/healthz")
        lines = ended_lines(server)

    assert [line for line in lines if line["event"] == "request"] == []
