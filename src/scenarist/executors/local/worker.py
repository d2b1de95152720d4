"""The worker process of the local executor: runs requests from a socket, one after the other.

`scenarist.executors.local.template` forks or spawns it. Its standard output and error are the log
of its jobs.
"""

import atexit
import contextlib
import faulthandler
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

from scenarist.domain.errors import InvalidError
from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import GROWTH_LIMIT, JobOutcome, JobRequest, WorkerOptions
from scenarist.executors.framing import FrameDecoder, encode_frame
from scenarist.executors.isolation.children import adopt_orphans, exit_with_parent
from scenarist.executors.isolation.job_logs import configure_logging
from scenarist.executors.isolation.process_state import reseed
from scenarist.executors.isolation.worker_snapshot import WorkerSnapshot
from scenarist.executors.local.spawning import add_application_path
from scenarist.executors.local.stopping import JobStopped, StopHandler
from scenarist.executors.messages import READY, RETIRE, STARTED, STOP
from scenarist.executors.outcomes import build_outcome
from scenarist.executors.runner import run_request
from scenarist.observability import tracing
from scenarist.storage.bounds import enforce_limits

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Run a worker that was spawned as a new interpreter."""
    descriptor, encoded, parent = sys.argv[1:]
    connection = socket.socket(fileno=int(descriptor))
    connection.set_inheritable(False)
    options = msgspec.json.decode(encoded, type=WorkerOptions)
    become_worker(int(parent))
    configure_logging(options.log_level)
    add_application_path(options)
    for name in options.modules:
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(name)
    serve(connection, options)


def become_worker(parent: int) -> None:
    """Set up a new process as a worker: a session leader that ends together with its parent."""
    os.setsid()
    exit_with_parent(parent)
    adopt_orphans()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    _clear_exit_functions()


def serve(connection: socket.socket, options: WorkerOptions) -> None:
    """Run requests until the server closes the connection, or this worker must be replaced."""
    # Set up before `WorkerSnapshot` records the state that it restores after each job.
    stopping = StopHandler(connection)
    # If a library crashes, the log of the job says where.
    faulthandler.enable()
    _start_tracing()
    reseed()
    snapshot = WorkerSnapshot()
    memory = _MemoryLimit(options.max_memory)
    if options.limits is not None:
        enforce_limits(options.limits)
    decoder = msgspec.msgpack.Decoder(JobRequest)
    encoder = msgspec.msgpack.Encoder()
    frames = FrameDecoder()
    jobs_left, jobs_run = options.max_jobs, 0
    connection.sendall(encode_frame(READY))
    while data := connection.recv(1 << 18):
        messages = frames.feed(data)
        if not messages:
            continue
        if messages[0] == STOP:
            break
        request = decoder.decode(messages[0])
        attempt = _Attempt(request, stopping, snapshot, connection)
        outcome = attempt.run(is_stop_requested=STOP in messages)
        reason = snapshot.restore()
        jobs_run += 1
        if jobs_left is not None:
            jobs_left -= 1
        is_last = (
            reason is not None
            or request.fresh
            or jobs_left == 0
            or stopping.is_stopped
            or stopping.is_signalled
            or memory.is_exceeded()
        )
        connection.sendall(
            (encode_frame(RETIRE) if is_last else b"") + encode_frame(encoder.encode(outcome))
        )
        if is_last:
            break
        stopping.reset()
    _exit(is_logged=jobs_run == 1)


def exit_with_error() -> NoReturn:
    """Print the error that is being handled, and end the worker with exit code 1."""
    with contextlib.suppress(Exception):
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)


class _Attempt:
    """Run of one request in this process, which a stop may interrupt."""

    def __init__(
        self,
        request: JobRequest,
        stopping: StopHandler,
        snapshot: WorkerSnapshot,
        connection: socket.socket,
    ) -> None:
        self._request = request
        self._stopping = stopping
        self._snapshot = snapshot
        self._connection = connection

    def run(self, *, is_stop_requested: bool) -> JobOutcome:
        """Run the request; if a stop has reached it, say so in the outcome, whatever it returned.

        Args:
            is_stop_requested: Whether the stop message arrived together with the request.
        """
        request, stopping = self._request, self._stopping
        try:
            try:
                stopping.arm(is_stop_requested=is_stop_requested)
                self._import()
                if request.timeout_seconds is not None:
                    self._connection.sendall(encode_frame(STARTED))
                outcome = self._run()
            finally:
                stopping.disarm()
        except JobStopped:
            stopping.disarm()
            outcome = build_outcome(request, JobEvent.RAISED)
        except KeyboardInterrupt:  # raised after the function had ended
            outcome = build_outcome(request, JobEvent.RAISED, "KeyboardInterrupt")
        if stopping.is_stopped:
            stopped = build_outcome(request, JobEvent.CANCEL_REQUESTED, was_stopped=True)
            return replace(stopped, stacktrace=outcome.stacktrace)
        if stopping.is_signalled and outcome.event is JobEvent.RAISED:
            reason = "its process received a SIGTERM that its server did not send"
            return build_outcome(request, JobEvent.WORKER_LOST, reason)
        return outcome

    def _import(self) -> None:
        """Import the function's module before the timeout starts, and keep what the import sets."""
        name = self._request.function.partition(":")[0]
        if name in sys.modules:
            return
        with self._snapshot.importing():
            try:
                importlib.import_module(name)
            except JobStopped:
                raise
            except BaseException:  # noqa: BLE001, S110 - it fails again when the job runs
                pass

    def _run(self) -> JobOutcome:
        """Run the request with its environment variables, and remove them afterwards."""
        request = self._request
        saved = {name: os.environ.get(name) for name in request.variables}
        os.environ.update(request.variables)
        try:
            with self._open_span() as span:
                outcome = run_request(
                    request,
                    before_publish=self._stopping.finalize,
                    undo=self._snapshot.restore_names,
                )
                if span is not None and outcome.event is not JobEvent.SUCCEEDED:
                    tracing.mark_failed(span)
            return outcome
        finally:
            for name, value in saved.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def _open_span(self) -> "AbstractContextManager[Span | None]":
        """Open a span for a traced request; worker calls of the server are not traced."""
        parent = self._request.traceparent
        if parent is None:
            return contextlib.nullcontext()
        return tracing.span(f"run {self._request.function}", parent=parent)


