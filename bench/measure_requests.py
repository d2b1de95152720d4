"""S1 and S2: what a request costs."""

from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench import load
from bench.databases import Records
from bench.report import Row, median_ratio
from bench.servers import APPS, Server, scenarist
from scenarist.config import load_app
from scenarist.db import sequences as sequence_rows
from scenarist.domain.entities import Scenario, Sequence
from scenarist.domain.identifiers import make_sequence_id
from scenarist.domain.permissions import ANYONE
from scenarist.executors.inline import InlineExecutor
from scenarist.server.composition import open_server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario

CONNECTIONS = 32
SEQUENCES_OF_SCENARIO = 100
SATURATED = 0.95
TRIES = 4
"""A round is tried at most so often."""


def measure_get(folder: Path, records: Records, *, rounds: int, seconds: float) -> list[Row]:
    """S1: one sequence by its identifier, beside the constant answer of the same process.

    A round counts only when the server used its whole core in both loads: otherwise the client, or
    other work on the machine, was what limited one side, and the ratio would flatter the server.

    Raises:
        RuntimeError: Too few rounds counted; the machine is not quiet enough.
    """
    constant: list[float] = []
    ours: list[float] = []
    tried = 0
    with scenarist(folder, core=0, database=records.url(folder)) as server:
        path = f"/api/v1/sequences/{server.create_sequence_of('pair')}"
        while len(ours) < rounds:
            if tried == rounds * TRIES:
                raise RuntimeError(
                    f"in {tried - len(ours)} of {tried} rounds the server used less than "
                    f"{SATURATED:.0%} of its core; measure on a machine with nothing else to do"
                )
            tried += 1
            loads = [_saturate(server, item, seconds) for item in ("/healthz", path)]
            if all(busy >= SATURATED for _, busy in loads):
                constant.append(loads[0][0])
                ours.append(loads[1][0])
    ratio = median_ratio(ours, constant)
    return [
        Row(
            number="S1",
            work=f"GET one sequence, 32 connections, {records.name}",
            ours=f"{median(ours):,.0f}/s",
            beside=f"constant JSON route {median(constant):,.0f}/s",
            ratio=ratio,
            bar="at least 0.35",
            holds=ratio >= 0.35,
            note=f"server on one core, load on the other; {rounds} rounds in which the server used "
            f"at least {SATURATED:.0%} of its core in both loads, out of {tried}; their ratios are "
            + ", ".join(
                f"{mine / theirs:.2f}" for mine, theirs in zip(ours, constant, strict=True)
            ),
        )
    ]


def _saturate(server: Server, path: str, seconds: float) -> tuple[float, float]:
    """Return answers per second, and the part of its core that the server used."""
    plan = load.Plan(address=server.address, paths=[path], connections=CONNECTIONS, seconds=seconds)
    before = server.processor_seconds()
    outcome = load.run(plan, core=1)
    return outcome.rate, (server.processor_seconds() - before) / outcome.seconds


def measure_pages(folder: Path, *, rounds: int, many: int) -> list[Row]:
    """S2: a page of 100 sequences out of many, beside one out of 1,000."""
    folders = [folder / "few", folder / "many"]
    late: list[list[float]] = [[], []]
    filtered: list[list[float]] = [[], []]
    for place, total in zip(folders, (1000, many), strict=True):
        place.mkdir()
        _fill(place, total)
    with scenarist(folders[0], core=0) as few, scenarist(folders[1], core=0) as much:
        servers = [few, much]
        late_paths = [_late_page(server) for server in servers]
        filter_paths = [_filtered_page(server) for server in servers]
        for _ in range(rounds):
            for index, server in enumerate(servers):
                for path, times in ((late_paths, late), (filter_paths, filtered)):
                    plan = load.Plan(address=server.address, paths=[path[index]], count=40)
                    times[index].append(load.run(plan, core=1).median_ms)
    return [
        _page_row("a late page by its cursor", *late, many),
        _page_row("filtered by scenario_id", *filtered, many),
    ]


def _page_row(what: str, few: list[float], much: list[float], many: int) -> Row:
    ratio = median_ratio(much, few)
    return Row(
        number="S2",
        work=f"page of 100 sequences out of {many:,}, {what}",
        ours=f"{median(much):.2f} ms",
        beside=f"out of 1,000: {median(few):.2f} ms",
        ratio=ratio,
        bar="at most 1.2",
        holds=ratio <= 1.2,
    )


def _fill(folder: Path, total: int) -> None:
    settings = Settings(
        database=f"sqlite:///{folder}/scenarist.db", storage=str(folder / "data"), workers=2
    )
    application = load_app(str(APPS / "workload.py"))
    with open_server(application, settings, make_executor=InlineExecutor) as server:
        for _ in range(total // SEQUENCES_OF_SCENARIO):
            scenario = server.services.scenarios.create(ANYONE, NewScenario(config_id="pair"))
            # One of them came with the scenario.
            more = [_sequence(scenario, index) for index in range(1, SEQUENCES_OF_SCENARIO)]
            server.database.write(
                lambda connection, more=more: [
                    sequence_rows.add(connection, sequence) for sequence in more
                ]
            )


def _sequence(scenario: Scenario, index: int) -> Sequence:
    name = f"number {index}"
    return Sequence(
        id=make_sequence_id(name, scenario.id),
        name=name,
        scenario_id=scenario.id,
        task_ids=scenario.task_ids,
        properties={},
        created_at=datetime.now(UTC),
        version=scenario.version,
    )


def _late_page(server: Server) -> str:
    """Walk to the last page of 100."""
    path = "/sequences?limit=100"
    while True:
        following = server.http.get(path).raise_for_status().json()["next"]
        if following is None:
            return f"/api/v1{path}"
        path = f"/sequences?limit=100&cursor={following}"


def _filtered_page(server: Server) -> str:
    scenarios = server.list("/scenarios?limit=10")
    return f"/api/v1/sequences?limit=100&scenario_id={scenarios[5]['id']}"
