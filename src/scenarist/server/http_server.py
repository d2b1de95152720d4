"""HTTP server: the listening socket, and uvicorn with limits, signals and security headers."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from types import FrameType
from typing import Any, cast

import msgspec
import uvicorn

from scenarist.domain.addresses import is_loopback, parse_host, parse_networks
from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.schemas import PROBLEM_MEDIA_TYPE, make_problem
from scenarist.server.connection_limits import ConnectionLimiter, raise_connection_limit
from scenarist.server.http_protocol import ConnectionLimits, HttpProtocol, PeerCheck

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_GRACE_SECONDS = 5
_LINGER_SECONDS = 1
"""How long a server that retires answers those who connected before it stopped to accept."""

_STOPPED_PROBLEM = make_problem(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "in_doubt",
    "the server stopped before it had finished this request; check whether it was done before you "
    "try again",
)

# Added to every response, including those that the application did not make.
_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    # Applies to requests without CORS only; CORS requests are governed by `cors_origins`.
    ("Cross-Origin-Resource-Policy", "same-origin"),
]


class HttpServer(uvicorn.Server):
    """Serves an ASGI application over HTTP.

    Args:
        stop_accepting: Ends endless responses; called when the server stops, which would
            otherwise wait for them.
        on_force_exit: Called at a second signal, while the server is stopping.
        count_refusal: Called with the address, the code and the reason of each refusal by a limit.
        check_peer: Returns, for a new connection, why its user is not served; not called for
            trusted proxies.
        trusted_proxies: Addresses and networks that are trusted to report the client's address
            (``X-Forwarded-For``) and scheme (``X-Forwarded-Proto``).

    Raises:
        InvalidError: A proxy is neither an address nor a network.
    """

    def __init__(  # noqa: PLR0913 - its dependencies and limits
        self,
        asgi: Any,
        *,
        stop_accepting: Callable[[], None],
        on_force_exit: Callable[[], None],
        trusted_proxies: Sequence[str] = (),
        count_refusal: Callable[[str, str, str], None] | None = None,
        check_peer: PeerCheck | None = None,
        limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - frozen
        limiter: ConnectionLimiter | None = None,
    ) -> None:
        proxies = parse_networks(trusted_proxies)
        connection = partial(
            HttpProtocol,
            limits=limits,
            limiter=limiter or ConnectionLimiter(raise_connection_limit()),
            count_refusal=count_refusal,
            check_peer=check_peer,
            is_proxy=partial(
                _is_in_networks, networks=[ipaddress.ip_network(one) for one in proxies]
            ),
        )
        super().__init__(
            uvicorn.Config(
                _StopMiddleware(asgi),
                http=cast("type[asyncio.Protocol]", connection),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                server_header=False,
                headers=_HEADERS,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=proxies,
            )
        )
        self._stop_accepting = stop_accepting
        self._on_force_exit = on_force_exit
        self._is_retiring = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the handlers that the caller has set, also before and after `run`."""
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at the first signal; at the second, stop waiting for what can be repeated later."""
        if self.should_exit:
            self.force_exit = True
            self._on_force_exit()
        self.should_exit = True

    def retire(self) -> None:
        """Stop because another process serves the same socket: no connection is cut off unheard.

        Can be called in any thread.
        """
        self._is_retiring = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._is_retiring:
            for server in self.servers:
                server.close()
            await asyncio.sleep(_LINGER_SECONDS)
        self._stop_accepting()
        await super().shutdown(sockets)


class _StopMiddleware:
    """Responds to requests that the stop of the server cancels; uvicorn would log an error.

    The response has the code of a commit in doubt (`in_doubt`), because the request may have been
    carried out.
    """

    def __init__(self, asgi: Any) -> None:
        self._asgi = asgi

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        has_begun = False

        async def send_on(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._asgi(scope, receive, send_on)
        except asyncio.CancelledError:
            if has_begun:
                raise
            body = msgspec.json.encode(_STOPPED_PROBLEM)
            headers = [
                (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"retry-after", b"1"),
            ]
            start = {
                "type": "http.response.start",
                "status": _STOPPED_PROBLEM.status,
                "headers": headers,
            }
            await send(start)
            await send({"type": "http.response.body", "body": body})


@contextmanager
def open_listener(host: str, port: int) -> Iterator[socket.socket]:
    """Bind a port, without listening yet.

    Raises:
        UnavailableError: The port is in use, or the address does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise UnavailableError(
                f"cannot listen on {host}:{port}: {error.strerror}; stop the program that listens "
                "there, or choose another --port"
            ) from error
        yield listener


def is_loopback_only(host: str) -> bool:
    """Whether no other machine can reach what an address to listen on resolves to.

    False for a name that cannot be resolved.
    """
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(is_loopback(str(target[0])) for *_, target in found)


def require_loopback(host: str) -> None:
    """Refuse an address that other machines can reach, for a server without authorization.

    Raises:
        InvalidError: Other machines can reach it; says what to do.
    """
    if not is_loopback_only(host):
        raise InvalidError(
            f"other machines can reach {host or 'all addresses'}, and without authorization they "
            "may do anything; switch authorization on (docs/security.md), or use --insecure"
        )


def loopback_hosts(host: str) -> list[str]:
    """Return the host names of a server that listens on loopback; empty for other addresses."""
    if not is_loopback_only(host):
        return []
    written = f"[{host}]" if ":" in host else host
    return ["localhost", "127.0.0.1", "[::1]", *([written] if parse_host(written) else [])]


def _is_in_networks(address: str, networks: Sequence[_Network]) -> bool:
    return bool(networks) and any(ipaddress.ip_address(address) in network for network in networks)
