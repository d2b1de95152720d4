"""Executor that runs requests on a Ray or Dask cluster, through a process that connects to it."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from importlib.util import find_spec

import msgspec
import structlog

from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources, describe_unmet
from scenarist.executors.base import (
    JobOutcome,
    JobOutputs,
    JobRequest,
    OutcomeCallback,
    WorkerOptions,
)
from scenarist.executors.cluster.engine_process import EngineProcess
from scenarist.executors.environments import add_variables
from scenarist.executors.messages import (
    Assignment,
    EngineFailed,
    EngineName,
    JobEnded,
    JobOutput,
    ResourceDemand,
    RunJob,
    Slots,
    StopJob,
)
from scenarist.executors.outcomes import build_outcome
from scenarist.executors.prefetch import Prefetch
from scenarist.system.background import BackgroundThread

_LIBRARIES = {"ray": "ray", "dask": "distributed"}
_TITLES = {"ray": "Ray", "dask": "Dask"}
_SHORTEST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 3.0
_PREFETCH_LIMIT = 1_000

_log = structlog.get_logger(__name__)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(JobOutcome)


class ClusterExecutor:
    """Executor on the machines of a cluster (docs/decisions/0040).

    If the cluster is lost, the jobs that ran there are requeued, and no more are accepted until
    the cluster is available again.

    Args:
        address: The address of the cluster; if None, a cluster on this machine is started.
        size: How many jobs a cluster on this machine runs at the same time.
        options: Settings of the worker processes.

    Raises:
        InvalidError: The library of the engine is not installed.
        UnavailableError: The cluster does not answer or cannot be started; the message says why.
    """

    def __init__(
        self,
        deliver: OutcomeCallback,
        *,
        engine: EngineName,
        address: str | None = None,
        size: int,
        options: WorkerOptions = WorkerOptions(),  # noqa: B008 - frozen
    ) -> None:
        if find_spec(_LIBRARIES[engine]) is None:
            raise InvalidError(
                f"the executor {engine!r} needs the extra: pip install 'scenarist[{engine}]'"
            )
        self._deliver = deliver
        self._engine: EngineName = engine
        self._address = address
        self._size = size
        # Workers of the cluster do not inherit this process's PYTHONPATH.
        inherited = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        self._options = replace(options, search_path=(*options.search_path, *inherited))
        self._name = f"the {_TITLES[engine]} cluster" + (f" at {address}" if address else "")
        self._lock = threading.Lock()
        self._in_flight: dict[int, JobRequest] = {}
        self._used_slots = 0.0
        self._prefetch = Prefetch()
        self._slots = 0
        self._machines: frozenset[Resources] = frozenset()
        self._machines_version = 0
        self._output: dict[tuple[int, int], str] = {}
        self._on_output: Callable[[], None] = lambda: None
        self._demand: set[Resources] = set()
        self._process: EngineProcess | None = None
        self._is_up = False
        self._closing = threading.Event()
        self._first_connection: Future[None] = Future()
        self._thread = BackgroundThread("cluster-executor", self._loop)
        self._thread.start()
        self._first_connection.result()

    @property
    def free_slots(self) -> int:
        with self._lock:
            if not self._is_up:
                return 0
            ahead = min(self._prefetch.per_worker * self._slots, _PREFETCH_LIMIT)
            return max(0, int(self._slots - self._used_slots) + ahead)

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def fault(self) -> str | None:
        return None if self._is_up else f"{self._name} does not answer"

    @property
    def machines_version(self) -> int:
        return self._machines_version

    def find_missing(self, resources: Resources) -> str | None:
        with self._lock:
            lacking = describe_unmet(resources, self._machines) if self._is_up else None
            if lacking is not None and resources not in self._demand:
                self._demand.add(resources)
                self._send_demand()
        return lacking

    def submit(self, requests: Sequence[JobRequest]) -> None:
        if not requests:
            return
        with self._lock:
            for request in requests:
                self._in_flight[request.number] = request
                self._used_slots += _slots_of(request)
            if self._process is not None and self._is_up:
                self._process.send(
                    [self._build_run(self._process, request) for request in requests]
                )

    def cancel(self, number: int) -> bool:
        with self._lock:
            request = self._in_flight.get(number)
            if request is None:
                return False
            if self._process is not None and self._is_up:
                self._process.send([StopJob(number)])
                return True
            self._remove(number)
        self._deliver([build_outcome(request, JobEvent.CANCEL_REQUESTED)])
        return True

    def on_output(self, callback: Callable[[], None]) -> None:
        self._on_output = callback

    def read_output(self) -> JobOutputs:
        with self._lock:
            output, self._output = self._output, {}
        return output

    def close(self) -> None:
        self._closing.set()
        process = self._process
        if process is not None:
            process.request_stop()
        self._thread.join()

    def _build_run(self, process: EngineProcess, request: JobRequest) -> RunJob:
        assignment = Assignment(process.session, add_variables(request, os.environ), self._options)
        return RunJob(
            request.number,
            request.attempt,
            request.resources,
            request.grace_seconds,
            _encoder.encode(assignment),
        )

    def _send_demand(self) -> None:
        """Send the cluster the resources that jobs need and it lacks. The caller holds the lock."""
        if self._process is not None:
            self._process.send([ResourceDemand(tuple(self._demand))])

    def _remove(self, number: int) -> JobRequest | None:
        """Remove a request, its output and its share of the slots. The caller holds the lock."""
        request = self._in_flight.pop(number, None)
        if request is not None:
            self._output.pop((number, request.attempt), None)
            self._used_slots -= _slots_of(request)
        return request

    def _loop(self) -> None:
        pause = _SHORTEST_PAUSE_SECONDS
        while not self._closing.is_set():
            try:
                process = self._process = EngineProcess(self._engine, self._address, self._size)
            except OSError as error:
                reason = str(error)
            else:
                # `close` sets the event before it reads `_process`, so one sees the other.
                if self._closing.is_set():
                    process.request_stop()
                try:
                    reason = self._read_messages(process)
                except Exception as error:  # noqa: BLE001 - the jobs that ran there are requeued
                    _log.exception("what the cluster says is not understood")
                    reason = str(error)
                process.close()
            if self._closing.is_set():
                break
            was_up = self._requeue_all(reason)
            pause = _SHORTEST_PAUSE_SECONDS if was_up else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            self._closing.wait(pause)

    def _read_messages(self, process: EngineProcess) -> str:
        """Handle the messages of a process until it ends; return why it did, if known."""
        reason = ""
        while (messages := process.receive()) is not None:
            outcomes: list[JobOutcome] = []
            has_more = False
            for message in messages:
                match message:
                    case JobEnded():
                        outcomes += self._accept_outcome(message)
                    case JobOutput():
                        self._store_output(message)
                    case Slots():
                        has_more |= self._update_slots(process, message)
                    case EngineFailed():
                        reason = message.reason
            if outcomes or has_more:
                self._deliver(outcomes)
        return reason or process.output or "its process ended"

    def _accept_outcome(self, message: JobEnded) -> list[JobOutcome]:
        with self._lock:
            request = self._remove(message.number)
        if request is None:
            return []
        try:
            outcome = _decoder.decode(message.outcome)
        except msgspec.MsgspecError:
            return [
                build_outcome(request, JobEvent.WORKER_LOST, "its worker sent an invalid outcome")
            ]
        self._prefetch.record(outcome)
        # Do not trust the worker about which job this was.
        return [replace(outcome, number=request.number, attempt=request.attempt)]

    def _store_output(self, message: JobOutput) -> None:
        with self._lock:
            request = self._in_flight.get(message.number)
            if request is None or request.attempt != message.attempt:
                return  # its outcome has arrived before, with all of its output
            self._output[message.number, message.attempt] = message.text
        self._on_output()

    def _update_slots(self, process: EngineProcess, message: Slots) -> bool:
        with self._lock:
            has_more = message.count > self._slots or not self._is_up
            self._slots = message.count
            if message.machines != self._machines:
                has_more = True
                self._machines = message.machines
                self._machines_version += 1
                # Jobs that still lack something ask again.
                self._demand.clear()
                self._send_demand()
            if not self._is_up:
                self._is_up = True
                # Requests that arrived while the cluster was unavailable are sent now.
                process.send(
                    [self._build_run(process, request) for request in self._in_flight.values()]
                )
                _log.info("cluster is there", engine=self._engine, slots=message.count)
        if not self._first_connection.done():
            self._first_connection.set_result(None)
        return has_more

    def _requeue_all(self, reason: str) -> bool:
        """Requeue the jobs of a cluster that is lost; return whether it had been available."""
        with self._lock:
            was_up, self._is_up = self._is_up, False
            self._slots = 0
            lost = [self._remove(number) for number in list(self._in_flight)] if was_up else []
        if not self._first_connection.done():
            self._first_connection.set_exception(
                UnavailableError(f"{self._name} cannot be used: {reason}")
            )
            self._closing.set()
            return was_up
        _log.error("cluster does not answer", engine=self._engine, reason=reason, jobs=len(lost))
        why = f"UnavailableError: {self._name} was lost"
        self._deliver(
            [
                build_outcome(request, JobEvent.HANDED_BACK, why)
                for request in lost
                if request is not None
            ]
        )
        return was_up


def _slots_of(request: JobRequest) -> float:
    """Return how many of the cluster's slots a request occupies."""
    cpus = request.resources.cpus
    return 1.0 if cpus is None else cpus
