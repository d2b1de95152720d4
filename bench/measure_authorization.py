"""What a bearer token costs, beside the same request with authorization off."""

from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench import load
from bench.report import Row, median_ratio
from bench.servers import Server, scenarist
from scenarist.server import admin
from scenarist.server.settings import Settings

CONNECTIONS = 32
BAR = 1.25
_NAME = "bench"
_PASSWORD = "only while this is measured"


def measure_token(folder: Path, *, rounds: int, seconds: float) -> list[Row]:
    """AUTH: reading one sequence and submitting a sequence, with a token and without."""
    with ExitStack() as stack:
        without = stack.enter_context(_server(folder / "off"))
        with_token = stack.enter_context(_guarded(folder / "on"))
        servers = [without, with_token]
        sequences = [server.create_sequence_of("pair") for server in servers]
        rows = []
        for work, method, prefix, connections in (
            ("GET one sequence, 32 connections", "GET", "/api/v1/sequences/", CONNECTIONS),
            ("create a sequence's submission", "POST", "/api/v1/sequences/submit/", CONNECTIONS),
        ):
            costs: list[list[float]] = [[], []]
            for _ in range(rounds):
                for server, sequence, its_costs in zip(servers, sequences, costs, strict=True):
                    plan = load.Plan(
                        address=server.address,
                        paths=[prefix + sequence],
                        method=method,
                        headers=_authorization(server),
                        connections=connections,
                        seconds=seconds,
                    )
                    its_costs.append(_microseconds(server, plan))
            rows.append(_row(work, *costs))
    return rows


def _microseconds(server: Server, plan: load.Plan) -> float:
    """Return the time of a processor that the server takes for a request, its threads included.

    Unlike the rate, it stays the same when something else runs on the machine.
    """
    before = server.processor_seconds()
    outcome = load.run(plan, core=1)
    return (server.processor_seconds() - before) / outcome.answers * 1e6


def _row(work: str, off: list[float], on: list[float]) -> Row:
    ratio = median_ratio(on, off)
    return Row(
        number="AUTH",
        work=f"{work}, with a bearer token",
        ours=f"{median(on):,.0f} µs of processor",
        beside=f"authorization off: {median(off):,.0f} µs",
        ratio=ratio,
        bar=f"costs at most {BAR}",
        holds=ratio <= BAR,
    )


def _server(folder: Path) -> Server:
    folder.mkdir()
    return scenarist(folder, core=0)


def _guarded(folder: Path) -> Server:
    """Start a server with authorization, and sign in."""
    folder.mkdir()
    settings = Settings(database=f"sqlite:///{folder}/scenarist.db")
    admin.add_user(settings, _NAME, _PASSWORD, ["admin"])
    _, key = admin.create_key(settings, "bench", ["reader"], days=1)
    server = scenarist(folder, core=0, options=["--auth=local"], headers=_bearer(key))
    signed_in = server.post("/auth/login", json={"username": _NAME, "password": _PASSWORD})
    server.http.headers.update(_bearer(signed_in.json()["token"]))
    return server


def _authorization(server: Server) -> dict[str, str]:
    value = server.http.headers.get("Authorization")
    return {} if value is None else {"Authorization": value}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
