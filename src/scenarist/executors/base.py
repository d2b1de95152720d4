"""What goes to an executor, what comes back, and what every executor can do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, Self

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.bounds import Limits

GRACE_SECONDS = 2.0
"""How long a job that is stopped may take to end before it is killed, unless it is said."""

LOG_LIMIT = 64 * 1024
"""Bytes kept of what one attempt of a job writes: its first half and its last."""

GROWTH_LIMIT = 64 * 2**20
"""Bytes by which a worker may grow over what it had when it was ready, or after its first job."""

_NO_RESOURCES = Resources()


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRequest:
    """One attempt of a job, as plain data.

    ``number`` and ``attempt`` come back with the outcome. ``timeout_seconds`` counts from the
    start of the function's process work, reading and writing included.

    Args:
        resources: What it takes, for executors that can tell machines apart; others ignore it.
        variables: Environment variables that the worker has while it runs this, and that its own
            environment lacks. An executor adds them when the worker is not its child.
        traceparent: The span that it is under (W3C Trace Context), if it is traced.
        fresh: Whether it runs in a process that runs nothing else.
    """

    number: int
    attempt: int
    function: str  #: "package.module:name", imported in the worker
    inputs: tuple[Place, ...] = ()
    outputs: tuple[Target, ...] = ()
    timeout_seconds: float | None = None
    grace_seconds: float = GRACE_SECONDS  #: from asking its process to end to killing it
    retry_on: tuple[str, ...] = ()  #: names of exceptions; none stands for all
    resources: Resources = _NO_RESOURCES
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    traceparent: str | None = None
    fresh: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerTerms:
    """What worker processes are made of, and how long each is kept.

    Args:
        search_path: Folders that come first on their module search path.
        modules: What is imported before they take jobs; what cannot be imported is passed over.
        jobs: How many jobs a worker runs before it is replaced; any number if not given.
        memory: A worker that has more bytes resident after a job is replaced. If not given, one
            that has grown by more than `GROWTH_LIMIT`.
        log_level: What jobs log at least, where their application sets no level itself.
        limits: What each request may take for a value; jobs have none.
    """

    search_path: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    jobs: int | None = None
    memory: int | None = None
    log_level: str = "info"
    limits: Limits | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOutcome:
    """What came of one attempt; exactly one for each request.

    ``was_stopped`` goes from a worker to those who stopped it, who know what for. ``has_begun`` is
    false where the function has surely not been called.
    """

    number: int
    attempt: int
    event: JobEvent
    written: tuple[Written, ...] = ()
    may_be_retried: bool = True  #: whether it went wrong in a way that its request names
    reason: str | None = None
    stacktrace: str | None = None
    log: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    was_stopped: bool = False
    stopped_at: datetime | None = None  #: when its executor began to stop it by itself
    has_begun: bool = True

    def with_log(self, log: str) -> Self:
        return replace(self, log=log) if log else self


Deliver = Callable[[Sequence[JobOutcome]], None]
"""Takes outcomes from any thread; returns at once."""

Output = Mapping[tuple[int, int], str]
"""What running jobs have written so far, by number and attempt."""


class Executor(Protocol):
    """Runs requests somewhere; passes ``tests/executors/test_conformance.py``."""

    @property
    def free_slots(self) -> int:
        """How many more requests it can use now: idle workers, and work to keep them busy."""

    @property
    def slots(self) -> int:
        """How many requests it can run at the same time now."""

    @property
    def fault(self) -> str | None:
        """Why it runs nothing at the moment; None when it can."""

    @property
    def machines_version(self) -> int:
        """Another number when the machines that run jobs are others."""

    def lacks(self, resources: Resources) -> str | None:
        """Return what no machine has of what a job asks for; None when it can be run."""

    def submit(self, requests: Sequence[JobRequest]) -> None:
        """Take requests, the oldest first; each gives one outcome, whatever happens."""

    def cancel(self, number: int) -> bool:
        """Stop a job; False when it is not here. Its outcome says whether it stopped in time."""

    def on_output(self, tell: Callable[[], None]) -> None:
        """Have a function called when a job writes something; it must return at once."""

    def read_output(self) -> Output:
        """Return the output of running jobs, without those that wrote nothing since the last call.

        A job of less than a second may end before anything is here of it; its outcome has it all.
        """

    def close(self) -> None:
        """Stop all workers. Requests that had no outcome yet get none."""
