"""The secret keys of a server: made once, kept beside the database, changed without a break.

They sign the tokens of sessions and seal the secrets that the database must hold. Each use has a
key of its own, derived with HKDF (RFC 5869), so that none tells anything of another.
"""

import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scenarist.domain.errors import InvalidError, UnavailableError

SHORTEST = 16
"""Characters of a key that is given; one that is made has 43."""


class SecretKeys:
    """One or more keys, the newest first: that one is used, the others still open and verify.

    Args:
        texts: Each at least 16 characters long; the longer and the more random, the better.
        file: Where they come from, to be read again when a key is met that is not known.
    """

    def __init__(self, texts: Sequence[str], file: Path | None = None) -> None:
        self._file = file
        self._read_at = _changed_at(file)
        self._texts = _checked(texts)

    @classmethod
    def given(cls, text: str) -> "SecretKeys":
        """Read keys from a setting: separated by blanks, the newest first.

        Raises:
            InvalidError: One is too short; shows none of them.
        """
        return cls(text.split())

    @classmethod
    def kept_in(cls, file: Path) -> "SecretKeys":
        """Read the keys of a file with one in each line; make the file when there is none.

        Raises:
            UnavailableError: It can be neither read nor made.
            InvalidError: It holds no key that can be used.
        """
        try:
            _make(file, new_key())
            return cls(_read(file), file)
        except OSError as error:
            raise UnavailableError(
                f"the file of secret keys {file} cannot be used: {error.strerror}"
            ) from error

    def derive(self, use: str) -> "list[tuple[str, bytes]]":
        """Return for each key, the newest first, its public name and 32 bytes for one use."""
        return [(_name(text), _derived(text, use)) for text in self._texts]

    def is_renewed(self) -> bool:
        """Read the file again when it has changed; return whether it had."""
        changed_at = _changed_at(self._file)
        if self._file is None or changed_at == self._read_at:
            return False
        try:
            self._texts = _checked(_read(self._file))
        except (OSError, InvalidError):
            return False  # in the middle of a change; what was read before still holds
        self._read_at = changed_at
        return True


def new_key() -> str:
    return secrets.token_urlsafe(32)


def rotate(file: Path) -> None:
    """Put a new key first into a file that there is.

    Raises:
        UnavailableError: The file cannot be written; it is as it was.
    """
    _replace(file, lambda texts: [new_key(), *texts])


def keep_newest(file: Path) -> None:
    """Take all keys but the first out of a file.

    Raises:
        UnavailableError: The file cannot be written; it is as it was.
    """
    _replace(file, lambda texts: texts[:1])


def _replace(file: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Write a file anew, all at once: who reads it finds the old or the new."""
    part = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        _make(part, "\n".join(change(_read(file))))
        part.replace(file)
        _sync(file.parent)
    except OSError as error:
        raise UnavailableError(
            f"the file of secret keys {file} cannot be written: {error.strerror}"
        ) from error


def _make(file: Path, text: str) -> None:
    """Write a new file that its owner alone can read; leave one that is there."""
    part = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if file.exists():
        return
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(text + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        try:
            # Unlike a rename, a link does not replace what another server has made meanwhile.
            os.link(part, file)
        except FileExistsError:
            return
        _sync(file.parent)
    finally:
        part.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(file: Path) -> list[str]:
    return file.read_text().split()


def _changed_at(file: Path | None) -> tuple[int, int] | None:
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _checked(texts: Sequence[str]) -> tuple[str, ...]:
    if not texts or any(len(text) < SHORTEST for text in texts):
        raise InvalidError(
            f"a secret key has at least {SHORTEST} characters; make one with `scenarist secret new`"
        )
    return tuple(texts)


def _derived(text: str, use: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"scenarist {use}".encode())
    return hkdf.derive(text.encode())


def _name(text: str) -> str:
    """Name a key without giving it away."""
    return urlsafe_b64encode(_derived(text, "name")[:6]).decode()
