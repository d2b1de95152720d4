"""Reads that are executed on the event loop while they are short, and in threads otherwise.

A look-up by key in a local file takes less than switching threads. See docs/decisions/0101.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, wraps
from typing import Any, TypeVar

from litestar.concurrency import sync_to_thread

from scenarist.api.paging import ListParams
from scenarist.api.requests import AnyRequest
from scenarist.domain.short_reads import LongReadError, run_short_read

T = TypeVar("T")

SHORT_PAGE = 100
"""Entries of the largest page that may be read on the event loop."""

_LONG_READ_THREADS = 4


class ReadScheduler:
    """Decides where reads are executed.

    Long reads of a local file have few threads: all of them need the interpreter, and so does the
    event loop, which would wait for each of them in turn.

    Args:
        in_threads: Whether even short reads take longer than switching threads, as over a network.
            Then all reads are executed in the threads of other requests, which mostly wait.
    """

    def __init__(self, *, in_threads: bool) -> None:
        self._tries_loop = not in_threads
        self._threads = None if in_threads else ThreadPoolExecutor(_LONG_READ_THREADS, "long-read")

    async def run(
        self, read: Callable[[], T], in_thread: Callable[[Callable[[], T]], Awaitable[T]]
    ) -> T:
        """Call a function that only reads, on the event loop if the read is short.

        A read that turns out to be long is given up and repeated.

        Args:
            in_thread: Calls the function in a thread.
        """
        if self._tries_loop:
            try:
                return run_short_read(read)
            except LongReadError:
                pass
        return await in_thread(read)

    async def run_in_thread(self, read: Callable[[], T]) -> T:
        if self._threads is None:
            return await sync_to_thread(read)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, copy_context().run, read)

    async def stream(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the pieces of a long list, building each of them in a thread."""
        while piece := await self.run_in_thread(partial(next, pieces, b"")):
            yield piece


def scheduler_of(request: AnyRequest) -> ReadScheduler:
    scheduler: ReadScheduler = request.app.state["read_scheduler"]
    return scheduler


async def read_on_loop_if_short(request: AnyRequest, read: Callable[[], T]) -> T:
    """Call a function that only reads, on the event loop if the read is short."""
    scheduler = scheduler_of(request)
    return await scheduler.run(read, scheduler.run_in_thread)


def run_on_loop_if_short(handler: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    """Decorate a synchronous handler of a GET: run it on the event loop if its read is short.

    Lists that are read whole, counted, or have a `limit` above `SHORT_PAGE` are read in a thread.
    """

    @wraps(handler)
    async def run(request: AnyRequest, **arguments: Any) -> T:
        read = partial(handler, request, **arguments)
        params = arguments.get("params")
        if isinstance(params, ListParams) and (
            params.limit is None or params.limit > SHORT_PAGE or params.count
        ):
            return await scheduler_of(request).run_in_thread(read)
        return await read_on_loop_if_short(request, read)

    return run
