"""What people do in the console, in a real browser on a started server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browsers import needs_browser
from console_pages import OpenConsole
from servers import StartedServer

pytestmark = [pytest.mark.e2e, needs_browser]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    folder = tmp_path_factory.mktemp("demo")
    with StartedServer(folder, app="scenarist.demo.app") as started:
        yield started


def test_a_new_user_gets_from_an_empty_list_to_a_finished_run_and_its_chart(
    demo: StartedServer, open_console: OpenConsole
) -> None:
    console = open_console(demo)
    console.press("Create the first scenario")
    console.dialog().get_by_label("Name").fill("as it is")
    console.press("Create", console.dialog())

    console.task("plan_fuel", "NONE").wait_for()
    console.press("Submit", console.page.locator(".heading"))
    console.task("plan_fuel", "COMPLETED").wait_for()
    console.statuses().get_by_text("completed").first.wait_for()
    console.data_node("forecast", "WRITTEN").click()
    console.link("View value").click()
    console.press("Chart")

    console.page.locator(".chart canvas").wait_for()
    assert console.title() == "forecast"
    assert console.page.locator(".chart").get_attribute("aria-label") == (
        "Line chart of temp_celsius over 28 rows"
    )
    assert console.foreign == []


def test_a_sequence_is_made_of_selected_tasks_renamed_submitted_and_deleted(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("chain")
    console = open_console(server, f"scenarios/{scenario['id']}")

    console.task("first").click()
    console.task("second").click()
    console.page.get_by_label("Sequence name").fill("both")
    console.press("Create sequence")
    console.sequence("both").wait_for()
    assert console.task("first").get_attribute("class") == "graph-task in-group"

    console.press("Rename", console.sequence("both"))
    console.dialog().get_by_label("Name").fill("the pair")
    console.press("Rename", console.dialog())
    console.sequence("the pair").wait_for()

    console.press("Submit", console.sequence("the pair"))
    console.task("second", "COMPLETED").wait_for()
    console.page.get_by_role("link", name="sequence the pair").wait_for()

    console.press("Delete", console.sequence("the pair"))
    console.press("Delete", console.dialog())
    console.sequence("the pair").wait_for(state="detached")
    listed = server.http.get(f"/api/v1/sequences?scenario_id={scenario['id']}").json()["results"]
    assert sorted(item["name"] for item in listed) == ["all of it", "half"]


def test_what_would_run_is_seen_before_it_is_submitted(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("chain")
    console = open_console(server, f"scenarios/{scenario['id']}")

    console.press("What would run?", console.page.locator(".heading"))
    console.dialog().get_by_text("2 tasks: 2 run").wait_for()
    rows = console.dialog().locator("tbody tr")
    assert rows.count() == 2
    assert rows.nth(0).inner_text().split()[:2] == ["first", "runs"]
    assert "it is not skippable" in rows.nth(0).inner_text()
    console.press("Submit", console.dialog())

    console.dialog().wait_for(state="detached")
    console.task("second", "COMPLETED").wait_for()


def test_values_that_became_stale_are_marked_with_the_change_that_they_lack(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("chain")
    server.submit(scenario["sequences"]["all of it"]["id"])
    console = open_console(server, f"scenarios/{scenario['id']}")
    console.task("second", "COMPLETED").wait_for()
    marks = console.page.locator(".graph-node.is-stale")
    assert marks.count() == 0

    server.http.put(f"/api/v1/datanodes/{scenario['node_of']['start']}/write", json=5)

    console.page.get_by_text("2 stale values, not of the present inputs or code").wait_for()
    assert marks.count() == 2
    assert "data node 'start' was written" in str(marks.last.get_attribute("aria-label"))
    marks.last.click()
    console.page.locator(".details").get_by_text("data node 'start' was written").wait_for()
    console.page.locator(".details").get_by_text("View value").click()
    console.page.locator(".card").get_by_text("Stale, not of the present inputs").wait_for()


def test_a_running_submission_is_cancelled(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("endless")
    console = open_console(server, f"scenarios/{scenario['id']}")
    console.press("Submit", console.page.locator(".heading"))
    console.task("nap", "RUNNING").wait_for()

    console.page.locator("tbody a").first.click()
    console.press("Cancel")

    console.page.locator('.card > .line .status[data-status="CANCELED"]').wait_for()
    console.page.locator('.gantt-row .status[data-status="CANCELED"]').nth(1).wait_for()
    assert console.button("Cancel").count() == 0


def test_a_submission_is_paused_and_resumed(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("endless")
    console = open_console(server, f"scenarios/{scenario['id']}")
    console.press("Submit", console.page.locator(".heading"))
    console.page.locator("tbody a").first.click()

    console.press("Pause")
    console.page.locator('.status[data-status="PAUSED"]').wait_for()
    console.press("Resume")

    console.page.locator('.status[data-status="PAUSED"]').wait_for(state="detached")
    console.press("Cancel")
    console.button("Cancel").wait_for(state="detached")


def test_all_jobs_are_paused_and_every_view_says_so_until_they_are_resumed(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("chain")
    console = open_console(server, "jobs")
    console.press("Pause all jobs")
    console.press("Pause all jobs", console.dialog())
    console.page.get_by_text("No new jobs start: anyone paused all jobs").wait_for()

    console.open(f"scenarios/{scenario['id']}")
    console.press("Submit", console.page.locator(".heading"))
    console.task("first", "PENDING").wait_for()
    console.press("Resume all jobs")

    console.task("second", "COMPLETED").wait_for()
    assert console.page.locator(".banner").count() == 0


def test_what_failed_says_why_and_is_tried_again(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("broken")
    submission = server.submit(scenario["sequences"]["all"]["id"])
    console = open_console(server, f"submissions/{submission['id']}")

    console.page.locator(".log, details pre").filter(has_text="Traceback").wait_for()
    console.press("Retry")

    console.page.get_by_text("Retry of").wait_for()
    console.page.locator('.card > .line .status[data-status="FAILED"]').wait_for()
    assert submission["id"] not in console.page.url


def test_what_a_job_writes_is_shown_while_it_runs_and_when_it_has_ended(
    server: StartedServer, open_console: OpenConsole, tmp_path: Path
) -> None:
    scenario = server.create("speaking_on")
    gate = tmp_path / "gate"
    server.http.put(f"/api/v1/datanodes/{scenario['node_of']['gate']}/write", json=str(gate))
    console = open_console(server, f"scenarios/{scenario['id']}")
    console.press("Submit", console.page.locator(".heading"))
    console.page.locator("tbody a").first.click()

    console.page.locator(".log").filter(has_text="waiting for it").wait_for()
    console.page.locator('.gantt-row .status[data-status="RUNNING"]').wait_for()
    gate.touch()

    console.page.locator(".log").filter(has_text="there it is").wait_for()
    console.page.locator('.gantt-row .status[data-status="COMPLETED"]').wait_for()


def test_a_link_leads_to_one_view_and_the_back_button_to_the_one_before(
    server: StartedServer, chain: dict[str, Any], open_console: OpenConsole
) -> None:
    console = open_console(server, "jobs?status=FAILED")
    console.page.get_by_role("heading", name="Jobs").wait_for()
    assert console.page.get_by_label("Status").input_value() == "FAILED"

    console.link("Scenarios").click()
    console.page.get_by_role("heading", name="Scenarios").wait_for()
    console.page.go_back()

    console.page.get_by_role("heading", name="Jobs").wait_for()
    assert console.page.get_by_label("Status").input_value() == "FAILED"


@pytest.fixture
def chain(server: StartedServer) -> dict[str, Any]:
    return server.create("chain")
