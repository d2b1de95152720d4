"""Password hashing with argon2id (RFC 9106): the whole password, salted."""

from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError
from argon2.low_level import error_to_str
from argon2.profiles import RFC_9106_LOW_MEMORY

from scenarist.domain.errors import UnavailableError

_NO_MEMORY, _NO_THREAD = error_to_str(-22), error_to_str(-33)
_MACHINE_ERRORS = frozenset({_NO_MEMORY, _NO_THREAD})


@dataclass(frozen=True, kw_only=True, slots=True)
class PasswordCheck:
    """Result of checking a password.

    Args:
        better_hash: Replaces the stored hash, which was made with weaker parameters.
    """

    is_right: bool
    better_hash: str | None = None


class Passwords:
    """Hashes and verifies passwords; both take about the same time.

    Args:
        hasher: Sets the cost of a hash.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

    @cached_property
    def _dummy_hash(self) -> str:
        return self.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Hash a password.

        Raises:
            UnavailableError: The machine does not have enough memory or threads for it.
        """
        try:
            return self._hasher.hash(password)
        except HashingError as error:
            raise _unavailable(error) from error

    def verify(self, password_hash: str | None, password: str) -> PasswordCheck:
        """Verify a password. Without a hash, verify against a dummy, which takes as long.

        Args:
            password_hash: None for an unknown user, or one without a password.

        Raises:
            UnavailableError: As for `hash`.
        """
        try:
            self._hasher.verify(password_hash or self._dummy_hash, password)
        except VerificationError as error:
            if str(error) in _MACHINE_ERRORS:
                raise _unavailable(error) from error
            return PasswordCheck(is_right=False)
        except (InvalidHashError, UnicodeEncodeError):
            return PasswordCheck(is_right=False)
        if password_hash is None:
            return PasswordCheck(is_right=False)
        if self._hasher.check_needs_rehash(password_hash):
            return PasswordCheck(is_right=True, better_hash=self.hash(password))
        return PasswordCheck(is_right=True)


def _unavailable(error: Exception) -> UnavailableError:
    code = "out_of_memory" if str(error) == _NO_MEMORY else None
    return UnavailableError(
        f"the server cannot check passwords now ({error}); try again later", code=code
    )
