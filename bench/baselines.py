"""What the machine itself can do: the other side of each ratio."""

import concurrent.futures
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pebble

from bench.databases import OnSqlite, Records
from bench.servers import APPS

sys.path.insert(0, str(APPS))
from noops import nothing, same

WORKERS = 2


def commit_rate(
    records: Records, folder: Path, count: int, *, wrapper: Sequence[str] = ()
) -> float:
    """Return how many single rows a database commits a second, each with a full sync.

    Args:
        wrapper: A command that runs a process of its own for that, on SQLite.
    """
    if wrapper:
        command = [*wrapper, sys.executable, "-m", "bench.baselines", str(folder), str(count)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    with records.commits(folder) as commit:
        started_at = time.perf_counter()
        for _ in range(count):
            commit()
        return count / (time.perf_counter() - started_at)


@contextmanager
def warm_pool() -> Iterator[pebble.ProcessPool]:
    with pebble.ProcessPool(max_workers=WORKERS) as pool:
        for future in [pool.schedule(nothing) for _ in range(50)]:
            future.result()
        yield pool


def pebble_rate(count: int, *, with_value: bool) -> float:
    function, arguments = (same, (1,)) if with_value else (nothing, ())
    with warm_pool() as pool:
        started_at = time.perf_counter()
        for future in [pool.schedule(function, args=arguments) for _ in range(count)]:
            future.result()
        return count / (time.perf_counter() - started_at)


def futures_rate(count: int, *, with_value: bool) -> float:
    function, arguments = (same, (1,)) if with_value else (nothing, ())
    with concurrent.futures.ProcessPoolExecutor(WORKERS) as pool:
        concurrent.futures.wait([pool.submit(nothing) for _ in range(50)])
        started_at = time.perf_counter()
        for future in [pool.submit(function, *arguments) for _ in range(count)]:
            future.result()
        return count / (time.perf_counter() - started_at)


def median_seconds(work: Callable[[], Any], count: int) -> float:
    """Return the median time of some work done again and again."""
    times = []
    for _ in range(count):
        started_at = time.perf_counter()
        work()
        times.append(time.perf_counter() - started_at)
    return statistics.median(times)


if __name__ == "__main__":
    print(commit_rate(OnSqlite(), Path(sys.argv[1]), int(sys.argv[2])))
