"""What a server refuses when nobody has set anything."""

import os
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from sys import executable

import pytest

from neighbours import another, as_another
from servers import TESTS, StartedServer

pytestmark = pytest.mark.e2e

EVIL = "http://evil.example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with StartedServer(tmp_path_factory.mktemp("server"), app="shelf.py") as started:
        yield started


def test_a_page_of_elsewhere_makes_nothing(server: StartedServer) -> None:
    before = server.http.get("/api/v1/scenarios").json()["results"]

    response = server.http.post(
        "/api/v1/scenarios?config_id=shelf",
        headers={"Origin": EVIL, "Content-Type": "text/plain"},
        content=b"{}",
    )

    assert (response.status_code, response.json()["code"]) == (403, "origin_refused")
    assert server.http.get("/api/v1/scenarios").json()["results"] == before


def test_a_name_that_was_made_to_lead_here_leads_nowhere(server: StartedServer) -> None:
    response = server.http.get("/api/v1/scenarios", headers={"Host": "evil.example.com"})

    assert (response.status_code, response.json()["code"]) == (421, "host_refused")
    assert server.http.get("/healthz", headers={"Host": "localhost:1"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/healthz"), ("HEAD", "/healthz"), ("GET", "/nowhere"), ("OPTIONS", "/api/v1/jobs")],
)
def test_every_answer_tells_browsers_to_be_strict(
    server: StartedServer, method: str, path: str
) -> None:
    headers = server.http.request(method, path).headers

    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers


def test_the_pages_have_one_policy_of_their_own(server: StartedServer) -> None:
    headers = server.http.get("/schema").headers

    assert headers.get_list("content-security-policy") == [
        "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ]
    assert headers.get_list("x-content-type-options") == ["nosniff"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/scenarios?config_id=shelf"),
        ("POST", "/api/v1/auth/login"),
        ("PATCH", "/api/v1/scenarios/{scenario}"),
        ("GET", "/api/v1/datanodes/{node}/read"),
    ],
)
def test_only_a_value_may_be_large(server: StartedServer, method: str, path: str) -> None:
    scenario = server.create("shelf")
    url = path.format(scenario=scenario["id"], node=scenario["node_of"]["notes"])
    body = b'{"properties": {"a": "' + b"a" * 1024 * 1024 + b'"}}'

    response = server.http.request(method, url, content=body)

    assert response.status_code == 413
    assert response.json()["code"] == "request_entity_too_large"
    assert "up to 64 MiB, any other body 1 MiB" in response.json()["message"]


@as_another
def test_without_authorization_no_other_user_of_the_machine_is_served(
    server: StartedServer,
) -> None:
    port = server.http.base_url.port
    assert port is not None
    head = "POST /api/v1/scenarios?config_id=shelf HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0"
    with another(port, head) as process:
        said, _ = process.communicate(timeout=30)

    assert said.startswith("HTTP/1.1 403")
    assert '"code":"other_user"' in said
    assert server.http.get("/healthz").status_code == 200


def test_without_authorization_nobody_elsewhere_is_served(tmp_path: Path) -> None:
    command = [executable, "-m", "scenarist", "serve", str(TESTS / "apps" / "shelf.py")]

    done = run(
        [*command, "--host=0.0.0.0", "--port=0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert done.returncode == 1
    assert "scenarist: other machines can reach 0.0.0.0, and without authorization" in done.stderr
    assert "or use --insecure" in done.stderr
    assert not (tmp_path / ".scenarist").exists()
