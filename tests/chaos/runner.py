"""One run: servers, clients and faults for a while; then everything comes to rest and is read."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from apps import ledger
from chaos.clients import CLIENTS, PATIENCE_SECONDS, World, catch_up, follow
from chaos.history import History, Outcome
from chaos.laws import broken_laws, every_job_ends, subscribers_are_told_in_order
from chaos.nemesis import LEASE_SECONDS, Nemesis, clock_environment
from chaos.records import Records, read_records
from cutting_proxy import CuttingProxy
from postgres_server import PostgresServer
from servers import StartedServer
from webhooks.receiver import Receiver

SETTLE_SECONDS = 60
OPTIONS = [
    f"--lease-seconds={LEASE_SECONDS}",
    "--drain-seconds=1",
    "--grace-seconds=1",
    "--webhook-private-addresses",
]


@dataclass(frozen=True)
class Plan:
    """What is done in a run. The same seed makes the same choices; how fast things are differs."""

    seed: int
    servers: int
    seconds: float
    faults: tuple[str, ...]


@dataclass
class Result:
    """What came of a run."""

    history: History
    records: Records
    faults: Counter[str]  # how often each was made
    errors: list[dict[str, Any]]  # in the logs of the servers

    @property
    def broken(self) -> dict[str, list[str]]:
        return broken_laws(self.history, self.records)

    @property
    def summary(self) -> dict[str, Any]:
        return {
            "faults": dict(self.faults),
            "submissions": len(self.records.submissions),
            "jobs": dict(Counter(job["status"] for job in self.records.jobs)),
            "events": len(self.records.events),
            "runs": len(self.records.runs),
            "errors in logs": len(self.errors),
            "answers": dict(self.history.answers),
        }


def run(plan: Plan, folder: Path, url: str, postgres: PostgresServer | None = None) -> Result:
    """Run a plan on an empty database; PostgreSQL is reached by a proxy that can cut."""
    runs = folder / "runs"
    with ExitStack() as stack:
        proxy = None
        through = url
        if postgres is not None:
            proxy = stack.enter_context(CuttingProxy(postgres.host))
            through = url.replace(postgres.host, proxy.host)
        receiver = stack.enter_context(Receiver())
        servers = [
            stack.enter_context(_server(folder / f"server{number}", through, runs, plan))
            for number in range(plan.servers)
        ]
        world = World(servers, History())
        stack.enter_context(world.http)
        _prepare(world, f"http://127.0.0.1:{receiver.port}")
        nemesis = Nemesis(servers, world.history, plan.faults, proxy, postgres)
        _play(world, nemesis, plan)
        _settle(world, receiver, lambda: read_records(url, runs))
        for server in servers:
            if code := server.stop():
                world.history.add_fault(f"{server.address} ended with {code} after SIGTERM")
        _keep_deliveries(world.history, receiver)
        errors = [line for server in servers for line in server.lines if _is_error(line)]
        return Result(world.history, read_records(url, runs), nemesis.done, errors)


def _server(folder: Path, url: str, runs: Path, plan: Plan) -> StartedServer:
    folder.mkdir()
    environment = {ledger.RUNS: str(runs)}
    if "clock" in plan.faults:
        environment |= clock_environment(folder)
    return StartedServer(
        folder, "ledger.py", OPTIONS, environment, database=url, storage=str(runs.parent / "data")
    )


def _prepare(world: World, receiver: str) -> None:
    """Create the scenarios, and subscribe to two of their sequences."""
    chance = random.Random(0)
    for number, conduct in enumerate(ledger.CONDUCTS):
        for config in ("out", "home"):
            body = {"config_id": config, "name": f"{config} {conduct} {number}"}
            made = world.ask_until_done(chance, "POST", "/scenarios", body).body["scenario"]
            path = f"/datanodes?scenario_id={made['id']}&config_id=order"
            order = world.ask_until_done(chance, "GET", path).body["results"][0]["id"]
            value = {"conduct": conduct, "name": body["name"]}
            world.ask_until_done(chance, "PUT", f"/datanodes/{order}/write", value)
            world.sequences.append(made["sequences"]["all"]["id"])
    body = {"config_id": "notes", "name": "the first"}
    world.ask_until_done(chance, "POST", "/scenarios", body)
    world.rate_id, world.journal_id = (
        world.ask_until_done(chance, "GET", f"/datanodes?config_id={name}").body["results"][0]["id"]
        for name in ("rate", "journal")
    )
    for sequence in world.sequences[:2]:
        body = {"url": f"{receiver}/{sequence}"}
        path = f"/sequences/{sequence}/subscribers"
        world.ask_until_done(chance, "POST", path, body)


def _play(world: World, nemesis: Nemesis, plan: Plan) -> None:
    """Let clients and faults go on for the seconds of the plan."""
    world.history.streams = [[], []]
    acts: list[Callable[[random.Random], None]] = [
        *(lambda chance, client=client: client(world, chance) for client in CLIENTS),
        *(lambda chance, seen=seen: follow(world, chance, seen) for seen in world.history.streams),
        lambda chance: nemesis.run(world.is_over, chance),
    ]

    def guarded(act: Callable[[random.Random], None], seed: int) -> None:
        try:
            act(random.Random(seed))
        except Exception as error:  # noqa: BLE001  # the others go on, and the run fails
            world.history.add_fault(f"the checker itself failed: {error!r}")

    threads = [
        threading.Thread(target=guarded, args=(act, plan.seed * 100 + number))
        for number, act in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + plan.seconds
    latest = until + PATIENCE_SECONDS
    while (now := time.monotonic()) < until or (now < latest and not _has_begun(world)):
        time.sleep(0.1)
    world.is_over.set()
    for thread in threads:
        thread.join()


def _is_error(line: dict[str, Any]) -> bool:
    return line.get("level", "error") in {"error", "critical"}


def _has_begun(world: World) -> bool:
    """On a slow machine, a server may be away for all the seconds of a plan."""
    with world.history.lock:
        return any(made.has(Outcome.DONE) for made in world.history.submits)


def _settle(world: World, receiver: Receiver, look: Callable[[], Records]) -> None:
    """Wait until every job has ended, and what tells of it has told of everything."""
    history = world.history
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        _keep_deliveries(history, receiver)
        records = look()
        late = chain.from_iterable(law(history, records) for law in _HOLD_IN_THE_END)
        if next(late, None) is None or time.monotonic() > until:
            break
        time.sleep(0.2)
    for seen in history.streams:
        catch_up(world, seen, records.events[-1][0])


def _keep_deliveries(history: History, receiver: Receiver) -> None:
    for message in receiver.so_far():
        # A sender that is killed may leave half a message.
        if len(message.body) == int(message.headers["content-length"]):
            told = history.deliveries.setdefault(message.path.removeprefix("/"), {})
            told.setdefault(message.id, message.json["data"])


_HOLD_IN_THE_END = (every_job_ends, subscribers_are_told_in_order)
