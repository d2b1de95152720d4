"""What comes in by the door, and what it keeps out."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from doors import PATIENCE_SECONDS, Caller, Echo, opened
from scenarist.domain.addresses import parse_hosts
from scenarist.domain.errors import InvalidError
from scenarist.server.http_protocol import ConnectionLimits
from scenarist.server.http_server import (
    HttpServer,
    is_loopback_only,
    loopback_hosts,
    require_loopback,
)

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[int, Echo]]:
    echo = Echo()
    with opened(echo) as port:
        yield port, echo


@pytest.fixture
def echo(shared: tuple[int, Echo]) -> Echo:
    shared[1].requests.clear()
    return shared[1]


@pytest.fixture
def port(shared: tuple[int, Echo]) -> int:
    return shared[0]


@pytest.mark.parametrize(
    "request_text",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        POST + b"Content-Length: 5, 6\r\n\r\nhello!",
        POST + b"Content-Length: +5\r\n\r\nhello",
        POST + b"Content-Length: 0x5\r\n\r\nhello",
        POST + b"Content-Length: -5\r\n\r\nhello",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
        POST + b"Content-Length : 5\r\n\r\nhello",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"xyz\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"3\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\nhello\n0\n\n",
        POST + b"X-A: b\r\n c\r\n\r\n",
        POST + b"X-A: b\x00c\r\n\r\n",
        POST + b"X-\x00A: b\r\n\r\n",
        POST + b"X-A: b\rX-B: c\r\n\r\n",
        POST + b"X-A: b\nX-B: c\r\n\r\n",
        POST + b"nothing\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"SMUGGLE / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_may_be_read_in_two_ways_is_refused_and_not_served(
    request_text: bytes, port: int, echo: Echo
) -> None:
    with Caller(port) as caller:
        said = caller.ask(request_text)

        assert said.status == 400
        assert said.headers["content-type"] == "application/problem+json"
        assert said.json["code"] == "request_malformed"
        assert said.json["message"].startswith("the request is not valid HTTP: ")
        assert caller.is_hung_up()
    assert echo.requests == []


def test_a_refusal_is_a_whole_problem_with_the_headers_of_every_answer(port: int) -> None:
    with Caller(port) as caller:
        said = caller.ask(b"nonsense\r\n\r\n")

    assert said.json == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "the request is not valid HTTP: Invalid method encountered",
        "code": "request_malformed",
        "message": "the request is not valid HTTP: Invalid method encountered",
    }
    assert said.headers["connection"] == "close"
    assert said.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert said.headers["x-content-type-options"] == "nosniff"


def test_every_answer_tells_browsers_to_be_strict_and_nobody_what_serves(port: int) -> None:
    with Caller(port) as caller:
        said = caller.ask(GET)

    assert said.headers["x-content-type-options"] == "nosniff"
    assert said.headers["referrer-policy"] == "no-referrer"
    assert said.headers["x-frame-options"] == "DENY"
    assert said.headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in said.headers


def head_of(fields: int, value: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: %b\r\n" % value * fields + b"\r\n"


@pytest.mark.parametrize(
    "head", [head_of(99, b"a"), head_of(1, b"a" * 32_000), head_of(90, b"a" * 350)]
)
def test_headers_within_the_limits_are_read(head: bytes, port: int) -> None:
    with Caller(port) as caller:
        assert caller.ask(head).status == 200
        assert caller.ask(GET).status == 200


@pytest.mark.parametrize(
    "head", [head_of(100, b"a"), head_of(1, b"a" * 33_000), head_of(90, b"a" * 370)]
)
def test_headers_beyond_the_limits_are_refused(head: bytes, port: int, echo: Echo) -> None:
    with Caller(port) as caller:
        said = caller.ask(head)

        assert (said.status, said.json["code"]) == (431, "headers_too_large")
        assert "more than 100 headers, or headers of more than 32768 bytes" in said.json["message"]
        assert caller.is_hung_up()
    assert echo.requests == []


@pytest.mark.parametrize("opening", [b"GET / HTTP/1.1\r\nX-A: ", b"GET / HTTP/1.1\r\n"])
def test_headers_without_end_are_refused_while_they_come(opening: bytes, port: int) -> None:
    piece = b"a" * 4096 if opening.endswith(b" ") else b"X-A: b\r\n" * 512
    with Caller(port) as caller:
        caller.say(opening)
        caller.say_without_end(piece)

        said = caller.hear()

    assert said is not None
    assert (said.status, said.json["code"]) == (431, "headers_too_large")


def test_a_target_within_the_limit_is_read(port: int) -> None:
    with Caller(port) as caller:
        said = caller.ask(b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 16_383))

    assert said.json["path"] == "/" + "a" * 16_383


def test_a_target_beyond_the_limit_is_refused(port: int) -> None:
    with Caller(port) as caller:
        said = caller.ask(b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 16_384))

        assert (said.status, said.json["code"]) == (414, "target_too_long")
        assert caller.is_hung_up()


def test_a_target_without_end_is_refused_while_it_comes(port: int) -> None:
    with Caller(port) as caller:
        caller.say(b"GET /")
        caller.say_without_end(b"a" * 4096)

        said = caller.hear()

    assert said is not None
    assert said.status == 414


def test_a_large_body_that_comes_with_the_end_of_its_headers_is_no_large_header(port: int) -> None:
    with Caller(port) as caller:
        # The answer to the first tells that the beginning of the second has come too.
        caller.ask(GET + POST + b"Content-Length: 60000\r\n")

        said = caller.ask(b"X-A: b\r\n\r\n" + b"a" * 60_000)

    assert said.json["body"] == "a" * 60_000


def test_trailers_are_no_headers(port: int) -> None:
    with Caller(port) as caller:
        said = caller.ask(CHUNKED + b"5\r\nhello\r\n0\r\nAuthorization: Bearer x\r\n\r\n")

        assert said.json["body"] == "hello"
        assert said.json["headers"] == {"host": "x", "transfer-encoding": "chunked"}
        assert caller.ask(GET).status == 200


@pytest.mark.parametrize("opening", [b"0\r\nX-A: ", b"0\r\n", b"5;"])
def test_what_follows_a_body_without_end_is_refused_while_it_comes(
    opening: bytes, port: int, echo: Echo
) -> None:
    piece = b"a" * 4096 if opening != b"0\r\n" else b"X-A: b\r\n" * 512
    with Caller(port) as caller:
        caller.say(CHUNKED + opening)
        caller.say_without_end(piece)

        said = caller.hear()

    assert said is not None
    assert (said.status, said.json["code"]) == (431, "headers_too_large")
    assert echo.requests == []


def test_requests_that_do_not_wait_for_answers_are_answered_in_order(port: int) -> None:
    with Caller(port) as caller:
        caller.say(
            b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(50))
        )

        paths = [said.json["path"] for _ in range(50) if (said := caller.hear())]

    assert paths == [f"/{number}" for number in range(50)]


def test_of_too_many_requests_at_one_time_the_first_are_answered() -> None:
    echo = Echo()
    with opened(echo, limits=ConnectionLimits(waiting_requests=2)) as port, Caller(port) as caller:
        caller.say(GET * 10)

        answers = [caller.hear() for _ in range(4)]

    assert [said and said.status for said in answers] == [200, 200, 200, None]
    assert len(echo.requests) == 3


def test_a_malformed_request_does_not_take_the_answer_of_the_one_before(port: int) -> None:
    with Caller(port) as caller:
        caller.say(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n" + b"nonsense\r\n\r\n")

        said = caller.hear()

        assert said is not None
        assert (said.status, said.json["path"]) == (200, "/first")
        assert caller.hear() is None


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


def test_who_asks_for_another_protocol_is_answered_in_this_one(port: int) -> None:
    with Caller(port) as caller:
        caller.say((b"GET / HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"\r\n") * 3 + GET)

        answers = [caller.hear() for _ in range(4)]

    assert [said and said.status for said in answers] == [200, 200, 200, 200]


def test_the_body_of_who_asks_for_another_protocol_is_a_body_and_no_request(
    port: int, echo: Echo
) -> None:
    hidden = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    with Caller(port) as caller:
        # The answer to the first tells that the headers of the second have come too.
        caller.ask(GET + POST + UPGRADE + b"Content-Length: %d\r\n\r\n" % len(hidden))
        said = caller.ask(hidden)

        assert said.json["body"] == hidden.decode()
        assert caller.ask(GET).status == 200
    assert [request["path"] for request in echo.requests] == ["/", "/", "/"]


def test_what_the_stop_cuts_off_is_told_so_and_not_that_the_server_is_at_fault() -> None:
    has_begun = threading.Event()

    async def answer_never(scope: Any, receive: Any, send: Any) -> None:
        has_begun.set()
        await asyncio.Event().wait()

    with ExitStack() as stack:
        with opened(answer_never, is_forced=True) as port:
            caller = stack.enter_context(Caller(port))
            caller.say(GET)
            assert has_begun.wait(PATIENCE_SECONDS)
        said = caller.hear()

    assert said is not None
    assert (said.status, said.json["code"], said.headers["retry-after"]) == (503, "in_doubt", "1")


def test_a_proxy_is_not_played(port: int) -> None:
    with Caller(port) as caller:
        said = caller.ask(b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n")

    assert (said.status, said.json["code"]) == (501, "method_unknown")


FORWARDED = (
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n"
)


def test_a_client_is_not_believed_who_it_says_it_is(port: int) -> None:
    with Caller(port) as caller:
        said = caller.ask(FORWARDED)

    assert (said.json["client"], said.json["scheme"]) == ("127.0.0.1", "http")


@pytest.mark.parametrize("proxy", ["127.0.0.1", "127.0.0.0/8"])
def test_a_trusted_proxy_is_believed_who_the_client_is(proxy: str) -> None:
    with opened(Echo(), trusted_proxies=["192.0.2.1", proxy]) as port, Caller(port) as caller:
        said = caller.ask(FORWARDED)

    assert (said.json["client"], said.json["scheme"]) == ("192.0.2.7", "https")


def test_a_proxy_that_is_not_named_is_not_believed() -> None:
    with opened(Echo(), trusted_proxies=["192.0.2.1"]) as port, Caller(port) as caller:
        said = caller.ask(FORWARDED)

    assert (said.json["client"], said.json["scheme"]) == ("127.0.0.1", "http")


def test_a_proxy_that_is_no_address_is_told_at_once() -> None:
    with pytest.raises(InvalidError, match=r"10\.0\.0\.1/8 has host bits set"):
        HttpServer(
            Echo(),
            stop_accepting=lambda: None,
            on_force_exit=lambda: None,
            trusted_proxies=["10.0.0.1/8"],
        )


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "127.1", "::1", "::ffff:127.0.0.1", "localhost"]
)
def test_an_address_of_this_machine_only(host: str) -> None:
    assert is_loopback_only(host)
    require_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "0", "::", "::ffff:0.0.0.0", "192.0.2.1", "a..b"])
def test_an_address_that_others_may_reach(host: str) -> None:
    assert not is_loopback_only(host)
    with pytest.raises(InvalidError, match=r"switch authorization on .* or use --insecure"):
        require_loopback(host)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.8.8.8", "127.8.8.8"),
        ("::1", "[::1]"),
        ("localhost", "localhost"),
    ],
)
def test_a_server_on_loopback_is_called_by_its_address_and_the_usual_names(
    host: str, own: str
) -> None:
    assert parse_hosts(loopback_hosts(host)) == {"localhost", "127.0.0.1", "[::1]", own}


def test_a_server_that_others_may_reach_may_be_called_anything() -> None:
    assert loopback_hosts("0.0.0.0") == []


def test_the_refusal_of_an_address_names_it() -> None:
    with pytest.raises(InvalidError, match=r"other machines can reach 192\.0\.2\.1, and without"):
        require_loopback("192.0.2.1")
    with pytest.raises(InvalidError, match="other machines can reach all addresses"):
        require_loopback("")
