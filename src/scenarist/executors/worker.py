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
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

import msgspec

from scenarist import tracing
from scenarist.domain.errors import InvalidError
from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import GROWTH_LIMIT, JobOutcome, JobRequest, WorkerTerms
from scenarist.executors.children import adopt_orphans, die_with
from scenarist.executors.endings import ended
from scenarist.executors.frames import Frames, frame
from scenarist.executors.messages import BEGUN, READY, RETIRE, STOP
from scenarist.executors.runner import run
from scenarist.executors.spawning import environment_of, search
from scenarist.executors.stopping import JobStopped, Stopping

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Be a worker that was started from nothing."""
    descriptor, encoded, parent = sys.argv[1:]
    connection = socket.socket(fileno=int(descriptor))
    connection.set_inheritable(False)
    terms = msgspec.json.decode(encoded, type=WorkerTerms)
    be_worker_of(int(parent))
    log_to_stderr()
    os.environ.update(environment_of(terms))
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
    stopping = Stopping(connection)
    surroundings = _Surroundings()
    memory = _Memory(terms.memory)
    _trace()
    decoder = msgspec.msgpack.Decoder(JobRequest)
    encoder = msgspec.msgpack.Encoder()
    frames = Frames()
    jobs_left = terms.jobs
    connection.sendall(frame(READY))
    while data := connection.recv(1 << 18):
        messages = frames.feed(data)
        if not messages:
            continue
        if messages[0] == STOP:
            break
        request = decoder.decode(messages[0])
        outcome = _attempt(request, stopping, connection, is_asked=STOP in messages)
        reason = surroundings.restore()
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
    _leave()


def end_amiss() -> NoReturn:
    """End a worker by the error that is being handled."""
    with contextlib.suppress(Exception):
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)


def log_to_stderr() -> None:
    """Have logging write to the log of the jobs, unless the application decides otherwise."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")


def _attempt(
    request: JobRequest, stopping: Stopping, connection: socket.socket, *, is_asked: bool
) -> JobOutcome:
    """Run a request, and say whether a stop has reached it, whatever came of that."""
    try:
        try:
            stopping.open(is_asked=is_asked)
            if request.timeout_seconds is not None:
                _import_for(request)
                connection.sendall(frame(BEGUN))
            outcome = _run(request, stopping)
        finally:
            stopping.close()
    except JobStopped:
        stopping.close()
        outcome = ended(request, JobEvent.RAISED)
    if stopping.is_stopped:
        return ended(request, JobEvent.CANCEL_REQUESTED, was_stopped=True)
    if stopping.is_signalled and outcome.event is JobEvent.RAISED:
        reason = "its process got SIGTERM from elsewhere than its server"
        return ended(request, JobEvent.WORKER_LOST, reason)
    return outcome


def _import_for(request: JobRequest) -> None:
    """Import what a request needs before its time begins; what fails, fails again as it runs."""
    try:
        importlib.import_module(request.function.partition(":")[0])
    except JobStopped:
        raise
    except BaseException:  # noqa: BLE001, S110 - a module of the user's may do anything
        pass


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


class _Surroundings:
    """What a job finds in this process, whatever the job before it did: its log and its folder."""

    def __init__(self) -> None:
        self._folder = _own_folder()
        self._log = os.dup(1)
        self._log_inode = os.fstat(self._log).st_ino
        # What a task prints shall be readable while it runs.
        cast("TextIOWrapper", sys.stdout).reconfigure(line_buffering=True)
        self._streams = {"stdout": sys.stdout, "stderr": sys.stderr}

    def restore(self) -> str | None:
        """Flush what a job has written, and undo what it did to its log and its folder.

        Returns:
            Why this process must be replaced, if something cannot be undone.
        """
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
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream.closed:
                handler.stream = self._streams["stderr"]
        with contextlib.suppress(OSError):
            os.chdir(self._folder)
        return None

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


def _run(request: JobRequest, stopping: Stopping) -> JobOutcome:
    """Run a request with the variables that it brings, and leave none of them behind."""
    kept = {name: os.environ.get(name) for name in request.variables}
    os.environ.update(request.variables)
    try:
        with tracing.span(f"run {request.function}", parent=request.traceparent) as span:
            outcome = run(request, stopping.settle)
            if span is not None and outcome.event is not JobEvent.SUCCEEDED:
                tracing.mark_amiss(span)
        return outcome
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _leave() -> NoReturn:
    """End this process, with what its jobs have asked for at its end and nothing else."""
    tracing.stop()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()  # noqa: SLF001 - what Python itself calls at the end
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    os._exit(0)


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


def _own_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # somebody has removed it; jobs may do without
        return "."


def _flush(stream: TextIO) -> None:
    # A task may have put anything in its place.
    with contextlib.suppress(Exception):
        stream.flush()


if __name__ == "__main__":
    main()
