"""The secret keys of a server: made once, kept beside the database, changed without a break.

They sign the tokens of sessions and seal the secrets that the database must hold. Each use has a
key of its own, derived with HKDF (RFC 5869), so that none tells anything of another.
"""

import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scenarist.domain.errors import InvalidError, UnavailableError

SHORTEST = 16
"""Characters of a key that is given; one that is made has 43."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Keys that were read together, and what was derived from them so far."""

    texts: tuple[str, ...]
    read_at: tuple[int, int] | None
    derived: dict[str, Mapping[str, bytes]] = field(default_factory=dict)


class SecretKeys:
    """One or more keys, the newest first: that one is used, the others still open and verify.

    Args:
        texts: Each at least 16 characters long; the longer and the more random, the better.
        file: Where they come from, to be read again whenever it has changed.
        read_at: What `_changed_at` said of the file before it was read.
    """

    def __init__(
        self,
        texts: Sequence[str],
        file: Path | None = None,
        read_at: tuple[int, int] | None = None,
    ) -> None:
        self._file = file
        self._found = _Found(_checked(texts), read_at)

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
            # Before the file is read: a change in between is then seen later.
            read_at = _changed_at(file)
            return cls(_read(file), file, read_at)
        except OSError as error:
            raise UnavailableError(
                f"the file of secret keys {file} cannot be used: {error.strerror}"
            ) from error

    def derive(self, use: str) -> Mapping[str, bytes]:
        """Return 32 bytes for one use, by the public name of each key; the newest comes first.

        A change of the file is seen at once, by every use and from every thread.
        """
        self._read_again()
        found = self._found
        derived = found.derived.get(use)
        if derived is None:
            derived = {_name(text): _derived(text, use) for text in found.texts}
            found.derived[use] = derived
        return derived

    def _read_again(self) -> None:
        changed_at = _changed_at(self._file)
        if self._file is None or changed_at == self._found.read_at:
            return
        # In the middle of a change, what was read before still holds.
        with suppress(OSError, InvalidError):
            self._found = _Found(_checked(_read(self._file)), changed_at)


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
    part = _part_of(file)
    try:
        owner = file.stat()
        _write(part, "\n".join(change(_read(file))))
        # Whoever rotates may be somebody else than the server, which must read the file.
        os.chown(part, owner.st_uid, owner.st_gid)
        part.replace(file)
        _sync(file.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UnavailableError(
            f"the file of secret keys {file} cannot be written: {error.strerror}"
        ) from error


def _make(file: Path, text: str) -> None:
    """Write a new file that its owner alone can read; leave one that is there."""
    if file.exists():
        return
    part = _part_of(file)
    try:
        _write(part, text)
        try:
            # Unlike a rename, a link does not replace what another server has made meanwhile.
            os.link(part, file)
        except FileExistsError:
            return
        _sync(file.parent)
    finally:
        part.unlink(missing_ok=True)


def _part_of(file: Path) -> Path:
    """Return the name of a file to be; nobody else has it, not even from before a crash."""
    return file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except UnicodeDecodeError:
        raise InvalidError(f"the file of secret keys {file} holds no text") from None


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
    return hkdf.derive(text.encode(errors="surrogateescape"))


def _name(text: str) -> str:
    """Name a key without giving it away."""
    return urlsafe_b64encode(_derived(text, "name")[:6]).decode()
