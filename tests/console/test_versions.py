"""Versions of the application in the console, with two servers on one database."""

import time
from pathlib import Path

import pytest

from browsers import needs_browser
from console_pages import OpenConsole
from servers import StartedServer

pytestmark = [pytest.mark.e2e, needs_browser]


def test_a_version_is_a_column_a_filter_and_a_warning(
    tmp_path: Path, open_console: OpenConsole
) -> None:
    with (
        StartedServer(tmp_path, options=["--app-version=1.0"]) as old,
        StartedServer(tmp_path, options=["--app-version=2.0"], database=old.database) as new,
    ):
        for server in (old, new):
            scenario = server.create("chain")
            server.http.patch(
                f"/api/v1/scenarios/{scenario['id']}", json={"name": f"of {server.address}"}
            )
        while not new.http.get("/api/v1/orchestration").json()["orchestration"]["other_versions"]:
            time.sleep(0.005)

        console = open_console(new, "scenarios")
        console.page.get_by_text("Other versions of the application are connected").wait_for()
        console.link(f"of {new.address}").wait_for()
        console.link("1.0").click()

        console.page.get_by_text("Version: 1.0").wait_for()
        console.link(f"of {new.address}").wait_for(state="detached")
        assert console.link(f"of {old.address}").count() == 1
        console.press("Show all versions")
        console.link(f"of {new.address}").wait_for()
        assert console.complaints == []
