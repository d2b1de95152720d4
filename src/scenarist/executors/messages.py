"""What goes between the server, the process that speaks to an engine, and the engine's workers."""

from typing import Literal

import msgspec

from scenarist.domain.resources import Resources
from scenarist.executors.base import JobRequest

EngineName = Literal["ray", "dask"]


class Run(msgspec.Struct, frozen=True, tag=True):
    """Have a job run; exactly one `Ended` answers, unless the process ends before.

    Args:
        assignment: An `Assignment` as bytes, for a worker of the engine.
    """

    number: int
    attempt: int
    resources: Resources
    grace_seconds: float
    assignment: bytes


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Stop a job; its `Ended` says whether it stopped in time."""

    number: int


class Want(msgspec.Struct, frozen=True, tag=True):
    """What jobs ask for that no machine has; a cluster that can grow may get one."""

    kinds: tuple[Resources, ...]


class Ended(msgspec.Struct, frozen=True, tag=True):
    """What came of a job: a `JobOutcome` as bytes, from a worker of the engine."""

    number: int
    outcome: bytes


class Said(msgspec.Struct, frozen=True, tag=True):
    """What a running job has written so far."""

    number: int
    attempt: int
    text: str


class Slots(msgspec.Struct, frozen=True, tag=True):
    """How many jobs the engine's machines can run at the same time; sent every second.

    Args:
        machines: What each of them has; those that have the same, once.
    """

    count: int
    machines: frozenset[Resources]


class Broken(msgspec.Struct, frozen=True, tag=True):
    """The engine cannot be used, and the process ends."""

    reason: str


ToEngine = Run | Stop | Want
FromEngine = Ended | Said | Slots | Broken


class Assignment(msgspec.Struct, frozen=True):
    """A request on its way to a worker of an engine.

    Args:
        session: Names the executor that sent it; code that changed since the last start is thus
            loaded anew.
        search_path: Folders that are searched for its functions first.
        log_level: What its jobs log at least; without one, what the worker's environment says.
    """

    session: str
    request: JobRequest
    search_path: tuple[str, ...]
    log_level: str | None = None
