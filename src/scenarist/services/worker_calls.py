"""Functions that a worker process runs for a request: user code never runs in the server."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Protocol, TypeVar

from scenarist.domain.errors import (
    ConflictError,
    DamagedError,
    InvalidError,
    NotFoundError,
    ScenaristError,
    TooLargeError,
    UnavailableError,
)
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.registry import discard, read_json

T = TypeVar("T")

_MOST_CONCURRENT = 4

_OUT_OF_MEMORY = re.compile(r"MemoryError\b|out of memory|[Uu]nable to allocate|alloc of size")
"""Messages of libraries that could not allocate memory, also when a storage rewords them."""

_KILLED = re.compile(r"SIG(ABRT|KILL|SEGV|BUS)\b")

CALL_TIMEOUT_SECONDS = 60.0
"""Timeout of a request that waits for a worker; then the work is stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionCall:
    """A function to run in a worker, with its inputs and a target for each of its results."""

    function: str  #: "package.module:name"
    inputs: tuple[ValueLocation, ...]
    outputs: tuple[WriteTarget, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CallResult:
    """Result of a call: what was written, or the reason why nothing was."""

    written: tuple[WrittenValue, ...] = ()
    reason: str | None = None
    is_successful: bool = True
    is_lost: bool = False  #: whether its worker died while running it

    def take_json(self) -> str:
        """Return the JSON document written to the only target, and discard it.

        Raises:
            NotFoundError: Its file is gone.
            InvalidError: It is not valid JSON.
        """
        (written,) = self.written
        try:
            return read_json(
                ValueLocation(storage_type="json", uri=written.uri, content=written.content)
            )
        finally:
            discard(written)


class CallInWorker(Protocol):
    def __call__(self, call: FunctionCall, /) -> CallResult:
        """Run a call in a worker and wait for its result.

        Raises:
            UnavailableError: No worker is available, or none finished within
                `CALL_TIMEOUT_SECONDS`; nothing was kept.
        """


def call_concurrently(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make several calls for a request, so that a slow one does not delay the others.

    At most 4 of them wait for workers at a time.
    """
    if not calls:
        return []
    with ThreadPoolExecutor(min(len(calls), _MOST_CONCURRENT), "comparison") as pool:
        # Each in the trace of the request.
        futures = [pool.submit(copy_context().run, call) for call in calls]
        return [future.result() for future in futures]


def make_error(result: CallResult, *, doing: str, code: str, is_clients: bool) -> ScenaristError:
    """Return the error that a storage raised in a worker, or one for any other failure there.

    Args:
        doing: What failed; the message begins with it.
        code: Code of the `ConflictError` (or `NotFoundError`) if the request was not at fault.
        is_clients: Whether an `InvalidError` of the storage is the fault of the request.
    """
    name, _, text = (result.reason or "").partition(": ")
    if (_KILLED if result.is_lost else _OUT_OF_MEMORY).search(result.reason or ""):
        # Without memory, a library may abort its process, and so may the operating system.
        return TooLargeError(
            f"{doing}: it needs more memory than the setting value_memory allows; read or write "
            "less at a time, or raise the setting"
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
