"""The kernel says which user of this machine is at the other end of a connection."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from doors import Caller, Echo, opened
from neighbours import NOBODY, another, as_another
from scenarist.server.peer_users import PeerUserLookup, make_peer_check, open_peer_user_lookup


def is_told() -> bool:
    owners = open_peer_user_lookup()
    if owners is not None:
        owners.close()
    return owners is not None


pytestmark = pytest.mark.skipif(not is_told(), reason="this system does not tell whose a socket is")


@pytest.fixture
def owners() -> Iterator[PeerUserLookup]:
    with closing(PeerUserLookup()) as owners:
        yield owners


@pytest.mark.parametrize(
    ("family", "listening", "calling"),
    [
        (socket.AF_INET, ("127.0.0.1", 0), ("127.0.0.1", socket.AF_INET)),
        (socket.AF_INET, ("127.0.0.2", 0), ("127.0.0.2", socket.AF_INET)),
        (socket.AF_INET, ("127.0.0.1", 0), ("::ffff:127.0.0.1", socket.AF_INET6)),
        (socket.AF_INET6, ("::1", 0), ("::1", socket.AF_INET6)),
        (socket.AF_INET6, ("::", 0), ("127.0.0.1", socket.AF_INET)),
        (socket.AF_INET6, ("::", 0), ("::1", socket.AF_INET6)),
    ],
    ids=str,
)
def test_our_own_connection_is_ours_whatever_its_addresses(
    owners: PeerUserLookup, family: Any, listening: Any, calling: tuple[str, Any]
) -> None:
    host, caller_family = calling
    is_dual = listening[0] == "::"
    with (
        socket.create_server(listening, family=family, dualstack_ipv6=is_dual) as server,
        socket.socket(caller_family) as caller,
    ):
        caller.connect((host, server.getsockname()[1]))
        line, _ = server.accept()
        with line:
            found = owners.find_user(line.getsockname(), line.getpeername())
            caller.shutdown(socket.SHUT_WR)
            half_closed = owners.find_user(line.getsockname(), line.getpeername())

    assert (found, half_closed) == (os.geteuid(), os.geteuid())


def test_what_was_closed_is_nobodys_though_the_kernel_calls_it_roots(
    owners: PeerUserLookup,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as caller:
            line, there = server.accept()
            assert owners.find_user(line.getsockname(), there) == os.geteuid()
            caller.sendall(b"some")

        with line:
            assert owners.find_user(line.getsockname(), there) is None


def test_one_that_listens_on_the_port_is_not_the_other_end(owners: PeerUserLookup) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert owners.find_user(("127.0.0.1", 1), server.getsockname()) is None


def test_the_owner_of_one_connection_after_the_other_is_told(owners: PeerUserLookup) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(50):
            with socket.create_connection(server.getsockname()):
                line, there = server.accept()
                with line:
                    assert owners.find_user(line.getsockname(), there) == os.geteuid()


@as_another
@pytest.mark.parametrize("then", ["stay", "leave"])
def test_another_user_is_told_and_never_taken_for_root(owners: PeerUserLookup, then: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        another(server.getsockname()[1], then=then) as process,
    ):
        if then == "leave":
            process.wait(30)
        line, there = server.accept()
        with line:
            found = owners.find_user(line.getsockname(), there)

    assert found == (NOBODY if then == "stay" else None)


def test_a_door_for_our_own_user_serves_it(owners: PeerUserLookup) -> None:
    with opened(Echo(), check_peer=make_peer_check(owners)) as port, Caller(port) as caller:
        assert caller.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200


@as_another
def test_another_user_is_refused_with_a_way_to_mend_it(owners: PeerUserLookup) -> None:
    echo = Echo()
    request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0"
    with (
        opened(echo, check_peer=make_peer_check(owners)) as port,
        another(port, request) as process,
    ):
        said, _ = process.communicate(timeout=30)

    head, _, body = said.partition("\n\n")
    assert head.startswith("HTTP/1.1 403")
    problem = json.loads(body)
    assert problem["code"] == "other_user"
    assert f"belongs to the user with the number {NOBODY}" in problem["message"]
    assert "--insecure" in problem["message"]
    assert echo.requests == []


@as_another
def test_a_trusted_proxy_may_be_any_user(owners: PeerUserLookup) -> None:
    request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close"
    door = opened(Echo(), check_peer=make_peer_check(owners), trusted_proxies=["127.0.0.1"])
    with door as port, another(port, request) as process:
        said, _ = process.communicate(timeout=30)

    assert said.startswith("HTTP/1.1 200")
