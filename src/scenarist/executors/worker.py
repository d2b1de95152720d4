"""The worker process of the local executor: takes requests from a socket, one after the other.

Started by `scenarist.executors.local`; its standard output and error are its jobs' log.
"""

import ctypes
import logging
import os
import signal
import socket
import sys

import msgspec

from scenarist import tracing
from scenarist.domain.errors import InvalidError
from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import JobOutcome, JobRequest
from scenarist.executors.frames import Frames, frame
from scenarist.executors.job_logs import LEVEL_VARIABLE, prepare_logging
from scenarist.executors.runner import is_imported, run, try_import
from scenarist.executors.surroundings import Surroundings

READY = b""
"""The first message of a worker: it is up and takes requests."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    parent = int(sys.argv[2])
    _die_with(parent)
    # The server decides when its workers stop; Ctrl-C in its terminal reaches them as well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_logging(os.environ.get(LEVEL_VARIABLE, "info"))
    _trace()
    surroundings = Surroundings()
    decoder = msgspec.msgpack.Decoder(JobRequest)
    encoder = msgspec.msgpack.Encoder()
    frames = Frames()
    connection.sendall(frame(READY))
    while data := connection.recv(1 << 18):
        for message in frames.feed(data):
            request = decoder.decode(message)
            if not is_imported(request.function):
                with surroundings.importing():
                    try_import(request.function)
            outcome = _run(request, surroundings)
            reason = surroundings.restore()
            connection.sendall(frame(encoder.encode(outcome)))
            if reason is not None:
                _begin_anew(connection)
    tracing.stop()


def _begin_anew(connection: socket.socket) -> None:
    """Become another process in all but its number: what a job did cannot be undone."""
    tracing.stop()
    connection.set_inheritable(True)
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - as it was started


def _trace() -> None:
    """Trace what runs here if the environment wants it; jobs run without, if that cannot be."""
    try:
        tracing.start()
    except InvalidError as error:
        logging.getLogger(__name__).warning("jobs are not traced: %s", error.message)


def _run(request: JobRequest, surroundings: Surroundings) -> JobOutcome:
    """Run a request with the variables that it brings, and leave none of them behind."""
    kept = {name: os.environ.get(name) for name in request.variables}
    os.environ.update(request.variables)
    try:
        with tracing.span(f"run {request.function}", parent=request.traceparent) as span:
            outcome = run(request, surroundings.restore_names)
            if span is not None and outcome.event is not JobEvent.SUCCEEDED:
                tracing.mark_amiss(span)
        return outcome
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _die_with(parent: int) -> None:
    """Have Linux kill this process when its parent is gone; elsewhere its socket tells."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the server that started this worker is gone")


if __name__ == "__main__":
    main()
