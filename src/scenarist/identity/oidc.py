"""Verification of tokens from an OpenID Connect issuer: identity and roles of the bearer."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from scenarist.domain.errors import InvalidError, UnauthenticatedError
from scenarist.domain.permissions import Identity, Role, is_reserved, roles_of_groups
from scenarist.domain.timestamps import format_timestamp
from scenarist.identity.jwks import ALGORITHMS, JwksClient

_LONGEST_TOKEN = 16 * 1024
_LONGEST_NAME = 128
_LONGEST_SUBJECT = 255
_LEEWAY = timedelta(seconds=30)  # for clocks that differ
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_TYPES = {"jwt", "at+jwt"}

_signatures = jwt.PyJWS(algorithms=sorted(ALGORITHMS))


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedOidcToken:
    """Result of verifying a token.

    Args:
        expires_at: When the token stops being accepted: its own expiry plus the leeway.
        digest: Identifies the token in a list of revoked ones. It excludes the signature, which
            others could encode differently without making it invalid.
    """

    identity: Identity
    expires_at: datetime
    digest: str


class OidcIssuer:
    """Verifies tokens that one issuer signed for this server; `verify` is thread-safe.

    Any JSON Web Token from the issuer for the audience is accepted, an access token (RFC 9068) as
    well as an ID token. The audience of an access token is an API that the issuer knows; that of an
    ID token is the identifier of a client. A token without an expiry is refused, and so is one that
    was issued for something else (`typ`), such as a sign-out. Times have a leeway of 30 seconds. A
    token without ``sub`` is refused: only ``sub`` is permanent and unique for one person.

    Args:
        issuer: Exactly as in its tokens.
        roles: Roles by the name of a group, exactly as in the token; other groups grant none.
        roles_claim: The claim with the groups, which is a list or a text separated by blanks. A
            name that does not exist as a claim is a path into objects (``realm_access.roles``).
        name_claim: The claim with the name, found in the same way; the default is ``sub``. The name
            is for display: issuer and ``sub`` form the identity.
        timeout_seconds: How long fetching the issuer's keys may take.

    Raises:
        InvalidError: The issuer or the audience is not valid; says what to write instead.
    """

    def __init__(  # noqa: PLR0913 - what an operator sets, and the clock
        self,
        *,
        issuer: str,
        audience: str,
        roles: Mapping[str, Collection[Role]],
        roles_claim: str = "groups",
        name_claim: str = "preferred_username",
        now: Callable[[], datetime],
        timeout_seconds: float = 5.0,
    ) -> None:
        if not audience:
            raise InvalidError(
                "the audience must not be empty; write the value that the issuer puts into aud "
                "for this server"
            )
        self._keys = JwksClient(issuer, now=now, timeout_seconds=timeout_seconds)
        self._issuer = issuer
        self._audience = audience
        self._roles = roles
        self._roles_claim = roles_claim
        self._name_claim = name_claim
        self._now = now

    def verify(self, token: str) -> VerifiedOidcToken:
        """Return what a token proves; this may fetch the issuer's keys.

        Raises:
            UnauthenticatedError: The token is not valid; says why, without repeating it.
            UnavailableError: The keys of the issuer are not available; the token may be valid.
        """
        header, claims = _read(token)
        # Nothing is trusted before the signature is checked, but refusing early is safe.
        if claims.get("iss") != self._issuer:
            raise _invalid(f"the token was not issued by {self._issuer}")
        algorithm = header["alg"]
        key = self._keys.get_key(header.get("kid"), algorithm)
        try:
            _signatures.decode_complete(token, key, [algorithm])
        except jwt.PyJWTError:
            raise _invalid("the signature of the token is not valid") from None
        self._check_audience(claims)
        expires_at = self._check_times(claims)
        groups = _read_groups(_find_claim(claims, self._roles_claim))
        return VerifiedOidcToken(
            identity=Identity(
                name=self._read_name(claims),
                roles=roles_of_groups(groups, self._roles),
                subject=f"{self._issuer}#{_read_subject(claims)}",
            ),
            expires_at=expires_at,
            digest=hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest(),
        )

    def _check_audience(self, claims: dict[str, Any]) -> None:
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise _invalid(f"the token was not issued for {self._audience}")

    def _check_times(self, claims: dict[str, Any]) -> datetime:
        """Return when the token stops being accepted."""
        now = self._now()
        ends_at = _read_timestamp(claims, "exp")
        if ends_at is None:
            raise _invalid("the token has no expiry (exp)")
        if now >= ends_at + _LEEWAY:
            raise UnauthenticatedError(
                f"the token expired at {format_timestamp(ends_at)}", code="token_expired"
            )
        for name in ("nbf", "iat"):
            begins_at = _read_timestamp(claims, name)
            if begins_at is not None and now + _LEEWAY < begins_at:
                raise _invalid(
                    f"the token is not valid before {format_timestamp(begins_at)} ({name})"
                )
        return ends_at + _LEEWAY

    def _read_name(self, claims: dict[str, Any]) -> str:
        name = _find_claim(claims, self._name_claim)
        if name is None:
            name = claims.get("sub")
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
            raise _invalid(
                f"the name in the token is not a text of 1 to {_LONGEST_NAME} characters"
            )
        if not name.isprintable() or name.strip() != name:
            raise _invalid("the name in the token has unprintable characters")
        if is_reserved(name):
            raise _invalid(
                f"the name {name!r} in the token is reserved for the server; have the issuer put "
                f"another one into {self._name_claim}"
            )
        return name


def _invalid(message: str) -> UnauthenticatedError:
    return UnauthenticatedError(message, code="token_invalid")


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a token, without checking its signature.

    Raises:
        UnauthenticatedError: The token is malformed or uses an algorithm that is not accepted.
    """
    if len(token) > _LONGEST_TOKEN:
        raise _invalid(f"the token is longer than {_LONGEST_TOKEN} characters")
    if not _COMPACT.fullmatch(token):
        raise _invalid("the token does not have the three parts of a JSON Web Token")
    first, second, signature = token.split(".")
    header, claims = _read_part(first), _read_part(second)
    algorithm = header.get("alg")
    if not signature or str(algorithm).lower() == "none":
        raise _invalid("the token is unsigned")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        accepted = ", ".join(sorted(ALGORITHMS))
        raise _invalid(f"the token is not signed with one of {accepted}")
    _check_header(header)
    return header, claims


