"""The console is for everybody: by keyboard, on a phone, in light and dark, read aloud."""

from collections.abc import Iterator
from typing import Any

import pytest

from browsers import needs_browser
from console_pages import Console, OpenConsole, signed_in
from servers import StartedServer
from signed_in import PASSWORDS, ask, token_of, with_users

pytestmark = [pytest.mark.e2e, needs_browser]

API = "/api/v1"
SERIOUS = {"serious", "critical"}
STICKING_OUT = """
() => [...document.querySelectorAll(".card *")]
  .filter(one => one instanceof HTMLElement && one.closest(".table, pre") === null)
  .filter(one => {
    const card = one.closest(".card").getBoundingClientRect();
    const box = one.getBoundingClientRect();
    return box.width > 0 && (box.right > card.right + 1 || box.left < card.left - 1);
  })
  .map(one => one.outerHTML.slice(0, 120))
"""
"""What is wider than its card, and is nothing that scrolls."""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("busy")) as started:
        yield started


@pytest.fixture(scope="module")
def views(busy: StartedServer) -> dict[str, str]:
    """The address of each view, with something to be seen there."""
    token = token_of(busy, "adam")

    def post(path: str, **more: Any) -> Any:
        return ask(busy, token, "POST", f"{API}/{path}", **more).json()

    first, second = (post("scenarios", json={"config_id": "fan", "tags": ["a"]}) for _ in range(2))
    scenario = first["scenario"]
    waiting = {"Prefer": "wait=30"}
    submission = post(f"scenarios/submit/{scenario['id']}", headers=waiting)["submission"]
    sound = next(id for id in scenario["data_nodes"] if id.startswith("DATANODE_sound"))
    rows = [{"day": f"2026-01-0{day}", "units": day, "price": day / 2} for day in range(1, 8)]
    ask(busy, token, "PUT", f"{API}/datanodes/{sound}/write", json=rows)
    post("keys", json={"name": "nightly", "roles": ["TAIPY_READER"]})
    return {
        "scenarios": "scenarios",
        "a scenario": f"scenarios/{scenario['id']}",
        "comparison": f"compare?ids={scenario['id']},{second['scenario']['id']}",
        "submissions": "submissions",
        "a submission": f"submissions/{submission['id']}",
        "jobs": "jobs",
        "a job": f"jobs/{submission['job_ids'][1]}",
        "data nodes": "data-nodes",
        "a data node": f"data-nodes/{sound}",
        "users": "admin/users",
        "keys": "admin/keys",
        "audit": "admin/audit",
        "account": "account",
    }


def see(console: Console, view: str, path: str) -> None:
    from playwright.sync_api import expect

    console.open(path)
    console.page.locator("h1").first.wait_for()
    expect(console.page.locator(".loading")).to_have_count(0)
    if view == "a data node":
        console.press("Chart")
        console.page.locator(".chart canvas").wait_for()


def serious_faults(console: Console) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    found = Axe().run(console.page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


@pytest.mark.timeout(180)  # every view
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_checker_of_accessibility_finds_nothing_serious_in_any_view(
    busy: StartedServer, views: dict[str, str], open_console: OpenConsole, scheme: str
) -> None:
    console = open_console(busy, scheme=scheme)
    console.button("Sign in").wait_for()
    faults = {"signing in": serious_faults(console)}
    console.sign_in("adam", PASSWORDS["adam"])
    console.page.get_by_role("heading", name="Scenarios").wait_for()
    for view, path in views.items():
        see(console, view, path)
        faults[view] = serious_faults(console)

    assert {view: found for view, found in faults.items() if found} == {}


def test_dialogs_have_nothing_serious_either(
    busy: StartedServer, views: dict[str, str], open_console: OpenConsole
) -> None:
    console = signed_in(open_console, busy, "adam")
    faults = []
    for view, button in (
        ("scenarios", "New scenario"),
        ("a scenario", "Edit"),
        ("a scenario", "Fork"),
        ("a data node", "Write"),
        ("users", "New user"),
        ("keys", "New key"),
    ):
        see(console, view, views[view])
        console.button(button).first.click()
        console.dialog().wait_for()
        faults += serious_faults(console)
        console.page.keyboard.press("Escape")
        console.dialog().wait_for(state="detached")

    assert faults == []


def test_no_view_is_wider_than_a_phone(
    busy: StartedServer, views: dict[str, str], open_console: OpenConsole
) -> None:
    console = signed_in(open_console, busy, "adam", width=360, height=740)
    widths = {}
    for view, path in views.items():
        see(console, view, path)
        widths[view] = console.page.evaluate("document.documentElement.scrollWidth")

    assert {view: width for view, width in widths.items() if width > 360} == {}


@pytest.mark.parametrize("width", [360, 700, 960, 1280])
def test_nothing_sticks_out_of_its_card(
    busy: StartedServer, views: dict[str, str], open_console: OpenConsole, width: int
) -> None:
    long_times = "en-US"
    console = signed_in(open_console, busy, "adam", width=width, height=740, locale=long_times)
    found = {}
    for view, path in views.items():
        see(console, view, path)
        if view == "a scenario":
            console.task("source").click()
            console.page.locator(".details code").wait_for()
        found[view] = console.page.evaluate(STICKING_OUT)

    assert {view: sticking for view, sticking in found.items() if sticking} == {}


def test_a_sequence_is_made_and_submitted_by_keyboard_alone(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("chain")
    console = open_console(server, f"scenarios/{scenario['id']}")
    console.task("first").wait_for()
    keyboard, page = console.page.keyboard, console.page
    focused = "(one => one.getAttribute('aria-label') ?? one.innerText)(document.activeElement)"

    def tab_to(words: str) -> None:
        for _ in range(40):
            keyboard.press("Tab")
            if str(page.evaluate(focused)).startswith(words):
                return
        raise AssertionError(f"no key leads to {words}")

    keyboard.press("Tab")
    assert page.evaluate(focused) == "Skip to content"
    tab_to("Task first")
    keyboard.press("Space")
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    assert str(page.evaluate(focused)).startswith("Task second")
    keyboard.press("Enter")
    page.get_by_text("2 tasks selected").wait_for()
    for _ in range(20):
        keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "name":
            break
    keyboard.type("by hand")
    keyboard.press("Enter")
    console.sequence("by hand").wait_for()
    while console.button("Submit", console.sequence("by hand")).evaluate(
        "button => button !== document.activeElement"
    ):
        keyboard.press("Tab")
    keyboard.press("Enter")

    console.task("second", "COMPLETED").wait_for()
