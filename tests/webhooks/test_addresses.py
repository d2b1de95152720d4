"""Where messages may go."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.webhooks import find_url_fault, is_public
from scenarist.webhooks.addresses import ForbiddenAddressError, resolve


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111"])
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "fc00::1",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "64:ff9b:1::1",
        "4000::1",
    ],
)
def test_any_other_address_is_not(address: str) -> None:
    assert not is_public(ip_address(address))


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_an_ipv4_address_within_an_ipv6_one_is_judged_as_itself(number: int) -> None:
    inner = IPv4Address(number)

    assert is_public(IPv6Address((0xFFFF << 32) + number)) == is_public(inner)
    assert is_public(IPv6Address((0x2002 << 112) + (number << 80) + 1)) == is_public(inner)
    assert is_public(IPv6Address((0x64FF9B << 96) + number)) == is_public(inner)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "::1"])
def test_what_leads_to_this_machine_is_refused_when_it_is_looked_up(host: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="resolves to the private address"):
        resolve(host, 80, may_be_private=False)


def test_a_private_address_is_found_where_the_setting_allows_it() -> None:
    assert resolve("127.0.0.1", 80, may_be_private=True) == ["127.0.0.1"]


def test_one_private_address_among_those_of_a_name_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look_up(*arguments: Any, **options: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))
            for address in ("93.184.216.34", "10.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    with pytest.raises(ForbiddenAddressError, match="resolves to the private address 10"):
        resolve("inside.example", 443, may_be_private=False)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.com/x", "https:// or http://"),
        ("example.com/x", "https:// or http://"),
        ("https://", "contains no host"),
        ("https:///x", "contains no host"),
        ("https://somebody:word@example.com/", "must not contain a user or password"),
        ("https://somebody@example.com/", "must not contain a user or password"),
        ("https://example.com:port/", "not a valid address"),
        ("https://[::1/", "not a valid address"),
        ("https://example.com/a b", "must not contain blanks"),
        ("https://example.com\\@127.0.0.1/", "must not contain blanks, backslashes"),
        ("https://example.com/\n", "must not contain blanks"),
        ("https://example.com/" + "x" * 2000, "at most 2000 characters"),
        ("http://127.0.0.1/", "127.0.0.1 is a private address"),
        ("http://[::ffff:10.0.0.1]/", "is a private address"),
        ("http://0x7f.1/", "127.0.0.1 is a private address"),
        ("http://2130706433/", "127.0.0.1 is a private address"),
        ("http://169.254.169.254/latest/meta-data", "setting webhook_private_addresses"),
    ],
)
def test_an_address_that_cannot_be_is_said_to_be_so(url: str, said: str) -> None:
    assert said in (find_url_fault(url, may_be_private=False) or "")


@pytest.mark.parametrize(
    "url",
    ["https://example.com/hooks?key=1", "http://example.com:8080", "https://93.184.216.34/"],
)
def test_a_plain_address_may_be_used(url: str) -> None:
    assert find_url_fault(url, may_be_private=False) is None


def test_a_private_address_may_be_used_where_the_setting_allows_it() -> None:
    assert find_url_fault("http://127.0.0.1:8080/", may_be_private=True) is None
