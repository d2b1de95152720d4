"""S10: what the server adds to Ray and Dask."""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from bench.databases import OnSqlite
from bench.measure_jobs import drain, fill
from bench.report import Row, median_ratio
from bench.servers import APPS

_TITLES = {"ray": "Ray", "dask": "Dask"}


def measure_engines(folder: Path, *, rounds: int, count: int) -> list[Row]:
    """S10: a backlog of no-op jobs on clusters of this machine, beside the bare engine."""
    backlog = folder / "backlog"
    backlog.mkdir()
    records = OnSqlite()
    fill(backlog, records, count, with_value=False)
    rows = []
    for engine, title in _TITLES.items():
        ours: list[float] = []
        bare: list[float] = []
        for _ in range(rounds):
            bare.append(_bare_rate(engine, count))
            ours.append(drain(backlog, folder / "drained", records, count, executor=engine))
        ratio = median_ratio(ours, bare)
        rows.append(
            Row(
                number="S10",
                work=f"drain {count:,} no-op jobs through {title}",
                ours=f"{median(ours):,.0f}/s",
                beside=f"bare {title} {median(bare):,.0f}/s",
                ratio=ratio,
                bar="at least 0.8",
                holds=ratio >= 0.8,
                note="one submission for each job; a cluster of this machine with two workers",
            )
        )
    return rows


def _bare_rate(engine: str, count: int) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "bench.bare_engines", engine, str(count)],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": str(APPS), "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1])
