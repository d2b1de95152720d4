"""Parsing of addresses in settings: trusted proxies, origins and hosts. Looks nothing up."""

import ipaddress
import re
from collections.abc import Iterable

from scenarist.domain.errors import InvalidError

ANY_ORIGIN = "*"

_MAPPED_BITS = 96  # RFC 4291, section 2.5.5.2: an IPv4 address in the last four bytes
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z._-]+)(:[0-9]*)?", re.IGNORECASE)


def parse_networks(texts: Iterable[str]) -> list[str]:
    """Return addresses and networks as networks; IPv4 ones also in their IPv4-mapped IPv6 form.

    A dual-stack socket reports an IPv4 client by its IPv4-mapped IPv6 address.

    Raises:
        InvalidError: A text is neither an address nor a network. The message names it.
    """
    found = []
    for text in texts:
        try:
            network = ipaddress.ip_network(text.strip())
        except ValueError as error:
            raise InvalidError(
                "a trusted proxy must be an address or a network, "
                f"such as 10.0.0.7 or 10.0.0.0/8: {error}"
            ) from None
        found.append(str(network))
        if network.version == 4:
            bits = _MAPPED_BITS + network.prefixlen
            found.append(str(ipaddress.ip_network(f"::ffff:{network.network_address}/{bits}")))
    return found


def parse_origins(texts: Iterable[str]) -> frozenset[str]:
    """Return origins in the form that browsers send; `ANY_ORIGIN` matches all.

    Raises:
        InvalidError: A text is not an origin, or `ANY_ORIGIN` is combined with others.
    """
    origins = frozenset(_parse_origin(text.strip()) for text in texts)
    if ANY_ORIGIN in origins and len(origins) > 1:
        raise InvalidError(f"the origin {ANY_ORIGIN} means all origins; list no others with it")
    return origins


def _parse_origin(text: str) -> str:
    if text == ANY_ORIGIN:
        return text
    scheme, _, host = text.partition("://")
    scheme = scheme.lower()
    if scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host):
        raise InvalidError(
            f"{text!r} is not an origin; write a scheme and a host without a path, "
            "such as https://planner.example.com"
        )
    return origin_of(scheme, host)


def origin_of(scheme: str, host: str) -> str:
    """Return the origin of ``HOST`` or ``HOST:PORT`` as browsers send it: without default port."""
    return f"{scheme}://{host.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ''))}"


def parse_hosts(texts: Iterable[str]) -> frozenset[str]:
    """Return host names and addresses in the form that `parse_host` returns.

    Raises:
        InvalidError: A text is not a host, or has a port. The message names it.
    """
    hosts = frozenset(text.strip().lower() for text in texts)
    for host in hosts:
        if parse_host(host) != host:
            raise InvalidError(
                f"{host!r} is not a host; write a name or an address without a port, "
                "such as planner.example.com or [::1]"
            )
    return hosts


def parse_host(text: str) -> str | None:
    """Return the host of ``HOST`` or ``HOST:PORT`` in lower case; None if it is neither."""
    match = _HOST.fullmatch(text)
    return match[1].lower() if match else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: a loopback address, or ``localhost``; other names are not."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
