"""Has jobs run by Ray, each as a task of its own; one of the engines."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import ray
from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    TaskCancelledError,
    WorkerCrashedError,
)

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources
from scenarist.executors import remote
from scenarist.executors.engines import Outbox
from scenarist.executors.messages import Ended, Run

# After it was asked to stop, a job's process has two seconds; then its worker has to go as well.
_STOP_SECONDS = 3.0
_LOST = (
    *(WorkerCrashedError, NodeDiedError, LocalRayletDiedError),
    *(OutOfMemoryError, ObjectLostError),
)


class RayEngine:
    """A Ray cluster, by address, or one of this machine that ends with this process."""

    def __init__(self, outbox: Outbox, *, address: str | None, size: int) -> None:
        self._outbox = outbox
        self._is_own = address is None
        self._refs: dict[int, ray.ObjectRef[bytes]] = {}
        self._functions: dict[Resources, Any] = {}
        own: dict[str, Any] = (
            {"address": "local", "num_cpus": size, "include_dashboard": False}
            if address is None
            else {"address": address}
        )
        ray.init(
            **own,
            log_to_driver=False,
            logging_level=logging.WARNING,
            namespace="scenarist",
        )

    def count_slots(self) -> int:
        cpus = int(ray.cluster_resources().get("CPU", 0))
        # An autoscaler adds machines when it sees tasks that wait.
        return cpus if self._is_own else cpus + max(1, cpus // 4)

    def run(self, runs: Sequence[Run]) -> None:
        for run in runs:
            ref = self._function(run.resources).remote(run.assignment)
            self._refs[run.number] = ref
            ref.future().add_done_callback(lambda done, run=run: self._settle(run, done))

    def stop(self, number: int) -> None:
        ref = self._refs.get(number)
        if ref is not None:
            ray.cancel(ref, force=False, recursive=False)
            timer = threading.Timer(_STOP_SECONDS, self._kill, [number, ref])
            timer.daemon = True
            timer.start()

    def close(self) -> None:
        ray.shutdown()

    def _kill(self, number: int, ref: "ray.ObjectRef[bytes]") -> None:
        if self._refs.get(number) is ref:
            ray.cancel(ref, force=True, recursive=False)

    def _settle(self, run: Run, done: "Future[bytes]") -> None:
        self._refs.pop(run.number, None)
        error = done.exception()
        if error is None:
            self._outbox.put(Ended(run.number, done.result()))
        elif isinstance(error, TaskCancelledError):
            self._outbox.ended(run, JobEvent.CANCEL_REQUESTED)
        else:
            self._outbox.ended(run, _event_of(error), _reason_of(error))

    def _function(self, resources: Resources) -> Any:
        """Return the remote function for what a job asks; Ray reuses workers for the same one."""
        function = self._functions.get(resources)
        if function is None:
            asked: dict[str, Any] = {"num_cpus": 1 if resources.cpus is None else resources.cpus}
            if resources.gpus:
                asked["num_gpus"] = resources.gpus
            if resources.memory:
                asked["memory"] = resources.memory
            # The orchestrator decides whether a job whose worker was lost runs again.
            function = ray.remote(max_retries=0, **asked)(remote.run)
            self._functions[resources] = function
        return function


def _event_of(error: BaseException) -> JobEvent:
    is_lost = isinstance(error, _LOST)
    return JobEvent.WORKER_LOST if is_lost else JobEvent.RAISED


def _reason_of(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500]
