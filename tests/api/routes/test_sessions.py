"""Signing in over REST, and paths spelled so that a role might be forgotten."""

import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from scenarist.server import admin
from servers import StartedServer
from signed_in import PASSWORDS, ask, audit_of, bearer, settings_in, token_of, with_users

LOGIN = "/api/v1/auth/login"
LOGOUT = "/api/v1/auth/logout"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="module")
def adam(guarded: StartedServer) -> str:
    return token_of(guarded, "adam")


@pytest.fixture(scope="module")
def rita(guarded: StartedServer) -> str:
    return token_of(guarded, "rita")


def raw(
    server: StartedServer, target: str, token: str | None, method: str = "GET", body: str = ""
) -> tuple[int, dict[str, str], bytes]:
    """Ask for a target exactly as it is written here; return status, headers and body."""
    url = server.http.base_url
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: test",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in bearer(token).items()),
        "",
        body,
    ]
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in rest)
    return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, content


def users_of(server: StartedServer) -> list[str]:
    return [user.name for user in admin.list_users(settings_in(server.folder))]


def test_signing_in_answers_with_a_token_that_nobody_may_keep(guarded: StartedServer) -> None:
    answer = guarded.http.post(LOGIN, json={"username": "Edda", "password": PASSWORDS["edda"]})

    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    said = answer.json()
    assert (said["username"], said["roles"]) == ("edda", ["TAIPY_EDITOR"])
    me = ask(guarded, said["token"], "GET", "/api/v1/auth/me")
    seen = me.json()
    assert re.fullmatch(r"USER_\d+", seen.pop("id"))
    assert seen == {"username": "edda", "roles": ["TAIPY_EDITOR"], "key_id": None}
    assert me.headers["cache-control"] == "no-store"


def test_an_unknown_user_and_a_wrong_password_are_answered_alike_to_the_byte(
    guarded: StartedServer,
) -> None:
    answers = [
        raw(guarded, LOGIN, None, "POST", json.dumps({"username": name, "password": "a guess"}))
        for name in ("exel", "nobody", "no name", "x" * 5000)
    ]

    assert {status for status, _, _ in answers} == {401}
    assert len({body for _, _, body in answers}) == 1
    assert (
        len({json.dumps({**headers, "date": "", "x-request-id": ""}) for _, headers, _ in answers})
        == 1
    )
    assert answers[0][1]["www-authenticate"] == 'Bearer realm="scenarist"'


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "{",
        '{"username": "rita"}',
        '{"username": "rita", "password": null}',
        '{"username": "rita", "password": 12345678}',
        '{"username": "rita", "password": ["hidden away"]}',
        '{"username": ["rita"], "password": "hidden away"}',
        '{"username": "rita", "password": "hidden away", "role": "admin"}',
        '{"username": "rita", "password": "hidden \\ud800 away"}',
        '{"username": "rita", "password": "hidden away"',
    ],
)
def test_a_body_that_cannot_be_is_refused_without_repeating_the_password(
    guarded: StartedServer, body: str
) -> None:
    status, _, answer = raw(guarded, LOGIN, None, "POST", body)

    assert status == 400
    assert b"hidden" not in answer
    assert b"12345678" not in answer


def test_a_password_may_hold_anything_that_json_can_say(guarded: StartedServer, adam: str) -> None:
    password = " nul \0, é, e\u0301, 🔑, \u202e and a blank "
    made = {"username": "odd", "password": password, "roles": []}
    assert ask(guarded, adam, "POST", "/api/v1/users", json=made).status_code == 201

    for tried, status in ((password, 201), (password.strip(), 401), (password[:5], 401)):
        answer = guarded.http.post(LOGIN, json={"username": "odd", "password": tried})
        assert answer.status_code == status


def test_a_password_that_is_longer_than_any_is_wrong_and_no_mistake(
    guarded: StartedServer,
) -> None:
    for length in (1025, 100_000):
        answer = guarded.http.post(LOGIN, json={"username": "exel", "password": "x" * length})
        assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_failed")


def test_too_many_tries_are_told_how_long_to_wait(guarded: StartedServer) -> None:
    admin.add_user(settings_in(guarded.folder), "tried", "long enough", ["reader"])
    wrong, right = ({"username": "tried", "password": p} for p in ("a guess", "long enough"))
    for _ in range(5):
        assert guarded.http.post(LOGIN, json=wrong).status_code == 401

    answer = guarded.http.post(LOGIN, json=right)

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tries")
    assert 290 < int(answer.headers["retry-after"]) <= 301