class _MemoryLimit:
    """Memory limit of a worker, above which it is replaced after a job."""

    def __init__(self, limit: int | None) -> None:
        self._is_given = limit is not None
        self._is_first = True
        self._limit = _resident_bytes() + GROWTH_LIMIT if limit is None else limit

    def is_exceeded(self) -> bool:
        """Return whether the worker is above the limit; called after each job."""
        is_first, self._is_first = self._is_first, False
        # The peak is cheaper to read than the current size, and never smaller.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
        if peak <= self._limit or (now := _resident_bytes()) <= self._limit:
            return False
        if is_first and not self._is_given:
            # A replacement would load again what the first job has loaded, such as a model.
            self._limit = now + GROWTH_LIMIT
            return False
        return True


def _start_tracing() -> None:
    """Start tracing if the environment configures it; if that fails, jobs run untraced."""
    try:
        tracing.start()
    except InvalidError as error:
        logging.getLogger(__name__).warning("jobs are not traced: %s", error.message)


def _exit(*, is_logged: bool) -> NoReturn:
    """End this process after running the exit functions that its jobs have registered.

    Args:
        is_logged: Whether their output goes to the log of the last job: if no other ran before it.
    """
    tracing.stop()
    if not is_logged:
        _discard_output()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()  # noqa: SLF001 - as Python itself does at exit
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    os._exit(0)


def _discard_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)


def _clear_exit_functions() -> None:
    """Discard the exit functions inherited from the template, which runs them at its own end.

    Otherwise the first worker to end would, for example, delete a temporary folder that the
    application created at import and all workers use.
    """
    finalize: Any = weakref.finalize
    atexit._clear()  # noqa: SLF001 - there is no public way
    for finalizer in list(finalize._registry):  # noqa: SLF001
        finalizer.atexit = False
    atexit.register(finalize._exitfunc)  # noqa: SLF001
    atexit.register(logging.shutdown)


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def _flush(stream: TextIO) -> None:
    # A task may have replaced the stream by any object.
    with contextlib.suppress(Exception):
        stream.flush()


if __name__ == "__main__":
    main()
