"""Batching of requests that arrive at the same time into one call of a service."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from litestar.concurrency import sync_to_thread

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")


class Batcher(Generic[RequestT, ResultT]):
    """Batches calls: requests that arrive while a batch runs go into the next one.

    A batch takes one thread switch and one commit for all its requests; a single request is passed
    on at once. For use in the event loop only. See docs/decisions/0004.
    """

    def __init__(
        self, run_batch: Callable[[Sequence[RequestT]], Sequence[ResultT | Exception]]
    ) -> None:
        self._run_batch = run_batch
        self._waiting: list[tuple[RequestT, asyncio.Future[ResultT]]] = []
        self._task: asyncio.Task[None] | None = None

    async def call(self, request: RequestT) -> ResultT:
        """Add a request to the next batch, and return its result or raise its exception."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ResultT] = loop.create_future()
        self._waiting.append((request, future))
        if self._task is None:
            # In an empty context instead of that of one request, since it works for many.
            self._task = loop.create_task(self._run(), context=Context())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                results = await sync_to_thread(self._run_batch, [request for request, _ in batch])
            except Exception as error:  # noqa: BLE001 - raised in each of the requests
                results = [error] * len(batch)
            for (_, future), result in zip(batch, results, strict=True):
                if future.cancelled():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        self._task = None
