"""Limits on open connections, in total and per address; idle ones are closed for new ones."""

import resource
from typing import Protocol

_MAX_DESCRIPTORS = 65_536
_MAX_CONNECTIONS = 20_000
_MIN_CONNECTIONS = 16


class Closable(Protocol):
    def close_idle(self) -> None:
        """Close the connection, which is idle."""


class ConnectionLimiter:
    """Open connections of a server, counted in total and per address.

    A connection is idle while it has no request in progress: before its first bytes, while a
    request head is incomplete, and between requests. At the limit, the connection that has been
    idle longest is closed for a new one, so that silent connections cannot keep clients out.
    Connections with a request in progress are never closed for others.

    Args:
        limit: The maximum number of connections.
        limit_of_address: The maximum per address, except for addresses of trusted proxies, which
            stand for many clients; the default is half of *limit*.
    """

    def __init__(self, limit: int, limit_of_address: int | None = None) -> None:
        self.limit = limit
        self._limit_of_address = (
            max(1, limit // 2) if limit_of_address is None else limit_of_address
        )
        self._counts: dict[str, int] = {}
        self._idle: dict[str, dict[Closable, None]] = {}
        self._all_idle: dict[Closable, str] = {}
        self._count = 0

    def admit(self, connection: Closable, address: str, *, is_proxy: bool = False) -> bool:
        """Admit a new connection; False if all connections have requests in progress."""
        own = self._counts.get(address, 0)
        if not is_proxy and own >= self._limit_of_address and not self._close_idlest(address):
            return False
        if self._count >= self.limit and not self._close_idlest(None):
            return False
        self._count += 1
        self._counts[address] = self._counts.get(address, 0) + 1
        self.set_idle(connection, address)
        return True

    def release(self, connection: Closable, address: str) -> None:
        self.set_busy(connection, address)
        self._count -= 1
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]

    def set_idle(self, connection: Closable, address: str) -> None:
        self._all_idle[connection] = address
        self._idle.setdefault(address, {})[connection] = None

    def set_busy(self, connection: Closable, address: str) -> None:
        if self._all_idle.pop(connection, None) is not None:
            of_address = self._idle[address]
            del of_address[connection]
            if not of_address:
                del self._idle[address]

    def _close_idlest(self, address: str | None) -> bool:
        """Close the connection idle longest, of one address or of all; False if there is none."""
        idle = self._all_idle if address is None else self._idle.get(address, {})
        longest = next(iter(idle), None)
        if longest is None:
            return False
        longest.close_idle()
        return True


def raise_connection_limit() -> int:
    """Raise the limit of file descriptors, and return the maximum number of connections.

    It is half of the descriptors: values, databases and workers need some as well.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    return max(_MIN_CONNECTIONS, min(_MAX_CONNECTIONS, soft // 2))
