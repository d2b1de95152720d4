"""The worker process of the local executor: takes requests from a socket, one after the other.

Started by `scenarist.executors.local`; its standard output and error are its jobs' log.
"""

import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
from io import TextIOWrapper
from typing import cast

import msgspec

from scenarist import tracing
from scenarist.domain.errors import InvalidError
from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import JobOutcome, JobRequest
from scenarist.executors.frames import Frames, frame
from scenarist.executors.runner import run

READY = b""
"""The first message of a worker: it is up and takes requests."""

_PR_SET_PDEATHSIG = 1


def main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    parent = int(sys.argv[2])
    _die_with(parent)
    # The server decides when its workers stop; Ctrl-C in its terminal reaches them as well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    _trace()
    # What a task prints shall be readable while it runs.
    cast("TextIOWrapper", sys.stdout).reconfigure(line_buffering=True)
    decoder = msgspec.msgpack.Decoder(JobRequest)
    encoder = msgspec.msgpack.Encoder()
    frames = Frames()
    connection.sendall(frame(READY))
    while data := connection.recv(1 << 18):
        for message in frames.feed(data):
            outcome = _run(decoder.decode(message))
            _flush_log()
            connection.sendall(frame(encoder.encode(outcome)))
    tracing.stop()


def _trace() -> None:
    """Trace what runs here if the environment wants it; jobs run without, if that cannot be."""
    try:
        tracing.start()
    except InvalidError as error:
        logging.getLogger(__name__).warning("jobs are not traced: %s", error.message)


def _run(request: JobRequest) -> JobOutcome:
    """Run a request with the variables that it brings, and leave none of them behind."""
    kept = {name: os.environ.get(name) for name in request.variables}
    os.environ.update(request.variables)
    try:
        with tracing.span(f"run {request.function}", parent=request.traceparent) as span:
            outcome = run(request)
            if span is not None and outcome.event is not JobEvent.SUCCEEDED:
                tracing.mark_amiss(span)
        return outcome
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _flush_log() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A task may have closed or replaced them.
        with contextlib.suppress(Exception):
            stream.flush()


def _die_with(parent: int) -> None:
    """Have Linux kill this process when its parent is gone; elsewhere its socket tells."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the server that started this worker is gone")


if __name__ == "__main__":
    main()
