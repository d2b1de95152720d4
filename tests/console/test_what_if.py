"""The question that the console is for: what if it gets colder, and which plan is cheaper?"""

from collections.abc import Iterator

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


def test_what_if_it_gets_three_degrees_colder_and_which_plan_is_cheaper(
    demo: StartedServer, open_console: OpenConsole
) -> None:
    """With the mouse alone, but for the arrow key in place of a precise drag."""
    scenario = demo.create("heating")
    demo.http.patch(f"/api/v1/scenarios/{scenario['id']}", json={"name": "as it is"})
    waiting = {"Prefer": "wait=30"}
    demo.http.post(f"/api/v1/scenarios/submit/{scenario['id']}", json={}, headers=waiting)
    console = open_console(demo)
    page = console.page

    console.link("as it is").click()
    console.press("Fork")
    slider = console.dialog().get_by_label("Warming, slider")
    step = float(slider.get_attribute("step") or "nan")
    slider.focus()
    for _ in range(round(3 / step)):
        page.keyboard.press("ArrowLeft")
    console.press("Fork", console.dialog())
    page.get_by_role("heading", name="Fork of as it is").wait_for()
    page.get_by_text("2 stale values").wait_for()

    console.press("What would run?", page.locator(".heading"))
    rows = console.dialog().locator("tbody tr")
    rows.first.wait_for()
    assert rows.count() == 5
    console.press("Submit", console.dialog())
    console.task("plan_fuel", "COMPLETED").wait_for()
    page.get_by_text("stale value").wait_for(state="detached")

    console.link("compare with it").click()
    costs = page.get_by_role("row", name="Cost of the plan").first
    costs.locator(".best").wait_for()
    cells = costs.get_by_role("cell").all_inner_texts()
    assert "316,978.5 $ best" in cells[0]
    assert "405,158.5 $" in cells[1]
    assert "+88,180 (+27.8 %)" in cells[1]
    warming = page.get_by_role("row", name="Warming").get_by_role("cell").all_inner_texts()
    assert [text.strip() for text in warming] == ["0", "-3"]
    page.get_by_label("Data node").select_option("demand")
    page.locator(".chart canvas").wait_for()
    assert console.foreign == []
