"""Separate thread pools for requests that may wait for a worker, a storage or a large value.

Such requests never occupy the threads on which all others run, such as cancellations. See
docs/decisions/0095.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from enum import Enum
from functools import partial, wraps
from typing import Any, TypeVar

from scenarist.api.requests import AnyRequest, actor_of
from scenarist.api.short_reads import scheduler_of
from scenarist.domain.errors import UnavailableError
from scenarist.domain.permissions import ANYONE
from scenarist.services.sessions import rate_limit_key

T = TypeVar("T")

_LARGE_BODY = 1024 * 1024
_STREAM_THREADS = 8


class Bulkhead:
    """Thread pool for one kind of request.

    No single caller can occupy all threads, and a caller with too many waiting requests is refused
    at once. For use in the event loop only.

    Args:
        threads: How many requests run at the same time.
        share: How many of these may come from one caller.
        capacity: How many requests may run or wait.
        caller_capacity: How many of these may come from one caller.
    """

    def __init__(
        self, kind: str, *, threads: int, share: int, capacity: int, caller_capacity: int
    ) -> None:
        self._kind = kind
        self._size = threads
        self._share = share
        self._capacity = capacity
        self._caller_capacity = caller_capacity
        self._threads = ThreadPoolExecutor(threads, kind)
        self._inside: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()

    async def run(self, caller: str, work: Callable[[], T]) -> T:
        """Run work for a caller in a thread, as soon as one is free.

        Raises:
            UnavailableError: Too many requests are waiting, in total or from this caller.
        """
        if self._inside.total() >= self._capacity or self._inside[caller] >= self._caller_capacity:
            raise UnavailableError(
                f"too many requests of kind {self._kind!r} are waiting; try again",
                code="too_many_waiting",
            )
        self._inside[caller] += 1
        try:
            await self._acquire(caller)
            try:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, copy_context().run, work)
            finally:
                self._release(caller)
        finally:
            _decrement(self._inside, caller)

    async def _acquire(self, caller: str) -> None:
        if self._can_run(caller):
            self._running[caller] += 1
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((caller, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.cancelled():
                self._waiting.remove((caller, future))
            else:
                self._release(caller)
            raise

    def _release(self, caller: str) -> None:
        _decrement(self._running, caller)
        for position, (waiting, future) in enumerate(self._waiting):
            # A cancelled waiter removes itself from the queue as soon as its task runs.
            if self._can_run(waiting) and not future.done():
                del self._waiting[position]
                self._running[waiting] += 1
                future.set_result(None)
                return

    def _can_run(self, caller: str) -> bool:
        return self._running.total() < self._size and self._running[caller] < self._share


class BulkheadKind(Enum):
    """Kinds of requests that have their own thread pool."""

    VALUES = "values"
    LARGE_VALUES = "large values"
    COMPARISONS = "comparisons"


class Bulkheads:
    """The bulkheads of one application."""

    def __init__(self) -> None:
        self._of_kind = {
            BulkheadKind.VALUES: Bulkhead(
                "values", threads=16, share=12, capacity=256, caller_capacity=128
            ),
            # Each may take a share of `value_memory` in the server's process.
            BulkheadKind.LARGE_VALUES: Bulkhead(
                "large values", threads=2, share=1, capacity=16, caller_capacity=8
            ),
            BulkheadKind.COMPARISONS: Bulkhead(
                "comparisons", threads=4, share=3, capacity=32, caller_capacity=16
            ),
        }
        self._streams = ThreadPoolExecutor(_STREAM_THREADS, "streams")

    def select(self, kind: BulkheadKind, body: bytes) -> Bulkhead:
        """Return the bulkhead for a request."""
        is_large = kind is BulkheadKind.VALUES and len(body) > _LARGE_BODY
        return self._of_kind[BulkheadKind.LARGE_VALUES if is_large else kind]

    async def stream(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Yield pieces of a file or an object, reading each of them in a thread."""
        reading: Future[bytes] | None = None
        try:
            while True:
                reading = self._streams.submit(next, pieces, b"")
                piece = await asyncio.wrap_future(reading)
                if not piece:
                    return
                yield piece
        finally:
            # The read of a request that is cut off goes on in its thread until it ends.
            close = getattr(pieces, "close", lambda: None)
            if reading is None:
                close()
            else:
                reading.add_done_callback(lambda _: close())


def bulkheads_of(request: AnyRequest) -> Bulkheads:
    bulkheads: Bulkheads = request.app.state["bulkheads"]
    return bulkheads


def run_in_bulkhead(
    kind: BulkheadKind, *, may_be_short: bool = False
) -> Callable[[Callable[..., T]], Callable[..., Awaitable[T]]]:
    """Return a decorator that runs a synchronous handler in the thread pool of its kind.

    Args:
        may_be_short: Whether the handler only reads, and runs on the event loop if that is short
            and the request has neither parameters nor a body.
    """

    def decorate(handler: Callable[..., T]) -> Callable[..., Awaitable[T]]:
        @wraps(handler)
        async def run(request: AnyRequest, **arguments: Any) -> T:
            body = arguments.get("body") or b""
            work = partial(handler, request, **arguments)

            def run_in_thread(work: Callable[[], T]) -> Awaitable[T]:
                return run_apart(request, kind, work, body=body)

            if may_be_short and not body and not request.scope["query_string"]:
                return await scheduler_of(request).run(work, run_in_thread)
            return await run_in_thread(work)

        return run

    return decorate


async def run_apart(
    request: AnyRequest, kind: BulkheadKind, work: Callable[[], T], *, body: bytes = b""
) -> T:
    """Run work of a request in the thread pool of its kind.

    Raises:
        UnavailableError: Too many requests of that kind are waiting.
    """
    return await bulkheads_of(request).select(kind, body).run(_caller_of(request), work)


def _caller_of(request: AnyRequest) -> str:
    """Return whom a request counts for: its actor, or its address if the actor is not known."""
    actor = actor_of(request)
    if actor != ANYONE:
        return actor.id
    return rate_limit_key(request.client.host) if request.client is not None else ""


def _decrement(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]
