"""What reads and submits cost the server, and how long they hold its event loop."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from bench import load
from bench.databases import OnSqlite, Records
from bench.measure_jobs import wait_for_jobs
from bench.report import Row
from bench.servers import APPS, Server, scenarist

CONNECTIONS = 8
SCENARIOS = 60
PAGE = 20
ONE, MANY, VALUE = 2.5, 5.0, 3.0
"""Bars on SQLite; twice these on PostgreSQL, to which each read has to travel."""
BEFORE = "5398212"
"""The commit whose submits are the measure of ours."""
SUBMIT = 0.75
LONGEST_PAUSE_MS = 50
PLAN_MS = 100
FORK = 1.2
STALE = 1.3
CACHED = 0.5
LARGE = 60 * 1024


def measure_reads(folder: Path, records: Records, *, rounds: int, count: int) -> list[Row]:
    """S11: processor time of the server for each read, beside that of ``/healthz``.

    What the client or the machine takes does not count, so other work on the machine disturbs it
    little.

    Args:
        count: How many times each path is requested in a round.
    """
    factor = 1.0 if isinstance(records, OnSqlite) else 2.0
    with scenarist(folder, database=records.url(folder)) as server:
        paths = _paths(server)
        costs: dict[str, list[float]] = {name: [] for name in paths}
        ratios: dict[str, list[float]] = {name: [] for name in paths}
        for _ in range(rounds):
            constant = _cost(server, "/healthz", count)
            for name, (path, _) in paths.items():
                costs[name].append(_cost(server, path, count))
                ratios[name].append(costs[name][-1] / constant)
    return [
        _cost_row(
            "S11",
            f"GET {name}, {CONNECTIONS} connections, {SCENARIOS} scenarios, {records.name}",
            median(costs[name]),
            beside="constant route",
            ratio=median(ratios[name]),
            bar=bar * factor,
        )
        for name, (_, bar) in paths.items()
    ]


def _paths(server: Server) -> Mapping[str, tuple[str, float]]:
    """Fill the server; return a path to measure and its bar, by what is read."""
    for _ in range(SCENARIOS - 1):
        server.create("pair")
    scenario = server.create("pair")
    (sequence,) = server.list(f"/sequences?scenario_id={scenario}")
    path = f"/sequences/submit/{sequence['id']}"
    for _ in range(PAGE):
        server.post(path, headers={"Prefer": "wait=60"})
    (submission,) = server.list(f"/submissions?entity_id={sequence['id']}&limit=1")
    node = server.list(f"/datanodes?scenario_id={scenario}&config_id=start")[0]["id"]
    ones = {
        "one sequence": f"/sequences/{sequence['id']}",
        "one scenario": f"/scenarios/{scenario}",
        "one task": f"/tasks/{sequence['tasks'][0]}",
        "one data node": f"/datanodes/{node}",
        "one submission": f"/submissions/{submission['id']}",
        "one job": f"/jobs/{submission['job_ids'][0]}",
    }
    kinds = ("sequences", "scenarios", "tasks", "datanodes", "submissions", "jobs")
    pages = {f"a page of {PAGE} {kind}": f"/{kind}?limit={PAGE}" for kind in kinds}
    value = {"a small value": f"/datanodes/{node}/read"}
    return {
        name: (f"/api/v1{path}", bar)
        for found, bar in ((ones, ONE), (pages, MANY), (value, VALUE))
        for name, path in found.items()
    }


def _cost(server: Server, path: str, count: int) -> float:
    """Return the processor seconds of one request."""
    before = server.processor_seconds()
    load.run(load.Plan(address=server.address, paths=[path], connections=CONNECTIONS, count=count))
    return (server.processor_seconds() - before) / count


def _cost_row(number: str, work: str, cost: float, *, beside: str, ratio: float, bar: float) -> Row:
    """Return the row of work that takes *cost* seconds of the processor.

    Args:
        beside: What it is compared with.
        ratio: The cost of the work by that of the other.
    """
    return Row(
        number=number,
        work=work,
        ours=f"{cost * 1e6:,.0f} µs of the processor",
        beside=f"{beside} {cost / ratio * 1e6:,.0f} µs",
        ratio=ratio,
        bar=f"at most {bar:g}",
        holds=ratio <= bar,
    )


def measure_submit_cost(folder: Path, *, rounds: int, count: int) -> list[Row]:
    """SUBMIT: processor time of server and workers for a submit, beside an older commit.

    Raises:
        CalledProcessError: The repository has no such commit.
    """
    older = folder / "older"
    older.mkdir()
    archive = subprocess.run(
        ["git", "archive", BEFORE, "src", "bench"],
        cwd=Path(__file__).parent.parent,
        check=True,
        stdout=subprocess.PIPE,
    )
    subprocess.run(["tar", "-x", "-C", older], input=archive.stdout, check=True)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        for costs, name, environment, app in (
            (theirs, "older", {"PYTHONPATH": f"{older}/src"}, older / "bench/apps/workload.py"),
            (ours, "ours", {}, APPS / "workload.py"),
        ):
            own = folder / f"{name}-{number}"
            own.mkdir()
            with scenarist(own, environment=environment, app=app) as server:
                costs.append(_submit_cost(own, server, count))
    ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return [
        _cost_row(
            "SUBMIT",
            "submit a two-task sequence, server and workers together, SQLite",
            median(ours),
            beside=f"commit {BEFORE}",
            ratio=ratio,
            bar=SUBMIT,
        )
    ]


def _submit_cost(folder: Path, server: Server, count: int) -> float:
    """Return the processor seconds of one submit with its two jobs."""
    paths = [f"/api/v1/sequences/submit/{server.create_sequence_of('pair')}" for _ in range(50)]
    plan = load.Plan(
        address=server.address, paths=paths, method="POST", connections=CONNECTIONS, count=count
    )
    load.run(plan)  # warms the workers
    wait_for_jobs(folder, OnSqlite())
    before = server.family_seconds()
    load.run(plan)
    wait_for_jobs(folder, OnSqlite())
    return (server.family_seconds() - before) / count


def measure_plan(folder: Path, *, count: int) -> list[Row]:
    """PLAN: how long the plan of 300 tasks takes, beside reading their scenario."""
    with scenarist(folder) as server:
        web = f"/scenarios/{server.create('web')}"
        plan, read = _time_in_turns(server, count, ("POST", f"{web}/plan"), ("GET", web))
    took = plan * 1000
    return [
        Row(
            number="PLAN",
            work="plan of a scenario of 300 tasks, SQLite",
            ours=f"{took:.1f} ms",
            beside=f"GET of it {read * 1000:.1f} ms",
            ratio=plan / read,
            bar=f"at most {PLAN_MS} ms",
            holds=took <= PLAN_MS,
        )
    ]


def measure_fork(folder: Path, *, count: int) -> list[Row]:
    """FORK: how long a fork of 300 tasks with 50 MB of values takes, beside creating a scenario."""
    with scenarist(folder) as server:
        source = server.create("web")
        value = ["x" * (50_000_000 // 300)]
        for node in server.list(f"/datanodes?scenario_id={source}"):
            server.http.put(f"/datanodes/{node['id']}/write", json=value).raise_for_status()
        before = _count_bytes(folder)
        create, fork = _time_in_turns(
            server,
            count,
            ("POST", "/scenarios?config_id=web"),
            ("POST", f"/scenarios/{source}/fork"),
        )
        after = _count_bytes(folder)
    ratio = fork / create
    return [
        Row(
            number="FORK",
            work="fork of a scenario of 300 tasks with 50 MB of values, SQLite",
            ours=f"{fork * 1000:.1f} ms, {after - before} bytes of values written",
            beside=f"create {create * 1000:.1f} ms",
            ratio=ratio,
            bar=f"at most {FORK:g}",
            holds=ratio <= FORK and after == before,
        )
    ]


def _time_in_turns(server: Server, count: int, *requests: tuple[str, str]) -> list[float]:
    """Return the median seconds of each request, of a method and a path."""
    times: list[list[float]] = [[] for _ in requests]
    for _ in range(count):
        for seconds, (method, path) in zip(times, requests, strict=True):
            begin = time.perf_counter()
            server.http.request(method, path).raise_for_status()
            seconds.append(time.perf_counter() - begin)
    return [median(seconds) for seconds in times]


def _count_bytes(folder: Path) -> int:
    """Return how many bytes the files of JSON values have."""
    return sum(path.stat().st_size for path in folder.rglob("*.json"))


def measure_staleness(folder: Path, records: Records, *, rounds: int, count: int) -> list[Row]:
    """STALE: processor time of reading a scenario of 300 tasks, beside one that has not run.

    Without values there is nothing that could be stale.

    Args:
        count: How many times each scenario is read in a round.
    """
    ratios: list[float] = []
    costs: list[float] = []
    with scenarist(folder, database=records.url(folder)) as server:
        idle, ran = (f"/api/v1/scenarios/{server.create('web')}" for _ in range(2))
        scenario_id = ran.rpartition("/")[2]
        answer = server.post(f"/scenarios/submit/{scenario_id}", headers={"Prefer": "wait=60"})
        if answer.json()["submission"]["status"] != "COMPLETED":
            raise RuntimeError(f"scenario {scenario_id} did not complete: {answer.text}")
        for _ in range(rounds):
            before = _cost(server, idle, count)
            costs.append(_cost(server, ran, count))
            ratios.append(costs[-1] / before)
    return [
        _cost_row(
            "STALE",
            f"GET a scenario of 300 tasks that have run, {records.name}",
            median(costs),
            beside="one whose tasks have not run",
            ratio=median(ratios),
            bar=STALE,
        )
    ]


def measure_cache(folder: Path, *, count: int) -> list[Row]:
    """CACHE: processor time of a job whose output is in the cache, beside one that does nothing."""
    with scenarist(folder) as server:
        nothing = _drain_cost(folder, server, "single", count)
        _drain_cost(folder, server, "remembered", 1)
        taken = _drain_cost(folder, server, "remembered", count)
    return [
        _cost_row(
            "CACHE",
            "job whose output is taken from the cache, server and workers, SQLite",
            taken,
            beside="job without data",
            ratio=taken / nothing,
            bar=CACHED,
        )
    ]


def _drain_cost(folder: Path, server: Server, config_id: str, count: int) -> float:
    """Return the processor seconds of a job, from the moment when all of them may start."""
    ids = [server.create(config_id) for _ in range(count)]
    server.http.post("/orchestration/pause").raise_for_status()
    for scenario_id in ids:
        server.http.post(f"/scenarios/submit/{scenario_id}").raise_for_status()
    before = server.family_seconds()
    server.http.post("/orchestration/resume").raise_for_status()
    wait_for_jobs(folder, OnSqlite())
    return (server.family_seconds() - before) / count


def measure_pauses(folder: Path, *, seconds: float, many: int) -> list[Row]:
    """PAUSES: the longest that the event loop did nothing else, under reads that are long or slow.

    A connection of its own asks for the constant route again and again, which only the loop
    answers. What the machine does meanwhile counts as well, so the bar is far above a pause.
    """
    with scenarist(folder) as server:
        for _ in range(many):
            server.create("pair")
        web = server.create("web")
        node = server.list(f"/datanodes?scenario_id={web}&limit=1")[0]["id"]
        server.http.put(f"/datanodes/{node}/write", json=["x" * LARGE]).raise_for_status()
        quiet = _longest_pause_ms(server, seconds)
        rows = []
        for what, paths, is_slow in (
            (f"whole lists of {many} scenarios", ["/scenarios", "/datanodes", "/tasks"], False),
            ("a scenario of 300 tasks", [f"/scenarios/{web}"], False),
            ("values of 60 kB", [f"/datanodes/{node}/read"], False),
            ("pages of 100", [f"/{kind}?limit=100" for kind in ("scenarios", "tasks")], False),
            ("whole lists that nobody receives", ["/datanodes", "/tasks"], True),
        ):
            paths = [f"/api/v1{path}" for path in paths]
            with _unread(server, paths) if is_slow else _loaded(server, paths, seconds):
                pause = _longest_pause_ms(server, seconds)
            rows.append(
                Row(
                    number="PAUSES",
                    work=f"longest pause of the event loop under {what}, SQLite",
                    ours=f"{pause:.1f} ms",
                    beside=f"without load {quiet:.1f} ms",
                    ratio=None,
                    bar=f"at most {LONGEST_PAUSE_MS} ms",
                    holds=pause <= LONGEST_PAUSE_MS,
                )
            )
        return rows


def _longest_pause_ms(server: Server, seconds: float) -> float:
    """Return the longest time in which the constant route was not answered."""

    async def ask() -> float:
        place = urlsplit(server.address)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        request = f"GET /healthz HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
        longest, end = 0.0, time.perf_counter() + seconds
        while (asked_at := time.perf_counter()) < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
            longest = max(longest, time.perf_counter() - asked_at)
            await asyncio.sleep(0.001)
        writer.close()
        return longest * 1000

    return asyncio.run(ask())


@contextmanager
def _loaded(server: Server, paths: list[str], seconds: float) -> Iterator[None]:
    """Request the paths on several connections during the block."""
    with ThreadPoolExecutor(1) as threads:
        plan = load.Plan(
            address=server.address, paths=paths, connections=CONNECTIONS, seconds=seconds
        )
        running = threads.submit(load.run, plan)
        yield
        running.result()


@contextmanager
def _unread(server: Server, paths: list[str]) -> Iterator[None]:
    """Request the paths on connections from which nothing is read during the block."""
    place = urlsplit(server.address)
    with ExitStack() as stack:
        for path in paths * CONNECTIONS:
            connection = socket.create_connection((place.hostname, place.port))
            stack.enter_context(connection)
            request = f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n"
            connection.sendall(request.encode())
        yield
