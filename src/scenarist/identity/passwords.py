"""Passwords as argon2id hashes (RFC 9106): whole, salted, and as slow as is bearable."""

from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

HASH_PREFIX = "$argon2id$"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether a password is right.

    Args:
        better_hash: To be kept instead of the old one, which was made with less effort.
    """

    is_right: bool
    better_hash: str | None = None


class Passwords:
    """Hashes and verifies, each of it in about the same time.

    Args:
        hasher: Says how much effort goes into a hash.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def verify(self, password_hash: str | None, password: str) -> Verdict:
        """Judge a password. Without a hash, that of nobody is tried, which takes as long.

        Args:
            password_hash: None for an unknown user, or one without a password.
        """
        try:
            self._hasher.verify(password_hash or self._nobodys, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return Verdict(is_right=False)
        if password_hash is None:
            return Verdict(is_right=False)
        if self._hasher.check_needs_rehash(password_hash):
            return Verdict(is_right=True, better_hash=self._hasher.hash(password))
        return Verdict(is_right=True)


def is_password_hash(text: str) -> bool:
    """Whether a text is a hash that `Passwords` can verify."""
    try:
        return extract_parameters(text).type is Type.ID
    except InvalidHashError:
        return False
