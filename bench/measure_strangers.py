"""STRANGERS: what clients cost the others that are not signed in, or that say nothing."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import product
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import httpx

from bench import load
from bench.report import Row, median_ratio
from bench.servers import Server, scenarist
from scenarist.server import admin
from scenarist.server.settings import Settings

IDLE = 2_000
_BODY = 1024 * 1024
_LIMIT_MS = 50
_BAR = 1.05
_ENTRANCES = ("/auth/login", "/scenarios/", "/auth/unknown")
_HELLO = b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"


def measure_largest_requests(folder: Path, *, rounds: int) -> list[Row]:
    """STRANGERS: bodies of 1 MiB that were made to be dear, from a client that is not signed in."""
    folder.mkdir()
    settings = Settings(database=f"sqlite:///{folder}/scenarist.db")
    _, key = admin.create_key(settings, "bench", ["reader"], days=1)
    signed_in = {"Authorization": f"Bearer {key}"}  # to see when the server is up
    costs: dict[str, list[float]] = {}
    with (
        scenarist(folder, options=["--auth=local"], headers=signed_in) as server,
        httpx.Client(base_url=f"{server.address}/api/v1", timeout=60) as stranger,
    ):
        for _, (kind, body), path in product(range(rounds), _bodies().items(), _ENTRANCES):
            before = _loop_seconds(server)
            stranger.post(path, content=body, headers={"Content-Type": "application/json"})
            spent = (_loop_seconds(server) - before) * 1000
            costs.setdefault(f"{kind} to {path}", []).append(spent)
    worst = max(costs, key=lambda each: median(costs[each]))
    worst_ms = median(costs[worst])
    return [
        Row(
            number="STRANGERS",
            work="the dearest request of 1 MiB before anybody has signed in",
            ours=f"{worst_ms:.1f} ms of the event loop",
            beside="none",
            ratio=None,
            bar=f"under {_LIMIT_MS} ms",
            holds=worst_ms < _LIMIT_MS,
            note=f"of {len(costs)} kinds: {worst}; processor time of the thread of the loop",
        )
    ]


def measure_idle_connections(folder: Path, *, rounds: int, seconds: float) -> list[Row]:
    """STRANGERS: reading one sequence while connections are open that send nothing more."""
    folder.mkdir()
    bare: list[float] = []
    beside_idle: list[float] = []
    with scenarist(folder, core=0) as server, _many_descriptors():
        plan = load.Plan(
            address=server.address,
            paths=[f"/api/v1/sequences/{server.create_sequence_of('pair')}"],
            connections=32,
            seconds=seconds,
        )
        load.run(plan, core=1)
        for _ in range(rounds):
            bare.append(_microseconds(server, plan))
            beside_idle.append(asyncio.run(_beside_idle(server, plan)))
    ratio = median_ratio(beside_idle, bare)
    return [
        Row(
            number="STRANGERS",
            work=f"GET one sequence beside {IDLE:,} idle connections",
            ours=f"{median(beside_idle):,.0f} µs of processor",
            beside=f"without them {median(bare):,.0f} µs",
            ratio=ratio,
            bar=f"costs at most {_BAR}",
            holds=ratio <= _BAR,
            note="each had sent one request; all were still open at the end",
        )
    ]


def _bodies() -> dict[str, bytes]:
    def filled(start: str, part: str, end: str) -> bytes:
        return (start + part * ((_BODY - len(start) - len(end)) // len(part)) + end).encode()

    return {
        "a long name of a field": filled('{"', " - at `", '\\nx": 1}'),
        "a long text": filled('{"username": "', "a", '", "password": "b"}'),
        "a text of escapes": filled('{"username": "', "\\u00e9", '", "password": "b"}'),
        "many fields": filled("{", '"a": 1, ', '"b": 1}'),
        "empty lists": filled("[", "[], ", "[]]"),
        "nested lists": filled("", "[", ""),
        "a long number": filled('{"username": ', "9", "}"),
        "spaces": filled("", " ", "1"),
    }


def _loop_seconds(server: Server) -> float:
    """Return the processor time of the first thread, which is that of the event loop."""
    process = server.process.pid
    times = Path(f"/proc/{process}/task/{process}/schedstat").read_text()
    return int(times.split()[0]) / 1e9


async def _beside_idle(server: Server, plan: load.Plan) -> float:
    async with _idle_connections(server.address):
        return await asyncio.to_thread(_microseconds, server, plan)


def _microseconds(server: Server, plan: load.Plan) -> float:
    """Return the time of a processor that the server takes for a request."""
    before = server.processor_seconds()
    outcome = load.run(plan, core=1)
    return (server.processor_seconds() - before) / outcome.answers * 1e6


@asynccontextmanager
async def _idle_connections(address: str) -> AsyncIterator[None]:
    """Hold connections open that have had an answer.

    Raises:
        RuntimeError: The server has closed some of them meanwhile.
    """
    parts = urlsplit(address)
    opened = []
    try:
        for _ in range(IDLE):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            opened.append((reader, writer))
            writer.write(_HELLO)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(httpx.Headers(_fields(head))["content-length"]))
        yield
        closed = sum(reader.at_eof() for reader, _ in opened)
        if closed:
            raise RuntimeError(f"the server has closed {closed} of {IDLE} idle connections")
    finally:
        for _, writer in opened:
            writer.close()


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:] if line]
    return [(name, value) for name, _, value in lines]


@contextmanager
def _many_descriptors() -> Iterator[None]:
    """Let this process open more connections than is usual."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * IDLE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
