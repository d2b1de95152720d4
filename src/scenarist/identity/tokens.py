"""Session tokens: JSON Web Tokens (RFC 7519), signed with HMAC-SHA256."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from scenarist.domain.errors import UnauthenticatedError
from scenarist.domain.timestamps import format_timestamp
from scenarist.identity.secret_keys import SecretKeys

_ISSUER = "scenarist"
_ALGORITHM = "HS256"
_MAX_LENGTH = 2048
_OPTIONS: Any = {
    "require": ["iss", "jti", "exp"],
    # Checked against the server's clock, which tests can set.
    "verify_exp": False,
    "verify_iat": False,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionToken:
    """A new token, and what the database stores of it.

    Args:
        id_hash: SHA-256 of the identifier in the token; it is not sufficient to make a token.
    """

    text: str
    id_hash: str


class TokenSigner:
    """Creates and reads session tokens. They contain the user's name for display only.

    The record of the session determines the user and the roles.
    """

    def __init__(self, keys: SecretKeys, *, now: Callable[[], datetime]) -> None:
        self._keys = keys
        self._now = now

    def issue(self, name: str, expires_at: datetime) -> SessionToken:
        kid, key = next(iter(self._keys.derive("tokens").items()))
        session_id = secrets.token_urlsafe(24)
        claims = {
            "iss": _ISSUER,
            "sub": name,
            "jti": session_id,
            "iat": int(self._now().timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        text = jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"kid": kid})
        return SessionToken(text=text, id_hash=_hash(session_id))

    def blind(self, text: str) -> str:
        """Return a keyed hash of a text that may be counted, but not stored or guessed."""
        key = next(iter(self._keys.derive("blinds").values()))
        return hmac.digest(key, text.encode(), "sha256").hex()[:32]

    def read(self, token: str) -> str:
        """Return the hash of the session's identifier.

        Raises:
            UnauthenticatedError: This server did not issue the token, or it has expired.
        """
        claims = self._decode(token)
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        if expires_at <= self._now():
            raise UnauthenticatedError(
                f"the token expired at {format_timestamp(expires_at)}; sign in again",
                code="token_expired",
            )
        return _hash(str(claims["jti"]))

    def _decode(self, token: str) -> dict[str, Any]:
        if len(token) > _MAX_LENGTH:
            raise _invalid("it is longer than any that this server issues")
        try:
            key = self._find_key(str(jwt.get_unverified_header(token).get("kid")))
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[_ALGORITHM], issuer=_ISSUER, options=_OPTIONS
            )
        except jwt.InvalidTokenError as error:
            raise _invalid(_describe_error(error)) from None
        if not isinstance(claims["exp"], int) or not 0 < claims["exp"] < 2**33:
            raise _invalid("its expiry is not valid")
        return claims

    def _find_key(self, kid: str) -> bytes:
        key = self._keys.derive("tokens").get(kid)
        if key is None:
            raise _invalid("this server does not have the key it names")
        return key


def _describe_error(error: jwt.InvalidTokenError) -> str:
    match error:
        case jwt.InvalidSignatureError():
            return "its signature is not valid"
        case jwt.InvalidAlgorithmError():
            return f"it is not signed with {_ALGORITHM}"
        case jwt.InvalidIssuerError():
            return "it was issued by another server"
        case jwt.MissingRequiredClaimError():
            return f"it has no {error.claim}"
        case _:
            return "it is not a token, or only a part of one"


def _invalid(fault: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"the token is refused: {fault}", code="token_invalid")


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
