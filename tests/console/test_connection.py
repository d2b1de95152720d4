"""A connection that is lost is shown, and mended with all that was missed."""

from pathlib import Path

import pytest

from browsers import needs_browser
from console_pages import OpenConsole
from servers import StartedServer

pytestmark = [pytest.mark.e2e, needs_browser]


def port_of(server: StartedServer) -> int:
    return int(server.address.rpartition(":")[2])


def test_what_changed_while_the_server_was_gone_is_shown_when_it_is_back(
    tmp_path: Path, open_console: OpenConsole
) -> None:
    with StartedServer(tmp_path) as server:
        scenario = server.create("chain")
        console = open_console(server, f"scenarios/{scenario['id']}")
        console.page.locator('.connection[data-state="live"]').wait_for()
        console.task("first", "NONE").wait_for()
        server.kill()

        console.page.get_by_text("The connection to the server is lost").wait_for()
        assert console.task("first").count() == 1
        server.start(port=port_of(server))
        server.submit(scenario["sequences"]["half"]["id"])

        console.page.locator('.connection[data-state="live"]').wait_for()
        console.task("first", "COMPLETED").wait_for()
        assert console.page.locator(".banner").count() == 0


def test_what_others_do_appears_by_itself(server: StartedServer, open_console: OpenConsole) -> None:
    scenario = server.create("chain")
    console = open_console(server, f"scenarios/{scenario['id']}")
    console.page.locator('.connection[data-state="live"]').wait_for()
    console.task("first", "NONE").wait_for()

    server.submit(scenario["sequences"]["half"]["id"])
    server.http.patch(f"/api/v1/scenarios/{scenario['id']}", json={"name": "by another hand"})

    console.task("first", "COMPLETED").wait_for()
    console.page.get_by_role("heading", name="by another hand").wait_for()


def test_what_is_done_while_the_server_is_gone_says_so(
    tmp_path: Path, open_console: OpenConsole
) -> None:
    with StartedServer(tmp_path) as server:
        scenario = server.create("chain")
        console = open_console(server, f"scenarios/{scenario['id']}")
        console.task("first", "NONE").wait_for()
        server.kill()

        console.press("Submit", console.page.locator(".heading"))

        console.page.locator(".heading").get_by_role("alert").wait_for()
        assert "The server does not respond" in console.page.locator(".heading").inner_text()


def test_what_one_types_stays_when_something_else_changes(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("chain")
    console = open_console(server, f"scenarios/{scenario['id']}")
    console.page.locator('.connection[data-state="live"]').wait_for()
    console.press("Rename", console.sequence("half"))
    field = console.dialog().get_by_label("Name")
    field.fill("not yet sent")

    server.http.patch(f"/api/v1/scenarios/{scenario['id']}", json={"name": "changed meanwhile"})

    console.page.locator("h1").filter(has_text="changed meanwhile").wait_for()
    assert field.input_value() == "not yet sent"
