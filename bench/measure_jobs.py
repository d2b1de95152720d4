"""S3 to S6: what it costs to submit and to run a job."""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import baselines, load
from bench.databases import Records, ask
from bench.report import Row, median_ratio
from bench.servers import APPS, Server, scenarist, wait_until
from scenarist.config import load_app
from scenarist.db.engine import Database
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import EntityType
from scenarist.executors.inline import InlineExecutor
from scenarist.server.composition import open_server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions

CHAIN_LENGTH = 40
WIDTH = 100
ENDED = {"Prefer": "return=representation, wait=30"}
COMPLETED = '"status":"COMPLETED"'


def measure_submits(folder: Path, records: Records, *, rounds: int, count: int) -> list[Row]:
    """S3: sequences submitted in turn while their jobs run, beside single durable commits.

    Also with syncs that take a millisecond more, as the bar was made for (record 35).
    """
    rows = [_measure_submits(_made(folder / "plain"), records, rounds=rounds, count=count)]
    with records.slowed() as wrapper:
        if wrapper is not None:
            slow = _made(folder / "slowed")
            rows.append(
                _measure_submits(
                    slow, records, rounds=rounds, count=count // 2, wrapper=wrapper, is_slowed=True
                )
            )
    return rows


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _measure_submits(
    folder: Path,
    records: Records,
    *,
    rounds: int,
    count: int,
    wrapper: Sequence[str] = (),
    is_slowed: bool = False,
) -> Row:
    commits: list[float] = []
    ours: list[float] = []
    with scenarist(folder, database=records.url(folder), wrapper=wrapper) as server:
        paths = [
            f"/api/v1/sequences/submit/{server.create_sequence_of('pair')}" for _ in range(200)
        ]
        plan = load.Plan(
            address=server.address, paths=paths, method="POST", connections=16, count=count
        )
        for _ in range(rounds):
            commits.append(
                baselines.commit_rate(records, folder, 600 if is_slowed else 3000, wrapper=wrapper)
            )
            ours.append(load.run(plan).rate)
            wait_for_jobs(folder, records)
        completed = _count_completed(folder, records, rounds * count * 2)
    ratio = median_ratio(ours, commits)
    return Row(
        number="S3",
        work="submit two-task sequences of 200 scenarios in turn, 16 connections, "
        f"{'each sync a millisecond slower, ' if is_slowed else ''}{records.name}",
        ours=f"{median(ours):,.0f}/s",
        beside=f"durable commits {median(commits):,.0f}/s",
        ratio=ratio,
        bar="at least 0.15",
        holds=ratio >= 0.15,
        note=f"jobs run meanwhile; all {completed:,} ended COMPLETED",
    )


def measure_drain(folder: Path, records: Records, *, rounds: int, count: int) -> list[Row]:
    """S4: a backlog that is in the database when the server starts, beside bare pools.

    The time counts from the first job's start to the last job's end, as the database has them, so
    that the start of the server and of its workers is left out.
    """
    rows = []
    for with_value, what, bar in (
        (False, "without data nodes", 0.25),
        (True, "reading and writing one value", 0.15),
    ):
        backlog = folder / f"backlog-{with_value}"
        backlog.mkdir()
        fill(backlog, records, count, with_value=with_value)
        ours: list[float] = []
        pebbles: list[float] = []
        futures: list[float] = []
        for _ in range(rounds):
            pebbles.append(baselines.pebble_rate(count, with_value=with_value))
            futures.append(baselines.futures_rate(count, with_value=with_value))
            ours.append(drain(backlog, folder / "drained", records, count))
        ratio = median_ratio(ours, pebbles)
        rows.append(
            Row(
                number="S4",
                work=f"drain {count:,} no-op jobs {what}, {records.name}",
                ours=f"{median(ours):,.0f}/s",
                beside=f"bare Pebble pool {median(pebbles):,.0f}/s",
                ratio=ratio,
                bar=f"at least {bar}",
                holds=ratio >= bar,
                note="one submission for each job; from the first job's start to the last one's "
                f"end; {median_ratio(ours, futures):.2f} of concurrent.futures, "
                f"{median(futures):,.0f}/s",
            )
        )
    return rows


