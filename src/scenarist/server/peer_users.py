"""Finds the user at the other end of a connection on this machine (Linux)."""

import errno
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Any

_INET_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_REQUEST = 1  # NLM_F_REQUEST
_LISTEN = 10  # TCP_LISTEN
_ALL_STATES = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8

# struct nlmsghdr, then inet_diag_req_v2 with its inet_diag_sockid, in linux/inet_diag.h.
_HEADER = struct.Struct("=IHHII")
_QUERY = struct.Struct("=BBBBI")
_ENDS = struct.Struct("!HH16s16s")
_INTERFACE = struct.Struct("=I")
# struct inet_diag_msg: family, state, timer, retransmits; the ports; after the rest of the
# sockid, expires and two queues, the user and the inode.
_RESPONSE = struct.Struct("=BBBB")
_PORTS = struct.Struct("!HH")
_OWNER = struct.Struct("=II")
_OWNER_AT = _HEADER.size + 4 + 48 + 12

Address = tuple[Any, ...]
"""Host and port, and further items that depend on the family."""


class PeerUserLookup:
    """Queries the kernel for the owner of one socket, which takes some microseconds.

    The owner is the user that opened the socket. Not thread-safe.

    Raises:
        OSError: The kernel of this machine does not report owners.
    """

    def __init__(self) -> None:
        netlink = getattr(socket, "AF_NETLINK", None)
        if netlink is None:
            raise OSError(errno.ENOSYS, "only Linux reports the owners of sockets")
        self._socket = socket.socket(netlink, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _INET_DIAG)
        self._socket.setblocking(False)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def find_user(self, here: Address, there: Address) -> int | None:
        """Return the user id at the other end of a connection on this machine.

        None if there is no such socket, or if it was closed: the kernel reports root as the owner
        of closed sockets.

        Args:
            here: The address of our end.
            there: The address of the other end.
        """
        family, ours, theirs = _pack_addresses(here[0], there[0])
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        query = (
            _QUERY.pack(family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES)
            + _ENDS.pack(there[1], here[1], theirs, ours)
            + _INTERFACE.pack(0)
            + _NO_COOKIE
        )
        length = _HEADER.size + len(query)
        try:
            self._socket.send(_HEADER.pack(length, _BY_FAMILY, _REQUEST, self._sequence, 0) + query)
            while True:
                response = self._socket.recv(4096)
                _, kind, _, sequence, _ = _HEADER.unpack_from(response)
                if sequence == self._sequence:
                    break
        except OSError:
            return None
        return _parse_owner(response, there[1], here[1]) if kind == _BY_FAMILY else None


def open_peer_user_lookup() -> PeerUserLookup | None:
    """Return a lookup; None if the kernel does not report owners.

    It is tried on a connection of this process to itself.
    """
    with suppress(OSError):
        lookup = PeerUserLookup()
        with suppress(OSError), socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            with socket.create_connection(address, timeout=5) as caller:
                if lookup.find_user(address, caller.getsockname()) == os.geteuid():
                    return lookup
        lookup.close()
    return None


def _pack_addresses(here: str, there: str) -> tuple[int, bytes, bytes]:
    """Pack both addresses as the kernel stores them; IPv4-mapped ones as IPv4."""
    ends = []
    for text in (here, there):
        address = ip_address(text.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        ends.append(address)
    family = socket.AF_INET6 if ends[0].version == 6 else socket.AF_INET
    ours, theirs = (end.packed.ljust(16, b"\0") for end in ends)
    return family, ours, theirs


def _parse_owner(response: bytes, port: int, other_port: int) -> int | None:
    _, state, _, _ = _RESPONSE.unpack_from(response, _HEADER.size)
    ports = _PORTS.unpack_from(response, _HEADER.size + 4)
    owner, inode = _OWNER.unpack_from(response, _OWNER_AT)
    # If there is no connection, the kernel returns the listening socket of the port.
    is_connection = state != _LISTEN and ports == (port, other_port)
    return int(owner) if is_connection and inode else None


def make_peer_check(lookup: PeerUserLookup) -> Callable[[Address, Address], str | None]:
    """Return a check for the users who are not served: all except our own and root."""
    served = {0, os.geteuid()}

    def check_peer(here: Address, there: Address) -> str | None:
        owner = lookup.find_user(here, there)
        if owner in served:
            return None
        user = "an unknown user" if owner is None else f"the user with the number {owner}"
        return (
            "while authorization is off, this server serves only the user who runs it, and root; "
            f"this connection belongs to {user}. Switch authorization on (docs/security.md), or "
            "start the server with --insecure to serve every user of this machine"
        )

    return check_peer
