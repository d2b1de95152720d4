"""Verifies the tokens of an OpenID Connect issuer: who carries one, and with which roles."""

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
from scenarist.domain.moments import as_text
from scenarist.domain.permissions import Identity, Role, is_reserved, roles_of_groups
from scenarist.identity.published_keys import ALGORITHMS, PublishedKeys

_LONGEST_TOKEN = 16 * 1024
_LONGEST_NAME = 128
_LONGEST_SUBJECT = 255
_LEEWAY = timedelta(seconds=30)  # for clocks that differ
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_TYPES = {"jwt", "at+jwt"}

_signatures = jwt.PyJWS(algorithms=sorted(ALGORITHMS))


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedToken:
    """What a token proves.

    Args:
        expires_at: From when on it is refused: what it says itself, and the leeway.
        digest: Names the token for a list of those that were revoked. It leaves out the
            signature, which others can spell in another way that fits as well.
    """

    identity: Identity
    expires_at: datetime
    digest: str


class OidcIssuer:
    """Says who carries a token that one issuer signed for us; `verify` is for any thread.

    Any JSON Web Token of the issuer for the audience is accepted, an access token (RFC 9068) as
    well as an ID token: the audience decides. That of an access token is an API that the issuer
    knows, that of an ID token is the identifier of a client. A token without an end is refused,
    and so is one that was made for something else (`typ`), such as a sign-out. Times have a
    leeway of 30 seconds. A token without ``sub`` is refused: only that stays the same for one
    person, and is never another's.

    Args:
        issuer: Exactly as it stands in its tokens.
        roles: By the name of a group, exactly as the token has it; other groups give none.
        roles_claim: Where the token has the groups, in a list or in a text with blanks between
            them. A name that is not found as it is leads into objects (``realm_access.roles``).
        name_claim: Where it has the name, in the same way; without it, ``sub`` is the name. It is
            for people to read: issuer and ``sub`` say who it is.
        timeout_seconds: How long the issuer may take to say which keys are its own.

    Raises:
        InvalidError: The issuer or the audience cannot be; says what to write instead.
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
                "the audience must not be empty; write what the issuer puts into aud for us"
            )
        self._keys = PublishedKeys(issuer, now=now, timeout_seconds=timeout_seconds)
        self._issuer = issuer
        self._audience = audience
        self._roles = roles
        self._roles_claim = roles_claim
        self._name_claim = name_claim
        self._now = now

    def verify(self, token: str) -> VerifiedToken:
        """Return who carries a token. It may wait for the issuer, once in a while.

        Raises:
            UnauthenticatedError: The token proves nothing; says why, and does not repeat it.
            UnavailableError: The keys of the issuer cannot be had; the token may be right.
        """
        header, claims = _read(token)
        # Nothing is believed before the signature fits, but a reason to refuse needs no signature.
        if claims.get("iss") != self._issuer:
            raise _invalid(f"the token is not one of {self._issuer}")
        algorithm = header["alg"]
        key = self._keys.get_key(header.get("kid"), algorithm)
        try:
            _signatures.decode_complete(token, key, [algorithm])
        except jwt.PyJWTError:
            raise _invalid("the signature of the token does not fit") from None
        self._check_audience(claims)
        expires_at = self._check_times(claims)
        groups = _read_groups(_find_claim(claims, self._roles_claim))
        return VerifiedToken(
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
            raise _invalid(f"the token is not meant for {self._audience}")

    def _check_times(self, claims: dict[str, Any]) -> datetime:
        """Return from when on the token is refused."""
        now = self._now()
        ends_at = _read_moment(claims, "exp")
        if ends_at is None:
            raise _invalid("the token has no end (exp)")
        if now >= ends_at + _LEEWAY:
            raise UnauthenticatedError(
                f"the token expired at {as_text(ends_at)}", code="token_expired"
            )
        for name in ("nbf", "iat"):
            begins_at = _read_moment(claims, name)
            if begins_at is not None and now + _LEEWAY < begins_at:
                raise _invalid(f"the token is not valid before {as_text(begins_at)} ({name})")
        return ends_at + _LEEWAY

    def _read_name(self, claims: dict[str, Any]) -> str:
        name = _find_claim(claims, self._name_claim)
        if name is None:
            name = claims.get("sub")
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
            raise _invalid(f"the name in the token is no text of 1 to {_LONGEST_NAME} characters")
        if not name.isprintable() or name.strip() != name:
            raise _invalid("the name in the token has characters that cannot be seen")
        if is_reserved(name):
            raise _invalid(
                f"the name {name!r} in the token stands for the server itself; have the issuer put "
                f"another into {self._name_claim}"
            )
        return name


def _invalid(message: str) -> UnauthenticatedError:
    return UnauthenticatedError(message, code="token_invalid")


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a token, the signature of which is not checked.

    Raises:
        UnauthenticatedError: It cannot be right, whoever signed it.
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
        # Python does not mind more padding than there should be.
        read = json.loads(base64.urlsafe_b64decode(f"{part}=="))
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise _invalid("the token is damaged: a part of it is no JSON object")
    return read


def _check_header(header: dict[str, Any]) -> None:
    if "crit" in header:
        raise _invalid("the token asks for an extension (crit), and none is known here")
    if not isinstance(header.get("kid"), str | None):
        raise _invalid("the token names its key (kid) by something that is no text")
    kind = str(header.get("typ", "JWT")).lower().removeprefix("application/")
    if kind not in _TYPES:
        raise _invalid("the token was made for something else (typ)")


def _read_subject(claims: dict[str, Any]) -> str:
    """Return what the issuer never gives to anybody else (OpenID Connect Core 1.0, section 2)."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise _invalid(
            f"the token does not say whose it is: sub is no text of 1 to {_LONGEST_SUBJECT} "
            "characters"
        )
    if not subject.isprintable():
        raise _invalid("the subject (sub) of the token has characters that cannot be seen")
    return subject


def _read_moment(claims: dict[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(f"the token has a time ({name}) that is no number")
    try:
        # What is left of the calendar must bear the leeway.
        return datetime.fromtimestamp(value + _LEEWAY.total_seconds(), UTC) - _LEEWAY
    except (ValueError, OverflowError, OSError):
        raise _invalid(f"the token has a time ({name}) that is in no calendar") from None


def _find_claim(claims: dict[str, Any], name: str) -> object:
    """Return a claim, or one in an object that is a claim; None when there is none.

    A name is taken as it is first, and parted at a dot only when it is not found: names have
    dots of their own, as URLs do, and clients that objects are named after.
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
