"""Reads that are executed on the event loop while they are short, and in a thread otherwise.

A look-up by key in a local file takes less than switching threads. See docs/decisions/0101.
"""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, TypeVar

from litestar.concurrency import sync_to_thread

from scenarist.api.requests import AnyRequest
from scenarist.domain.short_reads import LongReadError, run_short_read

T = TypeVar("T")

SHORT_PAGE = 100
"""Entries of the largest page that may be read on the event loop."""


async def read_on_loop_if_short(
    request: AnyRequest,
    read: Callable[[], T],
    otherwise: Callable[[Callable[[], T]], Awaitable[T]] = sync_to_thread,
) -> T:
    """Call a function that only reads, on the event loop if the read is short.

    A read that turns out to be long is given up and repeated. If the database is reached over a
    network, no read is short.

    Args:
        otherwise: Calls the function in a thread.
    """
    if not request.app.state["reads_in_threads"]:
        try:
            return run_short_read(read)
        except LongReadError:
            pass
    return await otherwise(read)


def run_on_loop_if_short(handler: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    """Decorate a synchronous handler of a GET: run it on the event loop if its read is short.

    Lists that are read whole, counted, or have a `limit` above `SHORT_PAGE` are read in a thread.
    """

    @wraps(handler)
    async def run(request: AnyRequest, **arguments: Any) -> T:
        read = partial(handler, request, **arguments)
        if "limit" in arguments:
            limit = arguments["limit"]
            if limit is None or limit > SHORT_PAGE or arguments["count"]:
                return await sync_to_thread(read)
        return await read_on_loop_if_short(request, read)

    return run
