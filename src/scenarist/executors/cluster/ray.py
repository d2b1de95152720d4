"""Ray engine: runs jobs on actors that are kept while there is work for them."""

import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any

import ray

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources
from scenarist.executors.cluster.engine import Outbox, probe_port
from scenarist.executors.cluster.ray_actor import CONCURRENCY_GROUPS, RayActor
from scenarist.executors.messages import JobEnded, JobOutput, RunJob, Slots

_EXTRA_GRACE_SECONDS = 1.0
"""From the end of a stopped job's grace period until its actor is killed."""
_LONG_SECONDS = 0.5
"""How long an actor must be busy before the output of its jobs is requested."""
_IDLE_SECONDS = 5.0
"""How long an idle actor keeps its resources before it is killed."""

# Very short jobs are sent in batches of as many as run in this time. The jobs that have not begun
# are taken back after a while, so that a long one does not delay them.
_BATCH_SECONDS = 0.01
_BATCH_LIMIT = 64
_RECLAIM_SECONDS = 0.1


class _Actor:
    """Actor on the cluster, and the jobs that it was given."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.handle = _build_remote_class(resources).remote()
        self.is_up = False
        self.is_busy = False
        self.is_killed = False
        self.has_output_call = False
        self.idle_since = self.busy_since = time.monotonic()
        self.runs: dict[int, RunJob] = {}
        self.reclaim_timer: threading.Timer | None = None

    @property
    def is_free(self) -> bool:
        return self.is_up and not self.is_busy


class RayEngine:
    """Ray cluster at an address, or one on this machine that ends with this process.

    A single thread makes all decisions; other threads queue calls for it.
    """

    def __init__(self, outbox: Outbox, *, session: str, address: str | None, size: int) -> None:
        self._outbox = outbox
        self._session = session
        self._is_own = address is None
        self._slots = size
        self._waiting: dict[Resources, deque[RunJob]] = {}
        self._actors: list[_Actor] = []
        self._stopping: set[int] = set()
        self._demand: frozenset[Resources] = frozenset()
        self._mean_seconds = 1.0
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
        self._head: str = ray.get_runtime_context().gcs_address
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._run_calls, name="ray-engine", daemon=True).start()

    def read_slots(self) -> Slots:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus = int(sum(node.get("CPU", 0) for node in nodes))
        # An autoscaler adds machines when actors are waiting.
        slots = cpus if self._is_own else cpus + max(1, cpus // 4)
        self._calls.put(partial(self._maintain_actors, slots))
        return Slots(slots, frozenset(map(_machine_resources, nodes)))

    def request_resources(self, kinds: Sequence[Resources]) -> None:
        self._calls.put(partial(self._add_demanded_actors, frozenset(kinds)))

    def run(self, runs: Sequence[RunJob]) -> None:
        if runs:
            self._calls.put(partial(self._enqueue, runs))

    def stop(self, number: int) -> None:
        self._calls.put(partial(self._stop, number))

    def close(self) -> None:
        ray.shutdown()

    def _run_calls(self) -> None:
        try:
            while True:
                self._calls.get()()
        except Exception:  # noqa: BLE001 - the server notices the end, and starts a new process
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def _enqueue(self, runs: Sequence[RunJob]) -> None:
        for run in runs:
            self._waiting.setdefault(run.resources, deque()).append(run)
        self._assign()

    def _add_demanded_actors(self, kinds: frozenset[Resources]) -> None:
        """Create a waiting actor for each kind of resources, which triggers an autoscaler."""
        for resources in kinds - self._demand:
            self._add_actor(resources)
        self._demand = kinds

    def _maintain_actors(self, slots: int) -> None:
        """Kill actors that have been idle for a while, listen to long jobs; runs once a second."""
        self._slots = max(1, slots)
        now = time.monotonic()
        long_ago = now - _IDLE_SECONDS
        for actor in list(self._actors):
            if (
                actor.is_busy
                and not actor.has_output_call
                and actor.busy_since < now - _LONG_SECONDS
            ):
                self._request_output(actor)
            has_work = actor.is_busy or actor.resources in self._waiting
            is_awaited = not actor.is_up and actor.resources in self._demand
            if not has_work and not is_awaited and actor.idle_since < long_ago:
                self._kill(actor)
        self._assign()

    def _assign(self) -> None:
        """Give waiting jobs to free actors, the oldest first, and start more actors if needed."""
        for resources, queue in list(self._waiting.items()):
            free = [
                actor for actor in self._actors if actor.is_free and actor.resources == resources
            ]
            self._distribute(queue, free)
            if queue:
                self._add_actors(resources, len(queue))
            else:
                del self._waiting[resources]

    def _distribute(self, queue: deque[RunJob], free: Sequence[_Actor]) -> None:
        """Distribute jobs round-robin, so that the oldest ones all start at once."""
        most = max(1, min(int(_BATCH_SECONDS / self._mean_seconds), _BATCH_LIMIT))
        batches: list[list[RunJob]] = [[] for _ in free]
        for _ in range(most):
            for batch in batches:
                if queue:
                    batch.append(queue.popleft())
        for actor, batch in zip(free, batches, strict=True):
            if batch:
                self._start(actor, batch)

    def _start(self, actor: _Actor, runs: Sequence[RunJob]) -> None:
        actor.is_busy = True
        actor.busy_since = time.monotonic()
        actor.runs |= {run.number: run for run in runs}
        self._call_when_done(
            actor.handle.run.remote([(run.number, run.assignment) for run in runs]),
            partial(self._finish_batch, actor, len(runs)),
        )
        if len(runs) > 1:
            later = partial(self._calls.put, partial(self._reclaim, actor, runs))
            actor.reclaim_timer = threading.Timer(_RECLAIM_SECONDS, later)
            actor.reclaim_timer.daemon = True
            actor.reclaim_timer.start()

    def _finish_batch(self, actor: _Actor, count: int, done: "Future[Any]") -> None:
        if actor.reclaim_timer is not None:
            actor.reclaim_timer.cancel()
            actor.reclaim_timer = None
        error = done.exception()
        if error is not None:
            self._remove_actor(actor, error)
            return
        now = time.monotonic()
        self._mean_seconds += ((now - actor.busy_since) / count - self._mean_seconds) / 8
        actor.is_busy = False
        actor.idle_since = now
        self._report_outcomes(actor, done.result())
        self._assign()

    def _reclaim(self, actor: _Actor, runs: Sequence[RunJob]) -> None:
        """Request the outcomes so far of a batch, and its jobs that have not begun."""
        if actor.is_busy and any(actor.runs.get(run.number) is run for run in runs):
            self._call_when_done(
                actor.handle.reclaim.remote(), partial(self._accept_reclaimed, actor)
            )

    def _accept_reclaimed(self, actor: _Actor, done: "Future[Any]") -> None:
        if done.exception() is not None:
            return  # the call that runs the jobs reports what happened
        outcomes, not_begun = done.result()
        self._report_outcomes(actor, outcomes)
        for number in reversed(not_begun):
            run = actor.runs.pop(number, None)
            if run is None:
                continue  # the actor has ended since, and its jobs were reported
            if number in self._stopping:
                self._stopping.discard(number)
                self._outbox.put_outcome(run, JobEvent.CANCEL_REQUESTED)
            else:
                self._waiting.setdefault(run.resources, deque()).appendleft(run)
        self._assign()

    def _report_outcomes(self, actor: _Actor, outcomes: Sequence[tuple[int, bytes]]) -> None:
        for number, outcome in outcomes:
            if actor.runs.pop(number, None) is not None:
                self._stopping.discard(number)
                self._outbox.put(JobEnded(number, outcome))

    def _add_actors(self, resources: Resources, waiting: int) -> None:
        """Add actors of a kind, as long as there is room and work for them."""
        coming = sum(not actor.is_up and actor.resources == resources for actor in self._actors)
        while coming < waiting and self._has_room(resources):
            self._add_actor(resources)
            coming += 1

    def _add_actor(self, resources: Resources) -> None:
        actor = _Actor(resources)
        self._actors.append(actor)
        self._call_when_done(actor.handle.is_up.remote(), partial(self._activate, actor))

    def _has_room(self, resources: Resources) -> bool:
        """Return whether another actor fits; kill idle actors of other kinds to make room."""
        used = sum(
            _cpus_of(actor.resources)
            for actor in self._actors
            if actor.is_up or actor.resources not in self._demand
        )
        most = self._slots - _cpus_of(resources)
        for actor in list(self._actors):
            if used > most and actor.is_free and actor.resources not in self._waiting:
                used -= _cpus_of(actor.resources)
                self._kill(actor)
        return used <= most or used == 0

    def _activate(self, actor: _Actor, done: "Future[Any]") -> None:
        error = done.exception()
        if error is not None:
            queue = self._waiting.get(actor.resources)
            if not actor.is_killed and queue:
                # Count the failed start as a lost attempt of a job, so that failures are bounded.
                run = queue.popleft()
                actor.runs[run.number] = run
            self._remove_actor(actor, error)
            return
        actor.is_up = True
        actor.idle_since = time.monotonic()
        self._assign()

    def _remove_actor(self, actor: _Actor, error: BaseException) -> None:
        """Report the outcomes of the jobs of an actor that is gone.

        Raises:
            OSError: The whole cluster is gone.
        """
        if not actor.is_killed:
            # Ray notices a lost cluster 15 s later; until then attempts would be wasted.
            probe_port(self._head)
        if actor in self._actors:
            self._actors.remove(actor)
        event = JobEvent.HANDED_BACK if actor.is_killed else JobEvent.WORKER_LOST
        for number, run in actor.runs.items():
            if number in self._stopping:
                self._stopping.discard(number)
                self._outbox.put_outcome(run, JobEvent.CANCEL_REQUESTED)
            else:
                self._outbox.put_outcome(run, event, _reason_of(error))
        actor.runs = {}
        self._assign()

    def _kill(self, actor: _Actor) -> None:
        actor.is_killed = True
        if actor in self._actors:
            self._actors.remove(actor)
        ray.kill(actor.handle)

    def _stop(self, number: int) -> None:
        for queue in self._waiting.values():
            for run in queue:
                if run.number == number:
                    queue.remove(run)
                    self._outbox.put_outcome(run, JobEvent.CANCEL_REQUESTED)
                    return
        for actor in self._actors:
            found = actor.runs.get(number)
            if found is not None:
                self._stopping.add(number)
                actor.handle.stop.remote(self._session, number, found.attempt)
                later = partial(self._calls.put, partial(self._kill_if_running, actor, found))
                timer = threading.Timer(found.grace_seconds + _EXTRA_GRACE_SECONDS, later)
                timer.daemon = True
                timer.start()

    def _kill_if_running(self, actor: _Actor, run: RunJob) -> None:
        if actor.runs.get(run.number) is run:
            self._kill(actor)

    def _request_output(self, actor: _Actor) -> None:
        """Request the output of an actor's jobs; the call returns when they write something."""
        actor.has_output_call = True
        self._call_when_done(
            actor.handle.wait_for_output.remote(), partial(self._forward_output, actor)
        )

    def _forward_output(self, actor: _Actor, done: "Future[Any]") -> None:
        if done.exception() is not None:
            return  # the actor is gone, which the call that runs its jobs reports
        for (number, attempt), text in done.result().items():
            self._outbox.put(JobOutput(number, attempt, text))
        self._request_output(actor)

    def _call_when_done(self, ref: Any, callback: "Callable[[Future[Any]], None]") -> None:
        """Call *callback* in the deciding thread when a call to an actor has returned."""
        ref.future().add_done_callback(lambda done: self._calls.put(partial(callback, done)))


def _build_remote_class(resources: Resources) -> Any:
    # No restarts by Ray: the orchestrator decides whether the jobs of a lost worker run again.
    options: dict[str, Any] = {
        "num_cpus": _cpus_of(resources),
        "max_restarts": 0,
        "concurrency_groups": CONCURRENCY_GROUPS,
    }
    if resources.gpus:
        options["num_gpus"] = resources.gpus
    if resources.memory:
        options["memory"] = resources.memory
    return ray.remote(**options)(RayActor)


def _machine_resources(node: Mapping[str, float]) -> Resources:
    memory = int(node.get("memory", 0))
    return Resources(cpus=node.get("CPU", 0), gpus=node.get("GPU", 0), memory=memory)


def _cpus_of(resources: Resources) -> float:
    return 1 if resources.cpus is None else resources.cpus


def _reason_of(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500]
