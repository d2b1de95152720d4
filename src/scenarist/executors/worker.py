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
from typing import TextIO, cast

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
    surroundings = _Surroundings()
    _trace()
    decoder = msgspec.msgpack.Decoder(JobRequest)
    encoder = msgspec.msgpack.Encoder()
    frames = Frames()
    connection.sendall(frame(READY))
    while data := connection.recv(1 << 18):
        for message in frames.feed(data):
            outcome = _run(decoder.decode(message))
            surroundings.restore()
            connection.sendall(frame(encoder.encode(outcome)))
    tracing.stop()


class _Surroundings:
    """What a job finds in this process, whatever the job before it did: its log and its folder."""

    def __init__(self) -> None:
        self._folder = _own_folder()
        self._log = os.dup(1)
        self._log_inode = os.fstat(self._log).st_ino
        # What a task prints shall be readable while it runs.
        cast("TextIOWrapper", sys.stdout).reconfigure(line_buffering=True)
        self._streams = {"stdout": sys.stdout, "stderr": sys.stderr}
        self._logging = logging.StreamHandler(sys.stderr)
        logging.basicConfig(
            level=logging.INFO,
            handlers=[self._logging],
            format="%(levelname)s %(name)s %(message)s",
        )

    def restore(self) -> None:
        """Flush what a job has written, and undo what it did to its log and its folder."""
        for number, (name, stream) in enumerate(self._streams.items(), start=1):
            _flush(getattr(sys, name))
            if not self._is_log(number):
                os.dup2(self._log, number)
            if stream.closed:
                self._streams[name] = open(  # noqa: SIM115 - for all jobs that follow
                    number,
                    "w",
                    buffering=1,
                    encoding=stream.encoding,
                    errors=stream.errors,
                    closefd=False,
                )
            elif stream is not getattr(sys, name):
                _flush(stream)
            setattr(sys, name, self._streams[name])
        self._logging.stream = self._streams["stderr"]
        with contextlib.suppress(OSError):
            os.chdir(self._folder)

    def _is_log(self, descriptor: int) -> bool:
        try:
            return os.fstat(descriptor).st_ino == self._log_inode
        except OSError:
            return False


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


def _own_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # somebody has removed it; jobs may do without
        return "."


def _flush(stream: TextIO) -> None:
    # A task may have put anything in its place.
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
