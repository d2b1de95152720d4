"""How many connections there may be at once, and which of them makes room for a new one."""

import resource
from typing import Protocol

_MOST_DESCRIPTORS = 65_536
_MOST_CONNECTIONS = 20_000
_LEAST_CONNECTIONS = 16


class Closable(Protocol):
    def make_room(self) -> None:
        """Close the connection, which no request is using."""


class ConnectionPlaces:
    """The connections of a server, counted in all and by address.

    A connection on which no request is under way is idle: one that has said nothing yet, has not
    finished a head, or waits for its next request. When there is no place for a new one, the
    connection that has been idle longest makes room, so that connections that say nothing keep
    nobody out. Requests under way are never cut off for others.

    Args:
        limit: How many connections there may be.
        limit_of_address: How many of one address; the addresses of trusted proxies, which stand for
            many clients, have no bound of their own.
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

    def take(self, connection: Closable, address: str, *, is_proxy: bool = False) -> bool:
        """Give a new connection a place; False when every place is used by a request."""
        own = self._counts.get(address, 0)
        if not is_proxy and own >= self._limit_of_address and not self._close_one(address):
            return False
        if self._count >= self.limit and not self._close_one(None):
            return False
        self._count += 1
        self._counts[address] = self._counts.get(address, 0) + 1
        self.set_idle(connection, address)
        return True

    def give_back(self, connection: Closable, address: str) -> None:
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

    def _close_one(self, address: str | None) -> bool:
        """Close what has been idle longest, of one address or of all; False when nothing is."""
        idle = self._all_idle if address is None else self._idle.get(address, {})
        longest = next(iter(idle), None)
        if longest is None:
            return False
        longest.make_room()
        return True


def connection_limit() -> int:
    """Let this process have more descriptors, and return how many connections go with them.

    Half of them: values, databases and workers need some as well.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(_LEAST_CONNECTIONS, min(_MOST_CONNECTIONS, soft // 2))
