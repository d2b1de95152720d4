"""The worker process of the local executor: takes requests from a socket, one after the other.

Forked by `scenarist.executors.template`, or started by it; its standard output and error are its
jobs' log.
"""

import atexit
import contextlib
import importlib
import logging
import os
import resource
import signal
import socket
import sys
import traceback
import weakref
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import msgspec

from scenarist import tracing
from scenarist.domain.errors import InvalidError
from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import GROWTH_LIMIT, JobOutcome, JobRequest, WorkerTerms
from scenarist.executors.children import adopt_orphans, die_with
from scenarist.executors.endings import ended
from scenarist.executors.frames import Frames, frame
from scenarist.executors.job_logs import prepare_logging
from scenarist.executors.messages import BEGUN, READY, RETIRE, STOP
from scenarist.executors.process_state import reseed
from scenarist.executors.runner import run
from scenarist.executors.spawning import search
from scenarist.executors.stopping import JobStopped, Stopping
from scenarist.executors.surroundings import Surroundings
from scenarist.storage.bounds import enforce

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Be a worker that was started from nothing."""
    descriptor, encoded, parent = sys.argv[1:]
    connection = socket.socket(fileno=int(descriptor))
    connection.set_inheritable(False)
    terms = msgspec.json.decode(encoded, type=WorkerTerms)
    be_worker_of(int(parent))
    prepare_logging(terms.log_level)
    search(terms)
    for name in terms.modules:
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(name)
    serve(connection, terms)


def be_worker_of(parent: int) -> None:
    """Make a new process a worker: the leader of a session, that ends with the template."""
    os.setsid()
    die_with(parent)
    adopt_orphans()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    _forget_exits()


def serve(connection: socket.socket, terms: WorkerTerms) -> None:
    """Run requests until the server hangs up, or has this process replaced."""
    # What this process needs for itself comes before what it takes for its own afterwards.
    stopping = Stopping(connection)
    _trace()
    reseed()
    surroundings = Surroundings()
    memory = _Memory(terms.memory)
    if terms.limits is not None:
        enforce(terms.limits)
    decoder = msgspec.msgpack.Decoder(JobRequest)
    encoder = msgspec.msgpack.Encoder()
    frames = Frames()
    jobs_left, jobs_run = terms.jobs, 0
    connection.sendall(frame(READY))
    while data := connection.recv(1 << 18):
        messages = frames.feed(data)
        if not messages:
            continue
        if messages[0] == STOP:
            break
        request = decoder.decode(messages[0])
        attempt = _Attempt(request, stopping, surroundings, connection)
        outcome = attempt.run(is_asked=STOP in messages)
        reason = surroundings.restore()
        jobs_run += 1
        if jobs_left is not None:
            jobs_left -= 1
        is_last = (
            reason is not None
            or request.fresh
            or jobs_left == 0
            or stopping.is_stopped
            or stopping.is_signalled
            or memory.is_used_up()
        )
        connection.sendall((frame(RETIRE) if is_last else b"") + frame(encoder.encode(outcome)))
        if is_last:
            break
        stopping.rest()
    _leave(is_heard=jobs_run == 1)


def end_amiss() -> NoReturn:
    """End a worker by the error that is being handled."""
    with contextlib.suppress(Exception):
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)


class _Attempt:
    """One request in this process, and what may stop it."""

    def __init__(
        self,
        request: JobRequest,
        stopping: Stopping,
        surroundings: Surroundings,
        connection: socket.socket,
    ) -> None:
        self._request = request
        self._stopping = stopping
        self._surroundings = surroundings
        self._connection = connection

    def run(self, *, is_asked: bool) -> JobOutcome:
        """Run it, and say whether a stop has reached it, whatever came of that."""
        request, stopping = self._request, self._stopping
        try:
            try:
                stopping.open(is_asked=is_asked)
                self._import()
                if request.timeout_seconds is not None:
                    self._connection.sendall(frame(BEGUN))
                outcome = self._run()
            finally:
                stopping.close()
        except JobStopped:
            stopping.close()
            outcome = ended(request, JobEvent.RAISED)
        if stopping.is_stopped:
            stopped = ended(request, JobEvent.CANCEL_REQUESTED, was_stopped=True)
            return replace(stopped, stacktrace=outcome.stacktrace)
        if stopping.is_signalled and outcome.event is JobEvent.RAISED:
            reason = "its process got SIGTERM from elsewhere than its server"
            return ended(request, JobEvent.WORKER_LOST, reason)
        return outcome

    def _import(self) -> None:
        """Import what the request needs before its time begins; what it sets up stays."""
        name = self._request.function.partition(":")[0]
        if name in sys.modules:
            return
        with self._surroundings.importing():
            try:
                importlib.import_module(name)
            except JobStopped:
                raise
            except BaseException:  # noqa: BLE001, S110 - it fails again as the job runs
                pass

    def _run(self) -> JobOutcome:
        """Run it with the variables that it brings, and leave none of them behind."""
        request = self._request
        kept = {name: os.environ.get(name) for name in request.variables}
        os.environ.update(request.variables)
        try:
            with self._span() as span:
                outcome = run(
                    request, settle=self._stopping.settle, undo=self._surroundings.restore_names
                )
                if span is not None and outcome.event is not JobEvent.SUCCEEDED:
                    tracing.mark_amiss(span)
            return outcome
        finally:
            for name, value in kept.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def _span(self) -> "AbstractContextManager[Span | None]":
        """Trace the run of a request that is traced; what a server asks for itself is not."""
        parent = self._request.traceparent
        if parent is None:
            return contextlib.nullcontext()
        return tracing.span(f"run {self._request.function}", parent=parent)


class _Memory:
    """Whether a process has grown so much that it had better be replaced."""

    def __init__(self, limit: int | None) -> None:
        self._is_given = limit is not None
        self._is_first = True
        self._limit = _resident() + GROWTH_LIMIT if limit is None else limit

    def is_used_up(self) -> bool:
        """Look at it after a job."""
        is_first, self._is_first = self._is_first, False
        # Costs less than a look at what is resident now, which is never more than this.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
        if peak <= self._limit or (now := _resident()) <= self._limit:
            return False
        if is_first and not self._is_given:
            # What the first job has loaded, such as a model, is loaded by the next worker again.
            self._limit = now + GROWTH_LIMIT
            return False
        return True


def _trace() -> None:
    """Trace what runs here if the environment wants it; jobs run without, if that cannot be."""
    try:
        tracing.start()
    except InvalidError as error:
        logging.getLogger(__name__).warning("jobs are not traced: %s", error.message)


def _leave(*, is_heard: bool) -> NoReturn:
    """End this process, with what its jobs have asked for at its end and nothing else.

    Args:
        is_heard: Whether what that prints belongs to the last job: not if there were others.
    """
    tracing.stop()
    if not is_heard:
        _hush()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()  # noqa: SLF001 - what Python itself calls at the end
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    os._exit(0)


def _hush() -> None:
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)


def _forget_exits() -> None:
    """Leave to the process that was forked what it has to do at its own end.

    A folder that the application made at its import, and that goes with the process, is there for
    all workers.
    """
    finalize: Any = weakref.finalize
    atexit._clear()  # noqa: SLF001 - there is no public way
    for finalizer in list(finalize._registry):  # noqa: SLF001
        finalizer.atexit = False
    atexit.register(finalize._exitfunc)  # noqa: SLF001
    atexit.register(logging.shutdown)


def _resident() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def _flush(stream: TextIO) -> None:
    # A task may have put anything in its place.
    with contextlib.suppress(Exception):
        stream.flush()


if __name__ == "__main__":
    main()
