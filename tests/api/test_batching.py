"""Requests that come at the same time go through a service together."""

import asyncio
import threading
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from scenarist.api.batching import Batcher


def test_what_comes_while_the_service_is_busy_goes_together_the_next_time() -> None:
    batches: list[list[int]] = []
    others_are_in_line = threading.Event()

    def double(wishes: Sequence[int]) -> list[int | Exception]:
        batches.append(list(wishes))
        others_are_in_line.wait()
        return [wish * 2 for wish in wishes]

    async def main() -> list[int]:
        gatherer = Batcher(double)
        asked = [asyncio.ensure_future(gatherer.call(1))]
        await asyncio.sleep(0)  # the first is on its way before the others come
        await asyncio.sleep(0)
        asked += [asyncio.ensure_future(gatherer.call(number)) for number in (2, 3, 4)]
        await asyncio.sleep(0)
        others_are_in_line.set()
        return await asyncio.gather(*asked)

    answers = asyncio.run(main())

    assert answers == [2, 4, 6, 8]
    assert batches == [[1], [2, 3, 4]]


def test_a_refusal_reaches_only_the_one_who_asked() -> None:
    def refuse_odd(wishes: Sequence[int]) -> list[int | Exception]:
        return [ValueError(str(wish)) if wish % 2 else wish for wish in wishes]

    async def main() -> list[int | BaseException]:
        gatherer = Batcher(refuse_odd)
        return await asyncio.gather(
            *(gatherer.call(n) for n in (1, 2, 3, 4)), return_exceptions=True
        )

    answers = asyncio.run(main())

    assert [str(answer) for answer in answers] == ["1", "2", "3", "4"]
    assert [isinstance(answer, ValueError) for answer in answers] == [True, False, True, False]


def test_when_the_service_fails_all_who_asked_are_told_and_the_next_is_served() -> None:
    calls = 0

    def fail_once(wishes: Sequence[int]) -> list[int | Exception]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("out of order")
        return list(wishes)

    async def main() -> int:
        gatherer = Batcher(fail_once)
        with pytest.raises(RuntimeError, match="out of order"):
            await gatherer.call(1)
        return await gatherer.call(2)

    assert asyncio.run(main()) == 2


def test_what_is_done_for_many_is_done_in_the_context_of_none() -> None:
    name: ContextVar[str | None] = ContextVar("name", default=None)
    seen: list[str | None] = []

    def look(wishes: Sequence[int]) -> list[int | Exception]:
        seen.append(name.get())
        return list(wishes)

    async def main() -> None:
        name.set("the first request")
        await Batcher(look).call(1)

    asyncio.run(main())

    assert seen == [None]
