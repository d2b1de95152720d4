"""The pictures of the README, taken while the example runs; SCENARIST_PICTURES=1 replaces them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from browsers import needs_browser
from console_pages import Console, OpenConsole
from servers import StartedServer

pytestmark = [pytest.mark.e2e, needs_browser]

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1120, "height": 820}
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    folder = tmp_path_factory.mktemp("demo")
    with StartedServer(folder, app="scenarist.demo.app") as started:
        yield started


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Where pictures go: beside the README when they shall be replaced."""
    return IMAGES if os.environ.get("SCENARIST_PICTURES") else tmp_path


def take(console: Console, file: Path) -> None:
    console.page.locator('.connection[data-state="live"]').wait_for()
    console.page.mouse.move(0, 0)
    console.page.evaluate("scrollTo(0, 0)")
    console.page.screenshot(path=file, animations="disabled")


def test_pictures_of_a_run_in_light_and_dark(
    demo: StartedServer, open_console: OpenConsole, album: Path
) -> None:
    cold = demo.create("heating")
    demo.http.patch(
        f"/api/v1/scenarios/{cold['id']}", json={"name": "three degrees colder", "tags": ["draft"]}
    )
    demo.http.put(
        f"/api/v1/datanodes/{cold['node_of']['assumptions']}/write?comment=colder",
        json={"warming_celsius": -3},
    )
    console = open_console(demo, f"scenarios/{cold['id']}", **SIZE)
    console.press("Submit", console.page.locator(".heading"))
    console.task("plan_fuel", "COMPLETED").wait_for()
    console.press("Fit")
    console.data_node("plan", "WRITTEN").click()
    console.sequence("planning").get_by_role("button").first.click()
    take(console, album / "console-scenario.png")
    console.open(f"data-nodes/{cold['node_of']['history']}")
    console.press("Chart")
    console.page.locator(".chart canvas").wait_for()
    take(console, album / "console-data-node.png")

    dark = open_console(demo, "submissions", scheme="dark", width=1120, height=620)
    dark.page.locator("tbody a").first.click()
    dark.page.locator(".gantt-row").nth(4).wait_for()
    take(dark, album / "console-submission.png")

    pictures = sorted(album.glob("console-*.png"))
    assert [picture.name for picture in pictures] == [
        "console-data-node.png",
        "console-scenario.png",
        "console-submission.png",
    ]
    assert all(picture.read_bytes().startswith(PNG) for picture in pictures)
