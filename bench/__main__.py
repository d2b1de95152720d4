"""Measures this machine: ``python -m bench [--only S1,S4] [--quick]``."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import (
    measure_authorization,
    measure_console,
    measure_engines,
    measure_growth,
    measure_jobs,
    measure_lists,
    measure_processes,
    measure_reads,
    measure_requests,
    measure_schemas,
    measure_strangers,
    measure_tables,
)
from bench.databases import OnSqlite, Records, on_postgres
from bench.report import Row, failed, report, write_results

RESULTS = Path(__file__).parent / "results.md"
SCRATCH = Path(__file__).parent.parent / ".cache" / "bench"
"""On the disk of the project: a file system in memory would make durable commits free."""

Measure = Callable[[Path], list[Row]]


def on_both(measure: Callable[[Path, Records], list[Row]]) -> Measure:
    """Measure on SQLite, and on a PostgreSQL that is started for it."""

    def measure_both(folder: Path) -> list[Row]:
        rows = measure(_made(folder / "sqlite"), OnSqlite())
        with on_postgres() as records:
            return rows + measure(_made(folder / "postgresql"), records)

    return measure_both


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def measures(*, is_quick: bool) -> dict[str, Measure]:
    """Return the measurements by number; quick ones only try the programs out."""
    jobs, requests, processes = measure_jobs, measure_requests, measure_processes
    lists = measure_lists
    rounds = 1 if is_quick else 3

    def size(full: int, quick: int) -> int:
        return quick if is_quick else full

    return {
        "S1": on_both(
            lambda folder, records: requests.measure_get(
                folder, records, rounds=rounds, seconds=size(5, 1)
            )
        ),
        "AUTH": lambda folder: measure_authorization.measure_token(
            folder, rounds=size(7, 1), seconds=size(4, 1)
        ),
        "S2": lambda folder: requests.measure_pages(
            folder, rounds=size(25, 3), many=size(100_000, 5_000)
        ),
        "LISTS": lambda folder: lists.measure_lists(
            folder, rounds=size(9, 2), many=size(100_000, 5_000)
        ),
        "OUTCOMES": lambda folder: lists.measure_outcome_lists(
            folder, rounds=size(9, 2), many=size(100_000, 5_000)
        ),
        "CREATE": lambda folder: lists.measure_creation(
            folder, rounds=size(15, 2), many=size(10_000, 1_000), count=size(40, 10)
        ),
        "EVENTS": lambda folder: lists.measure_events(folder, count=size(200, 20)),
        "S3": on_both(
            lambda folder, records: jobs.measure_submits(
                folder, records, rounds=rounds, count=size(4_000, 400)
            )
        ),
        "S4": on_both(
            lambda folder, records: jobs.measure_drain(
                folder, records, rounds=rounds, count=size(20_000, 2_000)
            )
        ),
        "S5": on_both(
            lambda folder, records: jobs.measure_one_task(
                folder, records, rounds=rounds, count=size(200, 50)
            )
        ),
        "S6": on_both(
            lambda folder, records: jobs.measure_chain(
                folder, records, rounds=rounds, count=size(10, 3)
            )
        ),
        "S7": on_both(
            lambda folder, records: measure_growth.measure_growth(
                folder,
                records,
                rounds=rounds,
                ended=size(1_000_000, 10_000),
                submits=size(4_000, 400),
                drained=size(10_000, 1_000),
            )
        ),
        "FLEET": on_both(
            lambda folder, records: jobs.measure_fleet(
                folder, records, rounds=rounds, count=size(20_000, 2_000)
            )
        ),
        "TABLES": lambda folder: measure_tables.measure_tables(
            folder, rounds=size(9, 2), height=size(100_000, 5_000)
        ),
        "SCHEMAS": lambda _: measure_schemas.measure_schemas(rounds=size(99, 9)),
        "CONSOLE": lambda folder: measure_console.measure_console(
            folder, rounds=size(9, 3), many=size(10_000, 500), count=size(50, 5)
        ),
        "STRANGERS": lambda folder: [
            *measure_strangers.measure_largest_requests(folder / "large", rounds=size(5, 2)),
            *measure_strangers.measure_idle_connections(
                folder / "idle", rounds=size(5, 1), seconds=size(3, 1)
            ),
        ],
        "S8": lambda folder: processes.measure_idle(folder, seconds=size(10, 2)),
        "S9": lambda folder: processes.measure_starts(folder, count=size(10, 3)),
        "S10": lambda folder: measure_engines.measure_engines(
            folder, rounds=rounds, count=size(3_000, 500)
        ),
        "S11": on_both(
            lambda folder, records: measure_reads.measure_reads(
                folder, records, rounds=rounds, count=size(3_000, 200)
            )
        ),
        "SUBMIT": lambda folder: measure_reads.measure_submit_cost(
            folder, rounds=rounds, count=size(2_000, 200)
        ),
        "PLAN": lambda folder: measure_reads.measure_plan(folder, count=size(100, 10)),
        "FORK": lambda folder: measure_reads.measure_fork(folder, count=size(20, 3)),
        "STALE": on_both(
            lambda folder, records: measure_reads.measure_staleness(
                folder, records, rounds=rounds, count=size(400, 50)
            )
        ),
        "CACHE": lambda folder: measure_reads.measure_cache(folder, count=size(1_000, 100)),
        "PAUSES": lambda folder: measure_reads.measure_pauses(
            folder, seconds=size(5, 1), many=size(1_000, 100)
        ),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure this machine.")
    parser.add_argument("--only", help="some measurements, such as S1,S4; writes no file")
    parser.add_argument("--quick", action="store_true", help="small sizes; writes no file")
    options = parser.parse_args()
    known = measures(is_quick=options.quick)
    chosen = options.only.upper().split(",") if options.only else list(known)
    if unknown := [number for number in chosen if number not in known]:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(known)}")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for number in chosen:
        print(f"{number} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="run-") as folder:
            try:
                rows += known[number](Path(folder))
            except Exception as error:  # noqa: BLE001 - the other figures are still worth having
                rows.append(failed(number, error))
    print(report(rows))
    if not options.quick and not options.only:
        write_results(RESULTS, rows)
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
