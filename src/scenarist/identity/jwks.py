"""JSON Web Key Set of an issuer: fetched when needed, and cached."""

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import httpx
import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import AllowedPublicKeys

from scenarist.domain.addresses import is_loopback
from scenarist.domain.errors import InvalidError, UnauthenticatedError, UnavailableError

_FRESH = timedelta(minutes=5)  # a withdrawn key may be accepted for this long
_USABLE = timedelta(hours=1)  # while the issuer is unavailable
_PAUSE = timedelta(seconds=10)  # between two attempts to fetch
_NEVER = datetime.min.replace(tzinfo=UTC)

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_SHORTEST_RSA = 2048  # bits; RFC 7518, sections 3.3 and 3.5
_CURVES = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    ("OKP", "Ed448"): frozenset({"EdDSA"}),
}
ALGORITHMS = _RSA.union(*_CURVES.values())
"""Asymmetric algorithms, for which only the issuer has the signing key."""

_MAX_RESPONSE_BYTES = 1024 * 1024
_HEADERS = {
    "Accept": "application/json",
    # Decompressed content could exceed the limit on the bytes that were counted.
    "Accept-Encoding": "identity",
    "User-Agent": f"Scenarist/{version('scenarist')}",
}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _SigningKey:
    """A key, and the algorithms it may be used with."""

    id: str | None
    algorithms: frozenset[str]
    key: AllowedPublicKeys


@dataclass(frozen=True, kw_only=True, slots=True)
class _CachedKeys:
    """The cached keys of an issuer.

    Args:
        fault: Why the last attempt to fetch them failed; empty if it succeeded.
    """

    keys: tuple[_SigningKey, ...] = ()
    fetched_at: datetime = _NEVER
    tried_at: datetime = _NEVER
    fault: str = ""

    def find_matching(self, key_id: str | None, algorithm: str) -> list[_SigningKey]:
        return [
            key for key in self.keys if algorithm in key.algorithms and key_id in (None, key.id)
        ]


class JwksClient:
    """The keys that one issuer publishes (OpenID Connect Discovery 1.0); thread-safe.

    They are fetched at the first use, again when they are five minutes old, and when a token names
    a key that is not among them; at most once in ten seconds, by one thread for all. While the
    issuer is unavailable, the last keys are used for up to an hour.

    Redirects are not followed. Settings in the environment for proxies and certificates are
    respected, because a network may have no other way out; plain http, which is limited to this
    machine, bypasses proxies.

    Args:
        issuer: Its URL, as in its tokens.
        timeout_seconds: Limit for one whole fetch, except for name resolution, which cannot be
            interrupted.

    Raises:
        InvalidError: The URL of the issuer is not secure, or not valid.
    """

    def __init__(self, issuer: str, *, now: Callable[[], datetime], timeout_seconds: float) -> None:
        _check_address(issuer, "the issuer")
        self._issuer = issuer
        self._now = now
        self._timeout_seconds = timeout_seconds
        self._cached = _CachedKeys()  # replaced as a whole, so that reading it needs no lock
        self._fetching = threading.Lock()

    def get_key(self, key_id: str | None, algorithm: str) -> AllowedPublicKeys:
        """Return the key for a token.

        Args:
            key_id: The id of the key in the token; None matches any key, if there is only one.

        Raises:
            UnauthenticatedError: The issuer publishes no such key, or several.
            UnavailableError: The issuer is unavailable, so the key cannot be looked up.
        """
        known = self._cached
        if not self._is_recent(_FRESH, known.fetched_at):
            known = self._refresh(known)
        fitting = known.find_matching(key_id, algorithm)
        if not fitting:
            known = self._refresh(known)
            fitting = known.find_matching(key_id, algorithm)
        is_outdated = not self._is_recent(_USABLE, known.fetched_at)
        if is_outdated or (known.fault and not fitting):
            raise UnavailableError(f"the keys of {self._issuer} are not available: {known.fault}")
        if len(fitting) != 1:
            raise UnauthenticatedError(
                "the token does not name the key that signed it, and the issuer publishes several"
                if fitting
                else f"the token is signed with a key that {self._issuer} does not publish",
                code="token_invalid",
            )
        return fitting[0].key

    def _refresh(self, seen: _CachedKeys) -> _CachedKeys:
        """Return the keys after a fetch, by this thread or another, if one is due.

        Args:
            seen: The keys that were not sufficient; newer ones are returned without a fetch.
        """
        # While the issuer is unavailable, one thread retries, and the others do not wait for it.
        if not self._fetching.acquire(blocking=not seen.fault):
            return self._cached
        try:
            if self._cached is seen and not self._is_recent(_PAUSE, seen.tried_at):
                self._cached = self._fetch_or_record_fault(seen)
            return self._cached
        finally:
            self._fetching.release()

    def _fetch_or_record_fault(self, seen: _CachedKeys) -> _CachedKeys:
        # The time before the fetch: its result may contain keys that the issuer withdraws
        # meanwhile.
        tried_at = self._now()
        try:
            # A new event loop in a new thread: the caller's thread may already run one.
            with ThreadPoolExecutor(1) as aside:
                keys = aside.submit(asyncio.run, self._fetch()).result()
        except UnavailableError as error:
            _log.warning("keys not fetched", issuer=self._issuer, fault=error.message)
            return replace(seen, tried_at=tried_at, fault=error.message)
        return _CachedKeys(keys=keys, fetched_at=tried_at, tried_at=tried_at)

    async def _fetch(self) -> tuple[_SigningKey, ...]:
        """Fetch the keys; asynchronous, so that the timeout can interrupt it at any moment.

        Raises:
            UnavailableError: Says what is wrong with the issuer or with its responses.
        """
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                httpx.AsyncClient(
                    headers=_HEADERS, timeout=self._timeout_seconds, mounts={"http://": None}
                ) as client,
            ):
                document = await _get_document(
                    client,
                    f"{self._issuer.removesuffix('/')}/.well-known/openid-configuration",
                    "its configuration",
                )
                published = await _get_document(
                    client, self._read_jwks_uri(document), "its key set"
                )
        except (TimeoutError, httpx.TimeoutException):
            raise UnavailableError(
                f"it did not respond within {self._timeout_seconds:g} s"
            ) from None
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an issuer can do to an exchange
            raise UnavailableError(f"no response: {type(error).__name__}: {error}") from None
        return _read_keys(published)

    def _read_jwks_uri(self, document: dict[str, Any]) -> str:
        found = document.get("issuer")
        if found != self._issuer:
            raise UnavailableError(
                f"its configuration belongs to {str(found)[:200]!r}, not to {self._issuer!r}"
            )
        address = document.get("jwks_uri")
        if not isinstance(address, str):
            raise UnavailableError("its configuration has no jwks_uri")
        try:
            _check_address(address, "the jwks_uri of its configuration")
        except InvalidError as error:
            raise UnavailableError(error.message) from None
        return address

    def _is_recent(self, span: timedelta, since: datetime) -> bool:
        """Whether less than *span* has passed; False if the clock was set back."""
        return timedelta(0) <= self._now() - since < span


