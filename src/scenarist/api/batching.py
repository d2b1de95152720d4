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
        self, fulfil: Callable[[Sequence[RequestT]], Sequence[ResultT | Exception]]
    ) -> None:
        self._run_batch = fulfil
        self._waiting: list[tuple[RequestT, asyncio.Future[ResultT]]] = []
        self._task: asyncio.Task[None] | None = None

    async def call(self, wish: RequestT) -> ResultT:
        """Add a request to the next batch, and return its result or raise its exception."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[ResultT] = loop.create_future()
        self._waiting.append((wish, answer))
        if self._task is None:
            # In an empty context instead of that of one request, since it works for many.
            self._task = loop.create_task(self._run(), context=Context())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                answers = await sync_to_thread(self._run_batch, [wish for wish, _ in batch])
            except Exception as error:  # noqa: BLE001 - raised in each of the requests
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.cancelled():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        self._task = None
