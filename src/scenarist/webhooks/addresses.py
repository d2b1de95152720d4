"""Connections to receivers at checked addresses, against server-side request forgery."""

import ipaddress
import socket
import threading
from collections.abc import Iterable

import httpcore

from scenarist.domain.webhooks import is_public


class ForbiddenAddressError(Exception):
    """A host name resolves to an address that webhooks must not be sent to."""


def resolve(host: str, port: int, *, may_be_private: bool) -> list[str]:
    """Return the distinct addresses of a host.

    Raises:
        OSError: The name cannot be resolved.
        ForbiddenAddressError: One of them is not on the public Internet.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = list(dict.fromkeys(str(target[0]) for *_, target in found))
    if not may_be_private:
        for address in addresses:
            if not is_public(ipaddress.ip_address(address)):
                raise ForbiddenAddressError(
                    f"{host} resolves to the private address {address}, which the setting "
                    "webhook_private_addresses does not allow"
                )
    return addresses


class CheckedBackend(httpcore.NetworkBackend):
    """Opens one connection, to an address that was resolved and checked in the same call.

    A second look-up could resolve to another address. TLS still verifies the host name.
    """

    def __init__(self, *, may_be_private: bool) -> None:
        self._may_be_private = may_be_private
        self._sockets = httpcore.SyncBackend()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._aborted = threading.Event()

    @property
    def is_aborted(self) -> bool:
        return self._aborted.is_set()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        fault: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in resolve(host, port, may_be_private=self._may_be_private):
            if self._aborted.is_set():
                break
            try:
                stream = self._sockets.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
                continue
            # TLS takes over the socket; a second descriptor is needed to shut it down.
            line: socket.socket = stream.get_extra_info("socket").dup()
            with self._lock:
                self._socket = line
            if self._aborted.is_set():
                self.abort()
            return stream
        raise fault

    def abort(self) -> None:
        """Shut down the connection in any state; thread-safe."""
        with self._lock:
            self._aborted.set()
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # already closed by the other side

    def close(self) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
