"""S7: what submitting and draining lose when a million jobs have ended before."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench import load
from bench.databases import Records, ask
from bench.ended_jobs import fill_ended
from bench.measure_jobs import fill, wait_for_jobs
from bench.report import Row, median_ratio
from bench.servers import scenarist

BAR = 0.9
Rate = Callable[[], float]


def measure_growth(
    folder: Path, records: Records, *, rounds: int, ended: int, submits: int, drained: int
) -> list[Row]:
    """S3 and S4 in a database in which many jobs have ended, beside a new one, in turn."""
    new, grown = folder / "new", folder / "grown"
    for each in (new, grown):
        each.mkdir()
    fill_ended(grown, records, ended)
    rows = [_submits(new, grown, records, rounds=rounds, ended=ended, count=submits)]
    for with_value in (False, True):
        what = "reading and writing one value" if with_value else "without data nodes"
        work = f"drain {drained:,} no-op jobs {what}"

        def rate_in(where: Path, *, is_with_value: bool = with_value) -> float:
            return _drain(where, records, drained, with_value=is_with_value)

        rates = [(rate_in(new), rate_in(grown)) for _ in range(rounds)]
        rows.append(_row(work, records, rates, ended=ended))
    return rows


def _submits(
    new: Path, grown: Path, records: Records, *, rounds: int, ended: int, count: int
) -> Row:
    rates = []
    with (
        scenarist(new, database=records.url(new)) as first,
        scenarist(grown, database=records.url(grown)) as second,
    ):
        plans = [
            load.Plan(
                address=server.address,
                paths=[
                    f"/api/v1/sequences/submit/{server.create_sequence_of('pair')}"
                    for _ in range(200)
                ],
                method="POST",
                connections=16,
                count=count,
            )
            for server in (first, second)
        ]
        for _ in range(rounds):
            pair = []
            for where, plan in zip((new, grown), plans, strict=True):
                pair.append(load.run(plan).rate)
                wait_for_jobs(where, records)
            rates.append((pair[0], pair[1]))
    work = "submit two-task sequences of 200 scenarios in turn, 16 connections"
    return _row(work, records, rates, ended=ended)


def _drain(folder: Path, records: Records, count: int, *, with_value: bool) -> float:
    """Return how many jobs a second a server runs of a backlog that it finds at its start."""
    fill(folder, records, count, with_value=with_value)
    backlog = "SELECT min(number) FROM submissions WHERE status IS NULL"
    ((first_number,),) = ask(records, folder, backlog)
    with scenarist(folder, database=records.url(folder)):
        wait_for_jobs(folder, records)
    times = (
        "SELECT min(j.run_at), max(j.finished_at), count(*) FROM jobs j "
        "JOIN submissions s ON s.id = j.submission_id "
        f"WHERE s.number >= {first_number} AND j.status = 'COMPLETED'"
    )
    ((first, last, completed),) = ask(records, folder, times)
    if completed != count:
        raise RuntimeError(f"{count} jobs should be COMPLETED; {completed} are")
    return float(count / ((last - first) / 1e6))


def _row(work: str, records: Records, rates: list[tuple[float, float]], *, ended: int) -> Row:
    empty, full = zip(*rates, strict=True)
    ratio = median_ratio(full, empty)
    return Row(
        number="S7",
        work=f"{work}, after {ended:,} jobs, {records.name}",
        ours=f"{median(full):,.0f}/s",
        beside=f"in a new database {median(empty):,.0f}/s",
        ratio=ratio,
        bar=f"at least {BAR}",
        holds=ratio >= BAR,
        note="ratios of the rounds: " + ", ".join(f"{theirs / ours:.2f}" for ours, theirs in rates),
    )
