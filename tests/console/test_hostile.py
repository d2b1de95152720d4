"""Text of users is never markup: names and values that try to be, in every view."""

from typing import Any
from urllib.parse import quote

import pytest

from browsers import needs_browser
from console_pages import Console, OpenConsole
from servers import StartedServer
from signed_in import PASSWORDS, ask, token_of, with_users

pytestmark = [pytest.mark.e2e, needs_browser]

API = "/api/v1"
HOSTILE = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>${1}\'"&lt;b&gt;'
LONG = "W" * 200


def check_harmless(console: Console) -> None:
    """See that nothing of the texts became an element, and that the page is not wider for them."""
    page = console.page
    assert page.evaluate("window.harmed") is None
    assert page.locator("main img, main script:not([src]), main b").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.fixture(scope="module")
def hostile(server: StartedServer) -> dict[str, Any]:
    """A scenario whose names, tags, values, comments and locks are all hostile."""
    http = server.http
    scenario = server.create("chain")
    change = {"name": HOSTILE, "tags": [HOSTILE[:60], LONG[:60]]}
    assert http.patch(f"{API}/scenarios/{scenario['id']}", json=change).status_code == 200
    sequence = {
        "scenario_id": scenario["id"],
        "sequence_name": HOSTILE[:120],
        "tasks": [scenario["task_of"]["first"]],
    }
    made = http.post(f"{API}/sequences", json=sequence).json()["sequence"]
    scenario["submission"] = server.submit(made["id"])
    node = scenario["node_of"]["end"]
    value = [{HOSTILE: HOSTILE, LONG: LONG, "n": 1}, {HOSTILE: LONG, LONG: HOSTILE, "n": 2}]
    written = http.put(
        f"{API}/datanodes/{node}/write",
        params={"comment": HOSTILE, "editor_id": HOSTILE},
        json=value,
    )
    assert written.status_code == 200, written.text
    lock = {"editor_id": HOSTILE}
    assert http.post(f"{API}/datanodes/{node}/lock", json=lock).status_code == 200
    return scenario


@pytest.mark.parametrize("width", [1280, 360])
def test_in_the_list_of_scenarios(
    server: StartedServer, hostile: dict[str, Any], open_console: OpenConsole, width: int
) -> None:
    console = open_console(server, "scenarios", width=width)

    console.page.get_by_text(HOSTILE, exact=True).wait_for()
    check_harmless(console)


@pytest.mark.parametrize("width", [1280, 360])
def test_in_a_scenario_its_sequences_and_submissions(
    server: StartedServer, hostile: dict[str, Any], open_console: OpenConsole, width: int
) -> None:
    console = open_console(server, f"scenarios/{hostile['id']}", width=width)
    console.data_node("end", "LOCKED").click()
    console.page.get_by_text(f"locked by {HOSTILE}", exact=True).first.wait_for()
    console.sequence(HOSTILE[:120]).get_by_role("button").first.click()
    console.press("Rename", console.sequence(HOSTILE[:120]))

    assert console.title() == HOSTILE
    assert console.dialog().get_by_label("Name").input_value() == HOSTILE[:120]
    check_harmless(console)


def test_in_a_submission_and_its_list(
    server: StartedServer, hostile: dict[str, Any], open_console: OpenConsole
) -> None:
    console = open_console(server, "submissions")
    console.page.locator("tbody tr").first.wait_for()
    check_harmless(console)

    console.open(f"submissions/{hostile['submission']['id']}")
    console.page.get_by_text(HOSTILE[:120]).first.wait_for()
    check_harmless(console)


@pytest.mark.parametrize("kind", ["Table", "Chart", "JSON"])
def test_in_a_value_and_its_edits(
    server: StartedServer, hostile: dict[str, Any], open_console: OpenConsole, kind: str
) -> None:
    console = open_console(server, f"data-nodes/{hostile['node_of']['end']}", width=360)
    console.press(kind)
    console.page.get_by_text(HOSTILE, exact=True).first.wait_for()
    console.press("Write")
    console.dialog().get_by_label("Value as JSON").wait_for()

    check_harmless(console)


def test_in_the_comparison(
    server: StartedServer, hostile: dict[str, Any], open_console: OpenConsole
) -> None:
    other = server.create("chain")

    console = open_console(server, f"compare?ids={hostile['id']},{other['id']}")

    console.page.get_by_text(HOSTILE, exact=True).first.wait_for()
    check_harmless(console)


def test_in_an_address_and_what_is_refused_of_it(
    server: StartedServer, open_console: OpenConsole
) -> None:
    bad = quote(HOSTILE, safe="")
    for path in (f"scenarios/{bad}", f"jobs/{bad}", f"data-nodes/{bad}", f"submissions/{bad}"):
        console = open_console(server, path)
        console.page.get_by_role("alert").wait_for()
        check_harmless(console)
    console = open_console(server, f"scenarios?tag={bad}&config={bad}&cycle={bad}")
    console.page.get_by_text("No scenarios match.").wait_for()
    check_harmless(console)


def test_in_a_log_and_a_stack_trace(server: StartedServer, open_console: OpenConsole) -> None:
    scenario = server.create("speaking_ill")
    submission = server.submit(scenario["sequences"]["all"]["id"])

    console = open_console(server, f"jobs/{submission['job_ids'][0]}")

    console.page.locator(".log").filter(has_text="<script>").wait_for()
    console.page.locator("details pre").filter(has_text="<img").wait_for()
    check_harmless(console)


def test_in_keys_and_the_audit(
    tmp_path_factory: pytest.TempPathFactory, open_console: OpenConsole
) -> None:
    with with_users(tmp_path_factory.mktemp("guarded")) as server:
        token = token_of(server, "adam")
        body = {"name": HOSTILE[:120], "roles": ["TAIPY_READER"]}
        assert ask(server, token, "POST", f"{API}/keys", json=body).status_code == 201
        flat = HOSTILE.replace("/", "")
        ask(server, token_of(server, "rita"), "DELETE", f"{API}/scenarios/{quote(flat)}")
        console = open_console(server, "admin/keys")
        console.sign_in("adam", PASSWORDS["adam"])
        console.page.get_by_text(HOSTILE[:120], exact=True).wait_for()
        check_harmless(console)

        console.open("admin/audit?is_allowed=false")
        console.page.get_by_text(flat, exact=True).wait_for()
        check_harmless(console)
