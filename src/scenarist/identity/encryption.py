"""Encryption at rest of secrets in the database, so that backups do not reveal them."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken

from scenarist.domain.errors import UnavailableError
from scenarist.identity.secret_keys import SecretKeys

_PREFIX = "sealed:"


class SecretCipher:
    """Encrypts texts with the newest key, and decrypts with the key that was used.

    Each encrypted text begins with the name of its key.
    """

    def __init__(self, keys: SecretKeys) -> None:
        self._keys = keys

    def encrypt(self, text: str) -> str:
        name, key = next(iter(self._keys.derive("secrets").items()))
        return f"{_PREFIX}{name}:{_make_fernet(key).encrypt(text.encode()).decode()}"

    def decrypt(self, sealed: str) -> str:
        """Decrypt a text; return it unchanged if an old version stored it without encryption.

        Raises:
            UnavailableError: The key is missing.
        """
        if not sealed.startswith(_PREFIX):
            return sealed
        name, _, text = sealed.removeprefix(_PREFIX).partition(":")
        try:
            return _make_fernet(self._keys.derive("secrets")[name]).decrypt(text.encode()).decode()
        except (KeyError, InvalidToken):
            raise UnavailableError(
                f"the secret key {name} that encrypted this is missing; put it back into the file "
                "of secret keys, or create the secret again"
            ) from None


def _make_fernet(key: bytes) -> Fernet:
    return Fernet(urlsafe_b64encode(key))
