"""A changed application in the console: what differs is told, and a scenario is upgraded."""

from pathlib import Path

import pytest

from browsers import needs_browser
from console_pages import OpenConsole
from servers import StartedServer

pytestmark = [pytest.mark.e2e, needs_browser]

APP = """
from pipelines import add, increment
from scenarist import Config

left = Config.configure_json_data_node("left", default_data=1)
right = Config.configure_json_data_node("right", default_data=2)
total = Config.configure_json_data_node("total")
task = Config.configure_task("sum", increment, [left], total)
Config.configure_scenario("plan", [task])
"""


def test_a_scenario_that_an_older_version_created_is_upgraded_with_the_mouse(
    tmp_path: Path, open_console: OpenConsole
) -> None:
    app = tmp_path / "app.py"
    app.write_text(APP)
    with StartedServer(tmp_path, str(app)) as server:
        scenario = server.create("plan")
        server.http.patch(f"/api/v1/scenarios/{scenario['id']}", json={"name": "old"})
        server.stop()
        app.write_text(APP.replace('"sum", increment, [left]', '"sum", add, [left, right]'))
        server.start()
        console = open_console(server, "scenarios")
        console.page.get_by_text("The application has changed since some scenarios").click()
        console.page.get_by_text("cannot be run: task 'sum' was created as").wait_for()

        console.link("old").last.click()
        console.press("Upgrade")
        console.page.get_by_text("it was created as (left) -> (total)").wait_for()
        console.press("Upgrade scenario")

        console.dialog().wait_for(state="detached")
        console.button("Upgrade").wait_for(state="detached")
        console.page.get_by_text("The application has changed").wait_for(state="detached")
        found = server.http.get(f"/api/v1/scenarios/{scenario['id']}").json()["scenario"]
        assert found["is_submittable"]
        assert console.complaints == []
