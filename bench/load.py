"""A load client in a process of its own: keep-alive connections, each with one request at a time.

It reads a plan as JSON on standard input and prints what came of it as JSON.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

from bench.servers import pinned

LONGEST_SECONDS = 300
"""No load runs longer, whatever its plan says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to send: the paths in turn, until so many answers are there or the time is over."""

    address: str
    paths: Sequence[str]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    connections: int = 1
    count: int | None = None
    seconds: float = LONGEST_SECONDS
    expect: str = ""  #: a text that each body must have


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a load; a failure is an answer of 400 or more, or without the text."""

    answers: int
    failures: int
    seconds: float
    median_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


def run(plan: Plan, *, core: int | None = None) -> Outcome:
    """Run a plan in a process of its own, on one core if given.

    Raises:
        RuntimeError: An answer was a failure; the figures would mean nothing.
    """
    with pinned(core):
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    output, _ = process.communicate(json.dumps(asdict(plan)), timeout=LONGEST_SECONDS + 60)
    if process.returncode != 0:
        raise RuntimeError(f"the load client ended with code {process.returncode}")
    outcome = Outcome(**json.loads(output))
    if outcome.failures:
        raise RuntimeError(f"{outcome.failures} of {outcome.answers} answers were failures")
    return outcome


class _Load:
    """The requests in turn, and the answers so far."""

    def __init__(self, plan: Plan) -> None:
        host = urlsplit(plan.address).netloc
        lines = [f"Host: {host}", *(f"{name}: {text}" for name, text in plan.headers.items())]
        if plan.method != "GET":
            lines.append("Content-Length: 0")
        tail = "\r\n".join(lines)
        self._requests = cycle(
            f"{plan.method} {path} HTTP/1.1\r\n{tail}\r\n\r\n".encode() for path in plan.paths
        )
        self._left = plan.count
        self._expect = plan.expect.encode()
        self._deadline = time.perf_counter() + min(plan.seconds, LONGEST_SECONDS)
        self.latencies: list[float] = []
        self.failures = 0

    def next_request(self, now: float) -> bytes | None:
        if self._left == 0 or now >= self._deadline:
            return None
        if self._left is not None:
            self._left -= 1
        return next(self._requests)

    def take(self, status: int, body: bytes, seconds: float) -> None:
        self.latencies.append(seconds)
        if status >= 400 or (self._expect and self._expect not in body):
            self.failures += 1


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self._load = load
        self._buffer = b""
        self._sent_at = 0.0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        status = int(self._buffer[9:12])
        end += 4
        length = _content_length(self._buffer[:end].lower(), status)
        if length is None:  # in chunks, of which the last one is empty
            if not self._buffer.endswith(b"\r\n0\r\n\r\n"):
                return
            length = len(self._buffer) - end
        stop = end + length
        if len(self._buffer) < stop:
            return
        self._load.take(status, self._buffer[end:stop], time.perf_counter() - self._sent_at)
        self._buffer = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("the server hung up"))

    def _send(self) -> None:
        now = time.perf_counter()
        request = self._load.next_request(now)
        if request is None:
            self.ended.set_result(None)
            self._transport.close()
        else:
            self._sent_at = now
            self._transport.write(request)


def _content_length(head: bytes, status: int) -> int | None:
    """Return the length of a body; None if it comes in chunks."""
    if status in {204, 304}:
        return 0
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if not found and b"\r\ntransfer-encoding: chunked" in head:
        return None
    if not found:
        raise RuntimeError("an answer came without a Content-Length")
    return int(rest[: rest.index(b"\r\n")])


async def _send_all(plan: Plan) -> Outcome:
    loop = asyncio.get_running_loop()
    place = urlsplit(plan.address)
    load = _Load(plan)
    started_at = time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Connection(load), place.hostname, place.port)
        for _ in range(plan.connections)
    ]
    await asyncio.gather(*(connection.ended for _, connection in made))
    seconds = time.perf_counter() - started_at
    ordered = sorted(load.latencies)
    return Outcome(
        answers=len(ordered),
        failures=load.failures,
        seconds=seconds,
        median_ms=statistics.median(ordered) * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(_send_all(Plan(**json.load(sys.stdin)))))))
