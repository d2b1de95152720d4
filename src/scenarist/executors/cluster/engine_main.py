"""Main module of the engine's process: takes jobs from the server and submits them to the engine.

Started for `scenarist.executors.cluster.executor`. All that the engine's library loads, unpickles, prints
or does at exit happens in this process, never in the server (docs/decisions/0040).
"""

import contextlib
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources
from scenarist.executors.environments import ADDRESS_VARIABLE
from scenarist.executors.framing import FrameDecoder, encode_frame
from scenarist.executors.messages import (
    EngineFailed,
    FromEngine,
    JobEnded,
    RunJob,
    Slots,
    StopJob,
    ToEngine,
)
from scenarist.executors.outcomes import build_outcome

_HEARTBEAT_SECONDS = 1.0
_CLOSING_SECONDS = 8.0
_BATCH_SECONDS = 0.002  # for each message in the last batch
_LONGEST_BATCH_SECONDS = 0.02
_PROBE_SECONDS = 5.0

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[ToEngine] = msgspec.msgpack.Decoder(ToEngine)


class Engine(Protocol):
    """Adapter of a library that runs functions on a cluster."""

    def look(self) -> Slots:
        """Return how many jobs the machines can run at the same time now, and their resources.

        Raises:
            Exception: The cluster is lost; the process must end.
        """

    def want(self, kinds: Sequence[Resources]) -> None:
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

    def ended(self, run: RunJob, event: JobEvent, reason: str | None = None) -> None:
        """Report the outcome of a job that no worker could report."""
        outcome = build_outcome(run, event, reason)
        self.put(JobEnded(run.number, _encoder.encode(outcome)))

    def send_on(self) -> None:
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


def main() -> None:
    descriptor, name, session, size = sys.argv[1:]
    address = os.environ.pop(ADDRESS_VARIABLE, None)
    connection = socket.socket(fileno=int(descriptor))
    connection.set_inheritable(False)
    # The server decides when this process ends, but Ctrl-C in its terminal reaches both. A handler
    # is used because workers that are started from here would inherit SIG_IGN.
    signal.signal(signal.SIGINT, lambda *_: None)
    outbox = Outbox(connection)
    try:
        engine = _open_engine(
            name, outbox, session=session, address=address or None, size=int(size)
        )
    except Exception as error:  # noqa: BLE001 - any error means that the engine cannot be used
        traceback.print_exc()
        text = " ".join(str(error).split()) or type(error).__name__
        connection.sendall(encode_frame(_encoder.encode(EngineFailed(text[:500]))))
        return
    for target, arguments in ((outbox.send_on, ()), (_send_heartbeats, (engine, outbox))):
        threading.Thread(target=target, args=arguments, daemon=True).start()
    try:
        _serve(connection, engine)
    finally:
        # The library may wait for a cluster that is gone.
        threading.Timer(_CLOSING_SECONDS, os._exit, [1]).start()
        engine.close()
        os._exit(0)


def _open_engine(
    name: str, outbox: Outbox, *, session: str, address: str | None, size: int
) -> Engine:
    if address is not None:
        probe_port(address)
    if name == "ray":
        from scenarist.executors.cluster.ray import RayEngine

        return RayEngine(outbox, session=session, address=address, size=size)
    from scenarist.executors.cluster.dask import DaskEngine

    return DaskEngine(outbox, session=session, address=address, size=size)


def probe_port(address: str) -> None:
    """Connect to an address to check that something listens there; the libraries take a minute.

    Raises:
        OSError: The connection failed; the message says why.
    """
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname is not None and parts.port is not None:
        socket.create_connection((parts.hostname, parts.port), _PROBE_SECONDS).close()


def _serve(connection: socket.socket, engine: Engine) -> None:
    frames = FrameDecoder()
    while data := connection.recv(1 << 18):
        runs: list[RunJob] = []
        for content in frames.feed(data):
            message = _decoder.decode(content)
            if isinstance(message, RunJob):
                runs.append(message)
                continue
            engine.run(runs)
            runs = []
            if isinstance(message, StopJob):
                engine.stop(message.number)
            else:
                engine.want(message.kinds)
        engine.run(runs)


def _send_heartbeats(engine: Engine, outbox: Outbox) -> None:
    pause = threading.Event()
    try:
        while True:
            outbox.put(engine.look())
            pause.wait(_HEARTBEAT_SECONDS)
    except Exception:  # noqa: BLE001 - the server notices the end, and starts a new process
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
