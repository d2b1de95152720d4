"""Lets requests that come at the same time go through a service together."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from litestar.concurrency import sync_to_thread

WishT = TypeVar("WishT")
AnswerT = TypeVar("AnswerT")


class Gatherer(Generic[WishT, AnswerT]):
    """Calls a function that takes many wishes with all those that came while it was busy.

    One change of thread and one commit then serve many requests; a request that comes alone is
    passed on at once. Only for the event loop.
    """

    def __init__(self, fulfil: Callable[[Sequence[WishT]], Sequence[AnswerT | Exception]]) -> None:
        self._fulfil = fulfil
        self._waiting: list[tuple[WishT, asyncio.Future[AnswerT]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, wish: WishT) -> AnswerT:
        """Return the answer to a wish, or raise it when it is an exception."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[AnswerT] = loop.create_future()
        self._waiting.append((wish, answer))
        if self._task is None:
            # In no request's context: what it does is done for many.
            self._task = loop.create_task(self._run(), context=Context())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                answers = await sync_to_thread(self._fulfil, [wish for wish, _ in batch])
            except Exception as error:  # noqa: BLE001 - it belongs to those who asked
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.cancelled():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        self._task = None
