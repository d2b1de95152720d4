"""The same work on Scenarist, Taipy and DBOS, side by side: ``python -m bench.peers [--quick]``."""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.__main__ import SCRATCH
from bench.baselines import median_seconds
from bench.report import libraries, machine, markdown_table
from bench.servers import APPS, Server, free_port, scenarist

RESULTS = Path(__file__).parent / "peers.md"
PACKAGES = {"taipy": "taipy==4.1.1", "dbos": "dbos>=3.4,<4"}


@dataclass(frozen=True, slots=True)
class Sizes:
    created: int = 50
    listed: int = 100
    drained: int = 200
    latencies: int = 20
    interrupted: int = 50
    patience_seconds: float = 15.0  #: nothing happens for so long: nothing more will

    @property
    def works(self) -> tuple[str, ...]:
        half = self.interrupted // 2
        return (
            f"create {self.created} scenarios of two tasks over REST",
            f"GET the list of {self.listed} sequences, median",
            f"two tasks, from submit to their end, median of {self.latencies}",
            f"submit and drain {self.drained} times two tasks",
            f"{half} submitted, kill -9, new start, {half} more: how many complete",
        )


StartServer = Callable[[Path], Server]
Latency = Callable[[Server, str], float]


def measure_server(
    start: StartServer, latency_of: Latency, folder: Path, sizes: Sizes
) -> list[str]:
    """Do the work on a server with the REST paths that Scenarist and Taipy share.

    Args:
        latency_of: Submits a scenario and returns the seconds until its tasks have ended.
    """
    with start(folder) as server:
        started_at = time.perf_counter()
        scenario_ids = [server.create("pair") for _ in range(sizes.created)]
        create_rate = sizes.created / (time.perf_counter() - started_at)
        scenario_ids += [server.create("pair") for _ in range(sizes.listed - sizes.created)]
        list_seconds = median_seconds(lambda: _list_sequences(server, sizes.listed), 10)
        latency_of(server, scenario_ids[0])  # warms the workers
        fresh = [server.create("pair") for _ in range(sizes.latencies)]
        latency = median(latency_of(server, scenario_id) for scenario_id in fresh)
        drain_rate = _drain(server, sizes.drained)
    return [
        f"{create_rate:,.0f}/s",
        f"{list_seconds * 1000:,.1f} ms",
        f"{latency * 1000:,.1f} ms",
        f"{drain_rate:,.0f} tasks/s",
        _survivors(start, folder, sizes),
    ]


def measure_dbos(folder: Path, sizes: Sizes) -> list[str]:
    figures = json.loads(_dbos_output(folder, "measure", sizes.drained, sizes.latencies))
    half = sizes.interrupted // 2
    with _dbos(folder, "enqueue", 0, half) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    done = _dbos_output(folder, "finish", half, sizes.interrupted, sizes.patience_seconds)
    return [
        "no REST",
        "no REST",
        f"{figures['latency'] * 1000:,.1f} ms",
        f"{figures['tasks_per_second']:,.0f} tasks/s",
        f"{int(done)} of {sizes.interrupted}",
    ]


def start_taipy(folder: Path) -> Server:
    port = free_port()
    return Server(
        [str(_python("taipy")), str(APPS / "taipy_workload.py")],
        folder,
        environment={"BENCH_PORT": str(port)},
        address=f"http://127.0.0.1:{port}",
    )


def latency_on_scenarist(server: Server, scenario_id: str) -> float:
    started_at = time.perf_counter()
    answer = server.post(f"/scenarios/submit/{scenario_id}", headers={"Prefer": "wait=30"})
    seconds = time.perf_counter() - started_at
    if answer.json()["submission"]["status"] != "COMPLETED":
        raise RuntimeError(f"scenario {scenario_id} did not complete: {answer.text}")
    return seconds


def latency_on_taipy(server: Server, scenario_id: str) -> float:
    """Poll the last data node: cheaper than its list of jobs, and an answer names no job."""
    node_id = _ends(server)[scenario_id]["id"]
    started_at = time.perf_counter()
    server.post(f"/scenarios/submit/{scenario_id}/")
    while server.http.get(f"/datanodes/{node_id}/").json()["datanode"]["last_edit_date"] is None:
        if time.perf_counter() - started_at > 60:
            raise TimeoutError(f"scenario {scenario_id} took longer than 60 s")
        time.sleep(0.002)
    return time.perf_counter() - started_at


def _drain(server: Server, count: int) -> float:
    scenario_ids = [server.create("pair") for _ in range(count)]
    before = _count_completed_jobs(server)
    started_at = time.perf_counter()
    for scenario_id in scenario_ids:
        server.post(f"/scenarios/submit/{scenario_id}/")
    while True:
        asked_at = time.perf_counter()
        if _count_completed_jobs(server) - before == count * 2:
            return count * 2 / (time.perf_counter() - started_at)
        if asked_at - started_at > 600:
            raise TimeoutError(f"{count * 2} tasks took longer than 600 s")
        # A look costs the server time as well: at most a fifth of it.
        time.sleep(max(0.01, 4 * (time.perf_counter() - asked_at)))


