"""Has jobs run by Ray, on actors that are kept while there is work for them; one of the engines."""

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
from scenarist.executors.engines import Outbox, knock
from scenarist.executors.messages import Ended, Run, Said, Slots
from scenarist.executors.posts import CONCURRENCY, Post

_BEYOND_GRACE_SECONDS = 1.0
"""After the grace of a job that was asked to stop, until its actor has to go as well."""
_LONG_SECONDS = 0.5
"""How long an actor is busy before it is asked what its jobs write."""
_IDLE_SECONDS = 5.0
"""How long an actor without work is kept, and what it asked for with it."""

# Very short jobs go out together, as many as run in this time; a long one among them does not hold
# up the others for long.
_TOGETHER_SECONDS = 0.01
_TOGETHER_LIMIT = 64
_PATIENCE_SECONDS = 0.1


class _Actor:
    """One `Post` on the cluster, and what it was given."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.handle = _remote_class(resources).remote()
        self.is_up = False
        self.is_busy = False
        self.is_killed = False
        self.is_heard = False
        self.idle_since = self.busy_since = time.monotonic()
        self.runs: dict[int, Run] = {}
        self.patience: threading.Timer | None = None

    @property
    def is_free(self) -> bool:
        return self.is_up and not self.is_busy


class RayEngine:
    """A Ray cluster, by address, or one of this machine that ends with this process.

    All that is decided here, one thread decides: what happens elsewhere comes to it as calls.
    """

    def __init__(self, outbox: Outbox, *, session: str, address: str | None, size: int) -> None:
        self._outbox = outbox
        self._session = session
        self._is_own = address is None
        self._slots = size
        self._waiting: dict[Resources, deque[Run]] = {}
        self._actors: list[_Actor] = []
        self._stopping: set[int] = set()
        self._wanted: frozenset[Resources] = frozenset()
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
        threading.Thread(target=self._decide, name="ray-engine", daemon=True).start()

    def look(self) -> Slots:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus = int(sum(node.get("CPU", 0) for node in nodes))
        # An autoscaler adds machines when it sees actors that wait.
        slots = cpus if self._is_own else cpus + max(1, cpus // 4)
        self._calls.put(partial(self._tend, slots))
        return Slots(slots, frozenset(map(_machine, nodes)))

    def want(self, kinds: Sequence[Resources]) -> None:
        self._calls.put(partial(self._want, frozenset(kinds)))

    def run(self, runs: Sequence[Run]) -> None:
        if runs:
            self._calls.put(partial(self._take, runs))

    def stop(self, number: int) -> None:
        self._calls.put(partial(self._stop, number))

    def close(self) -> None:
        ray.shutdown()

    def _decide(self) -> None:
        try:
            while True:
                self._calls.get()()
        except Exception:  # noqa: BLE001 - the server sees the end, and starts anew
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def _take(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self._waiting.setdefault(run.resources, deque()).append(run)
        self._hand_out()

    def _want(self, kinds: frozenset[Resources]) -> None:
        """Let an actor of each kind wait, which tells an autoscaler of it."""
        for resources in kinds - self._wanted:
            self._add_actor(resources)
        self._wanted = kinds

    def _tend(self, slots: int) -> None:
        """Let go what has had nothing to do for a while, listen to long jobs; once a second."""
        self._slots = max(1, slots)
        now = time.monotonic()
        long_ago = now - _IDLE_SECONDS
        for actor in list(self._actors):
            if actor.is_busy and not actor.is_heard and actor.busy_since < now - _LONG_SECONDS:
                self._listen(actor)
            has_work = actor.is_busy or actor.resources in self._waiting
            is_awaited = not actor.is_up and actor.resources in self._wanted
            if not has_work and not is_awaited and actor.idle_since < long_ago:
                self._kill(actor)
        self._hand_out()

    def _hand_out(self) -> None:
        """Give what waits to actors, the oldest first, and see to it that there are enough."""
        for resources, queue in list(self._waiting.items()):
            free = [
                actor for actor in self._actors if actor.is_free and actor.resources == resources
            ]
            self._deal(queue, free)
            if queue:
                self._grow(resources, len(queue))
            else:
                del self._waiting[resources]

    def _deal(self, queue: deque[Run], free: Sequence[_Actor]) -> None:
        """Deal out jobs like cards, so that the oldest ones all start at once."""
        most = max(1, min(int(_TOGETHER_SECONDS / self._mean_seconds), _TOGETHER_LIMIT))
        hands: list[list[Run]] = [[] for _ in free]
        for _ in range(most):
            for hand in hands:
                if queue:
                    hand.append(queue.popleft())
        for actor, hand in zip(free, hands, strict=True):
            if hand:
                self._start(actor, hand)

    def _start(self, actor: _Actor, runs: Sequence[Run]) -> None:
        actor.is_busy = True
        actor.busy_since = time.monotonic()
        actor.runs |= {run.number: run for run in runs}
        self._hear(
            actor.handle.run.remote([(run.number, run.assignment) for run in runs]),
            partial(self._settle, actor, len(runs)),
        )
        if len(runs) > 1:
            later = partial(self._calls.put, partial(self._take_back, actor, runs))
            actor.patience = threading.Timer(_PATIENCE_SECONDS, later)
            actor.patience.daemon = True
            actor.patience.start()

    def _settle(self, actor: _Actor, count: int, done: "Future[Any]") -> None:
        if actor.patience is not None:
            actor.patience.cancel()
            actor.patience = None
        error = done.exception()
        if error is not None:
            self._bury(actor, error)
            return
        now = time.monotonic()
        self._mean_seconds += ((now - actor.busy_since) / count - self._mean_seconds) / 8
        actor.is_busy = False
        actor.idle_since = now
        self._end(actor, done.result())
        self._hand_out()

    def _take_back(self, actor: _Actor, runs: Sequence[Run]) -> None:
        """Ask for what has ended of the jobs that went out together, and for what has not begun."""
        if actor.is_busy and any(actor.runs.get(run.number) is run for run in runs):
            self._hear(actor.handle.give_back.remote(), partial(self._take_over, actor))

    def _take_over(self, actor: _Actor, done: "Future[Any]") -> None:
        if done.exception() is not None:
            return  # the call of the jobs says what happened
        ended, not_begun = done.result()
        self._end(actor, ended)
        for number in reversed(not_begun):
            run = actor.runs.pop(number, None)
            if run is None:
                continue  # the actor has ended since, and with it what it was given
            if number in self._stopping:
                self._stopping.discard(number)
                self._outbox.ended(run, JobEvent.CANCEL_REQUESTED)
            else:
                self._waiting.setdefault(run.resources, deque()).appendleft(run)
        self._hand_out()

    def _end(self, actor: _Actor, ended: Sequence[tuple[int, bytes]]) -> None:
        for number, outcome in ended:
            if actor.runs.pop(number, None) is not None:
                self._stopping.discard(number)
                self._outbox.put(Ended(number, outcome))

    def _grow(self, resources: Resources, waiting: int) -> None:
        """Have more actors of a kind, as far as there is room for them and work."""
        coming = sum(not actor.is_up and actor.resources == resources for actor in self._actors)
        while coming < waiting and self._has_room(resources):
            self._add_actor(resources)
            coming += 1

    def _add_actor(self, resources: Resources) -> None:
        actor = _Actor(resources)
        self._actors.append(actor)
        self._hear(actor.handle.is_up.remote(), partial(self._welcome, actor))

    def _has_room(self, resources: Resources) -> bool:
        """Whether another actor fits; those of other kinds that have no work make room."""
        used = sum(
            _share(actor.resources)
            for actor in self._actors
            if actor.is_up or actor.resources not in self._wanted
        )
        most = self._slots - _share(resources)
        for actor in list(self._actors):
            if used > most and actor.is_free and actor.resources not in self._waiting:
                used -= _share(actor.resources)
                self._kill(actor)
        return used <= most or used == 0

    def _welcome(self, actor: _Actor, done: "Future[Any]") -> None:
        error = done.exception()
        if error is not None:
            queue = self._waiting.get(actor.resources)
            if not actor.is_killed and queue:
                # Whatever is wrong there, the next try counts as well, until it is too much.
                run = queue.popleft()
                actor.runs[run.number] = run
            self._bury(actor, error)
            return
        actor.is_up = True
        actor.idle_since = time.monotonic()
        self._hand_out()

    def _bury(self, actor: _Actor, error: BaseException) -> None:
        """Say what became of the jobs of an actor that is gone.

        Raises:
            OSError: All of the cluster is.
        """
        if not actor.is_killed:
            # Ray itself finds out a quarter of a minute later; jobs would be tried in vain.
            knock(self._head)
        if actor in self._actors:
            self._actors.remove(actor)
        event = JobEvent.HANDED_BACK if actor.is_killed else JobEvent.WORKER_LOST
        for number, run in actor.runs.items():
            if number in self._stopping:
                self._stopping.discard(number)
                self._outbox.ended(run, JobEvent.CANCEL_REQUESTED)
            else:
                self._outbox.ended(run, event, _reason_of(error))
        actor.runs = {}
        self._hand_out()

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
                    self._outbox.ended(run, JobEvent.CANCEL_REQUESTED)
                    return
        for actor in self._actors:
            found = actor.runs.get(number)
            if found is not None:
                self._stopping.add(number)
                actor.handle.stop.remote(self._session, number, found.attempt)
                later = partial(self._calls.put, partial(self._kill_with, actor, found))
                timer = threading.Timer(found.grace_seconds + _BEYOND_GRACE_SECONDS, later)
                timer.daemon = True
                timer.start()

    def _kill_with(self, actor: _Actor, run: Run) -> None:
        if actor.runs.get(run.number) is run:
            self._kill(actor)

    def _listen(self, actor: _Actor) -> None:
        """Have an actor say what its jobs write; the call is answered when they write."""
        actor.is_heard = True
        self._hear(actor.handle.listen.remote(), partial(self._note_output, actor))

    def _note_output(self, actor: _Actor, done: "Future[Any]") -> None:
        if done.exception() is not None:
            return  # it is gone, as the call of its jobs says
        for (number, attempt), text in done.result().items():
            self._outbox.put(Said(number, attempt, text))
        self._listen(actor)

    def _hear(self, ref: Any, listen: "Callable[[Future[Any]], None]") -> None:
        """Have the deciding thread told when a call to an actor is answered."""
        ref.future().add_done_callback(lambda done: self._calls.put(partial(listen, done)))


def _remote_class(resources: Resources) -> Any:
    # The orchestrator decides whether a job whose worker was lost runs again.
    asked: dict[str, Any] = {
        "num_cpus": _share(resources),
        "max_restarts": 0,
        "concurrency_groups": CONCURRENCY,
    }
    if resources.gpus:
        asked["num_gpus"] = resources.gpus
    if resources.memory:
        asked["memory"] = resources.memory
    return ray.remote(**asked)(Post)


def _machine(node: Mapping[str, float]) -> Resources:
    memory = int(node.get("memory", 0))
    return Resources(cpus=node.get("CPU", 0), gpus=node.get("GPU", 0), memory=memory)


def _share(resources: Resources) -> float:
    return 1 if resources.cpus is None else resources.cpus


def _reason_of(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500]