def _check_address(address: str, name: str) -> None:
    """Check that nobody in between can change responses from the address of an issuer.

    Raises:
        InvalidError: Says what to write instead.
    """
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise InvalidError(f"{name} is not a URL: {error}") from None
    is_whole = url.scheme in ("http", "https") and url.host and (url.port or 0) < 2**16
    if not is_whole or url.userinfo:
        raise InvalidError(
            f"{name} must be a URL such as https://id.example.com/realms/plans, without a user "
            "or a password in it"
        )
    if url.scheme == "http" and not is_loopback(url.host):
        raise InvalidError(
            f"{name} must begin with https://, because anybody who changes its responses in "
            "transit could sign in as any user; http:// is allowed for localhost, 127.0.0.1 and "
            "::1"
        )


async def _get_document(client: httpx.AsyncClient, address: str, name: str) -> dict[str, Any]:
    async with client.stream("GET", address) as response:
        if response.is_redirect:
            raise UnavailableError(
                f"{name} was answered with {response.status_code}; redirects are not followed"
            )
        if response.status_code != httpx.codes.OK:
            raise UnavailableError(f"{name} was answered with {response.status_code}")
        content = bytearray()
        async for part in response.aiter_raw():
            content += part
            if len(content) > _MAX_RESPONSE_BYTES:
                raise UnavailableError(f"{name} is longer than 1 MiB")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UnavailableError(f"{name} is not a JSON object")
    return document


def _read_keys(published: dict[str, Any]) -> tuple[_SigningKey, ...]:
    """Return the keys of a key set (RFC 7517) that sign tokens; ignore the others."""
    described = published.get("keys")
    if not isinstance(described, list):
        raise UnavailableError("its key set has no list of keys")
    keys = (_read_key(key) for key in described if isinstance(key, dict))
    return tuple(key for key in keys if key is not None)


def _read_key(described: dict[str, Any]) -> _SigningKey | None:
    key_id = described.get("kid")
    algorithms = _find_algorithms(described)
    if not algorithms or not isinstance(key_id, str | None):
        return None
    try:
        key = jwt.get_algorithm_by_name(min(algorithms)).from_jwk(described)
    except (jwt.PyJWTError, UnsupportedAlgorithm, TypeError, ValueError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < _SHORTEST_RSA:
        return None
    return _SigningKey(key_id, algorithms, key)


def _find_algorithms(described: dict[str, Any]) -> frozenset[str]:
    """Return the algorithms a key may be used with; none if it is not for signatures."""
    uses = described.get("key_ops", ["verify"])
    is_for_signatures = (
        described.get("use") in (None, "sig") and isinstance(uses, list) and "verify" in uses
    )
    # Its private part is published, so anybody can sign with it.
    if not is_for_signatures or "d" in described:
        return frozenset()
    kind, curve = str(described.get("kty")), str(described.get("crv"))
    fitting = _RSA if kind == "RSA" else _CURVES.get((kind, curve), frozenset())
    only = described.get("alg")
    return fitting if only is None else fitting & {str(only)}
