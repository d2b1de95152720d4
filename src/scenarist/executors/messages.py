"""Messages between the server, its workers, the engine's process, and the engine's workers."""

from typing import Literal

import msgspec

from scenarist.domain.resources import Resources
from scenarist.executors.base import JobRequest, WorkerOptions

EngineName = Literal["ray", "dask"]

READY = b""
"""The first message from a worker: it has started and accepts requests."""
STARTED = b"b"
"""From a worker: the function's module is imported, and the timeout of the job starts."""
RETIRE = b"r"
"""From a worker, before an outcome: the worker will run no further requests."""
STOP = b"s"
"""To a worker, followed by SIGTERM: the message records the stop, the signal interrupts the
function (docs/decisions/0063)."""


class RunJob(msgspec.Struct, frozen=True, tag=True):
    """Command: run a job. Exactly one outcome message follows, unless the process ends before.

    Args:
        assignment: An encoded `Assignment`, for a worker of the engine.
    """

    number: int
    attempt: int
    resources: Resources
    grace_seconds: float
    assignment: bytes


class StopJob(msgspec.Struct, frozen=True, tag=True):
    """Command: stop a job. Its outcome says whether it stopped in time."""

    number: int


class ResourceDemand(msgspec.Struct, frozen=True, tag=True):
    """Resources that jobs request and no machine has; a cluster with autoscaling may add one."""

    kinds: tuple[Resources, ...]


class JobEnded(msgspec.Struct, frozen=True, tag=True):
    """Outcome of a job: an encoded `JobOutcome`, from a worker of the engine."""

    number: int
    outcome: bytes


class JobOutput(msgspec.Struct, frozen=True, tag=True):
    """Output of a running job so far."""

    number: int
    attempt: int
    text: str


class Slots(msgspec.Struct, frozen=True, tag=True):
    """How many jobs the engine's machines can run at the same time; sent every second.

    Args:
        machines: The resources of each machine; machines with equal resources appear once.
    """

    count: int
    machines: frozenset[Resources]


class EngineFailed(msgspec.Struct, frozen=True, tag=True):
    """Failure of the engine: it cannot be used, and the process ends."""

    reason: str


ToEngine = RunJob | StopJob | ResourceDemand
FromEngine = JobEnded | JobOutput | Slots | EngineFailed


class Assignment(msgspec.Struct, frozen=True):
    """Request for a worker of an engine.

    Args:
        session: Identifies the executor that sent it. A new session gets new processes, so code
            that changed since the last start is imported again.
    """

    session: str
    request: JobRequest
    options: WorkerOptions
