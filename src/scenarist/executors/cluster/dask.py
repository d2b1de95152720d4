"""Dask engine: runs each job as a Dask task of its own.

The scheduler and the workers of the cluster import this module too.
"""

import threading
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from distributed import Client, Future, LocalCluster, SchedulerPlugin, get_worker
from distributed.scheduler import KilledWorker
from distributed.security import Security

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources
from scenarist.executors.cluster import worker as remote
from scenarist.executors.cluster.engine import Outbox
from scenarist.executors.messages import JobEnded, JobOutput, RunJob, Slots

_NAME = "scenarist"
# A small outcome is sent as an event, which arrives before the end of its task is known; a large
# one is fetched as the task's result.
_EVENT_LIMIT = 8 * 1024
_CONNECT_SECONDS = 10


class NoRetryPlugin(SchedulerPlugin):
    """Scheduler plugin that fails a job when its worker is lost: the orchestrator retries jobs."""

    name = _NAME

    async def start(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    def update_graph(self, scheduler: Any, *, tasks: Sequence[Any], **_: Any) -> None:
        for key in tasks:
            if isinstance(key, str) and key.startswith(f"{_NAME}-"):
                scheduler.tasks[key].suspicious = scheduler.allowed_failures

    def log_event(self, topic: str, msg: object) -> None:
        if topic.startswith(f"Client-{_NAME}-"):
            # The scheduler has forwarded the event, and would also keep it.
            self._scheduler._broker.truncate(topic)  # noqa: SLF001 - there is no public way


def run_assignment(assignment: bytes, number: int, topic: str) -> bytes | None:
    """Run an assignment in a worker; return its outcome, or None if it was sent as an event."""
    worker = get_worker()

    def report_output(number: int, attempt: int, text: str) -> None:
        worker.log_event(topic, {"number": number, "attempt": attempt, "output": text})

    outcome = remote.run_assignment(assignment, report_output)
    if len(outcome) > _EVENT_LIMIT:
        return outcome
    worker.log_event(topic, {"number": number, "outcome": outcome})
    return None


class DaskEngine:
    """Dask cluster at an address, or one on this machine that ends with this process."""

    def __init__(self, outbox: Outbox, *, session: str, address: str | None, size: int) -> None:
        self._outbox = outbox
        self._session = session
        self._cluster: LocalCluster | None = None
        self._lock = threading.Lock()
        self._running: dict[int, tuple[RunJob, Future[Any]]] = {}
        if address is None:
            # One worker with threads is enough, because each job runs in a process of its own.
            self._cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=size,
                host="127.0.0.1",
                protocol="tls://",
                security=Security.temporary(),
                dashboard_address=None,
                resources={"CPU": size},
            )
        self._client = Client(
            self._cluster or address, timeout=_CONNECT_SECONDS, name=_NAME, set_as_default=False
        )
        self._client.register_plugin(NoRetryPlugin())
        self._topic: str = self._client.id
        self._client.subscribe_topic(self._topic, self._receive_event)

    def read_slots(self) -> Slots:
        if self._client.status != "running":
            raise ConnectionError(f"the client is {self._client.status}")
        workers = self._client.scheduler_info()["workers"].values()
        threads: int = sum(worker["nthreads"] for worker in workers)
        # An adaptive cluster adds workers when tasks are waiting.
        slots = threads if self._cluster is not None else threads + max(1, threads // 4)
        return Slots(
            slots, frozenset(_machine_resources(worker["resources"]) for worker in workers)
        )

    def request_resources(self, kinds: Sequence[Resources]) -> None:
        pass  # a Dask cluster scales with its tasks, and cannot be asked for resources

    def run(self, runs: Sequence[RunJob]) -> None:
        for resources, group in groupby(runs, key=lambda run: run.resources):
            some = list(group)
            # The lock is held so that no outcome is handled before its run is registered.
            with self._lock:
                futures = self._client.map(
                    run_assignment,
                    [run.assignment for run in some],
                    [run.number for run in some],
                    topic=self._topic,
                    key=[self._key(run) for run in some],
                    pure=False,
                    resources=_required_resources(resources),
                    fifo_timeout="0 ms",
                )
                for item, future in zip(some, futures, strict=True):
                    self._running[item.number] = (item, future)
                    future.add_done_callback(
                        lambda done, item=item: self._accept_result(item, done)
                    )

    def stop(self, number: int) -> None:
        # Workers are asked one after the other, and other jobs must not wait for that.
        threading.Thread(target=self._stop, args=[number], daemon=True).start()

    def close(self) -> None:
        if self._client.status == "running":
            self._client.run(remote.end_session, self._session, on_error="ignore")
        self._client.close(timeout=2)
        if self._cluster is not None:
            self._cluster.close(timeout=3)

    def _stop(self, number: int) -> None:
        with self._lock:
            found = self._running.get(number)
        if found is None:
            return
        item, future = found
        if self._stop_in_workers(item):
            return
        # It has not started, and no worker of the cluster will start it now.
        future.cancel(force=True)
        if not self._stop_in_workers(item) and self._pop(number):
            self._outbox.put_outcome(item, JobEvent.CANCEL_REQUESTED)

    def _stop_in_workers(self, item: RunJob) -> bool:
        """Make all workers stop a job or refuse it later; return whether one was running it."""
        answers = self._client.run(
            remote.stop_job, self._session, item.number, item.attempt, on_error="ignore"
        )
        return any(answers.values())

    def _receive_event(self, event: tuple[float, dict[str, Any]]) -> None:
        message = event[1]
        number = message["number"]
        if "output" in message:
            self._outbox.put(JobOutput(number, message["attempt"], message["output"]))
        elif self._pop(number):
            self._outbox.put(JobEnded(number, message["outcome"]))

    def _accept_result(self, item: RunJob, done: "Future[Any]") -> None:
        """Handle the end of a task whose outcome did not arrive as an event."""
        with self._lock:
            if self._running.get(item.number, (None,))[0] is not item:
                return
        if done.status == "cancelled":
            return  # `stop_job` reports the outcome, or the cluster is lost
        error = done.exception() if done.status != "finished" else None
        outcome = done.result() if error is None else None
        if not self._pop(item.number):
            return
        if outcome is not None:
            self._outbox.put(JobEnded(item.number, outcome))
        elif error is None or isinstance(error, KilledWorker):
            self._outbox.put_outcome(item, JobEvent.WORKER_LOST, "the worker of the cluster ended")
        else:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
            self._outbox.put_outcome(item, JobEvent.RAISED, reason)

    def _pop(self, number: int) -> bool:
        with self._lock:
            return self._running.pop(number, None) is not None

    def _key(self, item: RunJob) -> str:
        return f"{_NAME}-{self._session}-{item.number}-{item.attempt}"


def _machine_resources(declared: Mapping[str, float]) -> Resources:
    memory = int(declared.get("MEMORY", 0))
    return Resources(cpus=declared.get("CPU", 0), gpus=declared.get("GPU", 0), memory=memory)


def _required_resources(resources: Resources) -> dict[str, float] | None:
    """Return the resources that a worker must declare, by Dask's names for them."""
    requested = {"CPU": resources.cpus, "GPU": resources.gpus, "MEMORY": resources.memory}
    return {name: amount for name, amount in requested.items() if amount} or None
