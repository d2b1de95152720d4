"""Functions that give a coroutine, a generator or a future; tests run them by name."""

import asyncio
import contextvars
import decimal
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import dask
import numpy as np

ran: list[str] = []
level = contextvars.ContextVar("level", default=0)


async def double(value: int = 2) -> int:
    await asyncio.sleep(0)
    ran.append("double")
    return value * 2


def hands_on() -> Coroutine[Any, Any, int]:
    return double(3)


async def forgets_to_await() -> Coroutine[Any, Any, int]:
    return double(4)


async def fails() -> None:
    await asyncio.sleep(0)
    raise LookupError("no luck")


class Model:
    async def fit(self) -> int:
        return await double(5)

    async def __call__(self) -> int:
        return await double(6)


model = Model()
fit = model.fit
of_seven = partial(double, 7)


def yields() -> Iterator[int]:
    ran.append("yields")
    yield 1


async def yields_later() -> AsyncIterator[int]:
    ran.append("yields_later")
    yield 1


def maps() -> object:
    return map(ran.append, ["maps"])


def promises() -> Future[int]:
    return Future()


def begins() -> Future[int]:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(int)


@dask.delayed  # type: ignore[untyped-decorator, attr-defined]
def delays() -> int:
    return 1


def two_coroutines() -> tuple[Coroutine[Any, Any, int], ...]:
    return double(), double()


def sets_context() -> int:
    level.set(level.get() + 1)
    np.seterr(all="raise")
    decimal.getcontext().prec = 3
    return level.get()
