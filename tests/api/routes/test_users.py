"""Users over REST: for administrators, with tags and pages, and never with a password."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from servers import StartedServer
from signed_in import PASSWORDS, ROLES, ask, audit_of, token_of, with_users

PATH = "/api/v1/users"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="module")
def adam(guarded: StartedServer) -> str:
    return token_of(guarded, "adam")


@pytest.fixture
def made(guarded: StartedServer, adam: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A user for one test, who is gone after it."""
    name = f"user-{abs(hash(request.node.name))}"
    user = {"username": name, "password": "long enough", "roles": ["reader"]}
    assert ask(guarded, adam, "POST", PATH, json=user).status_code == 201
    yield name
    ask(guarded, adam, "DELETE", f"{PATH}/{name}")


def test_a_new_user_is_where_the_location_says_without_the_password(
    guarded: StartedServer, adam: str
) -> None:
    user = {"username": "Ines", "password": "long enough", "roles": ["reader", "TAIPY_EXECUTOR"]}

    answer = ask(guarded, adam, "POST", PATH, json=user)

    assert answer.status_code == 201
    assert answer.headers["location"] == f"{PATH}/ines"
    found = ask(guarded, adam, "GET", answer.headers["location"]).json()["user"]
    assert found == answer.json()["user"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", found.pop("creation_date"))
    assert found == {
        "username": "ines",
        "roles": ["TAIPY_EXECUTOR", "TAIPY_READER"],
        "realm": "local",
        "is_declared": False,
        "has_password": True,
    }
    assert ask(guarded, adam, "DELETE", f"{PATH}/INES").status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": "no name"}, "username"),
        ({"username": ""}, "username"),
        ({"username": "x" * 129}, "username"),
        ({"password": "hunter2"}, "password"),
        ({"password": "x" * 1025}, "password"),
        ({"roles": ["root"]}, "roles[0]"),
        ({"roles": "reader"}, "roles"),
        ({"realm": "ldap"}, "realm"),
        ({"is_declared": True}, "is_declared"),
        ({"password_hash": "$argon2id$"}, "password_hash"),
    ],
    ids=range(10),
)
def test_a_user_that_cannot_be_is_refused_with_the_field(
    guarded: StartedServer, adam: str, change: dict[str, Any], field: str
) -> None:
    user = {"username": "olga", "password": "long enough", "roles": [], **change}

    answer = ask(guarded, adam, "POST", PATH, json=user)

    assert answer.status_code == 400, answer.text
    assert field in answer.text
    assert "hunter2" not in answer.text
    assert ask(guarded, adam, "GET", f"{PATH}/olga").status_code == 404


@pytest.mark.parametrize("name", ["rita", "Rita", "RITA"])
def test_a_name_that_is_taken_is_refused_in_any_case(
    guarded: StartedServer, adam: str, name: str
) -> None:
    user = {"username": name, "password": "long enough", "roles": ["admin"]}

    answer = ask(guarded, adam, "POST", PATH, json=user)

    assert (answer.status_code, answer.json()["code"]) == (409, "user_exists")


