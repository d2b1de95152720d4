"""Secret keys of a server: created once, stored beside the database, rotated while it runs.

They sign the tokens of sessions and encrypt the secrets in the database. Each use has a derived key
of its own (HKDF, RFC 5869), so that no key reveals anything about another.
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

MIN_LENGTH = 16
"""Minimum characters of a key from a setting; generated keys have 43."""


@dataclass(frozen=True, slots=True)
class _LoadedKeys:
    """Keys that were read together, with the keys derived from them so far."""

    texts: tuple[str, ...]
    read_at: tuple[int, int] | None
    derived: dict[str, Mapping[str, bytes]] = field(default_factory=dict)


class SecretKeys:
    """One or more keys, newest first; the newest is used, the others still decrypt and verify.

    Args:
        texts: Each has at least 16 characters; longer and more random ones are stronger.
        file: The file they come from, which is read again whenever it changes.
        read_at: The result of `_get_changed_at` before the file was read.
    """

    def __init__(
        self,
        texts: Sequence[str],
        file: Path | None = None,
        read_at: tuple[int, int] | None = None,
    ) -> None:
        self._file = file
        self._loaded = _LoadedKeys(_validate(texts), read_at)

    @classmethod
    def from_setting(cls, text: str) -> "SecretKeys":
        """Read keys from a setting: separated by blanks, newest first.

        Raises:
            InvalidError: A key is too short; the message does not contain it.
        """
        return cls(text.split())

    @classmethod
    def from_file(cls, file: Path) -> "SecretKeys":
        """Read keys from a file, one per line; create the file if it is missing.

        Raises:
            UnavailableError: It can be neither read nor created.
            InvalidError: It contains no valid key.
        """
        try:
            _create_file(file, generate_key())
            # Before reading the file, so that a change in between is noticed later.
            read_at = _get_changed_at(file)
            return cls(_read(file), file, read_at)
        except OSError as error:
            raise UnavailableError(
                f"the file of secret keys {file} cannot be used: {error.strerror}"
            ) from error

    def derive(self, use: str) -> Mapping[str, bytes]:
        """Return 32 bytes for one use, by the public name of each key; newest first.

        A change of the file takes effect immediately, for every use and in every thread.
        """
        self._reload_if_changed()
        found = self._loaded
        derived = found.derived.get(use)
        if derived is None:
            derived = {_derive_name(text): _derive_key(text, use) for text in found.texts}
            found.derived[use] = derived
        return derived

    def _reload_if_changed(self) -> None:
        changed_at = _get_changed_at(self._file)
        if self._file is None or changed_at == self._loaded.read_at:
            return
        # While the file is being changed, the keys read before remain valid.
        with suppress(OSError, InvalidError):
            self._loaded = _LoadedKeys(_validate(_read(self._file)), changed_at)


def generate_key() -> str:
    return secrets.token_urlsafe(32)


def rotate(file: Path) -> None:
    """Add a new key at the top of an existing file.

    Raises:
        UnavailableError: The file cannot be written; it is unchanged.
    """
    _replace(file, lambda texts: [generate_key(), *texts])


def keep_newest(file: Path) -> None:
    """Remove all keys but the first from a file.

    Raises:
        UnavailableError: The file cannot be written; it is unchanged.
    """
    _replace(file, lambda texts: texts[:1])


def _replace(file: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Replace a file atomically: readers see the old or the new content."""
    part = _make_temporary_name(file)
    try:
        owner = file.stat()
        _write(part, "\n".join(change(_read(file))))
        # The user who rotates may differ from the server's, which must be able to read the file.
        os.chown(part, owner.st_uid, owner.st_gid)
        part.replace(file)
        _sync(file.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UnavailableError(
            f"the file of secret keys {file} cannot be written: {error.strerror}"
        ) from error


def _create_file(file: Path, text: str) -> None:
    """Create a file that only its owner can read; keep an existing one."""
    if file.exists():
        return
    part = _make_temporary_name(file)
    try:
        _write(part, text)
        try:
            # Unlike a rename, a link does not replace a file that another server has created
            # meanwhile.
            os.link(part, file)
        except FileExistsError:
            return
        _sync(file.parent)
    finally:
        part.unlink(missing_ok=True)


def _make_temporary_name(file: Path) -> Path:
    """Return the name of a temporary file, unique even after a crash."""
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
        raise InvalidError(f"the file of secret keys {file} is not text") from None


def _get_changed_at(file: Path | None) -> tuple[int, int] | None:
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _validate(texts: Sequence[str]) -> tuple[str, ...]:
    if not texts or any(len(text) < MIN_LENGTH for text in texts):
        raise InvalidError(
            f"a secret key must have at least {MIN_LENGTH} characters; create one with `scenarist "
            "secret new`"
        )
    return tuple(texts)


def _derive_key(text: str, use: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"scenarist {use}".encode())
    return hkdf.derive(text.encode(errors="surrogateescape"))


def _derive_name(text: str) -> str:
    """Return a public name for a key, from which it cannot be derived."""
    return urlsafe_b64encode(_derive_key(text, "name")[:6]).decode()
