"""What a request has worked out in a worker process: user code never runs in the server."""

import re
from dataclasses import dataclass
from typing import Protocol

from scenarist.domain.errors import (
    ConflictError,
    DamagedError,
    InvalidError,
    NotFoundError,
    ScenaristError,
    TooLargeError,
    UnavailableError,
)
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.kinds import discard, read_json

_OUT_OF_MEMORY = re.compile(r"MemoryError\b|out of memory|[Uu]nable to allocate|alloc of size")
"""What libraries say that get no memory, also where a storage words it."""

_KILLED = re.compile(r"SIG(ABRT|KILL|SEGV|BUS)\b")

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
    is_lost: bool = False  #: whether its worker ended under it

    def take_json(self) -> str:
        """Return what was written to the only target, a JSON document, and discard it.

        Raises:
            NotFoundError: Its file is gone.
            InvalidError: It is no JSON.
        """
        (written,) = self.written
        try:
            return read_json(Place(storage_type="json", uri=written.uri, content=written.content))
        finally:
            discard(written)


class Compute(Protocol):
    def __call__(self, computation: Computation) -> Computed:
        """Run a computation in a worker and wait for it.

        Raises:
            UnavailableError: No worker had the time within `LONGEST_SECONDS`; nothing was kept.
        """


def fault_of(computed: Computed, *, doing: str, code: str, is_clients: bool) -> ScenaristError:
    """Return the error that a storage raised in a worker, or what else went wrong there.

    Args:
        doing: What could not be done, as the message begins.
        code: Of the conflict that it is when nothing in the request was wrong.
        is_clients: Whether the request may have been wrong, so that a storage's refusal means it.
    """
    name, _, text = (computed.reason or "").partition(": ")
    if (_KILLED if computed.is_lost else _OUT_OF_MEMORY).search(computed.reason or ""):
        # A library may end its process when it gets no memory, and so may the system.
        return TooLargeError(
            f"{doing}: it needs more memory than the setting value_memory allows; read or bring "
            "less at a time, or have the setting raised"
        )
    message = f"{doing}: {text or name or 'the worker ended'}"
    if name == InvalidError.__name__ and is_clients:
        return InvalidError(message)
    if name == TooLargeError.__name__:
        return TooLargeError(message)
    if name == DamagedError.__name__:
        return DamagedError(message)
    if name == NotFoundError.__name__:
        return NotFoundError(message, code=code)
    if name == UnavailableError.__name__:
        return UnavailableError(message)
    return ConflictError(message, code=code)
