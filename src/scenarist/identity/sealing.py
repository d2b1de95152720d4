"""Secrets that the database must hold and give back, sealed: nobody reads them in a backup."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken

from scenarist.domain.errors import UnavailableError
from scenarist.identity.secret_keys import SecretKeys

_PREFIX = "sealed:"


class Seal:
    """Seals texts with the newest key, and opens what any of the keys has sealed.

    The name of its key stands before each sealed text.
    """

    def __init__(self, keys: SecretKeys) -> None:
        self._keys = keys

    def close(self, text: str) -> str:
        name, key = next(iter(self._keys.derive("secrets").items()))
        return f"{_PREFIX}{name}:{_box(key).encrypt(text.encode()).decode()}"

    def open(self, sealed: str) -> str:
        """Return what was sealed; a text from before there were seals is returned as it is.

        Raises:
            UnavailableError: The key is not there any more.
        """
        if not sealed.startswith(_PREFIX):
            return sealed
        name, _, text = sealed.removeprefix(_PREFIX).partition(":")
        try:
            return _box(self._keys.derive("secrets")[name]).decrypt(text.encode()).decode()
        except (KeyError, InvalidToken):
            raise UnavailableError(
                f"the secret key {name} with which this was sealed is missing; put it back into "
                "the file of secret keys, or make the secret anew"
            ) from None


def _box(key: bytes) -> Fernet:
    return Fernet(urlsafe_b64encode(key))
