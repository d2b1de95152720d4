"""What each role is offered: what it may not do is not there."""

from collections.abc import Iterator
from typing import Any

import pytest

from browsers import needs_browser
from console_pages import OpenConsole, signed_in
from servers import StartedServer
from signed_in import ask, token_of, with_users

pytestmark = [pytest.mark.e2e, needs_browser]

API = "/api/v1"
EDITING = {"Edit", "Delete", "Rename"}
EXECUTING = {"Submit"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as started:
        yield started


@pytest.fixture(scope="module")
def scenario(guarded: StartedServer) -> dict[str, Any]:
    token = token_of(guarded, "adam")
    made = ask(guarded, token, "POST", f"{API}/scenarios?config_id=chain")
    scenario: dict[str, Any] = made.json()["scenario"]
    return scenario


@pytest.mark.parametrize(
    ("name", "offered", "not_offered"),
    [
        ("rita", set(), EDITING | EXECUTING),
        ("edda", EDITING, EXECUTING),
        ("exel", EXECUTING, EDITING),
        ("adam", EDITING | EXECUTING, set()),
    ],
)
def test_a_scenario_offers_what_the_role_may(
    guarded: StartedServer,
    scenario: dict[str, Any],
    open_console: OpenConsole,
    name: str,
    offered: set[str],
    not_offered: set[str],
) -> None:
    console = signed_in(open_console, guarded, name, f"scenarios/{scenario['id']}")
    console.task("first").wait_for()
    start = console.page.locator(".inputs").get_by_label("start", exact=True)

    assert console.offers() >= offered
    assert console.offers() & not_offered == set()
    assert start.is_enabled() == ("Edit" in offered)
    assert console.page.get_by_role("link", name="Administration").count() == (name == "adam")


@pytest.mark.parametrize(("name", "may_write"), [("rita", False), ("edda", True), ("exel", False)])
def test_a_data_node_is_written_by_editors_only(
    guarded: StartedServer,
    scenario: dict[str, Any],
    open_console: OpenConsole,
    name: str,
    may_write: bool,
) -> None:
    start = next(id for id in scenario["data_nodes"] if id.startswith("DATANODE_start"))
    console = signed_in(open_console, guarded, name, f"data-nodes/{start}")
    console.page.get_by_role("heading", name="Edits").wait_for()

    assert ({"Write", "Lock"} <= console.offers()) == may_write
    assert (not {"Write", "Lock"} & console.offers()) != may_write


def test_an_executor_submits_and_cancels(guarded: StartedServer, open_console: OpenConsole) -> None:
    made = ask(guarded, token_of(guarded, "adam"), "POST", f"{API}/scenarios?config_id=endless")
    console = signed_in(open_console, guarded, "exel", f"scenarios/{made.json()['scenario']['id']}")
    console.press("Submit", console.page.locator(".heading"))
    console.task("nap", "RUNNING").wait_for()
    console.page.locator("tbody a").first.click()
    console.press("Cancel")

    console.page.locator('.card > .line .status[data-status="CANCELED"]').wait_for()


def test_an_editor_makes_a_scenario_and_a_sequence(
    guarded: StartedServer, open_console: OpenConsole
) -> None:
    console = signed_in(open_console, guarded, "edda", "scenarios")
    console.press("New scenario")
    console.press("Create", console.dialog())
    console.task("first").click()
    console.page.get_by_label("Sequence name").fill("mine")
    console.press("Create sequence")

    console.sequence("mine").wait_for()


def test_who_has_no_role_is_told_what_to_do(
    guarded: StartedServer, open_console: OpenConsole
) -> None:
    console = signed_in(open_console, guarded, "nina", "scenarios")

    assert "Ask an administrator for a role" in console.page.locator("main").inner_text()
    assert console.page.get_by_role("link", name="Scenarios", exact=True).count() == 0


def test_a_wrong_password_is_refused_in_the_words_of_the_server(
    guarded: StartedServer, open_console: OpenConsole
) -> None:
    console = open_console(guarded)
    console.sign_in("rita", "not the password")
    console.page.get_by_role("alert").wait_for()

    said = guarded.http.post(
        f"{API}/auth/login", json={"username": "rita", "password": "still not"}
    ).json()["message"]
    assert console.refusal() == said


def test_a_link_leads_on_after_signing_in_and_a_reload_keeps_the_session(
    guarded: StartedServer, open_console: OpenConsole
) -> None:
    console = signed_in(open_console, guarded, "rita", "data-nodes")
    console.page.get_by_role("heading", name="Data nodes").wait_for()

    console.page.reload()

    console.page.get_by_role("heading", name="Data nodes").wait_for()


def test_who_signs_out_elsewhere_is_asked_to_sign_in(
    guarded: StartedServer, open_console: OpenConsole
) -> None:
    console = signed_in(open_console, guarded, "rita", "scenarios")
    console.page.locator("tbody tr").first.wait_for()
    token = console.page.evaluate("sessionStorage.getItem('scenarist.token')")

    ask(guarded, token, "POST", f"{API}/auth/logout")
    console.link("Jobs").click()

    console.button("Sign in").wait_for()
    assert console.page.evaluate("sessionStorage.length") == 0


def test_signing_out_ends_the_session_on_the_server(
    guarded: StartedServer, open_console: OpenConsole
) -> None:
    console = signed_in(open_console, guarded, "rita", "account")
    token = console.page.evaluate("sessionStorage.getItem('scenarist.token')")

    console.press("Sign out")

    console.button("Sign in").wait_for()
    assert ask(guarded, token, "GET", f"{API}/scenarios").status_code == 401


def test_a_key_opens_the_console_too(guarded: StartedServer, open_console: OpenConsole) -> None:
    body = {"name": "for a screen", "roles": ["TAIPY_READER"]}
    made = ask(guarded, token_of(guarded, "adam"), "POST", f"{API}/keys", json=body)
    console = open_console(guarded)

    console.press("Use a key or token")
    console.page.get_by_label("Token").fill(made.json()["token"])
    console.press("Sign in")

    console.page.get_by_role("heading", name="Scenarios").wait_for()
    assert console.button("New scenario").count() == 0


def test_an_administrator_looks_after_users_keys_and_the_audit(
    guarded: StartedServer, open_console: OpenConsole
) -> None:
    console = signed_in(open_console, guarded, "adam", "admin/users")
    console.press("New user")
    dialog = console.dialog()
    dialog.get_by_label("Name").fill("omar")
    dialog.get_by_label("Password").fill("sun over the plant")
    dialog.get_by_label("TAIPY_READER").check()
    console.press("Create", dialog)
    row = console.page.get_by_role("row").filter(has_text="omar")
    row.filter(has_text="TAIPY_READER").wait_for()

    console.press("Edit", row)
    console.dialog().get_by_label("TAIPY_EXECUTOR").check()
    console.press("Save", console.dialog())
    row.filter(has_text="TAIPY_READER, TAIPY_EXECUTOR").or_(
        row.filter(has_text="TAIPY_EXECUTOR, TAIPY_READER")
    ).wait_for()

    console.link("Keys").click()
    console.press("New key")
    console.dialog().get_by_label("Name").fill("nightly")
    console.dialog().get_by_label("TAIPY_READER").check()
    console.press("Create", console.dialog())
    key = console.page.locator(".token").inner_text()
    assert ask(guarded, key, "GET", f"{API}/scenarios").status_code == 200
    console.press("Revoke", console.page.get_by_role("row").filter(has_text="nightly"))
    console.press("Revoke", console.dialog())
    console.page.get_by_role("row").filter(has_text="nightly").wait_for(state="detached")
    assert ask(guarded, key, "GET", f"{API}/scenarios").status_code == 401

    console.link("Audit log").click()
    console.page.get_by_role("row").filter(has_text="revokeKey").or_(
        console.page.get_by_role("row").filter(has_text="deleteKey")
    ).first.wait_for()
    console.page.get_by_label("Entity").fill("omar")
    console.press("Search")
    console.page.get_by_role("row").filter(has_text="createUser").wait_for()
    assert "entity_id=omar" in console.page.url
