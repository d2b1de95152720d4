"""What a request has worked out in a worker process: user code never runs in the server."""

from dataclasses import dataclass
from typing import Protocol

from scenarist.storage.base import Place, Target, Written

LONGEST_SECONDS = 60.0
"""How long a request waits for a worker before it gives up and has the work stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Computation:
    """A function over values, with a place for each of its results."""

    function: str  #: "package.module:name"
    inputs: tuple[Place, ...]
    outputs: tuple[Target, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Computed:
    """What came of it: what was written, or the reason why nothing was."""

    written: tuple[Written, ...] = ()
    reason: str | None = None
    is_successful: bool = True


class Compute(Protocol):
    def __call__(self, computation: Computation) -> Computed:
        """Run a computation in a worker and wait for it.

        Raises:
            UnavailableError: No worker had the time within `LONGEST_SECONDS`; nothing was kept.
        """