def _read_part(part: str) -> dict[str, Any]:
    try:
        # Python ignores excess padding.
        read = json.loads(base64.urlsafe_b64decode(f"{part}=="))
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise _invalid("the token is damaged: a part of it is not a JSON object")
    return read


def _check_header(header: dict[str, Any]) -> None:
    if "crit" in header:
        raise _invalid("the token requires an extension (crit), and this server supports none")
    if not isinstance(header.get("kid"), str | None):
        raise _invalid("the key of the token (kid) is not a text")
    kind = str(header.get("typ", "JWT")).lower().removeprefix("application/")
    if kind not in _TYPES:
        raise _invalid("the token was issued for something else (typ)")


def _read_subject(claims: dict[str, Any]) -> str:
    """Return the subject, unique within the issuer (OpenID Connect Core 1.0, section 2)."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise _invalid(
            f"the token does not name its subject: sub is not a text of 1 to {_LONGEST_SUBJECT} "
            "characters"
        )
    if not subject.isprintable():
        raise _invalid("the subject (sub) of the token has unprintable characters")
    return subject


def _read_timestamp(claims: dict[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(f"the token has a time ({name}) that is not a number")
    try:
        # The result must allow adding the leeway without an overflow.
        return datetime.fromtimestamp(value + _LEEWAY.total_seconds(), UTC) - _LEEWAY
    except (ValueError, OverflowError, OSError):
        raise _invalid(f"the token has a time ({name}) that is out of range") from None


def _find_claim(claims: dict[str, Any], name: str) -> object:
    """Return a claim, or a member of an object claim; None if there is none.

    The whole name is tried first, and split at a dot only if there is no such claim: claims may
    have dots in their names, as URLs do, and so may members, which can be named after clients.
    """
    if name in claims:
        return claims[name]
    for dot in re.finditer(r"\.", name):
        inner = claims.get(name[: dot.start()])
        if isinstance(inner, dict):
            found = _find_claim(inner, name[dot.end() :])
            if found is not None:
                return found
    return None


def _read_groups(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list):
        return [group for group in value if isinstance(group, str)]
    return []
