"""How long the door waits, and how much it takes that nobody asked for."""

import asyncio
import threading
from typing import Any

import pytest

from doors import PATIENCE_SECONDS, Caller, Echo, opened, reply
from scenarist.server.http_protocol import ConnectionLimits

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
SHORT = 0.05
"""Seconds, where a client does nothing within them."""
LONGER = 0.5
"""Seconds, where a client does something within them."""


class Held:
    """An application that holds each answer back until it is released, without reading before."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.echo = Echo()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(self.release.wait, PATIENCE_SECONDS)
        await self.echo(scope, receive, send)


def test_who_says_nothing_is_not_waited_for() -> None:
    with (
        opened(Echo(), limits=ConnectionLimits(head_seconds=SHORT)) as port,
        Caller(port) as caller,
    ):
        assert caller.is_hung_up()


def test_who_says_nothing_more_but_line_ends_is_not_waited_for() -> None:
    with (
        opened(Echo(), limits=ConnectionLimits(head_seconds=LONGER)) as port,
        Caller(port) as caller,
    ):
        caller.ask(GET)
        caller.say(b"\r\n")

        assert caller.is_hung_up()


def test_headers_that_do_not_come_to_an_end_are_told_so() -> None:
    counted: list[tuple[str, ...]] = []
    door = opened(
        Echo(),
        limits=ConnectionLimits(head_seconds=LONGER),
        count_refusal=lambda *refusal: counted.append(refusal),
    )
    with door as port, Caller(port) as caller:
        said = caller.ask(b"GET / HTTP/1.1\r\nX-A: b\r\n")

        assert (said.status, said.json["code"]) == (408, "request_late")
        assert caller.is_hung_up()
    assert counted == [("127.0.0.1", "request_late", "the request was not completed in time")]


def test_a_body_that_does_not_come_to_an_end_is_told_so_and_not_served() -> None:
    echo = Echo()
    with opened(echo, limits=ConnectionLimits(body_seconds=SHORT)) as port, Caller(port) as caller:
        said = caller.ask(POST + b"Content-Length: 5\r\n\r\nhel")

        assert (said.status, said.json["code"]) == (408, "request_late")
        assert caller.is_hung_up()
    assert echo.requests == []


def test_the_time_for_headers_is_not_that_for_a_body() -> None:
    with opened(Echo(), limits=ConnectionLimits(head_seconds=LONGER)) as port, Caller(port) as slow:
        # The answer to the first tells that the headers of the second have come too.
        slow.ask(GET + POST + b"Content-Length: 5\r\n\r\nhel")
        with Caller(port) as late:
            assert late.is_hung_up()

        said = slow.ask(b"lo")

    assert said.json["body"] == "hello"


def test_an_answer_may_take_its_time() -> None:
    held = Held()
    limits = ConnectionLimits(head_seconds=LONGER, body_seconds=SHORT)
    with opened(held, limits=limits) as port, Caller(port) as caller:
        caller.say(POST + b"Content-Length: 5\r\n\r\nhello")
        with Caller(port) as late:
            assert late.is_hung_up()
        held.release.set()

        said = caller.hear()

    assert said is not None
    assert said.json["body"] == "hello"


def test_a_body_that_nobody_reads_is_waited_for() -> None:
    held = Held()
    limits = ConnectionLimits(head_seconds=2 * LONGER, body_seconds=LONGER)
    with opened(held, limits=limits) as port, Caller(port) as caller:
        caller.say(POST + b"Content-Length: 200000\r\n\r\n" + b"a" * 150_000)
        with Caller(port) as late:
            assert late.is_hung_up()
        held.release.set()

        said = caller.ask(b"a" * 50_000)

    assert said.json["body"] == "a" * 200_000


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    await reply(send, 404, b"no")


def test_an_answer_before_the_end_of_a_body_is_the_last() -> None:
    with opened(refuse) as port, Caller(port) as caller:
        said = caller.ask(POST + b"Content-Length: 1000000\r\n\r\n" + b"a" * 10)
        caller.say(b"a" * 999_990 + GET)

        assert said.status == 404
        assert said.headers["connection"] == "close"
        assert caller.hear() is None


def test_a_body_that_goes_on_after_its_answer_ends_with_the_connection() -> None:
    limits = ConnectionLimits(linger_seconds=SHORT)
    with opened(refuse, limits=limits) as port, Caller(port) as caller:
        caller.say(POST + b"Transfer-Encoding: chunked\r\n\r\n")

        with pytest.raises(ConnectionError):
            caller.say_without_end(b"10\r\n" + b"a" * 16 + b"\r\n", heeds_answers=False)


def test_a_connection_goes_on_after_a_body_that_came_in_pieces() -> None:
    with opened(Echo()) as port, Caller(port) as caller:
        # The answer to the first tells that the headers of the second have come too.
        caller.ask(GET + POST + b"Content-Length: 1000000\r\n\r\nhel")

        assert "connection" not in caller.ask(b"a" * 999_997).headers
        assert caller.ask(GET).status == 200


def test_who_does_not_read_its_answer_is_let_go() -> None:
    is_gone = threading.Event()

    async def answer_without_end(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(64):
            body = b"a" * 1024 * 1024
            await send({"type": "http.response.body", "body": body, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        is_gone.set()

    limits = ConnectionLimits(response_seconds=SHORT)
    with opened(answer_without_end, limits=limits) as port, Caller(port) as caller:
        caller.say(GET)

        assert is_gone.wait(PATIENCE_SECONDS)
