"""What may be a webhook: its address and its secret, judged without asking the network."""

import binascii
import ipaddress
import socket
from base64 import b64decode
from urllib.parse import urlsplit

URL_LIMIT = 2000
"""Characters of an address."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - the mark of the Standard Webhooks specification
_SECRET_BYTES = range(24, 65)

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that has been given out, RFC 4291 section 2.4
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes


def url_fault(url: str, *, may_be_private: bool) -> str | None:
    """Return what is wrong with the address of a webhook, or None when it may be used.

    Only an address in digits can be seen to be private here; a name is looked up when a message
    is sent, each time.
    """
    if len(url) > URL_LIMIT:
        return f"an address has at most {URL_LIMIT} characters, this one has {len(url)}"
    if not url.isprintable() or any(letter.isspace() or letter == "\\" for letter in url):
        return "an address has no blanks, backslashes or control characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is no address; write one such as https://example.com/hooks"
    if parts.scheme not in {"http", "https"}:
        return "an address starts with https:// or http://"
    if not host:
        return "it names no host; write one such as https://example.com/hooks"
    if "@" in parts.netloc:
        return "an address has no user or password; receivers know a message by its signature"
    address = _digits(host)
    if address is not None and not may_be_private and not is_public(address):
        return (
            f"{address} is a private address; the setting webhook_private_addresses "
            "allows webhooks to go there"
        )
    return None


def is_public(address: _Address) -> bool:
    """Whether an address is one host's on the public Internet, also when IPv6 wraps an IPv4 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(address.packed[-4:])
    if inner is not None:
        return is_public(inner)
    return address in _UNICAST and address.is_global


def secret_fault(secret: str) -> str | None:
    """Return what is wrong with a webhook's secret, or None when it may be used."""
    if not secret.startswith(SECRET_PREFIX):
        return f"a secret starts with {SECRET_PREFIX}"
    try:
        size = len(key_of(secret))
    except (binascii.Error, ValueError):
        return f"after {SECRET_PREFIX} a secret is base64"
    if size not in _SECRET_BYTES:
        first, last = _SECRET_BYTES[0], _SECRET_BYTES[-1]
        return f"a secret stands for {first} to {last} bytes, this one for {size}"
    return None


def key_of(secret: str) -> bytes:
    """Return the bytes that a secret stands for."""
    return b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)


def _digits(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # As the system reads them too: 127.1, 0x7f000001, 2130706433.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
