"""Connections that say nothing keep nobody out, and requests under way are never cut off."""

import resource
import threading
from contextlib import ExitStack
from typing import Any

import pytest

from doors import Caller, Echo, opened
from scenarist.server.connection_limits import ConnectionLimiter, raise_connection_limit
from server.test_http_protocol import Held

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Line:
    """A connection that only notes that it was closed."""

    def __init__(self, limiter: ConnectionLimiter, address: str) -> None:
        self.limiter = limiter
        self.address = address
        self.is_open = limiter.admit(self, address)

    def close_idle(self) -> None:
        self.is_open = False
        self.limiter.release(self, self.address)


def test_the_connection_that_was_idle_longest_makes_room() -> None:
    limiter = ConnectionLimiter(3, limit_of_address=3)
    first, second, third = (Line(limiter, "a") for _ in range(3))
    limiter.set_busy(first, "a")
    limiter.set_idle(first, "a")

    fourth = Line(limiter, "b")

    assert [line.is_open for line in (first, second, third, fourth)] == [True, False, True, True]


def test_a_request_under_way_is_not_cut_off_for_a_new_connection() -> None:
    limiter = ConnectionLimiter(2, limit_of_address=2)
    lines = [Line(limiter, "a") for _ in range(2)]
    for line in lines:
        limiter.set_busy(line, "a")

    assert not Line(limiter, "b").is_open
    assert [line.is_open for line in lines] == [True, True]


def test_one_address_takes_its_share_and_no_more() -> None:
    limiter = ConnectionLimiter(10, limit_of_address=2)
    greedy = [Line(limiter, "a") for _ in range(2)]
    other = Line(limiter, "b")

    third = Line(limiter, "a")

    assert [line.is_open for line in (*greedy, other, third)] == [False, True, True, True]


def test_a_trusted_proxy_stands_for_many_clients() -> None:
    limiter = ConnectionLimiter(10, limit_of_address=1)

    assert all(limiter.admit(Line(limiter, "b"), "proxy", is_proxy=True) for _ in range(5))


def test_places_that_were_given_back_are_free_again() -> None:
    limiter = ConnectionLimiter(2, limit_of_address=2)

    for _ in range(10):
        line = Line(limiter, "a")
        limiter.set_busy(line, "a")
        assert line.is_open
        limiter.release(line, "a")


@pytest.fixture
def limiter() -> ConnectionLimiter:
    return ConnectionLimiter(8, limit_of_address=8)


def test_connections_that_say_nothing_keep_nobody_out(limiter: ConnectionLimiter) -> None:
    with opened(Echo(), limiter=limiter) as port, ExitStack() as held:
        silent = [held.enter_context(Caller(port)) for _ in range(20)]

        with Caller(port) as caller:
            assert caller.ask(GET).status == 200
            assert caller.ask(GET).status == 200
        assert silent[0].is_hung_up()


def test_heads_without_end_keep_nobody_out(limiter: ConnectionLimiter) -> None:
    with opened(Echo(), limiter=limiter) as port, ExitStack() as held:
        for _ in range(20):
            held.enter_context(Caller(port)).say(b"GET / HTTP/1.1\r\nHost:")

        with Caller(port) as caller:
            assert caller.ask(GET).status == 200


def test_who_finds_every_place_in_use_is_told_so_at_once(limiter: ConnectionLimiter) -> None:
    app = Held()
    with opened(app, limiter=limiter, is_forced=True) as port, ExitStack() as held:
        busy = [held.enter_context(Caller(port)) for _ in range(8)]
        for caller in busy:
            caller.say(GET)
        with Caller(port) as caller:
            said = caller.hear()
            # The eight may not all have been read when the ninth came.
            while said is None:
                with Caller(port) as again:
                    said = again.hear()

        assert (said.status, said.json["code"]) == (503, "too_many_connections")
        app.release.set()
        answers = [caller.hear() for caller in busy]
        assert [answer.status for answer in answers if answer is not None] == [200] * 8


def test_there_are_more_descriptors_than_connections() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))

        limit = raise_connection_limit()

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft > 256
        assert limit <= soft // 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400, "host_missing"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "host_repeated"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "host_repeated"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            501,
            "transfer_coding_unknown",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "request_malformed",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Length: 3\r\n\r\n0\r\n\r\n",
            400,
            "request_malformed",
        ),
    ],
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(
    head: bytes, status: int, code: str
) -> None:
    echo = Echo()
    with opened(echo) as port, Caller(port) as caller:
        said = caller.ask(head)

    assert (said.status, said.json["code"]) == (status, code)
    assert echo.requests == []


@pytest.mark.parametrize("coding", [b"gzip", b"foo", b"xchunked", b"identity"])
def test_a_transfer_coding_that_is_not_known_is_never_served(coding: bytes) -> None:
    echo = Echo()
    with opened(echo) as port, Caller(port) as caller:
        said = caller.ask(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: %b\r\n\r\n0\r\n\r\n" % coding
        )

    assert (said.status, said.json["code"]) == (501, "transfer_coding_unknown")
    assert echo.requests == []


def test_http_1_0_needs_no_host() -> None:
    with opened(Echo()) as port, Caller(port) as caller:
        assert caller.ask(b"GET / HTTP/1.0\r\n\r\n").status == 200


def test_connections_come_and_go_while_requests_are_served(limiter: ConnectionLimiter) -> None:
    failures: list[Any] = []

    def ask(port: int) -> None:
        for _ in range(20):
            with Caller(port) as caller:
                said = caller.ask(GET)
                if said.status != 200:
                    failures.append(said)

    with opened(Echo(), limiter=ConnectionLimiter(8, limit_of_address=8)) as port:
        threads = [threading.Thread(target=ask, args=(port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert failures == []