def measure_fleet(folder: Path, records: Records, *, rounds: int, count: int) -> list[Row]:
    """FLEET: the backlog of S4, drained by two servers that start together, beside one."""
    backlog = folder / "backlog"
    backlog.mkdir()
    fill(backlog, records, count, with_value=False)
    alone: list[float] = []
    together: list[float] = []
    for _ in range(rounds):
        alone.append(drain(backlog, folder / "drained", records, count))
        together.append(drain(backlog, folder / "drained", records, count, servers=2))
    ratio = median_ratio(together, alone)
    return [
        Row(
            number="FLEET",
            work=f"drain {count:,} no-op jobs with two servers, {records.name}",
            ours=f"{median(together):,.0f}/s",
            beside=f"one server {median(alone):,.0f}/s",
            ratio=ratio,
            bar="at least 1",
            holds=ratio >= 1,
            note="two workers each, all on this machine; from the first job's start to the last "
            "one's end",
        )
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Latency:
    """One sequence submitted again and again, from submit to COMPLETED as the client sees it."""

    number: str
    config_id: str
    work: str
    limit_ms: float
    count: int
    beside: str
    baseline: Callable[[], object]


def measure_one_task(folder: Path, records: Records, *, rounds: int, count: int) -> list[Row]:
    """S5: one task, beside a warm pool's round trip and one durable commit."""
    with baselines.warm_pool() as pool, records.commits(folder) as commit:
        latency = _Latency(
            number="S5",
            config_id="single",
            work=f"one-task sequence, from submit to COMPLETED, {records.name}",
            limit_ms=10,
            count=count,
            beside="pool round trip and one durable commit",
            baseline=lambda: (pool.schedule(baselines.nothing).result(), commit()),
        )
        return [_measure_latency(folder, records, latency, rounds)]


def measure_chain(folder: Path, records: Records, *, rounds: int, count: int) -> list[Row]:
    """S6: forty tasks, each on the value of the one before, beside as many round trips."""
    with baselines.warm_pool() as pool:
        latency = _Latency(
            number="S6",
            config_id="chain",
            work=f"chain of {CHAIN_LENGTH} no-op tasks, from submit to COMPLETED, {records.name}",
            limit_ms=400,
            count=count,
            beside=f"{CHAIN_LENGTH} pool round trips in a row",
            baseline=lambda: [
                pool.schedule(baselines.same, args=(1,)).result() for _ in range(CHAIN_LENGTH)
            ],
        )
        return [_measure_latency(folder, records, latency, rounds)]


def _measure_latency(folder: Path, records: Records, latency: _Latency, rounds: int) -> Row:
    ours: list[float] = []
    bare: list[float] = []
    with scenarist(folder, database=records.url(folder)) as server:
        path = f"/api/v1/sequences/submit/{server.create_sequence_of(latency.config_id)}"
        plan = load.Plan(
            address=server.address,
            paths=[path],
            method="POST",
            headers=ENDED,
            count=latency.count,
            expect=COMPLETED,
        )
        load.run(plan)  # warms the workers
        for _ in range(rounds):
            bare.append(baselines.median_seconds(latency.baseline, latency.count) * 1000)
            ours.append(load.run(plan).median_ms)
    return Row(
        number=latency.number,
        work=latency.work,
        ours=f"{median(ours):.2f} ms",
        beside=f"{latency.beside}: {median(bare):.2f} ms",
        ratio=median_ratio(ours, bare),
        bar=f"at most {latency.limit_ms:g} ms",
        holds=median(ours) <= latency.limit_ms,
        note=f"median of {latency.count} in turn",
    )


def fill(folder: Path, records: Records, count: int, *, with_value: bool) -> None:
    """Submit jobs that nobody runs: the executor of this server is never asked to."""
    settings = Settings(database=records.url(folder), storage=str(folder / "data"), workers=2)
    application = load_app(str(APPS / "workload.py"))
    with open_server(application, settings, make_executor=InlineExecutor) as server:
        scenarios, submissions = server.services.scenarios, server.services.submissions
        if with_value:
            made = [
                scenarios.create(ANYONE, NewScenario(config_id="wide"))
                for _ in range(count // WIDTH)
            ]
            task_ids = [task_id for scenario in made for task_id in scenario.task_ids]
        else:
            scenario = scenarios.create(ANYONE, NewScenario(config_id="single"))
            task_ids = [scenario.task_ids[0]] * count
        options = SubmitOptions()
        with ThreadPoolExecutor(16) as threads:
            for future in [
                threads.submit(submissions.submit, ANYONE, EntityType.TASK, task_id, options)
                for task_id in task_ids
            ]:
                future.result()


def drain(
    backlog: Path,
    folder: Path,
    records: Records,
    count: int,
    *,
    executor: str = "local",
    servers: int = 1,
) -> float:
    """Return how many jobs a second servers run of a backlog, from first start to last end."""
    records.copy(backlog, folder)

    def start(number: int) -> Server:
        own = folder / f"server{number}"
        own.mkdir()
        return scenarist(own, database=records.url(folder), options=[f"--executor={executor}"])

    try:
        with ThreadPoolExecutor(servers) as threads, ExitStack() as stack:
            for server in threads.map(start, range(servers)):
                stack.enter_context(server)
            wait_for_jobs(folder, records)
        _count_completed(folder, records, count)
        ((first, last),) = ask(records, folder, "SELECT min(run_at), max(finished_at) FROM jobs")
        return float(count / ((last - first) / 1e6))
    finally:
        shutil.rmtree(folder)


def wait_for_jobs(folder: Path, records: Records) -> None:
    query = "SELECT 1 FROM submissions WHERE status IS NULL LIMIT 1"
    with Database(records.url(folder)) as database:
        wait_until(
            lambda: database.reader.exec_driver_sql(query).first() is None,
            what="the end of all jobs",
            seconds=300,
            every=0.1,
        )


def _count_completed(folder: Path, records: Records, expected: int) -> int:
    found = dict(ask(records, folder, "SELECT status, count(*) FROM jobs GROUP BY status"))
    if found != {"COMPLETED": expected}:
        raise RuntimeError(f"{expected} jobs should be COMPLETED; there are {found}")
    return expected
