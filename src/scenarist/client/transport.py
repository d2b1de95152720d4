"""HTTP requests to one server: retries where they are safe, and decoding of responses."""

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from scenarist import schemas
from scenarist.client.errors import ClientError, ProblemError, TransportError, to_error

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

API = "/api/v1"

_SAFE = frozenset({"GET", "HEAD"})
_IDEMPOTENT = frozenset({"PUT", "DELETE"})
_PROXY_STATUSES = frozenset({502, 503, 504})
_LONGEST_PAUSE_SECONDS = 30.0
_KEEP_ALIVE_SECONDS = 3.0
"""Shorter than the keep-alive of servers, which could otherwise close it as a request is sent."""

_DELETED_BODY = b'{"message": "It is deleted; the response that said so was lost.", "deleted": {}}'


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request.

    Args:
        body: The body, which is sent as JSON.
        content: The body as bytes, instead of *body*.
        wait_seconds: How long the server is asked to delay its response.
        may_repeat: Whether sending it twice is harmless; None means what HTTP says of the method.
        retries_unavailable: Whether it is sent again when the server responds with 503.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = msgspec.UNSET
    content: bytes | Iterable[bytes] | None = None
    wait_seconds: float = 0.0
    may_repeat: bool | None = None
    retries_unavailable: bool = True

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be sent again when the outcome is unknown.

        With ``If-Match``, a repeat would be refused because of the first request.
        """
        if self.may_repeat is not None:
            return self.may_repeat
        if self.method in _SAFE or "Idempotency-Key" in self.headers:
            return True
        return self.method in _IDEMPOTENT and "If-Match" not in self.headers

    @property
    def is_whole(self) -> bool:
        """Whether the body is still available after it was sent, unlike that of a file."""
        return self.content is None or isinstance(self.content, bytes)


class Transport:
    """A pool of connections to one server; thread-safe.

    Args:
        token: Sent with each request.
        timeout: Seconds that a response may take, in addition to the delay that the request asks
            for.
        retries: How often a request is sent again, at most.

    Raises:
        ClientError: The address or the token is not valid.
    """

    def __init__(self, url: str, *, token: str | None, timeout: float, retries: int) -> None:
        import httpx  # imported when a client is created: importing the package stays cheap

        self.url = check_address(url)
        self.token = token
        self._timeout = timeout
        self._retries = retries
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Accept": "application/json"},
            limits=httpx.Limits(
                max_connections=100,
                max_keepalive_connections=20,
                keepalive_expiry=_KEEP_ALIVE_SECONDS,
            ),
        )

    @property
    def token(self) -> str | None:
        return self._token

    @token.setter
    def token(self, token: str | None) -> None:
        self._token = None if token is None else check_header(token, "the token")

    def close(self) -> None:
        self._http.close()

    def fetch(self, call: Call, answer: type[T]) -> T:
        """Send a request and decode its response.

        Raises:
            ProblemError: The server refused the request.
            TransportError: There was no response, or it cannot be decoded.
        """
        return self.read(self.send(call).content, answer)

    def read(self, content: bytes, answer: type[T]) -> T:
        try:
            return msgspec.json.decode(content, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TransportError(
                f"{self.url} sent a response that cannot be decoded ({error}); is it a Scenarist "
                "server of this version?"
            ) from error

    def send(self, call: Call) -> "httpx.Response":
        """Send a request, with retries where they are safe, and return the whole response."""
        return self._send_with_retries(call, reads=True)

    @contextmanager
    def stream(
        self, call: Call, *, quiet_seconds: float | None = None
    ) -> Iterator["httpx.Response"]:
        """Send a request, with retries where they are safe; read its body within the block.

        Args:
            quiet_seconds: The read timeout of the body.
        """
        response = self._send_with_retries(call, reads=False, quiet_seconds=quiet_seconds)
        try:
            yield response
        finally:
            response.close()

    @contextmanager
    def stream_chunks(
        self, call: Call, size: int
    ) -> Iterator[tuple[Mapping[str, str], Iterator[bytes]]]:
        """Return the headers of a response, and its body in chunks of at most *size* bytes."""
        with self.stream(call) as response:
            yield response.headers, self._translate_errors(response.iter_bytes(size))

    @contextmanager
    def stream_lines(self, call: Call, *, quiet_seconds: float) -> Iterator[Iterator[bytes]]:
        """Return the lines of an endless response, each as soon as it has arrived."""
        with self.stream(call, quiet_seconds=quiet_seconds) as response:
            yield _split_lines(self._translate_errors(response.iter_bytes()))

    def _translate_errors(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        import httpx

        try:
            yield from pieces
        except httpx.TransportError as error:
            raise self._to_transport_error(error) from error

    def _send_with_retries(
        self, call: Call, *, reads: bool, quiet_seconds: float | None = None
    ) -> "httpx.Response":
        import httpx

        attempt = 0
        was_lost = False
        while True:
            failure: ClientError
            try:
                response = self._http.send(self._build_request(call, quiet_seconds), stream=True)
                if reads or not response.is_success:
                    response.read()
                if response.is_success:
                    return response
            except httpx.TransportError as error:
                failure = self._to_transport_error(error)
                failure.__cause__ = error
                never_sent = isinstance(
                    error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
                )
                was_lost = was_lost or not never_sent
                may_repeat = never_sent or _is_retryable(call, error)
            else:
                if was_lost and call.method == "DELETE" and response.status_code == 404:
                    return httpx.Response(200, content=_DELETED_BODY)
                failure = self._to_problem_error(response)
                may_repeat = _is_temporary(failure, response.status_code, call)
            pause = _compute_pause(attempt, failure)
            if not (may_repeat and call.is_whole) or attempt >= self._retries or pause is None:
                raise failure
            time.sleep(pause)
            attempt += 1

    def _build_request(self, call: Call, quiet_seconds: float | None) -> "httpx.Request":
        import httpx

        headers = dict(call.headers)
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        content = call.content
        if call.body is not msgspec.UNSET:
            content = msgspec.json.encode(call.body)
            headers["Content-Type"] = "application/json"
        reading = quiet_seconds or self._timeout + call.wait_seconds
        return self._http.build_request(
            call.method,
            call.path,
            params={name: value for name, value in call.query.items() if value is not None},
            headers=headers,
            content=content,
            timeout=httpx.Timeout(self._timeout, read=reading),
        )

    def _to_problem_error(self, response: "httpx.Response") -> ClientError:
        try:
            problem = msgspec.json.decode(response.content, type=schemas.Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return TransportError(
                f"{self.url} responded with {response.status_code} {response.reason_phrase}, but "
                "not like a Scenarist server; is the address right?"
            )
        return to_error(problem, _parse_seconds(response.headers.get("retry-after")))

    def _to_transport_error(self, error: Exception) -> TransportError:
        import httpx

        if isinstance(error, httpx.ReadTimeout):
            return TransportError(f"{self.url} has not responded in time")
        reason = str(error) or type(error).__name__
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            return TransportError(f"{self.url} cannot be reached: {reason}")
        return TransportError(f"the connection to {self.url} was lost: {reason}")


def path_of(*parts: str) -> str:
    """Return the path of an entity, with its identifier percent-encoded."""
    return "/".join([API, *(quote(part, safe="") for part in parts)])


def check_address(url: str) -> str:
    """Return the address of a server without a trailing slash.

    Raises:
        ClientError: It is not a valid address.
    """
    parts = _parse_address(url)
    if parts is None:
        raise ClientError(
            f"{url!r} is not the address of a server; write one such as http://127.0.0.1:5000"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ClientError(
            "the address of a server must not have a user, a password or a query; use the token "
            "for credentials"
        )
    return url.rstrip("/")


def _parse_address(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        is_address = parts.port != 0 and parts.scheme in {"http", "https"} and url.isprintable()
    except ValueError:
        return None
    return parts if is_address and parts.hostname else None


def check_header(text: str, name: str) -> str:
    """Return a text that can be sent in a header.

    Raises:
        ClientError: It cannot be sent. The message does not repeat it, because it may be secret.
    """
    if not text.isascii() or not text.isprintable() or text != text.strip() or not text:
        raise ClientError(
            f"{name} must have printable ASCII characters only, and must not be empty"
        )
    return text


def _split_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Split at line feeds only, not at the other line separators of Unicode."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")


def _is_retryable(call: Call, error: Exception) -> bool:
    import httpx

    # A response that takes too long would take as long again.
    gives_up = (httpx.ReadTimeout, httpx.LocalProtocolError, httpx.UnsupportedProtocol)
    return call.is_repeatable and not isinstance(error, gives_up)


def _is_temporary(failure: ClientError, status: int, call: Call) -> bool:
    """Whether a failure may be temporary: 503 means nothing was changed, except `in_doubt`.

    Proxies respond with 503 as well, but do not know whether something was changed.
    """
    if not isinstance(failure, ProblemError):
        return status in _PROXY_STATUSES and call.is_repeatable
    is_passing = status == 503 and call.retries_unavailable
    return is_passing and (call.is_repeatable or failure.code != "in_doubt")


def _compute_pause(attempt: int, failure: ClientError) -> float | None:
    """Return the pause before the next attempt; None if it would be too long."""
    requested = failure.retry_seconds if isinstance(failure, ProblemError) else None
    if requested is not None and requested > _LONGEST_PAUSE_SECONDS:
        return None
    # Exponential backoff with jitter: clients that were cut off together must not return together.
    longest: float = min(5.0, 0.2 * 2**attempt)
    growing = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    return max(requested or 0.0, growing)


def _parse_seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isdecimal() else None
