"""Keys over REST: shown once, kept nowhere, gone at once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servers import StartedServer
from signed_in import ask, audit_of, token_of, with_users

PATH = "/api/v1/keys"
NOW = datetime.now(UTC)
TOMORROW = NOW + timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="module")
def adam(guarded: StartedServer) -> str:
    return token_of(guarded, "adam")


@pytest.fixture(autouse=True)
def _without_keys(guarded: StartedServer, adam: str) -> Iterator[None]:
    """Let each test begin without keys."""
    yield
    for key in ask(guarded, adam, "GET", PATH).json()["results"]:
        assert ask(guarded, adam, "DELETE", f"{PATH}/{key['id']}").status_code == 200


def create(server: StartedServer, token: str, name: str = "ci", **more: Any) -> dict[str, Any]:
    body = {"name": name, "roles": ["TAIPY_READER"], **more}
    answer = ask(server, token, "POST", PATH, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_new_key_is_shown_once_and_may_not_be_stored(guarded: StartedServer, adam: str) -> None:
    body = {"name": "nightly build", "roles": ["reader", "TAIPY_EXECUTOR"]}

    answer = ask(guarded, adam, "POST", PATH, json=body)

    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    key, text = answer.json()["key"], answer.json()["token"]
    assert answer.headers["location"] == f"{PATH}/{key['id']}"
    assert (key["name"], key["made_by"]) == ("nightly build", "adam")
    assert key["roles"] == ["TAIPY_EXECUTOR", "TAIPY_READER"]
    assert text.startswith("scn_")
    for path in (PATH, answer.headers["location"], "/api/v1/audit"):
        shown = ask(guarded, adam, "GET", path)
        assert shown.status_code == 200
        assert text[41:] not in shown.text
        assert "secret" not in shown.text


def test_the_text_of_a_key_is_in_no_file_and_no_line_of_the_log(
    guarded: StartedServer, adam: str
) -> None:
    text = create(guarded, adam)["token"]
    ask(guarded, text, "GET", "/api/v1/sequences")
    ask(guarded, text, "GET", PATH)
    ask(guarded, text[:-1], "GET", "/api/v1/sequences")

    kept = b"".join(file.read_bytes() for file in guarded.folder.rglob("*") if file.is_file())

    for secret in (text, text[41:], text[41:-1], adam, adam.rpartition(".")[2]):
        assert secret.encode() not in kept
        assert secret not in str(guarded.lines)
    assert text[4:40].encode() in kept


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": ""}, 400),
        ({"name": " ci"}, 400),
        ({"name": "c\u0000i"}, 400),
        ({"name": "x" * 129}, 400),
        ({"roles": ["root"]}, 400),
        ({"roles": None}, 400),
        ({"expires_at": None}, 400),
        ({"expires_at": "soon"}, 400),
        ({"expires_at": ""}, 400),
        pytest.param({"expires_at": (NOW - SECOND).isoformat()}, 400, id="past"),
        pytest.param({"expires_at": (NOW + timedelta(days=401)).isoformat()}, 400, id="far"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, 400),
        ({"expires_at": "0001-01-01T00:00:00+23:59"}, 400),
        ({"made_by": "somebody else"}, 400),
        ({"name": "taken"}, 409),
    ],
)
def test_a_key_that_cannot_be_is_refused(
    guarded: StartedServer, adam: str, change: dict[str, Any], status: int
) -> None:
    create(guarded, adam, "taken")
    body = {"name": "ci", "roles": ["reader"], **change}

    answer = ask(guarded, adam, "POST", PATH, json=body)

    assert answer.status_code == status, answer.text
    assert [key["name"] for key in ask(guarded, adam, "GET", PATH).json()["results"]] == ["taken"]


def test_a_key_lives_as_long_as_is_wished(guarded: StartedServer, adam: str) -> None:
    end = (NOW + timedelta(days=2)).replace(microsecond=0)

    key = create(guarded, adam, expires_at=end.isoformat())["key"]

    assert key["expires_at"] == end.isoformat().replace("+00:00", "Z")


def test_a_key_may_do_what_its_roles_allow(guarded: StartedServer, adam: str) -> None:
    text = create(guarded, adam, roles=["executor"])["token"]

    me = ask(guarded, text, "GET", "/api/v1/auth/me").json()
    assert (me["username"], me["roles"]) == ("ci", ["TAIPY_EXECUTOR"])
    assert ask(guarded, text, "GET", "/api/v1/sequences").status_code == 200
    assert ask(guarded, text, "DELETE", "/api/v1/sequences/NOTHING").status_code == 403
    assert ask(guarded, text, "GET", PATH).status_code == 403


def test_a_revoked_key_is_refused_at_once_and_its_name_is_free(
    guarded: StartedServer, adam: str
) -> None:
    made = create(guarded, adam)
    assert ask(guarded, made["token"], "GET", "/api/v1/sequences").status_code == 200

    assert ask(guarded, adam, "DELETE", f"{PATH}/{made['key']['id']}").status_code == 200

    assert ask(guarded, made["token"], "GET", "/api/v1/sequences").status_code == 401
    assert create(guarded, adam)["key"]["id"] != made["key"]["id"]


def test_a_key_makes_no_other_key(guarded: StartedServer) -> None:
    key = create(guarded, token_of(guarded, "adam"), roles=["TAIPY_ADMIN"])["token"]

    answer = ask(guarded, key, "POST", PATH, json={"name": "second", "roles": []})

    assert (answer.status_code, answer.json()["code"]) == (409, "key_makes_no_key")


def test_a_key_is_revoked_only_as_it_was_seen(guarded: StartedServer, adam: str) -> None:
    path = f"{PATH}/{create(guarded, adam)['key']['id']}"
    tag = ask(guarded, adam, "GET", path).headers["etag"]

    wrong = ask(guarded, adam, "DELETE", path, headers={"If-Match": '"another"'})
    assert (wrong.status_code, wrong.json()["code"]) == (412, "precondition_failed")

    assert ask(guarded, adam, "GET", path, headers={"If-None-Match": tag}).status_code == 304
    assert ask(guarded, adam, "DELETE", path, headers={"If-Match": tag}).status_code == 200


@pytest.mark.parametrize("id", ["NOTHING", "ci", "KEY_", "%00", "x" * 2000])
def test_a_key_that_is_not_there_is_not_found(guarded: StartedServer, adam: str, id: str) -> None:
    create(guarded, adam)

    for method in ("GET", "DELETE"):
        answer = ask(guarded, adam, method, f"{PATH}/{id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_pages_hold_each_key_once(guarded: StartedServer, adam: str) -> None:
    for name in ("b", "c", "a"):
        create(guarded, adam, name)

    for sort, expected in (("name", "abc"), ("-name", "cba"), ("creation_date", "bca")):
        asked = {"sort": sort, "limit": "2"}
        first = ask(guarded, adam, "GET", PATH, params=asked).json()
        asked["cursor"] = first["next"]
        second = ask(guarded, adam, "GET", PATH, params=asked).json()
        names = [key["name"] for page in (first, second) for key in page["results"]]
        assert "".join(names) == expected


def test_making_and_revoking_are_in_the_audit(guarded: StartedServer, adam: str) -> None:
    key_id = create(guarded, adam)["key"]["id"]
    ask(guarded, adam, "DELETE", f"{PATH}/{key_id}")
    ask(guarded, adam, "DELETE", f"{PATH}/{key_id}")

    entries = audit_of(guarded, adam, entity_id=key_id)

    assert [(entry["actor"], entry["operation"]) for entry in entries] == [
        ("adam", "deleteKey"),
        ("adam", "createKey"),
    ]


def test_what_a_key_does_is_in_the_audit_under_its_identifier(
    guarded: StartedServer, adam: str
) -> None:
    made = create(guarded, adam, "robot", roles=["admin"])
    user = {"username": "made.by.robot", "password": "long enough", "roles": []}
    assert ask(guarded, made["token"], "POST", "/api/v1/users", json=user).status_code == 201

    (entry,) = audit_of(guarded, adam, key_id=made["key"]["id"])

    assert (entry["actor"], entry["operation"]) == ("robot", "createUser")
    assert entry["entity_id"] == "made.by.robot"
