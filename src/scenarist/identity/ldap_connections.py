"""Connection to an LDAP directory with a timeout for each whole response."""

import socket
import ssl
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog

from scenarist.domain.addresses import is_loopback
from scenarist.domain.errors import InvalidError, UnavailableError

_ADDRESS = "write ldaps://directory.example or ldap://directory.example:389"
_PORTS = {"ldap": 389, "ldaps": 636}
_START_TLS = "1.3.6.1.4.1.1466.20037"

Entry = Mapping[str, Any]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LdapServer:
    """Address of a directory, and the TLS context; None for a connection without encryption."""

    url: str
    host: str
    port: int
    base_dn: str
    context: ssl.SSLContext | None
    seconds: float


class LdapConnection:
    """One connection to a directory; unusable after an UnavailableError."""

    def __init__(self, ldap3: Any, server: LdapServer) -> None:
        self._ldap3 = ldap3
        self._server = server
        self._connection: Any = None
        try:
            self._call(self._connect)
            self._call(self._secure)
        except UnavailableError:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            with suppress(self._ldap3.core.exceptions.LDAPExceptionError):
                self._connection.unbind()
            self._connection.strategy.close()

    def bind(self, dn: str | None, password: bytes) -> str:
        """Bind as an entry, or anonymously; return the description of the result."""
        self._connection.user = dn
        self._connection.password = password if dn else None
        self._connection.authentication = self._ldap3.SIMPLE if dn else self._ldap3.ANONYMOUS
        self._call(self._connection.bind, read_server_info=False)
        return str(self._connection.result["description"])

    def search(self, wish: str, attributes: list[str], limit: int = 0) -> tuple[list[Entry], bool]:
        """Return the entries that match a filter, and whether these are all."""
        self._call(
            self._connection.search,
            self._server.base_dn,
            wish,
            attributes=attributes,
            size_limit=limit,
            dereference_aliases=self._ldap3.DEREF_NEVER,
        )
        said = self._connection.result["description"]
        if said not in ("success", "sizeLimitExceeded"):
            raise self.make_error(f"it does not search under {self._server.base_dn}: {said}")
        answers = self._connection.response
        return [entry for entry in answers if entry["type"] == "searchResEntry"], said == "success"

    def make_error(self, reason: str) -> UnavailableError:
        return UnavailableError(f"the directory {self._server.url} cannot be queried: {reason}")

    def _call(self, question: Callable[..., object], *arguments: object, **options: object) -> None:
        try:
            question(*arguments, **options)
        except (self._ldap3.core.exceptions.LDAPExceptionError, OSError) as error:
            raise self.make_error(str(error) or type(error).__name__) from None
        except Exception:  # noqa: BLE001 - ldap3 has no error of its own for what it cannot decode
            raise self.make_error("its response is not LDAP") from None

    def _connect(self) -> None:
        seconds = self._server.seconds
        fault: Exception = OSError("its host has no address")
        places = socket.getaddrinfo(self._server.host, self._server.port, type=socket.SOCK_STREAM)
        for *_, (host, port, *_) in places:
            connection = self._ldap3.Connection(
                self._ldap3.Server(host, port, get_info=self._ldap3.NONE, connect_timeout=seconds),
                auto_referrals=False,
                auto_escape=False,
                check_names=False,
                fast_decoder=False,  # it allocates gigabytes for a number in place of a text
                read_only=True,
            )
            try:
                connection.open(read_server_info=False)
            except self._ldap3.core.exceptions.LDAPExceptionError as error:
                fault = error
                if connection.socket is not None:
                    connection.socket.close()
            else:
                connection.socket = _DeadlineSocket(connection.socket, seconds)
                self._connection = connection
                return
        raise fault

    def _secure(self) -> None:
        if self._server.context is None:
            return
        if not self._server.url.startswith("ldaps:"):
            self._connection.extended(_START_TLS)
            said = self._connection.result["description"]
            if said != "success":
                raise OSError(f"it does not start TLS: {said}")
        # TLS by Python: ldap3 matches certificates with the host by code of its own.
        self._connection.socket.secure(self._server.context, self._server.host)


class _DeadlineSocket:
    """A socket with one timeout for a whole response; ldap3's restarts with each chunk."""

    def __init__(self, plain: socket.socket, seconds: float) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # TLS would wait for 40 ms
        self._socket = plain
        self._seconds = seconds
        self._until = 0.0

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        self._socket.settimeout(self._seconds)
        self._socket = context.wrap_socket(self._socket, server_hostname=host)

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._seconds)
        self._socket.sendall(data)
        self._until = time.monotonic() + self._seconds

    def recv(self, size: int) -> bytes:
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(seconds)
        return self._socket.recv(size)

    def shutdown(self, how: int) -> None:
        self._socket.shutdown(how)

    def close(self) -> None:
        self._socket.close()


def load_ldap3() -> Any:
    with warnings.catch_warnings():
        # ldap3 2.9.1 uses two deprecated names of pyasn1:
        # https://github.com/cannatag/ldap3/issues/1159
        warnings.filterwarnings("ignore", "(tagMap|typeMap) is deprecated", DeprecationWarning)
        try:
            import ldap3  # type: ignore[import-untyped]
        except ImportError as error:
            raise InvalidError(
                "sign-in against an LDAP directory needs the extra: pip install 'scenarist[ldap]'"
            ) from error
    return ldap3


def parse_server(url: str, base_dn: str, ca_file: str | None, seconds: float) -> LdapServer:
    """Parse an address; errors do not repeat it, because it may contain a password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        raise InvalidError(f"server is not an address; {_ADDRESS}") from None
    rest = parts.path.removeprefix("/") + parts.query + parts.fragment
    if parts.scheme not in _PORTS or not host or port == 0 or rest or "@" in url or " " in url:
        raise InvalidError(f"server must name a host, and nothing else but its port; {_ADDRESS}")
    context = None
    if parts.scheme == "ldaps" or ca_file is not None or not is_loopback(host):
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise InvalidError(
                f"ca_file {ca_file!r} cannot be read: {error}; name a file of certificates in PEM"
            ) from None
    return LdapServer(
        url=f"{parts.scheme}://{parts.netloc}",
        host=host,
        port=port or _PORTS[parts.scheme],
        base_dn=base_dn,
        context=context,
        seconds=seconds,
    )
