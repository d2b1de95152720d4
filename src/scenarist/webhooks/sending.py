"""Sends one message to one receiver, and returns the result."""

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto, unique
from importlib.metadata import version

import httpcore
import httpx

from scenarist.db.deliveries import PendingDelivery
from scenarist.domain.errors import UnavailableError
from scenarist.webhooks.addresses import CheckedBackend, ForbiddenAddressError
from scenarist.webhooks.signing import sign

_PORTS = {"http": 80, "https": 443}
_AGENT = f"Scenarist/{version('scenarist')}"


@unique
class DeliveryResult(Enum):
    DELIVERED = auto()
    GONE = auto()  #: the receiver wants no more messages
    RETRY = auto()  #: to be sent again


@dataclass(frozen=True, slots=True)
class Attempt:
    """Result of sending a message once; the fault says why it did not arrive."""

    delivery: PendingDelivery
    result: DeliveryResult
    fault: str = ""
    seconds: float = field(default=0.0, compare=False)  #: duration of the attempt
    has_timed_out: bool = False  #: whether it timed out


class Sender:
    """Posts messages, each over a connection of its own; `send` is thread-safe.

    Redirects and proxies are not followed, and only the status and headers of responses are read.

    Args:
        may_be_private: Whether messages may be sent to addresses that are not on the public
            Internet.
        decrypt: Decrypts a stored secret.
        connect_seconds: Timeout for connecting to one address.
        total_seconds: Limit for a whole attempt, whatever the receiver does.
        short_seconds: The same for a receiver that has timed out before.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        may_be_private: bool,
        decrypt: Callable[[str], str],
        connect_seconds: float = 5.0,
        total_seconds: float = 15.0,
        short_seconds: float = 5.0,
    ) -> None:
        self._now = now
        self._may_be_private = may_be_private
        self._decrypt = decrypt
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._short_seconds = short_seconds
        self._lock = threading.Lock()
        self._open: set[CheckedBackend] = set()
        self._context: ssl.SSLContext | None = None

    def send(self, delivery: PendingDelivery, *, is_short: bool = False) -> Attempt:
        """Post a message once, within the time limit of its receiver."""
        begun = time.monotonic()
        seconds = self._short_seconds if is_short else self._total_seconds
        attempt = self._send_with_timeout(delivery, seconds)
        return replace(attempt, seconds=time.monotonic() - begun)

    def _send_with_timeout(self, delivery: PendingDelivery, seconds: float) -> Attempt:
        try:
            secret = self._decrypt(delivery.secret)
        except UnavailableError as error:
            return Attempt(delivery, DeliveryResult.RETRY, error.message)
        backend = CheckedBackend(may_be_private=self._may_be_private)
        end = threading.Timer(seconds, backend.abort)
        end.daemon = True
        with self._lock:
            self._open.add(backend)
        end.start()
        try:
            return _to_attempt(delivery, self._post(delivery, secret, backend, seconds))
        except Exception as error:  # noqa: BLE001 - whatever a receiver can do to a connection
            was_silent = backend.is_aborted or isinstance(error, httpcore.TimeoutException)
            fault = (
                _describe_timeout(seconds)
                if backend.is_aborted
                else self._describe_fault(error, seconds)
            )
            return Attempt(delivery, DeliveryResult.RETRY, fault, has_timed_out=was_silent)
        finally:
            end.cancel()
            with self._lock:
                self._open.discard(backend)
            backend.close()

    def close(self) -> None:
        """Abort all attempts in progress."""
        with self._lock:
            backends = list(self._open)
        for backend in backends:
            backend.abort()

    def _post(
        self, delivery: PendingDelivery, secret: str, backend: CheckedBackend, total_seconds: float
    ) -> int:
        url = httpx.URL(delivery.url)
        body = delivery.body.encode()
        seconds = int(self._now().timestamp())
        port = url.port or _PORTS[url.scheme]
        with httpcore.HTTPConnection(
            httpcore.Origin(url.raw_scheme, url.raw_host, port),
            ssl_context=self._tls() if url.scheme == "https" else None,
            network_backend=backend,
        ) as connection:
            waits = {"connect": self._connect_seconds}
            waits |= dict.fromkeys(("read", "write"), total_seconds)
            with connection.stream(
                "POST",
                httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=port, target=url.raw_path
                ),
                headers=[
                    (b"host", url.netloc),
                    (b"user-agent", _AGENT),
                    (b"connection", b"close"),
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body))),
                    (b"webhook-id", delivery.id),
                    (b"webhook-timestamp", str(seconds)),
                    (b"webhook-signature", sign(secret, delivery.id, seconds, body)),
                ],
                content=body,
                extensions={"timeout": waits},
            ) as response:
                return response.status

    def _tls(self) -> ssl.SSLContext:
        """Return the TLS context with the trusted certificates; it is created at first use."""
        with self._lock:
            if self._context is None:
                self._context = httpx.create_ssl_context()
            return self._context

    def _describe_fault(self, error: Exception, seconds: float) -> str:
        match error:
            case ForbiddenAddressError():
                return str(error)
            case httpcore.ConnectTimeout():
                return f"no connection within {self._connect_seconds:g} s"
            case httpcore.TimeoutException():
                return _describe_timeout(seconds)
            case httpcore.ConnectError() | OSError():
                return f"no connection: {error}"
            case _:
                return f"the exchange failed: {type(error).__name__}: {error}"


def _describe_timeout(seconds: float) -> str:
    return f"it did not answer within {seconds:g} s"


def _to_attempt(delivery: PendingDelivery, status: int) -> Attempt:
    if 200 <= status < 300:
        return Attempt(delivery, DeliveryResult.DELIVERED)
    if status == 410:
        return Attempt(delivery, DeliveryResult.GONE, "it answered 410 Gone")
    if 300 <= status < 400:
        fault = f"it answered {status}; redirects are not followed"
        return Attempt(delivery, DeliveryResult.RETRY, fault)
    return Attempt(delivery, DeliveryResult.RETRY, f"it answered {status}")