def _survivors(start: StartServer, folder: Path, sizes: Sizes) -> str:
    half = sizes.interrupted // 2
    with start(folder) as server:
        scenario_ids = [server.create("slow_pair") for _ in range(sizes.interrupted)]
        for scenario_id in scenario_ids[:half]:
            server.post(f"/scenarios/submit/{scenario_id}/")
        server.kill()
    with start(folder) as server:
        for scenario_id in scenario_ids[half:]:
            server.post(f"/scenarios/submit/{scenario_id}/")
        done, changed_at = -1, time.monotonic()
        while done < sizes.interrupted and time.monotonic() - changed_at < sizes.patience_seconds:
            ends = _ends(server)
            found = sum(
                ends[scenario_id]["last_edit_date"] is not None for scenario_id in scenario_ids
            )
            if found > done:
                done, changed_at = found, time.monotonic()
            time.sleep(0.2)
    return f"{done} of {sizes.interrupted}"


def _ends(server: Server) -> dict[str, dict[str, Any]]:
    """Return the last data node of each scenario, by scenario."""
    nodes = server.list("/datanodes/")
    return {node["owner_id"]: node for node in nodes if node["config_id"] == "end"}


def _count_completed_jobs(server: Server) -> int:
    return sum(job["status"].endswith("COMPLETED") for job in server.list("/jobs/"))


def _list_sequences(server: Server, expected: int) -> None:
    found = len(server.list("/sequences/"))
    if found != expected:
        raise RuntimeError(f"the list should have {expected} sequences, it has {found}")


@contextmanager
def _dbos(folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [str(_python("dbos")), str(APPS / "dbos_workload.py"), *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _dbos_output(folder: Path, *arguments: object) -> str:
    with _dbos(folder, *arguments) as process:
        output, _ = process.communicate(timeout=600)
    if process.returncode != 0:
        raise RuntimeError(f"its program ended with code {process.returncode}")
    return output


def _python(peer: str) -> Path:
    return SCRATCH / peer / "bin" / "python"


def _install(peer: str) -> str:
    """Install a peer in an environment of its own, if it is not there; return its version."""
    python = _python(peer)
    if not python.exists():
        venv.create(SCRATCH / peer, with_pip=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", PACKAGES[peer]], check=True, timeout=1800, stderr=2)
    shown = subprocess.run(
        [*pip, "show", peer], check=True, timeout=60, capture_output=True, text=True
    )
    return next(
        line.split()[1] for line in shown.stdout.splitlines() if line.startswith("Version:")
    )


def _measure(
    work: Callable[[Path], list[str]], sizes: Sizes, *, peer: str | None = None
) -> tuple[str, list[str]]:
    """Return a version and its figures; a peer that does not work says why in each cell."""
    version = ""
    try:
        if peer is not None:
            version = _install(peer)
        with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="run-") as folder:
            return version, work(Path(folder))
    except Exception as error:  # noqa: BLE001 - the others are still worth measuring
        print(f"{peer or 'scenarist'}: {type(error).__name__}: {error}", file=sys.stderr)
        return version, [f"not measured ({type(error).__name__})"] * len(sizes.works)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.peers")
    parser.add_argument("--quick", action="store_true", help="small sizes; writes no file")
    is_quick = parser.parse_args().quick
    sizes = Sizes(4, 8, 10, 3, 10, 5.0) if is_quick else Sizes()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    _, ours = _measure(
        lambda folder: measure_server(scenarist, latency_on_scenarist, folder, sizes), sizes
    )
    taipy_version, taipy = _measure(
        lambda folder: measure_server(start_taipy, latency_on_taipy, folder, sizes),
        sizes,
        peer="taipy",
    )
    dbos_version, dbos = _measure(lambda folder: measure_dbos(folder, sizes), sizes, peer="dbos")
    table = markdown_table(
        ["work", "Scenarist", f"Taipy {taipy_version}", f"DBOS {dbos_version}"],
        list(zip(sizes.works, ours, taipy, dbos, strict=True)),
    )
    print(table)
    if not is_quick:
        RESULTS.write_text(
            "# The same work on Taipy and DBOS\n\n"
            "Written by `make bench-peers`: one run, one after the other on the same machine, "
            f"each with two workers.\n\n{machine()}\n{libraries()}\n\n{table}\n\n{NOTES}"
        )
    return 0


NOTES = """Notes:

- Tasks return the number they are given; those of the last line take 50 ms each.
- Scenarist and Taipy are asked over REST by the same client, one request at a time. Taipy runs as
  its manual shows (`tp.run(tp.Rest())`, standalone mode, experiment mode so that a start wipes
  nothing). Its end is seen by polling: the last data node for one scenario, the list of jobs for
  many, at most a fifth of the time. On Scenarist `Prefer: wait=30` tells the end of one.
- Workers of Scenarist and Taipy are processes. DBOS runs two workflows of two steps at a time in
  threads of the program that enqueues them, on SQLite, and looks for new ones every millisecond
  (its default is a second). It is called in its own process, without HTTP.
- kill -9 ends the server and its workers at once.
"""


if __name__ == "__main__":
    sys.exit(main())
