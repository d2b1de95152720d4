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
        self._boxes = _boxes(keys)

    def close(self, text: str) -> str:
        if self._keys.is_renewed():
            self._boxes = _boxes(self._keys)
        name, box = next(iter(self._boxes.items()))
        return f"{_PREFIX}{name}:{box.encrypt(text.encode()).decode()}"

    def open(self, sealed: str) -> str:
        """Return what was sealed; a text from before there were seals is returned as it is.

        Raises:
            UnavailableError: The key is not there any more.
        """
        if not sealed.startswith(_PREFIX):
            return sealed
        name, _, text = sealed.removeprefix(_PREFIX).partition(":")
        if name not in self._boxes and self._keys.is_renewed():
            self._boxes = _boxes(self._keys)
        try:
            return self._boxes[name].decrypt(text.encode()).decode()
        except (KeyError, InvalidToken):
            raise UnavailableError(
                f"the secret key {name} with which this was sealed is missing; put it back into "
                "the file of secret keys, or make the secret anew"
            ) from None


def _boxes(keys: SecretKeys) -> dict[str, Fernet]:
    return {name: Fernet(urlsafe_b64encode(key)) for name, key in keys.derive("secrets")}
