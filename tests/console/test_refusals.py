"""What the server refuses is said in its own words, with names for identifiers."""

from pathlib import Path

import pytest

from browsers import needs_browser
from console_pages import OpenConsole
from servers import StartedServer

pytestmark = [pytest.mark.e2e, needs_browser]

API = "/api/v1"


def test_tasks_that_are_not_connected_make_no_sequence(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("islands")
    console = open_console(server, f"scenarios/{scenario['id']}")
    console.task("first").click()
    console.task("apart").click()
    console.page.get_by_label("Sequence name").fill("torn")
    console.press("Create sequence")
    refusal = console.page.locator(".selection").get_by_role("alert")
    refusal.wait_for()

    assert "TASK_" not in refusal.inner_text()
    assert refusal.locator("span[title^=TASK_]").first.inner_text().startswith("first")


def test_a_name_that_is_taken_is_refused_in_its_dialog(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("chain")
    server.http.patch(f"{API}/scenarios/{scenario['id']}", json={"name": "cold winter"})
    console = open_console(server, f"scenarios/{scenario['id']}")
    console.press("Rename", console.sequence("half"))
    console.dialog().get_by_label("Name").fill("all of it")
    console.press("Rename", console.dialog())
    refusal = console.dialog().get_by_role("alert")
    refusal.get_by_role("link", name="cold winter").wait_for()

    assert refusal.inner_text() == (
        "scenario cold winter already has a sequence named 'all of it'; choose another name, or "
        "delete that one first"
    )


def test_what_is_under_way_is_not_deleted_and_says_why(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("endless")
    submitted = server.http.post(f"{API}/scenarios/submit/{scenario['id']}").json()["submission"]
    console = open_console(server, f"scenarios/{scenario['id']}")
    console.press("Delete", console.page.locator(".heading"))
    console.press("Delete", console.dialog())
    refusal = console.page.locator(".heading").get_by_role("alert")
    refusal.wait_for()

    assert refusal.inner_text().endswith("; cancel it or wait until it has ended")
    link = refusal.locator(f'a[title="{submitted["id"]}"]')
    assert link.get_attribute("href") == f"#/submissions/{submitted['id']}"
    server.http.post(f"{API}/submissions/cancel/{submitted['id']}")


def test_what_is_no_json_is_said_before_it_is_sent(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("chain")
    console = open_console(server, f"data-nodes/{scenario['node_of']['end']}")
    console.press("Write")
    console.dialog().get_by_label("Value as JSON").fill("{not json")
    console.press("Write", console.dialog())

    assert "Not valid JSON" in console.dialog().get_by_role("alert").inner_text()


def test_a_value_that_somebody_else_changed_meanwhile_is_not_overwritten(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("chain")
    node = scenario["node_of"]["end"]
    console = open_console(server, f"data-nodes/{node}")
    console.press("Write")
    dialog = console.dialog()
    dialog.get_by_label("Value as JSON").fill("1")
    server.http.put(f"{API}/datanodes/{node}/write", json=2)
    console.press("Write", dialog)

    dialog.get_by_role("alert").filter(has_text="has changed").wait_for()
    assert server.http.get(f"{API}/datanodes/{node}/read").json() == {"data": 2}


def test_a_file_that_cannot_be_read_is_refused_and_a_good_one_is_shown(
    server: StartedServer, open_console: OpenConsole, tmp_path: Path
) -> None:
    scenario = server.create("chain")
    bad, good = tmp_path / "bad.json", tmp_path / "good.json"
    bad.write_text("{")
    good.write_text('[{"day": "2026-01-01", "units": 3}, {"day": "2026-01-02", "units": 4}]')
    console = open_console(server, f"data-nodes/{scenario['node_of']['end']}")
    console.press("Upload")
    chooser = console.dialog().locator("input[type=file]")
    chooser.set_input_files(bad)
    console.press("Upload", console.dialog())
    console.dialog().get_by_role("alert").wait_for()

    chooser.set_input_files(good)
    console.press("Upload", console.dialog())

    console.page.get_by_role("cell", name="2026-01-02").wait_for()


def test_a_locked_data_node_says_who_has_locked_it(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("chain")
    node = scenario["node_of"]["end"]
    console = open_console(server, f"data-nodes/{node}")

    console.press("Lock")
    console.page.get_by_text("locked by anyone").wait_for()
    console.press("Unlock")
    console.button("Lock").wait_for()

    server.http.post(f"{API}/datanodes/{node}/lock", json={"editor_id": "somebody else"})
    console.page.get_by_text("locked by somebody else").wait_for()
    assert console.button("Unlock").count() == 0


def test_comparators_that_cannot_compare_say_why(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenarios = [server.create("rated") for _ in range(2)]
    ids = ",".join(scenario["id"] for scenario in scenarios)

    console = open_console(server, f"compare?ids={ids}")

    console.page.get_by_role("alert").wait_for()
    assert "none of the comparators has a result" in console.refusal()
    assert "data node 'scored' has no value yet in scenario rated" in console.refusal()
