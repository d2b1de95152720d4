"""Two started servers on one database: what ends on one has ended on the other."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import StartedServer
from signed_in import ask, token_of, with_users

pytestmark = pytest.mark.e2e


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[StartedServer, StartedServer]]:
    with (
        with_users(tmp_path) as first,
        StartedServer(tmp_path, options=["--auth=local"], database=first.database) as second,
    ):
        yield first, second


def test_who_signs_out_on_one_is_refused_on_the_other(
    servers: tuple[StartedServer, StartedServer],
) -> None:
    first, second = servers
    token = token_of(first, "rita")
    known = [ask(server, token, "GET", "/api/v1/auth/me").status_code for server in servers]

    ended = ask(first, token, "POST", "/api/v1/auth/logout")
    refused = ask(second, token, "GET", "/api/v1/auth/me")

    assert known == [200, 200]
    assert ended.status_code == 201
    assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")


def test_a_role_and_a_key_that_are_taken_away_on_one_are_gone_on_the_other(
    servers: tuple[StartedServer, StartedServer],
) -> None:
    first, second = servers
    adam, edda = token_of(first, "adam"), token_of(second, "edda")
    made = ask(first, adam, "POST", "/api/v1/keys", json={"name": "ci", "roles": ["reader"]}).json()
    path = "/api/v1/sequences/NOTHING"
    before = [
        ask(second, edda, "DELETE", path).status_code,
        ask(second, made["token"], "GET", path).status_code,
    ]

    ask(first, adam, "PATCH", "/api/v1/users/edda", json={"roles": ["TAIPY_READER"]})
    ask(first, adam, "DELETE", f"/api/v1/keys/{made['key']['id']}")

    assert before == [404, 404]
    assert ask(second, edda, "DELETE", path).status_code == 403
    assert ask(second, made["token"], "GET", path).status_code == 401


def wait_for(server: StartedServer, **fields: str) -> None:
    """Wait until the server has logged a line with these fields."""
    while not any(fields.items() <= line.items() for line in server.lines):
        assert server.process.poll() is None
        time.sleep(0.005)


def test_two_versions_of_an_application_are_told_of_each_other_and_kept_apart(
    tmp_path: Path, database_url: str
) -> None:
    def started(version: str) -> StartedServer:
        return StartedServer(tmp_path, options=[f"--app-version={version}"], database=database_url)

    with started("1.0") as old, started("2.0") as new:
        old_id, new_id = (server.create("chain")["id"] for server in (old, new))
        wait_for(old, version="2.0", own="1.0")
        wait_for(new, version="1.0", own="2.0")

        ready = old.http.get("/readyz").json()["message"]
        known = new.http.get("/api/v1/orchestration").json()["orchestration"]
        listed = {
            version: [
                scenario["id"]
                for scenario in new.http.get(
                    "/api/v1/scenarios", params={"version": version}
                ).json()["results"]
            ]
            for version in ("1.0", "2.0", "3.0")
        }

        assert ready == ("ready; other versions of the application are connected to this database")
        assert (known["version"], known["other_versions"]) == ("2.0", ["1.0"])
        assert listed == {"1.0": [old_id], "2.0": [new_id], "3.0": []}

        old.stop()
        while new.http.get("/api/v1/orchestration").json()["orchestration"]["other_versions"]:
            time.sleep(0.005)
        assert new.http.get("/readyz").json()["message"] == "ready"
