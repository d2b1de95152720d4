"""S8 and S9: what a server costs that has nothing to do, and what a start costs."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import psutil

from bench.report import Row
from bench.servers import Server, scenarist

_MEGABYTE = 1024 * 1024
_FEW_CALLS = 5


def measure_idle(folder: Path, *, seconds: float) -> list[Row]:
    """S8: a server that has run a job and now waits."""
    with scenarist(folder) as server:
        sequence_id = server.create_sequence_of("pair")
        server.post(f"/sequences/submit/{sequence_id}", headers={"Prefer": "wait=30"})
        server.http.close()
        time.sleep(2)
        before = _counts(server)
        time.sleep(seconds)
        cpu, switches, calls = (
            after - earlier for after, earlier in zip(_counts(server), before, strict=True)
        )
        resident = server.process.memory_info().rss / _MEGABYTE
        workers = [
            child.memory_info().rss / _MEGABYTE for child in server.process.children(recursive=True)
        ]
    bare = _bare_megabytes()
    return [
        Row(
            number="S8",
            work=f"idle server for {seconds:g} s: system calls that read or write",
            ours=f"{calls:.0f}",
            beside="none",
            ratio=None,
            bar="no queries",
            holds=calls <= _FEW_CALLS,
            note=f"{cpu:.2f} s of processor time, {switches / seconds:.0f} voluntary context "
            "switches a second, all threads; every query of SQLite outside its cache reads, and "
            "every write writes; the lease of the last job is renewed once more",
        ),
        Row(
            number="S8",
            work="idle server: resident memory of the server process",
            ours=f"{resident:.0f} MB",
            beside=f"bare Python {bare:.0f} MB",
            ratio=resident / bare,
            bar="at most 150 MB",
            holds=resident <= 150,
            note="each worker process: " + ", ".join(f"{size:.0f} MB" for size in workers),
        ),
    ]


def measure_starts(folder: Path, *, count: int) -> list[Row]:
    """S9: the import of the client and the help of the command line."""
    script = Path(sys.executable).with_name("scenarist")
    helped = [str(script)] if script.exists() else [sys.executable, "-m", "scenarist"]
    commands = {
        "bare": [sys.executable, "-c", "pass"],
        "import scenarist.client": [sys.executable, "-c", "import scenarist.client"],
        "scenarist --help": [*helped, "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(count):
        for name, command in commands.items():
            started_at = time.perf_counter()
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
            times[name].append(time.perf_counter() - started_at)
    bare = median(times.pop("bare"))
    return [
        Row(
            number="S9",
            work=name,
            ours=f"{median(found):.3f} s",
            beside=f"python -c pass: {bare:.3f} s",
            ratio=median(found) / bare,
            bar=f"at most {limit} s",
            holds=median(found) <= limit,
            note=f"median of {count}",
        )
        for (name, found), limit in zip(times.items(), (0.15, 0.3), strict=True)
    ]


def _counts(server: Server) -> tuple[float, float, float]:
    """Return processor seconds, voluntary context switches, and reads and writes so far."""
    process = server.process
    times = process.cpu_times()
    switches = 0
    for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
        line = next(
            line for line in status.read_text().splitlines() if line.startswith("voluntary")
        )
        switches += int(line.split()[1])
    calls = process.io_counters()
    return times.user + times.system, switches, calls.read_count + calls.write_count


def _bare_megabytes() -> float:
    with psutil.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        time.sleep(0.5)
        size = process.memory_info().rss / _MEGABYTE
        process.communicate(b"\n")
    return float(size)
