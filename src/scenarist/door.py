"""How requests come in: the socket that listens, and the HTTP server behind it."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn

from scenarist.connections import Connection, Limits
from scenarist.domain.addresses import host_in, read_networks
from scenarist.domain.errors import InvalidError, UnavailableError

_GRACE_SECONDS = 5

# On every answer, also on those that no application made.
_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    # Bears on requests without CORS only: where CORS lets a page in, this does not keep it out.
    ("Cross-Origin-Resource-Policy", "same-origin"),
]


class Door(uvicorn.Server):
    """Serves an ASGI application over HTTP.

    Args:
        hang_up: Ends the answers that have no end of their own; called when the server stops,
            which would wait for them otherwise.
        trusted_proxies: Addresses and networks whose word is taken for who the client is
            (``X-Forwarded-For``) and how it came (``X-Forwarded-Proto``).

    Raises:
        InvalidError: A proxy is neither an address nor a network.
    """

    def __init__(
        self,
        asgi: Any,
        *,
        hang_up: Callable[[], None],
        trusted_proxies: Sequence[str] = (),
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(
            uvicorn.Config(
                asgi,
                http=cast("type[asyncio.Protocol]", partial(Connection, limits=limits)),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                server_header=False,
                headers=_HEADERS,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=read_networks(trusted_proxies),
            )
        )
        self._hang_up = hang_up

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hang_up()
        await super().shutdown(sockets)


@contextmanager
def open_listener(host: str, port: int) -> Iterator[socket.socket]:
    """Take a port, without listening yet.

    Raises:
        UnavailableError: Somebody else has it, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise UnavailableError(
                f"cannot listen on {host}:{port}: {error.strerror}; "
                "stop what listens there, or choose another --port"
            ) from error
        yield listener


def is_loopback_only(host: str) -> bool:
    """Whether all that an address to listen on stands for is out of reach of other machines.

    A name is looked up; one that is unknown stands for nothing.
    """
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(_is_loopback(str(target[0])) for *_, target in found)


def require_loopback(host: str) -> None:
    """Refuse to listen where other machines reach a server that knows no authorization.

    Raises:
        InvalidError: They can; says what to do.
    """
    if not is_loopback_only(host):
        raise InvalidError(
            f"other machines can reach {host or 'all addresses'}, and without authorization they "
            "may do anything; switch authorization on (docs/security.md), or say --insecure"
        )


def loopback_hosts(host: str) -> list[str]:
    """Return what a server that listens on a loopback address may be called; none for others."""
    if not is_loopback_only(host):
        return []
    written = f"[{host}]" if ":" in host else host
    return ["localhost", "127.0.0.1", "[::1]", *([written] if host_in(written) else [])]


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
