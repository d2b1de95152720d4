"""What Prometheus reads: the requests, and the work that waits."""

from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from servers import StartedServer

WAITING = ("BLOCKED", "PENDING", "RUNNING")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(server: StartedServer) -> Samples:
    return read(server.http.get("/metrics"))


def read(response: httpx.Response) -> Samples:
    assert response.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0)


def test_requests_are_counted_by_method_path_and_status(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    path = "/api/v1/scenarios/{scenario_id}"
    before = samples(server)

    server.http.get(f"/api/v1/scenarios/{chain['id']}")
    server.http.get(f"/api/v1/scenarios/{chain['id']}/")
    server.http.get("/api/v1/scenarios/SCENARIO_x")
    server.http.head(f"/api/v1/scenarios/{chain['id']}")

    after = samples(server)
    for method, status, more in (("GET", "200", 2), ("GET", "404", 1), ("HEAD", "200", 1)):
        labels = {"method": method, "path": path, "status": status}
        name = "scenarist_http_requests_total"
        assert value(after, name, **labels) - value(before, name, **labels) == more
    name = "scenarist_http_request_seconds_count"
    of_path = {"method": "GET", "path": path}
    assert value(after, name, **of_path) - value(before, name, **of_path) == 3


def test_every_request_is_in_the_last_bucket_of_its_histogram(server: StartedServer) -> None:
    server.http.get("/healthz")

    found = samples(server)

    name, labels = "scenarist_http_request_seconds", {"method": "GET", "path": "/healthz"}
    assert value(found, f"{name}_count", **labels) >= 1
    assert value(found, f"{name}_bucket", le="+Inf", **labels) == value(
        found, f"{name}_count", **labels
    )
    assert value(found, f"{name}_sum", **labels) > 0


def test_what_clients_make_up_makes_no_series(server: StartedServer) -> None:
    for number in range(3):
        server.http.request(f"MADEUP{number}", "/healthz")
        server.http.get(f"/made/up/{number}")

    labels = [dict(labels) for _, labels in samples(server)]

    assert not [item for item in labels if "MADEUP" in item.get("method", "")]
    assert not [item for item in labels if "made" in item.get("path", "")]
    assert {"method": "GET", "path": "none", "status": "404"} in labels


def test_what_is_under_way_is_counted(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        gated = server.create("gated")
        before = samples(server)
        server.http.post(f"/api/v1/scenarios/submit/{gated['id']}")
        after = samples(server)

    assert value(before, "scenarist_submissions_under_way") == 0
    assert value(after, "scenarist_submissions_under_way") == 1
    assert {status: value(after, "scenarist_jobs", status=status) for status in WAITING} == {
        "BLOCKED": 1,
        "PENDING": 0,
        "RUNNING": 0,
    }
    commits = "scenarist_database_commits_total"
    assert value(after, commits) > value(before, commits)


def test_the_process_and_the_orchestrator_are_told(server: StartedServer) -> None:
    found = samples(server)

    assert value(found, "scenarist_orchestrator_up") == 1
    assert value(found, "process_start_time_seconds") > 0
    assert value(found, "process_resident_memory_bytes") > 0


def test_attempts_are_counted_by_task_and_ending_and_timed(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        broken = server.create("broken")
        server.submit(broken["sequences"]["all"]["id"])
        found = samples(server)

    attempts = {"task": "breaks", "ending": "FAILED"}
    assert value(found, "scenarist_job_attempts_total", **attempts) == 1
    assert value(found, "scenarist_task_run_seconds_total", task="breaks") > 0
    for name in ("job_claim", "job_hand_over", "job_run"):
        assert value(found, f"scenarist_{name}_seconds_count") == 1
    assert value(found, "scenarist_job_run_seconds_sum") == value(
        found, "scenarist_task_run_seconds_total", task="breaks"
    )


def test_the_transactions_are_timed_and_told_from_what_they_hold(tmp_path: Path) -> None:
    commits, turns = "scenarist_database_commits_total", "scenarist_database_turn_seconds_count"
    waiting = "scenarist_database_write_wait_seconds"
    with StartedServer(tmp_path) as server:
        earlier, before = samples(server), samples(server)
        # Until the transactions of the start are over, and none has begun between two samples.
        while value(earlier, waiting) > 0 or value(earlier, turns) != value(before, turns):
            earlier, before = before, samples(server)
        server.create("chain")
        after = samples(server)

    for name in (
        "scenarist_database_writes_total",
        turns,
        "scenarist_database_commit_seconds_count",
    ):
        more = value(after, name) - value(before, name)
        assert more >= value(after, commits) - value(before, commits) >= 1


def test_who_follows_the_events_is_counted(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        before = samples(server)
        with server.http.stream("GET", "/api/v1/events") as stream:
            pieces = stream.iter_text()
            next(pieces)
            server.create("chain")
            next(piece for piece in pieces if "id:" in piece)
            during = samples(server)

    assert value(before, "scenarist_event_streams") == 0
    assert value(during, "scenarist_event_streams") == 1
