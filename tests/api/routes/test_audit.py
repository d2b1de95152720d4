"""The audit over REST: who did what, the newest first, and every refusal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scenarist.server import admin
from scenarist.server.admin import open_database
from servers import StartedServer
from signed_in import ask, audit_of, settings_in, token_of, with_users

PATH = "/api/v1/audit"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="module")
def adam(guarded: StartedServer) -> str:
    return token_of(guarded, "adam")


@pytest.fixture(scope="module")
def edda(guarded: StartedServer) -> str:
    return token_of(guarded, "edda")


@pytest.fixture(scope="module")
def scenario(guarded: StartedServer, edda: str) -> str:
    """A scenario that was made, renamed and looked at, and that others were kept from."""
    made = ask(guarded, edda, "POST", "/api/v1/scenarios", params={"config_id": "chain"})
    assert made.status_code == 201, made.text
    found = str(made.json()["scenario"]["id"])
    path = f"/api/v1/scenarios/{found}"
    rita = token_of(guarded, "rita")
    for token, method, body in (
        (edda, "PATCH", {"name": "renamed"}),
        (edda, "GET", None),
        (rita, "GET", None),
        (rita, "DELETE", None),
        (None, "GET", None),
        ("forged", "PATCH", {"name": "mine"}),
    ):
        ask(guarded, token, method, path, json=body)
    return found


def told(entries: list[dict[str, Any]]) -> list[tuple[str | None, str, bool]]:
    return [(entry["actor"], entry["operation"], entry["is_allowed"]) for entry in entries]


def test_the_story_of_an_entity_is_told_the_newest_first(
    guarded: StartedServer, adam: str, scenario: str
) -> None:
    entries = audit_of(guarded, adam, entity_id=scenario)

    assert told(entries) == [
        (None, "changeScenario", False),
        (None, "getScenario", False),
        ("rita", "deleteScenario", False),
        ("edda", "changeScenario", True),
        ("edda", "createScenario", True),
    ]
    assert {entry["address"] for entry in entries} == {"127.0.0.1"}
    numbers = [entry["number"] for entry in entries]
    assert numbers == sorted(numbers, reverse=True)


def test_a_refusal_says_why_and_an_act_does_not(
    guarded: StartedServer, adam: str, scenario: str
) -> None:
    forged, missing, denied, *done = audit_of(guarded, adam, entity_id=scenario)

    assert forged["reason"].startswith("the token is refused")
    assert "has no credentials" in missing["reason"]
    assert denied["reason"] == "rita lacks the role TAIPY_EDITOR"
    assert {entry["reason"] for entry in done} == {None}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"is_allowed": "false", "actor": "rita"}, [("rita", "deleteScenario", False)]),
        ({"operation": "createScenario", "actor": "edda"}, [("edda", "createScenario", True)]),
        ({"operation": "createScenario", "actor": "rita"}, []),
        ({"operation": "deleteScenario", "is_allowed": "true"}, []),
        ({"created_before": "2020-01-01T00:00:00Z"}, []),
        ({"created_after": "2100-01-01T00:00:00Z"}, []),
        ({"key_id": "KEY_nothing"}, []),
        ({"actor": "EDDA"}, []),
        (
            {"operation": ["createScenario", "deleteScenario"], "actor": ["rita", "nobody"]},
            [("rita", "deleteScenario", False)],
        ),
    ],
    ids=str,
)
def test_filters_narrow_together(
    guarded: StartedServer, adam: str, scenario: str, wanted: dict[str, Any], expected: list[Any]
) -> None:
    assert told(audit_of(guarded, adam, **wanted)) == expected
    assert scenario


def test_pages_go_on_from_the_cursor_in_both_directions(
    guarded: StartedServer, adam: str, scenario: str
) -> None:
    whole = audit_of(guarded, adam, entity_id=scenario)
    for sort, expected in (("-creation_date", whole), ("creation_date", whole[::-1])):
        asked = {"entity_id": scenario, "sort": sort, "limit": "2"}
        found: list[dict[str, Any]] = []
        while True:
            page = ask(guarded, adam, "GET", PATH, params=asked).json()
            found += page["results"]
            if page["next"] is None:
                break
            asked["cursor"] = page["next"]
        assert found == expected


@pytest.mark.parametrize(
    "asked",
    [
        {"sort": "actor"},
        {"is_allowed": "perhaps"},
        {"created_after": "yesterday"},
        {"who": "rita"},
        {"limit": "1", "cursor": "forged"},
        {"is_allowed": ["true", "false"]},
        {"limit": ["1", "2"]},
    ],
)
def test_a_question_that_cannot_be_is_refused(
    guarded: StartedServer, adam: str, asked: dict[str, Any]
) -> None:
    assert ask(guarded, adam, "GET", PATH, params=asked).status_code == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_changes_the_audit(guarded: StartedServer, adam: str, method: str) -> None:
    assert ask(guarded, adam, method, PATH, json={}).status_code == 405
    assert ask(guarded, adam, method, f"{PATH}/1", json={}).status_code == 404


def test_reading_writes_nothing_and_a_refused_look_does(
    guarded: StartedServer, adam: str, edda: str
) -> None:
    before = audit_of(guarded, adam)

    for path in (PATH, "/api/v1/users", "/api/v1/sequences", "/api/v1/auth/me"):
        assert ask(guarded, adam, "GET", path).status_code == 200
    assert audit_of(guarded, adam) == before

    assert ask(guarded, edda, "GET", PATH).status_code == 403
    (new,) = audit_of(guarded, adam)[: -len(before)]
    assert told([new]) == [("edda", "listAudit", False)]


def test_what_the_command_line_does_is_in_the_audit(guarded: StartedServer, adam: str) -> None:
    admin.add_user(settings_in(guarded.folder), "by.hand", "long enough", ["reader"])

    (entry,) = audit_of(guarded, adam, entity_id="by.hand")

    assert (entry["actor"], entry["operation"]) == ("(command line)", "user add")
    assert entry["address"].startswith("login ")


def test_of_a_flood_of_refusals_not_all_are_kept(tmp_path: Path) -> None:
    with with_users(tmp_path, "--audit-refusals=1") as server:
        for _ in range(200):
            assert server.http.get("/api/v1/sequences").status_code == 401

        kept = audit_of(server, token_of(server, "adam"), operation="listSequences")

    assert 10 <= len(kept) < 200


def test_nothing_is_written_while_authorization_is_off(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("open")
    with StartedServer(folder) as server:
        scenario = server.create("chain")
        for method, path in (
            ("PATCH", f"/api/v1/scenarios/{scenario['id']}"),
            ("DELETE", f"/api/v1/scenarios/{scenario['id']}"),
            ("GET", "/api/v1/users"),
            ("GET", PATH),
            ("POST", "/api/v1/auth/logout"),
        ):
            body = {"name": "renamed"} if method == "PATCH" else None
            ask(server, "forged", method, path, json=body)
        login = {"username": "rita", "password": "hidden away"}
        assert server.http.post("/api/v1/auth/login", json=login).status_code == 201
        refused = server.http.get(PATH)
        assert (refused.status_code, refused.json()["code"]) == (409, "authorization_off")

    with open_database(settings_in(folder)) as database:
        for table in ("audit", "sessions", "tries", "users", "keys"):
            count = database.reader.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            assert (table, count) == (table, 0)
