"""What is done to servers, their workers and their database while clients use them."""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos.history import History
from cutting_proxy import COMMIT, CuttingProxy
from postgres_server import PostgresServer
from processes import descendants_of
from servers import TESTS, StartedServer

LEASE_SECONDS = 2

FAKETIME = next(
    (
        str(path)
        for path in [
            Path(os.environ.get("LIBFAKETIME", "/usr/lib/faketime/libfaketimeMT.so.1")),
            *Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"),
        ]
        if path.is_file()
    ),
    "",
)
"""The library that gives a process a clock of its own; empty where it is not installed."""


@dataclass
class Nemesis:
    """Does one fault after the other; what it has broken works again when it ends.

    Args:
        faults: Names of `FAULTS`.
        proxy: Between the servers and PostgreSQL; None with SQLite.
    """

    servers: Sequence[StartedServer]
    history: History
    faults: Sequence[str]
    proxy: CuttingProxy | None = None
    postgres: PostgresServer | None = None
    done: Counter[str] = field(default_factory=Counter)

    def run(self, is_over: threading.Event, chance: random.Random) -> None:
        while self.faults and not is_over.wait(chance.uniform(0.2, 1.2)):
            name = chance.choice(self.faults)
            FAULTS[name](self, is_over, chance)
            self.done[name] += 1
        if self.proxy is not None:
            self.proxy.cut_nothing()
        for server in self.servers:
            set_clock(server, 0)
            if server.process.poll() is not None:
                self.history.add_fault(f"{server.address} ended by itself: {server.lines[-3:]}")
                server.start()


Fault = Callable[[Nemesis, threading.Event, random.Random], None]


def kill(nemesis: Nemesis, is_over: threading.Event, chance: random.Random) -> None:
    """End one server, or all at once, as a power cut would, and start again."""
    count = 1 if chance.random() < 0.7 else len(nemesis.servers)
    killed = chance.sample(nemesis.servers, count)
    for server in killed:
        server.kill()
    is_over.wait(chance.choice([0, 0, 0.5, 1.5 * LEASE_SECONDS]))
    for server in killed:
        server.start()


def stop(nemesis: Nemesis, is_over: threading.Event, chance: random.Random) -> None:
    """Ask a server to stop, and start it again."""
    server = chance.choice(nemesis.servers)
    if code := server.stop():
        nemesis.history.add_fault(f"{server.address} ended with {code} after SIGTERM")
    is_over.wait(chance.choice([0, 0.5]))
    server.start()


def pause(nemesis: Nemesis, is_over: threading.Event, chance: random.Random) -> None:
    """Let a server stand still, for longer than its lease at times."""
    server = chance.choice(nemesis.servers)
    server.process.send_signal(signal.SIGSTOP)
    is_over.wait(chance.choice([chance.uniform(0, 1), LEASE_SECONDS * chance.uniform(1.2, 2)]))
    server.process.send_signal(signal.SIGCONT)


def worker(nemesis: Nemesis, is_over: threading.Event, chance: random.Random) -> None:
    """Kill a process that a server has started: one that runs a job, or the one it comes from."""
    del is_over
    if found := descendants_of(chance.choice(nemesis.servers).process.pid):
        with suppress(ProcessLookupError):
            os.kill(chance.choice(found), signal.SIGKILL)


def cut(nemesis: Nemesis, is_over: threading.Event, chance: random.Random) -> None:
    """Cut connections to PostgreSQL just before or just after a commit arrives there."""
    assert nemesis.proxy is not None, "only PostgreSQL has connections that can be cut"
    for _ in range(chance.randrange(1, 6)):
        chance.choice([nemesis.proxy.cut_before, nemesis.proxy.cut_after])(COMMIT)
        is_over.wait(chance.uniform(0.05, 0.3))


def crash(nemesis: Nemesis, is_over: threading.Event, chance: random.Random) -> None:
    """End PostgreSQL without a checkpoint, and start it again."""
    assert nemesis.postgres is not None, "only PostgreSQL has a server that can be ended"
    nemesis.postgres.kill()
    is_over.wait(chance.choice([0, 0.5]))
    nemesis.postgres.start()


def clock(nemesis: Nemesis, is_over: threading.Event, chance: random.Random) -> None:
    """Set the clock of a server, by less than a second or by more than a day."""
    del is_over
    seconds = chance.choice([1, 60, 100_000]) * chance.uniform(-1, 1)
    set_clock(chance.choice(nemesis.servers), seconds)


FAULTS: dict[str, Fault] = {
    made.__name__: made for made in (kill, stop, pause, worker, cut, crash, clock)
}


def faults_of(database: str) -> tuple[str, ...]:
    """Return the faults that can be made here."""
    beyond = set() if database == "postgresql" else {"cut", "crash"}
    return tuple(name for name in FAULTS if name not in beyond and (name != "clock" or FAKETIME))


def clock_environment(folder: Path) -> dict[str, str]:
    """Return what gives a server of this folder a clock that `set_clock` can set."""
    _write_clock(folder, 0)
    return {
        "LD_PRELOAD": FAKETIME,
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS / "chaos" / "faketime")]),
        "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def set_clock(server: StartedServer, seconds: float) -> None:
    """Set the clock of a server so many seconds ahead of that of the machine."""
    if (server.folder / "clock").exists():
        _write_clock(server.folder, seconds)


def _write_clock(folder: Path, seconds: float) -> None:
    new = folder / "clock.new"
    new.write_text(f"{seconds:+.3f}")
    new.replace(folder / "clock")
