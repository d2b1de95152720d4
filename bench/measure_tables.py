"""What it costs to write and read a table of 100,000 rows, beside pandas alone."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from bench.report import Row, median_ratio
from scenarist.storage.base import ValueLocation, WriteTarget
from scenarist.storage.registry import find_storage

BARS = {
    ("csv", "write"): 1.25,
    ("csv", "read"): 1.6,
    ("parquet", "write"): 1.6,
    ("parquet", "read"): 1.25,
    ("excel", "write"): 1.3,
    ("excel", "read"): 1.3,
}
"""What it may cost beside pandas alone, for each storage type and direction."""

_ROUNDS_OF_EXCEL = 3
_SUFFIXES = {"csv": "csv", "parquet": "parquet", "excel": "xlsx"}


def measure_tables(folder: Path, *, rounds: int, height: int) -> list[Row]:
    """TABLES: a table written and read by csv, parquet and excel nodes, and by pandas."""
    table = _table(height)
    return [
        row
        for storage_type in ("csv", "parquet", "excel")
        for row in _measure(
            table,
            storage_type,
            folder,
            min(rounds, _ROUNDS_OF_EXCEL) if storage_type == "excel" else rounds,
        )
    ]


def _measure(table: pd.DataFrame, storage_type: str, folder: Path, rounds: int) -> list[Row]:
    bare = folder / f"bare.{_SUFFIXES[storage_type]}"
    storage = find_storage(storage_type)
    writes: list[list[float]] = [[], []]
    reads: list[list[float]] = [[], []]
    for number in range(rounds):
        target = _target(storage_type, folder, f"EDIT_{number}")
        written, cost = _timed(lambda target=target: storage.write(table, target))
        place = ValueLocation(
            storage_type=storage_type,
            properties=target.properties,
            uri=written.uri,
            content=written.content,
        )
        writes[0].append(cost)
        writes[1].append(_timed(lambda: _write_bare(table, bare))[1])
        reads[0].append(_timed(lambda place=place: storage.read(place))[1])
        reads[1].append(_timed(lambda: _read_bare(bare))[1])
    return [_row(storage_type, "write", *writes), _row(storage_type, "read", *reads)]


def _table(height: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "id": np.arange(height),
            "price": random.random(height) * 100,
            "city": [f"city {number % 997}" for number in range(height)],
            "is_open": random.random(height) > 0.5,
            "amount": random.integers(0, 10**6, height),
            "note": [f"note {number}, of many" for number in range(height)],
        }
    )


def _target(storage_type: str, folder: Path, edit_id: str) -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_table_1",
        edit_id=edit_id,
        storage_type=storage_type,
        folder=str(folder),
        properties={"sheet_name": "Sheet1"} if storage_type == "excel" else {},
    )


def _write_bare(table: pd.DataFrame, path: Path) -> None:
    writers: dict[str, Callable[..., Any]] = {
        ".csv": table.to_csv,
        ".parquet": table.to_parquet,
        ".xlsx": lambda path, index: table.to_excel(path, index=index, engine="openpyxl"),
    }
    writers[path.suffix](path, index=False)


def _read_bare(path: Path) -> None:
    readers: dict[str, Callable[..., Any]] = {
        ".csv": pd.read_csv,
        ".parquet": pd.read_parquet,
        ".xlsx": lambda path: pd.read_excel(path, engine="openpyxl"),
    }
    readers[path.suffix](path)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what work gives, and the milliseconds of a processor that it takes.

    They stay the same when something else runs on the machine.
    """
    before = time.process_time()
    result = work()
    return result, (time.process_time() - before) * 1000


def _row(storage_type: str, direction: str, ours: list[float], bare: list[float]) -> Row:
    ratio, bar = median_ratio(ours, bare), BARS[storage_type, direction]
    return Row(
        number="TABLES",
        work=f"{direction} a {storage_type} node of 100,000 rows",
        ours=f"{median(ours):,.0f} ms of processor",
        beside=f"pandas alone: {median(bare):,.0f} ms",
        ratio=ratio,
        bar=f"costs at most {bar}",
        holds=ratio <= bar,
    )
