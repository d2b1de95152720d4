"""S11: what reads cost the server, as multiples of its constant route."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median

from bench import load
from bench.databases import OnSqlite, Records
from bench.report import Row
from bench.servers import Server, scenarist

CONNECTIONS = 8
SCENARIOS = 60
PAGE = 20
ONE, MANY, VALUE = 2.5, 5.0, 3.0
"""Bars on SQLite; twice these on PostgreSQL, to which each read has to travel."""


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
        _row(name, bar * factor, costs[name], ratios[name], records)
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


def _row(name: str, bar: float, costs: list[float], ratios: list[float], records: Records) -> Row:
    ratio = median(ratios)
    return Row(
        number="S11",
        work=f"GET {name}, {CONNECTIONS} connections, {SCENARIOS} scenarios, {records.name}",
        ours=f"{median(costs) * 1e6:,.0f} µs of the processor",
        beside=f"constant route {median(costs) / ratio * 1e6:,.0f} µs",
        ratio=ratio,
        bar=f"at most {bar:g}",
        holds=ratio <= bar,
    )
