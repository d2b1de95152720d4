"""`scenarist serve --reload`: changed files are served anew, and no request or job is lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.server.reloading import require_local
from servers import StartedServer

pytestmark = pytest.mark.e2e

APP = """
import helper
from scenarist import Config

gate = Config.configure_json_data_node("gate", default_data="")
answer = Config.configure_json_data_node("answer")
task = Config.configure_task("task", helper.answer, gate, answer)
Config.configure_scenario("plan", [task], sequences={"all": [task]})
"""
HELPER = """
import os, time


def answer(gate):
    while gate and not os.path.exists(gate):
        time.sleep(0.005)
    return NUMBER
"""


def write_helper(folder: Path, number: object) -> None:
    """Write the helper in one step, as editors do."""
    (folder / "new").write_text(HELPER.replace("NUMBER", str(number)))
    (folder / "new").replace(folder / "helper.py")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StartedServer]:
    (tmp_path / "app.py").write_text(APP)
    write_helper(tmp_path, 1)
    with StartedServer(tmp_path, str(tmp_path / "app.py"), options=["--reload"]) as started:
        yield started


def events_of(server: StartedServer, event: str) -> list[int]:
    """Return the process ids of the servers that have logged something."""
    return [line.get("pid", 0) for line in server.lines if line["event"].startswith(event)]


def wait_for(server: StartedServer, event: str, count: int) -> None:
    while len(events_of(server, event)) < count:
        assert server.process.poll() is None, server.lines
        time.sleep(0.005)


def wait_until_gone(pid: int) -> None:
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.005)


def answer_of(server: StartedServer) -> object:
    made = server.create("plan")
    ended = server.submit(made["sequences"]["all"]["id"])
    assert ended["status"] == "COMPLETED", ended
    return server.http.get(f"/api/v1/datanodes/{made['node_of']['answer']}/read").json()["data"]


def test_changed_code_is_used_after_running_jobs_and_no_request_is_refused(
    server: StartedServer, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    statuses: list[int] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            statuses.append(httpx.get(f"{server.address}/api/v1/scenarios").status_code)

    made = server.create("plan")
    server.http.put(f"/api/v1/datanodes/{made['node_of']['gate']}/write", json=str(gate))
    running = server.http.post(f"/api/v1/scenarios/submit/{made['id']}").json()["submission"]
    while server.jobs(running)[0]["status"] != "RUNNING":
        time.sleep(0.005)
    asking = threading.Thread(target=ask)
    asking.start()

    write_helper(tmp_path, 2)
    wait_for(server, "running jobs continue here", 1)
    of_new_code = answer_of(server)
    still = server.jobs(running)[0]["status"]
    gate.touch()
    wait_until_gone(events_of(server, "serving")[0])
    is_over.set()
    asking.join()
    of_old_code = server.http.get(f"/api/v1/datanodes/{made['node_of']['answer']}/read").json()

    assert (of_new_code, still, of_old_code["data"]) == (2, "RUNNING", 1)
    assert server.jobs(running)[0]["status"] == "COMPLETED"
    assert set(statuses) == {200}
    assert server.stop() == 0


def test_what_does_not_load_is_reported_and_the_server_goes_on_until_it_is_mended(
    server: StartedServer, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text("import nowhere\n" + APP)
    wait_for(server, "scenarist: the changed application is not served", 1)
    said = [line["event"] for line in server.lines if "nowhere" in line["event"]]
    before = answer_of(server)

    (tmp_path / "nowhere.py").write_text("")
    write_helper(tmp_path, 2)
    wait_for(server, "serving", 2)
    wait_until_gone(events_of(server, "serving")[0])

    assert "No module named 'nowhere'" in said[0]
    assert (before, answer_of(server)) == (1, 2)


def test_no_server_outlives_its_supervisor(server: StartedServer) -> None:
    (pid,) = events_of(server, "serving")

    os.kill(server.process.pid, signal.SIGKILL)

    wait_until_gone(pid)


def test_an_application_that_does_not_load_at_first_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import nowhere\n")

    done = subprocess.run(
        [sys.executable, "-m", "scenarist", "serve", "app.py", "--reload", "--port=0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "No module named 'nowhere'" in done.stderr


def test_an_executor_with_the_code_elsewhere_is_refused() -> None:
    with pytest.raises(InvalidError, match="use the local executor"):
        require_local("ray")


def test_a_package_that_does_not_load_is_watched_until_it_is_mended(
    server: StartedServer, tmp_path: Path
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("def (")
    (tmp_path / "app.py").write_text("import package\n" + APP)
    wait_for(server, "scenarist: the changed application is not served", 1)

    (package / "__init__.py").write_text("")

    wait_for(server, "serving", 2)
