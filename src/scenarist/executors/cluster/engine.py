"""Protocol of the engines, and how they report to the server."""

import contextlib
import queue
import socket
import threading
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources
from scenarist.executors.framing import encode_frame
from scenarist.executors.messages import FromEngine, JobEnded, RunJob, Slots
from scenarist.executors.outcomes import build_outcome

_BATCH_SECONDS = 0.002  # for each message in the last batch
_LONGEST_BATCH_SECONDS = 0.02
_PROBE_SECONDS = 5.0

_encoder = msgspec.msgpack.Encoder()


class Engine(Protocol):
    """Adapter of a library that runs functions on a cluster."""

    def read_slots(self) -> Slots:
        """Return how many jobs the machines can run at the same time now, and their resources.

        Raises:
            Exception: The cluster is lost; the process must end.
        """

    def request_resources(self, kinds: Sequence[Resources]) -> None:
        """Request resources that no machine has, for autoscaling; replaces the last request."""

    def run(self, runs: Sequence[RunJob]) -> None:
        """Run jobs, the oldest first; put the outcome of each into the outbox."""

    def stop(self, number: int) -> None:
        """Stop a job; ignored if it is not here."""

    def close(self) -> None:
        """Stop all jobs, and the cluster if this process started it."""


class Outbox:
    """Queue of messages for the server: any thread may add, one thread sends."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._messages: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()

    def put(self, message: FromEngine) -> None:
        self._messages.put(message)

    def put_outcome(self, run: RunJob, event: JobEvent, reason: str | None = None) -> None:
        """Report the outcome of a job that no worker could report."""
        outcome = build_outcome(run, event, reason)
        self.put(JobEnded(run.number, _encoder.encode(outcome)))

    def send_all(self) -> None:
        pause = threading.Event()
        while True:
            messages = [self._messages.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    messages.append(self._messages.get_nowait())
            self._connection.sendall(
                b"".join(encode_frame(_encoder.encode(item)) for item in messages)
            )
            # Under load, wake the server once for many outcomes.
            pause.wait(min(_BATCH_SECONDS * len(messages), _LONGEST_BATCH_SECONDS))


def probe_port(address: str) -> None:
    """Connect to an address to check that something listens there; the libraries take a minute.

    Raises:
        OSError: The connection failed; the message says why.
    """
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname is not None and parts.port is not None:
        socket.create_connection((parts.hostname, parts.port), _PROBE_SECONDS).close()
