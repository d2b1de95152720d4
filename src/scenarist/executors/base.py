"""The executor protocol, and the requests and outcomes that it exchanges."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, Self

from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.bounds import ValueLimits

GRACE_SECONDS = 2.0
"""How long a job has to end after it was asked to stop, before it is killed (the default)."""

LOG_LIMIT = 64 * 1024
"""Bytes kept of the output of one attempt: half from its beginning, half from its end."""

GROWTH_LIMIT = 64 * 2**20
"""Bytes by which a worker may grow beyond its size when it was ready, or after its first job."""

_NO_RESOURCES = Resources()


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRequest:
    """One attempt of a job, as plain data.

    ``number`` and ``attempt`` are returned with the outcome. ``timeout_seconds`` counts from when
    the function's module is imported, and includes reading inputs and writing outputs.

    Args:
        resources: The resources it needs; executors that cannot tell machines apart ignore them.
        variables: Environment variables that the worker sets while it runs the request. An
            executor adds those that a worker does not inherit because it is not a child process.
        traceparent: The parent span (W3C Trace Context), if the attempt is traced.
        fresh: Whether it needs a process that runs no other request.
    """

    number: int
    attempt: int
    function: str  #: "package.module:name", imported in the worker
    inputs: tuple[ValueLocation, ...] = ()
    outputs: tuple[WriteTarget, ...] = ()
    timeout_seconds: float | None = None
    grace_seconds: float = GRACE_SECONDS  #: from asking its process to end to killing it
    retry_on: tuple[str, ...] = ()  #: names of exceptions; empty means all
    resources: Resources = _NO_RESOURCES
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    traceparent: str | None = None
    fresh: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerOptions:
    """Settings of worker processes.

    Args:
        search_path: Folders that come first on the module search path.
        modules: Modules to import before a worker accepts jobs; failed imports are ignored.
        max_jobs: How many jobs a worker runs before it is replaced; None means any number.
        max_memory: Resident bytes above which a worker is replaced after a job. None means that a
            worker is replaced when it has grown by more than `GROWTH_LIMIT`.
        log_level: The level of the jobs' logging, unless the application sets one.
        limits: Limits on reading and writing one value; None for jobs, which have no limits.
    """

    search_path: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    max_jobs: int | None = None
    max_memory: int | None = None
    log_level: str = "info"
    limits: ValueLimits | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOutcome:
    """Outcome of one attempt; each request gets exactly one.

    ``was_stopped`` is set by a worker whose job was stopped; the executor that stopped the job
    knows why, and sets the event. ``has_begun`` is false if the function was certainly not called.
    """

    number: int
    attempt: int
    event: JobEvent
    written: tuple[WrittenValue, ...] = ()
    may_be_retried: bool = True  #: whether the ``retry_on`` of its request covers the error
    reason: str | None = None
    stacktrace: str | None = None
    log: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    was_stopped: bool = False
    stopped_at: datetime | None = None  #: when the executor began to stop it after its timeout
    has_begun: bool = True

    def with_log(self, log: str) -> Self:
        return replace(self, log=log) if log else self


OutcomeCallback = Callable[[Sequence[JobOutcome]], None]
"""Receives outcomes, from any thread; returns at once."""

JobOutputs = Mapping[tuple[int, int], str]
"""The output of running jobs so far, by number and attempt."""


class Executor(Protocol):
    """Executor of requests; each implementation passes ``tests/executors/test_conformance.py``."""

    @property
    def free_slots(self) -> int:
        """How many more requests it accepts now: its idle workers, plus its prefetch."""

    @property
    def slots(self) -> int:
        """How many requests it can run at the same time now."""

    @property
    def fault(self) -> str | None:
        """Why it cannot run requests at the moment; None if it can."""

    @property
    def machines_version(self) -> int:
        """A number that changes when the machines that run jobs change."""

    def find_missing(self, resources: Resources) -> str | None:
        """Return the requested resources that no machine has; None if the job can run."""

    def submit(self, requests: Sequence[JobRequest]) -> None:
        """Accept requests, the oldest first; each gets exactly one outcome, whatever happens."""

    def cancel(self, number: int) -> bool:
        """Stop a job; return False if it is not here. Its outcome says if it stopped in time."""

    def on_output(self, callback: Callable[[], None]) -> None:
        """Set the function to call when a job writes something; it must return at once."""

    def read_output(self) -> JobOutputs:
        """Return the output so far of the running jobs that wrote something since the last call.

        A job of less than a second may end before its output is available here; its outcome
        contains all of it.
        """

    def close(self) -> None:
        """Stop all workers. Requests without an outcome get none."""
