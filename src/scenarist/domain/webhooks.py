"""Validation of the addresses and secrets of webhooks, without network access."""

import binascii
import ipaddress
import socket
from base64 import b64decode
from urllib.parse import urlsplit

MAX_URL_LENGTH = 2000
"""The maximum length of an address, in characters."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of the Standard Webhooks specification
_SECRET_BYTES = range(24, 65)

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that has been allocated, RFC 4291 section 2.4
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes


def find_url_fault(url: str, *, may_be_private: bool) -> str | None:
    """Return what is wrong with the address of a webhook; None if it is valid.

    Only numeric addresses are checked for being private here. A name is looked up for each
    message when it is sent.
    """
    if len(url) > MAX_URL_LENGTH:
        return f"an address can have at most {MAX_URL_LENGTH} characters; this one has {len(url)}"
    if not url.isprintable() or any(letter.isspace() or letter == "\\" for letter in url):
        return "an address must not contain blanks, backslashes or control characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is not a valid address; write one such as https://example.com/hooks"
    if parts.scheme not in {"http", "https"}:
        return "an address must start with https:// or http://"
    if not host:
        return "it contains no host; write one such as https://example.com/hooks"
    if "@" in parts.netloc:
        return "an address must not contain a user or password; receivers verify the signature"
    address = _parse_numeric_address(host)
    if address is not None and not may_be_private and not is_public(address):
        return (
            f"{address} is a private address; the setting webhook_private_addresses "
            "allows webhooks to private addresses"
        )
    return None


def is_public(address: _Address) -> bool:
    """Whether an address is a public unicast address, including IPv4 addresses embedded in IPv6."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(address.packed[-4:])
    if inner is not None:
        return is_public(inner)
    return address in _UNICAST and address.is_global


def find_secret_fault(secret: str) -> str | None:
    """Return what is wrong with the secret of a webhook; None if it is valid."""
    if not secret.startswith(SECRET_PREFIX):
        return f"a secret must start with {SECRET_PREFIX}"
    try:
        size = len(decode_secret(secret))
    except (binascii.Error, ValueError):
        return f"after {SECRET_PREFIX} a secret must be base64"
    if size not in _SECRET_BYTES:
        first, last = _SECRET_BYTES[0], _SECRET_BYTES[-1]
        return f"a secret must encode {first} to {last} bytes; this one encodes {size}"
    return None


def decode_secret(secret: str) -> bytes:
    """Return the bytes that a secret encodes."""
    return b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)


def _parse_numeric_address(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # The system accepts these forms as well: 127.1, 0x7f000001, 2130706433.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
