"""What an operator may name: proxies, origins and hosts."""

from ipaddress import ip_network

import pytest

from scenarist.domain.addresses import (
    is_loopback,
    origin_of,
    parse_host,
    parse_hosts,
    parse_networks,
    parse_origins,
)
from scenarist.domain.errors import InvalidError


def test_addresses_and_networks_are_read_with_ipv4_as_ipv6_writes_it_too() -> None:
    networks = parse_networks(["10.0.0.7", " 10.0.0.0/8", "::1", "2001:db8::/32"])

    # As networks: from Python 3.13 on, the text of the second one is ::ffff:10.0.0.7/128.
    assert [*map(ip_network, networks)] == [
        ip_network("10.0.0.7/32"),
        ip_network("::ffff:a00:7/128"),
        ip_network("10.0.0.0/8"),
        ip_network("::ffff:a00:0/104"),
        ip_network("::1/128"),
        ip_network("2001:db8::/32"),
    ]


@pytest.mark.parametrize("text", ["proxy.example.com", "10.0.0.1/8", "10.0.0", "*", ""])
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(
        InvalidError, match=r"a trusted proxy must be an address or a network, such as"
    ):
        parse_networks(["10.0.0.7", text])


def test_origins_are_read_as_browsers_write_them() -> None:
    assert parse_origins(
        [
            "https://Planner.example.com",
            " http://localhost:3000 ",
            "https://a:443",
            "http://[::1]:80",
        ]
    ) == {"https://planner.example.com", "http://localhost:3000", "https://a", "http://[::1]"}
    assert parse_origins(["*"]) == {"*"}
    assert parse_origins([]) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "planner.example.com",
        "https://planner.example.com/",
        "https://planner.example.com/app",
        "https://*.example.com",
        "https://me@example.com",
        "https://example.com:https",
        "ftp://example.com",
        "https://",
        "null",
        "",
    ],
)
def test_what_is_no_origin_is_named(text: str) -> None:
    with pytest.raises(InvalidError, match="is not an origin; write a scheme and a host") as raised:
        parse_origins(["https://planner.example.com", text])

    assert repr(text) in raised.value.message


def test_all_origins_stand_alone() -> None:
    with pytest.raises(InvalidError, match="means all origins"):
        parse_origins(["*", "https://planner.example.com"])


def test_hosts_are_read_in_small_letters() -> None:
    assert parse_hosts(["Planner.Example.com", "127.0.0.1", "[::1]", "localhost"]) == {
        "planner.example.com",
        "127.0.0.1",
        "[::1]",
        "localhost",
    }


@pytest.mark.parametrize("text", ["localhost:5000", "::1", "http://localhost", "a b", ""])
def test_what_is_no_host_is_named(text: str) -> None:
    with pytest.raises(
        InvalidError, match="is not a host; write a name or an address without a port"
    ):
        parse_hosts(["localhost", text])


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST:5000", "localhost"),
        ("localhost:", "localhost"),
        ("[::1]:5000", "[::1]"),
        ("127.0.0.1:5000", "127.0.0.1"),
        ("localhost:5000:evil", None),
        ("localhost:evil", None),
        ("localhost/evil", None),
        ("evil@localhost", None),
        ("", None),
    ],
)
def test_the_host_of_a_header(text: str, host: str | None) -> None:
    assert parse_host(text) == host


def test_an_origin_has_no_usual_port() -> None:
    assert origin_of("https", "Example.com:443") == "https://example.com"
    assert origin_of("http", "example.com:443") == "http://example.com:443"
    assert origin_of("http", "example.com:80") == "http://example.com"
    assert origin_of("http", "example.com") == "http://example.com"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_a_loopback_host_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "example.com", "localhost.example.com", "10.0.0.1", "::"])
def test_any_other_host_may_be_another_machine(host: str) -> None:
    assert not is_loopback(host)
