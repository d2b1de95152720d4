"""The same work on DBOS; run by the Python of its own environment.

DBOS has no server of its own: the program that enqueues also runs the workflows, in threads.
"""

import json
import os
import statistics
import sys
import time

from dbos import DBOS, SetWorkflowID
from noops import same, slowly_same

POLLING_SECONDS = 0.001  # its default is 1; a queue starts at most two workflows at each look

DBOS(
    config={
        "name": "bench",
        "system_database_url": "sqlite:///dbos.sqlite",
        "run_admin_server": False,
        "log_level": "ERROR",
    }
)
step_same = DBOS.step()(same)
step_slowly_same = DBOS.step()(slowly_same)


@DBOS.workflow()
def pair(number: int) -> int:
    return step_same(step_same(number))


@DBOS.workflow()
def slow_pair(number: int) -> int:
    return step_slowly_same(step_slowly_same(number))


def launch() -> None:
    DBOS.launch()
    DBOS.register_queue("bench", worker_concurrency=2, polling_interval_sec=POLLING_SECONDS)


def measure(drained: int, latencies: int) -> dict[str, float]:
    """Return tasks per second of a drain, and the median time of one workflow of two steps."""
    DBOS.enqueue_workflow("bench", pair, 1).get_result(polling_interval_sec=0.001)
    times = []
    for _ in range(latencies):
        started_at = time.perf_counter()
        DBOS.enqueue_workflow("bench", pair, 1).get_result(polling_interval_sec=0.001)
        times.append(time.perf_counter() - started_at)
    started_at = time.perf_counter()
    handles = [DBOS.enqueue_workflow("bench", pair, 1) for _ in range(drained)]
    for handle in handles:
        handle.get_result(polling_interval_sec=0.01)
    seconds = time.perf_counter() - started_at
    return {"tasks_per_second": drained * 2 / seconds, "latency": statistics.median(times)}


def enqueue(first: int, last: int) -> None:
    for index in range(first, last):
        with SetWorkflowID(f"slow-{index}"):
            DBOS.enqueue_workflow("bench", slow_pair, 1)


def finish(first: int, last: int, patience_seconds: float) -> int:
    """Enqueue the rest, and count all that succeed before nothing more happens."""
    enqueue(first, last)
    done, changed_at = -1, time.monotonic()
    while done < last and time.monotonic() - changed_at < patience_seconds:
        found = DBOS.list_workflows(workflow_id_prefix="slow-", status="SUCCESS", limit=1000)
        if len(found) > done:
            done, changed_at = len(found), time.monotonic()
        time.sleep(0.2)
    return done


if __name__ == "__main__":
    launch()
    match sys.argv[1:]:
        case ["measure", drained, latencies]:
            print(json.dumps(measure(int(drained), int(latencies))), flush=True)
        case ["enqueue", first, last]:
            enqueue(int(first), int(last))
            print("enqueued", flush=True)
            time.sleep(60)  # until it is killed
        case ["finish", first, last, patience]:
            print(finish(int(first), int(last), float(patience)), flush=True)
    os._exit(0)