def test_signing_out_ends_this_session_and_no_other(guarded: StartedServer) -> None:
    first, second = token_of(guarded, "nina"), token_of(guarded, "nina")

    assert ask(guarded, first, "POST", LOGOUT).status_code == 201

    assert ask(guarded, first, "GET", "/api/v1/auth/me").status_code == 401
    assert ask(guarded, second, "GET", "/api/v1/auth/me").status_code == 200


def test_a_user_gives_oneself_another_password(guarded: StartedServer) -> None:
    admin.add_user(settings_in(guarded.folder), "changes", "long enough", [])
    signed_in = guarded.http.post(
        LOGIN, json={"username": "changes", "password": "long enough"}
    ).json()["token"]
    change = {"old_password": "long enough", "new_password": "even longer than that"}
    path = "/api/v1/auth/password"

    wrong = ask(guarded, signed_in, "POST", path, json={**change, "old_password": "a guess"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "sign_in_failed")
    assert ask(guarded, signed_in, "POST", path, json=change).status_code == 200

    assert ask(guarded, signed_in, "POST", path, json=change).status_code == 401
    for password, status in (("long enough", 401), ("even longer than that", 201)):
        again = guarded.http.post(LOGIN, json={"username": "changes", "password": password})
        assert again.status_code == status


def test_a_key_can_neither_be_signed_out_nor_change_a_password(guarded: StartedServer) -> None:
    _, key = admin.create_key(settings_in(guarded.folder), "stays", ["admin"], days=1)
    change = {"old_password": PASSWORDS["adam"], "new_password": "even longer than that"}

    assert ask(guarded, key, "POST", LOGOUT).status_code == 409
    assert ask(guarded, key, "POST", "/api/v1/auth/password", json=change).status_code == 409

    assert ask(guarded, key, "GET", "/api/v1/auth/me").json()["username"] == "stays"


def test_what_was_done_is_in_the_audit_with_its_operation(
    guarded: StartedServer, adam: str
) -> None:
    admin.add_user(settings_in(guarded.folder), "seen", "long enough", [])
    signed_in = guarded.http.post(
        LOGIN, json={"username": "seen", "password": "long enough"}
    ).json()["token"]
    ask(guarded, signed_in, "POST", LOGOUT)

    entries = audit_of(guarded, adam, actor="seen")

    assert [entry["operation"] for entry in entries] == ["logout", "login"]
    assert {entry["address"] for entry in entries} == {"127.0.0.1"}


SPELLINGS = [
    "/api/v1/users",
    "/api/v1/users/",
    "/api/v1/users?",
    "/api/v1/users#x",
    "/API/v1/users",
    "/api/V1/Users",
    "//api/v1/users",
    "/api/v1//users",
    "/api//v1/users",
    "/api/v1/./users",
    "/api/v1/sequences/../users",
    "/api/v1/sequences/%2e%2e/users",
    "/api/v1/sequences/%2E%2E/users",
    "/api/v1/sequences/..%2fusers",
    "/api/v1/auth/login/../../users",
    "/healthz/../api/v1/users",
    "/healthz/%2e%2e/api/v1/users",
    "/api/v1/users;x=y",
    "/api/v1;x=y/users",
    "/api/v1/users%2f",
    "/api%2fv1%2fusers",
    "/api/v1/%75sers",
    "/api/v1/users%00",
    "/api/v1/users%20",
    "/api/v1/users%0a",
    "/api/v1/users%ff",
    "/api/v1/users.json",
    "/api/v1/users/adam",
    "/api/v1/users/ADAM",
    "/api/v1/users//adam",
    "/api/v1/users/%61dam",
    "/api/v1/users/../users/adam",
    "/api/v1/users/adam;x",
    "\\api\\v1\\users",
    "/api\\v1\\users",
    "http://test/api/v1/users",
    "http://test/healthz/../api/v1/users",
    "http://somewhere.else/api/v1/users",
    "HTTP://TEST/api/v1/users",
    "https://test:443/api/v1/users",
    "//test/api/v1/users",
    "api/v1/users",
    "*",
    "/healthz?/api/v1/users",
]
NOT_LET_IN = {400, 401, 403, 404, 405, 501, 505}


def test_an_administrator_is_let_in_by_the_plain_spelling(
    guarded: StartedServer, adam: str
) -> None:
    for target in ("/api/v1/users", "http://test/api/v1/users", "/api/v1/users/%61dam"):
        status, _, body = raw(guarded, target, adam)
        assert status == 200
        assert b"creation_date" in body


@pytest.mark.parametrize("target", SPELLINGS)
def test_no_spelling_of_a_path_lets_a_reader_administer(
    guarded: StartedServer, rita: str, target: str
) -> None:
    methods = ("GET", "HEAD", "DELETE", "PATCH", "get", "OPTIONS")
    for token, method in (*((rita, method) for method in methods), (None, "GET")):
        status, headers, body = raw(guarded, target, token, method, body='{"roles": []}')

        assert status in NOT_LET_IN or is_harmless(target, method, status), (status, body)
        assert status < 500 or status in {501, 505}
        assert b"creation_date" not in body
        assert "access-control-allow-origin" not in headers


def is_harmless(target: str, method: str, status: int) -> bool:
    """Whether it is about health, or about which methods there are."""
    return (target.startswith("/healthz?") and status == 200) or (
        method == "OPTIONS" and status == 204
    )


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/sequences/NOTHING",
        "/API/v1/sequences/NOTHING",
        "/api/v1//sequences/NOTHING",
        "/api/v1/sequences/NOTHING/",
        "/api/v1/sequences/%4eOTHING",
        "/api/v1/sequences/NOTHING;x=y",
        "/api/v1/sequences/a%2fb",
        "http://test/api/v1/sequences/NOTHING",
    ],
)
@pytest.mark.parametrize("method", ["DELETE", "PATCH", "delete"])
def test_no_spelling_of_a_path_lets_a_reader_edit(
    guarded: StartedServer, rita: str, target: str, method: str
) -> None:
    status, _, body = raw(guarded, target, rita, method, body='{"name": "x"}')

    assert status in {400, 403, 404, 405}
    # Behind the gate it would be said what is not there.
    assert b"no sequence" not in body


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "DELETE"},
        {"X-HTTP-Method": "DELETE"},
        {"X-Method-Override": "DELETE"},
        {"X-Original-URL": "/api/v1/users"},
        {"X-Rewrite-URL": "/api/v1/users"},
        {"X-Forwarded-Prefix": "/api/v1/users"},
        {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
    ],
    ids=str,
)
def test_no_header_makes_another_request_of_one(
    guarded: StartedServer, rita: str, headers: dict[str, str]
) -> None:
    path = "/api/v1/sequences"
    plain = ask(guarded, rita, "GET", path)

    answer = ask(guarded, rita, "GET", path, headers=headers)

    assert (answer.status_code, answer.content) == (plain.status_code, plain.content)
    posted = ask(guarded, rita, "POST", f"{path}/NOTHING", headers=headers)
    assert posted.status_code in {403, 404, 405}