@pytest.mark.parametrize("name", ["nobody", "no%20name", "%00", "%F0%9F%94%91", "x" * 3000])
def test_nobody_is_not_found(guarded: StartedServer, adam: str, name: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"roles": []}), ("DELETE", None)):
        answer = ask(guarded, adam, method, f"{PATH}/{name}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert len(answer.text) < 2000


def test_roles_and_passwords_are_changed_apart(
    guarded: StartedServer, adam: str, made: str
) -> None:
    path = f"{PATH}/{made}"

    assert ask(guarded, adam, "PATCH", path, json={}).json()["user"]["roles"] == ["TAIPY_READER"]
    changed = ask(guarded, adam, "PATCH", path, json={"roles": ["editor"]})
    assert changed.json()["user"]["roles"] == ["TAIPY_EDITOR"]
    changed = ask(guarded, adam, "PATCH", path, json={"password": "another password"})
    assert changed.json()["user"]["roles"] == ["TAIPY_EDITOR"]

    login = {"username": made, "password": "another password"}
    assert guarded.http.post("/api/v1/auth/login", json=login).status_code == 201


@pytest.mark.parametrize("change", [{"roles": None}, {"password": None}, {"username": "x"}, []])
def test_a_change_that_cannot_be_changes_nothing(
    guarded: StartedServer, adam: str, made: str, change: Any
) -> None:
    before = ask(guarded, adam, "GET", f"{PATH}/{made}").json()

    assert ask(guarded, adam, "PATCH", f"{PATH}/{made}", json=change).status_code == 400

    assert ask(guarded, adam, "GET", f"{PATH}/{made}").json() == before


def test_a_change_of_what_was_changed_meanwhile_is_refused(
    guarded: StartedServer, adam: str, made: str
) -> None:
    path = f"{PATH}/{made}"
    tag = ask(guarded, adam, "GET", path).headers["etag"]
    newer = ask(guarded, adam, "PATCH", path, json={"roles": ["editor"]}).headers["etag"]
    old, new = {"If-Match": tag}, {"If-Match": newer}

    for method, body in (("PATCH", {"roles": ["admin"]}), ("DELETE", None)):
        answer = ask(guarded, adam, method, path, json=body, headers=old)
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")

    assert ask(guarded, adam, "GET", path).json()["user"]["roles"] == ["TAIPY_EDITOR"]
    known = ask(guarded, adam, "GET", path, headers={"If-None-Match": newer})
    assert (known.status_code, known.content) == (304, b"")
    assert ask(guarded, adam, "DELETE", path, headers=new).status_code == 200


def test_the_last_administrator_stays(guarded: StartedServer, adam: str) -> None:
    path = f"{PATH}/adam"

    for method, body in (("PATCH", {"roles": []}), ("DELETE", None)):
        answer = ask(guarded, adam, method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")

    assert ask(guarded, adam, "GET", path).json()["user"]["roles"] == ["TAIPY_ADMIN"]


def test_a_list_holds_all_users_in_the_order_of_their_creation(
    guarded: StartedServer, adam: str
) -> None:
    listed = ask(guarded, adam, "GET", PATH).json()["results"]

    assert [user["username"] for user in listed] == list(ROLES)
    assert "argon2" not in str(listed)
    assert all("password" not in user for user in listed)


@pytest.mark.parametrize("sort", ["name", "-name", "creation_date", "-creation_date"])
def test_pages_hold_each_user_once_in_the_order_that_is_wished(
    guarded: StartedServer, adam: str, sort: str
) -> None:
    whole = ask(guarded, adam, "GET", PATH, params={"sort": sort}).json()["results"]
    expected = sorted(ROLES) if "name" in sort else list(ROLES)
    found: list[str] = []
    asked: dict[str, str] = {"sort": sort, "limit": "2", "count": "true"}

    while True:
        page = ask(guarded, adam, "GET", PATH, params=asked)
        assert page.json()["total"] == 5
        found += [user["username"] for user in page.json()["results"]]
        if page.json()["next"] is None:
            break
        asked["cursor"] = page.json()["next"]

    assert found == [user["username"] for user in whole]
    assert found == (expected[::-1] if sort.startswith("-") else expected)


@pytest.mark.parametrize(
    "asked", [{"sort": "password_hash"}, {"limit": "0"}, {"cursor": "x", "limit": "2"}, {"a": "b"}]
)
def test_a_list_that_cannot_be_is_refused(
    guarded: StartedServer, adam: str, asked: dict[str, str]
) -> None:
    assert ask(guarded, adam, "GET", PATH, params=asked).status_code == 400


@pytest.mark.parametrize("name", ["rita", "edda", "exel", "nina"])
def test_others_can_neither_see_nor_change_users_nor_themselves(
    guarded: StartedServer, name: str
) -> None:
    token = token_of(guarded, name)

    for method, path, body in (
        ("GET", PATH, None),
        ("GET", f"{PATH}/{name}", None),
        ("GET", f"{PATH}/nobody", None),
        ("POST", PATH, {"username": "x", "password": "long enough", "roles": ["admin"]}),
        ("PATCH", f"{PATH}/{name}", {"roles": ["admin"]}),
        ("DELETE", f"{PATH}/{name}", None),
    ):
        answer = ask(guarded, token, method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")


def test_each_change_is_in_the_audit_and_what_failed_is_not(
    guarded: StartedServer, adam: str, made: str
) -> None:
    path = f"{PATH}/{made}"
    ask(guarded, adam, "PATCH", path, json={"roles": ["editor"]})
    ask(guarded, adam, "PATCH", path, json={"roles": ["root"]})
    ask(guarded, adam, "PATCH", path, json={"roles": []}, headers={"If-Match": '"other"'})
    ask(guarded, adam, "GET", path)
    ask(guarded, adam, "DELETE", path)
    ask(guarded, adam, "DELETE", path)

    entries = audit_of(guarded, adam, entity_id=made)

    assert [entry["operation"] for entry in entries] == ["deleteUser", "changeUser", "createUser"]
    assert {(entry["actor"], entry["is_allowed"]) for entry in entries} == {("adam", True)}


def test_a_password_is_in_no_file_and_no_line_of_the_log(
    guarded: StartedServer, adam: str, made: str
) -> None:
    secret = "a passphrase that is nowhere else"
    ask(guarded, adam, "PATCH", f"{PATH}/{made}", json={"password": secret})
    guarded.http.post("/api/v1/auth/login", json={"username": made, "password": secret})
    guarded.http.post("/api/v1/auth/login", json={"username": secret, "password": made})

    kept = b"".join(file.read_bytes() for file in guarded.folder.rglob("*") if file.is_file())

    for text in (secret, adam, *PASSWORDS.values()):
        assert text.encode() not in kept
        assert text not in str(guarded.lines)
    assert made.encode() in kept
