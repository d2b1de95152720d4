"""Promise 5, for the whole server: what runs has its time to end, and the rest runs again later."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from servers import StartedServer

pytestmark = pytest.mark.e2e


def submit(server: StartedServer, config_id: str, gate: Path) -> dict[str, Any]:
    """Submit a scenario whose one task reads the path of a file."""
    scenario = server.create(config_id)
    node = scenario["node_of"]["gate"]
    assert server.http.put(f"/api/v1/datanodes/{node}/write", json=str(gate)).is_success
    answer = server.http.post(
        f"/api/v1/sequences/submit/{scenario['sequences']['all']['id']}",
        headers={"Prefer": "return=representation"},
    )
    submission: dict[str, Any] = answer.json()["submission"]
    return submission


def job_of(server: StartedServer, submission: dict[str, Any]) -> dict[str, Any]:
    (job,) = server.jobs(submission)
    return job


def wait_until_running(server: StartedServer, *submissions: dict[str, Any]) -> None:
    while any(job_of(server, submission)["status"] != "RUNNING" for submission in submissions):
        time.sleep(0.005)


def wait_for(server: StartedServer, event: str) -> None:
    """Wait until the server has logged something."""
    while not any(line["event"] == event for line in server.lines):
        assert server.process.poll() is None
        time.sleep(0.005)


def test_what_runs_when_the_server_is_asked_to_stop_may_end(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with StartedServer(tmp_path, options=["--drain-seconds=60"]) as server:
        running = [submit(server, "gated", gate) for _ in range(2)]
        wait_until_running(server, *running)
        waiting = submit(server, "gated", gate)

        server.process.send_signal(signal.SIGTERM)
        wait_for(server, "draining")
        gate.touch()

        assert server.stop() == 0
        gate.unlink()
        server.start()
        assert [job_of(server, submission)["status"] for submission in running] == ["COMPLETED"] * 2
        assert job_of(server, waiting)["status"] in {"PENDING", "RUNNING"}


def test_what_does_not_end_in_its_time_is_asked_to_and_runs_again(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with StartedServer(tmp_path, options=["--drain-seconds=0", "--grace-seconds=30"]) as server:
        submission = submit(server, "tidy", gate)
        while not gate.exists():
            time.sleep(0.005)

        assert server.stop() == 0

        assert (tmp_path / "gate.tidy").exists()
        gate.unlink()
        server.start()
        while not gate.exists():
            time.sleep(0.005)
        job = job_of(server, submission)
        assert (job["status"], job["attempts"]) == ("RUNNING", 2)


def test_what_does_not_end_when_asked_to_is_killed_after_its_grace(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with StartedServer(tmp_path, options=["--drain-seconds=0", "--grace-seconds=0"]) as server:
        submit(server, "stubborn", gate)
        while not gate.exists():
            time.sleep(0.005)

        assert server.stop() == 0


def test_a_second_signal_waits_for_nothing(tmp_path: Path) -> None:
    # Each of both is longer than the patience of the test.
    with StartedServer(tmp_path, options=["--drain-seconds=600", "--grace-seconds=600"]) as server:
        gate = tmp_path / "gate"
        submission = submit(server, "stubborn", gate)
        while not gate.exists():
            time.sleep(0.005)
        server.process.send_signal(signal.SIGTERM)
        wait_for(server, "draining")

        assert server.stop() == 0

        gate.unlink()
        server.start()
        while not gate.exists():
            time.sleep(0.005)
        assert job_of(server, submission)["attempts"] == 2


def test_what_was_asked_to_stop_before_the_server_was_does_not_run_again(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    options = ["--drain-seconds=600", "--grace-seconds=600"]
    with StartedServer(tmp_path, options=options) as server, ThreadPoolExecutor(1) as pool:
        submission = submit(server, "stubborn", gate)
        while not gate.exists():
            time.sleep(0.005)
        job = job_of(server, submission)
        cancel = pool.submit(server.http.post, f"/api/v1/jobs/cancel/{job['id']}")
        while job_of(server, submission)["cancel_requested_at"] is None:
            time.sleep(0.005)
        server.process.send_signal(signal.SIGTERM)
        wait_for(server, "draining")

        assert server.stop() == 0

        assert cancel.result().status_code == 202, cancel.result().text
        server.start()
        assert job_of(server, submission)["status"] == "CANCELED"
