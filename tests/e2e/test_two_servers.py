"""Two started servers on one database: what ends on one has ended on the other."""

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