@pytest.mark.parametrize("name", ["_method", "method", "X-HTTP-Method-Override"])
def test_no_parameter_makes_another_request_of_one(
    guarded: StartedServer, rita: str, name: str
) -> None:
    asked = {name: "DELETE"}

    query = ask(guarded, rita, "GET", "/api/v1/sequences/NOTHING", params=asked)
    form = ask(guarded, rita, "POST", "/api/v1/sequences/NOTHING", data=asked)

    assert (query.status_code, query.json()["code"]) == (400, "parameter_unknown")
    assert form.status_code in {403, 404, 405}


def test_head_is_refused_where_get_is(guarded: StartedServer, rita: str) -> None:
    for path in ("/api/v1/users", "/api/v1/users/adam", "/api/v1/keys", "/api/v1/audit"):
        assert raw(guarded, path, rita, "HEAD")[0] == 403
        assert raw(guarded, path, None, "HEAD")[0] == 401


def test_two_requests_in_one_are_two_requests(guarded: StartedServer, rita: str) -> None:
    url = guarded.http.base_url
    smuggled = b"DELETE /api/v1/users/exel HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    head = (
        f"GET /api/v1/sequences HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {rita}\r\n"
    ).encode()

    for trick in (
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ):
        with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
            connection.sendall(head + trick + smuggled)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert b"was deleted" not in answer

    assert "exel" in users_of(guarded)


def test_the_server_made_no_mistake_and_told_no_secret_with_any_of_this(
    guarded: StartedServer, rita: str
) -> None:
    log = str(guarded.lines)

    errors: list[dict[str, Any]] = [x for x in guarded.lines if x.get("level") == "error"]
    assert errors == []
    assert rita not in log
    assert all(password not in log for password in PASSWORDS.values())


def test_strangers_learn_nothing_of_the_database_that_is_busy(
    guarded: StartedServer, adam: str
) -> None:
    with closing(sqlite3.connect(guarded.folder / "scenarist.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = guarded.http.post(LOGIN, json={"username": "rita", "password": "who knows"})
        known = ask(guarded, adam, "POST", "/api/v1/scenarios?config_id=chain")

    assert (refused.status_code, known.status_code) == (503, 503)
    assert refused.json()["detail"] == (
        "the server cannot do this now; try again later; its log says why"
    )
    assert "database" in known.json()["detail"]
