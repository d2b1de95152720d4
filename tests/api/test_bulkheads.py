"""Threads for requests that wait: a share for each caller, and a refusal at once."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.api.bulkheads import Bulkhead, Bulkheads
from scenarist.domain.errors import UnavailableError


def small() -> Bulkhead:
    return Bulkhead("tests", threads=2, share=1, capacity=4, caller_capacity=3)


def held(act: Callable[[Bulkhead, Callable[[], bool]], Coroutine[Any, Any, None]]) -> None:
    """Act with work that does not end before the act has."""
    is_over = threading.Event()

    async def run() -> None:
        try:
            await act(small(), is_over.wait)
        finally:
            is_over.set()

    asyncio.run(run())


def test_a_caller_leaves_a_thread_to_others() -> None:
    async def act(bulkhead: Bulkhead, wait: Callable[[], bool]) -> None:
        waiting = [asyncio.create_task(bulkhead.run("anna", wait)) for _ in range(2)]
        await asyncio.sleep(0)

        assert await bulkhead.run("bert", lambda: 5) == 5
        assert not any(task.done() for task in waiting)

    held(act)


def test_a_caller_with_too_many_waiting_is_refused_at_once() -> None:
    async def act(bulkhead: Bulkhead, wait: Callable[[], bool]) -> None:
        waiting = [asyncio.create_task(bulkhead.run("anna", wait)) for _ in range(3)]
        await asyncio.sleep(0)

        with pytest.raises(UnavailableError, match="too many requests of kind 'tests'"):
            await bulkhead.run("anna", lambda: None)
        assert await bulkhead.run("bert", lambda: 5) == 5
        assert not any(task.done() for task in waiting)

    held(act)


def test_a_request_that_is_given_up_while_it_waits_leaves_its_place() -> None:
    async def act(bulkhead: Bulkhead, wait: Callable[[], bool]) -> None:
        waiting = [asyncio.create_task(bulkhead.run("anna", wait)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[2].cancel()
        await asyncio.wait([waiting[2]])
        again = asyncio.create_task(bulkhead.run("anna", lambda: None))
        await asyncio.sleep(0)

        assert not again.done()

    held(act)


def test_an_error_of_the_work_is_that_of_the_request() -> None:
    def fail() -> None:
        raise KeyError("x")

    async def run() -> None:
        bulkhead = small()
        for _ in range(5):
            with pytest.raises(KeyError):
                await bulkhead.run("anna", fail)

    asyncio.run(run())


@given(
    callers=st.lists(st.sampled_from("abc"), max_size=12),
    threads=st.integers(1, 4),
    share=st.integers(1, 4),
    capacity=st.integers(1, 12),
    caller_capacity=st.integers(1, 6),
)
def test_neither_a_caller_nor_all_together_have_more_threads_and_places_than_are_theirs(
    callers: list[str], threads: int, share: int, capacity: int, caller_capacity: int
) -> None:
    is_refused: list[bool] = []
    inside: Counter[str] = Counter()
    running: Counter[str] = Counter()
    for caller in callers:
        is_refused.append(inside.total() >= capacity or inside[caller] >= caller_capacity)
        if not is_refused[-1]:
            inside[caller] += 1
            if running.total() < threads and running[caller] < share:
                running[caller] += 1

    async def run() -> None:
        bulkhead = Bulkhead(
            "tests",
            threads=threads,
            share=share,
            capacity=capacity,
            caller_capacity=caller_capacity,
        )
        loop, go_on = asyncio.get_running_loop(), threading.Event()
        begun: asyncio.Queue[str] = asyncio.Queue()

        def work(caller: str) -> None:
            loop.call_soon_threadsafe(begun.put_nowait, caller)
            go_on.wait()

        tasks = [
            asyncio.create_task(bulkhead.run(caller, partial(work, caller))) for caller in callers
        ]
        try:
            first = [await begun.get() for _ in range(running.total())]
            assert Counter(first) == running
            assert begun.empty()
        finally:
            go_on.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, UnavailableError) for result in results] == is_refused

    asyncio.run(run())


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["end", "fail", "cancel"])), max_size=12
    )
)
def test_whatever_becomes_of_requests_all_places_are_free_in_the_end(
    requests: list[tuple[str, str]],
) -> None:
    async def run() -> None:
        bulkhead = Bulkhead("tests", threads=2, share=1, capacity=12, caller_capacity=12)
        tasks = []
        for caller, end in requests:
            work: Callable[[], object] = (lambda: 1 / 0) if end == "fail" else (lambda: 1)
            tasks.append(asyncio.create_task(bulkhead.run(caller, work)))
        await asyncio.sleep(0)
        for task, (_, end) in zip(tasks, requests, strict=True):
            if end == "cancel":
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

        results = await asyncio.gather(
            *(bulkhead.run(caller, lambda: 1) for caller in "aaaabbbbcccc")
        )
        assert results == [1] * 12

    asyncio.run(run())


def test_a_stream_that_is_cut_off_while_it_reads_closes_its_file_once_the_read_is_over() -> None:
    is_reading, goes_on, is_closed = threading.Event(), threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            is_reading.set()
            goes_on.wait(10)
            yield b"late"
        finally:
            is_closed.set()

    async def follow() -> None:
        async for _ in Bulkheads().stream(pieces()):
            pass

    async def act() -> None:
        following = asyncio.create_task(follow())
        await asyncio.to_thread(is_reading.wait, 10)
        following.cancel()
        try:
            with pytest.raises(asyncio.CancelledError):
                await following
        finally:
            goes_on.set()

    asyncio.run(act())

    assert is_closed.wait(10)
