"""How requests come in: the socket that listens, and the HTTP server behind it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from scenarist.domain.errors import UnavailableError

_GRACE_SECONDS = 5


class Door(uvicorn.Server):
    """Serves an ASGI application over HTTP.

    Args:
        hang_up: Ends the answers that have no end of their own; called when the server stops,
            which would wait for them otherwise.
    """

    def __init__(self, asgi: Any, *, hang_up: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                asgi,
                http="httptools",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
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
