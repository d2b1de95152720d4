"""S2 for every list, what the n-th scenario costs, and how soon an event arrives."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench import load
from bench.baselines import commit_rate
from bench.databases import OnSqlite
from bench.filling import fill, fill_judged
from bench.report import Row, median_ratio
from bench.servers import APPS, Server, scenarist

PAGE = 100
LISTS_BY_OUTCOME = {
    "scenarios by outcome": "scenarios?sort=outcomes.figure",
    "scenarios by outcome, backwards": "scenarios?sort=-outcomes.figure",
    "scenarios by outcome, within bounds": (
        "scenarios?sort=outcomes.figure&outcomes.figure_min=1000&outcomes.figure_max=900000"
    ),
}
LISTS = {
    "cycles": "cycles",
    "scenarios": "scenarios",
    "scenarios of a config": "scenarios?config_id=copy3",
    "scenarios of a cycle": "scenarios?cycle_id=CYCLE_4",
    "scenarios of a tag": "scenarios?tag=tag3",
    "scenarios by name, backwards": "scenarios?sort=-name",
    "scenarios of a time": "scenarios?created_after=2023-11-14T22:13:20.000500Z",
    "sequences": "sequences",
    "sequences by name": "sequences?sort=name",
    "sequences of a scenario": "sequences?scenario_id=SCENARIO_copy_1",
    "tasks": "tasks",
    "tasks of a config": "tasks?config_id=copy3",
    "data nodes": "datanodes",
    "data nodes of a config": "datanodes?config_id=copy3",
    "edits of a data node": "datanodes/DATANODE_copy_1/edits",
    "submissions": "submissions",
    "submissions that failed": "submissions?status=FAILED",
    "jobs": "jobs",
    "jobs that failed": "jobs?status=FAILED",
    "jobs of a task": "jobs?task_id=TASK_copy_5",
    "jobs, newest first": "jobs?sort=-creation_date",
}


def measure_lists(folder: Path, *, rounds: int, many: int) -> list[Row]:
    """S2: a page of 100 of every list, out of many entities and out of 1,000.

    Each time it is the second page, so that its cursor is used.
    """
    folders = [folder / "few", folder / "many"]
    for place, total in zip(folders, (1_000, many), strict=True):
        fill(place, total)
    with scenarist(folders[0], core=0) as few, scenarist(folders[1], core=0) as much:
        return _compare_pages(few, much, LISTS, rounds=rounds, many=many)


def measure_outcome_lists(folder: Path, *, rounds: int, many: int) -> list[Row]:
    """S2: a page of 100 of the scenarios with an outcome, sorted and filtered by it."""
    folders = [folder / "few", folder / "many"]
    for place, total in zip(folders, (1_000, many), strict=True):
        fill_judged(place, total)
    app = APPS / "judged.py"
    with (
        scenarist(folders[0], core=0, app=app) as few,
        scenarist(folders[1], core=0, app=app) as much,
    ):
        return _compare_pages(few, much, LISTS_BY_OUTCOME, rounds=rounds, many=many)


def _compare_pages(
    few: Server, much: Server, lists: Mapping[str, str], *, rounds: int, many: int
) -> list[Row]:
    rows = []
    for name, path in lists.items():
        paths = [_second_page(server, path) for server in (few, much)]
        times: list[list[float]] = [[], []]
        for _ in range(rounds):
            for index, server in enumerate((few, much)):
                plan = load.Plan(address=server.address, paths=[paths[index]], count=20)
                times[index].append(load.run(plan, core=1).median_ms)
        ratio = median_ratio(times[1], times[0])
        rows.append(
            Row(
                number="S2",
                work=f"page of {PAGE} of {name}, out of {many:,}",
                ours=f"{median(times[1]):.2f} ms",
                beside=f"out of 1,000: {median(times[0]):.2f} ms",
                ratio=ratio,
                bar="at most 1.2",
                holds=ratio <= 1.2,
            )
        )
    return rows


def measure_creation(folder: Path, *, rounds: int, many: int, count: int) -> list[Row]:
    """What creating a scenario costs among many, beside the first ones of a database."""
    folders = [folder / "few", folder / "many"]
    for place, total in zip(folders, (10, many), strict=True):
        fill(place, total)
    times: list[list[float]] = [[], []]
    with scenarist(folders[0], core=0) as few, scenarist(folders[1], core=0) as much:
        for _ in range(rounds):
            for index, server in enumerate((few, much)):
                plan = load.Plan(
                    address=server.address,
                    paths=["/api/v1/scenarios?config_id=pair"],
                    method="POST",
                    count=count,
                )
                times[index].append(load.run(plan, core=1).median_ms)
    ratio = median_ratio(times[1], times[0])
    return [
        Row(
            number="create",
            work=f"create a scenario of two tasks and three data nodes among {many:,}",
            ours=f"{median(times[1]):.2f} ms",
            beside=f"among 10: {median(times[0]):.2f} ms",
            ratio=ratio,
            bar="at most 1.2",
            holds=ratio <= 1.2,
        )
    ]


def measure_events(folder: Path, *, count: int) -> list[Row]:
    """How soon after a write was sent its event is in the hands of a client that listens."""
    with scenarist(folder) as server:
        scenario_id = server.create("pair")
        (node,) = (
            item["id"]
            for item in server.list(f"/datanodes?scenario_id={scenario_id}&config_id=start")
        )
        latencies = _listen(server, node, count)
    commit_ms = 1000 / commit_rate(OnSqlite(), folder, 500)
    typical = median(latencies)
    return [
        Row(
            number="events",
            work="from the sending of a write to its event at a listening client",
            ours=f"{typical:.2f} ms",
            beside=f"one durable commit: {commit_ms:.2f} ms",
            ratio=typical / commit_ms,
            bar="at most 100 ms",
            holds=typical <= 100,
            note=f"median of {count} in turn",
        )
    ]


def _listen(server: Server, node_id: str, count: int) -> list[float]:
    arrived = threading.Semaphore(0)
    listening = threading.Event()

    def listen() -> None:
        with server.http.stream("GET", f"/events?entity_id={node_id}", timeout=60) as stream:
            seen = 0
            for line in stream.iter_lines():
                listening.set()
                if line.startswith("data:"):
                    arrived.release()
                    seen += 1
                    if seen == count:
                        return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    listening.wait(30)
    latencies = []
    for number in range(count):
        sent_at = time.perf_counter()
        server.http.put(f"/datanodes/{node_id}/write", json=number).raise_for_status()
        if not arrived.acquire(timeout=30):
            raise TimeoutError("an event did not arrive within 30 s")
        latencies.append((time.perf_counter() - sent_at) * 1000)
    thread.join(30)
    return latencies


def _second_page(server: Server, path: str) -> str:
    joint = "&" if "?" in path else "?"
    answer: Any = server.http.get(f"/{path}{joint}limit={PAGE}").raise_for_status().json()
    if answer["next"] is None:
        return f"/api/v1/{path}{joint}limit={PAGE}"
    return f"/api/v1/{path}{joint}limit={PAGE}&cursor={answer['next']}"
