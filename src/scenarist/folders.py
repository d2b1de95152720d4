"""The folders and files that a server needs: made and tried."""

import os
from contextlib import suppress
from pathlib import Path

from scenarist.db.engine import Database
from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.identity.secret_keys import SecretKeys
from scenarist.settings import Settings, storage_folder
from scenarist.storage import shared


def prepare_file(file: Path) -> None:
    """Make a database that there is not yet, for the eyes of its owner only."""
    prepare_folder(file.parent, "folder of the database")
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT, 0o600))


def storage_of(settings: Settings) -> str:
    """Return the folder or URL below which values go.

    Raises:
        InvalidError: It cannot name a storage.
    """
    folder = storage_folder(settings)
    return shared.plain_url(settings.storage) if folder is None else str(folder)


def prepare_storage(settings: Settings) -> str:
    """Return the folder or URL below which values go, once something could be written there.

    Raises:
        InvalidError: It cannot name a storage, or a library is missing.
        UnavailableError: It cannot be reached or written; says why.
    """
    folder = storage_folder(settings)
    if folder is None:
        return shared.prepare(settings.storage)
    prepare_folder(folder, "storage folder")
    return str(folder)


def secret_keys(settings: Settings, database: Database) -> SecretKeys:
    """Return the keys that are given, or those of the file; at the first start, it is made.

    Raises:
        InvalidError: A key is too short.
        UnavailableError: The file can be neither read nor made.
    """
    if settings.secret_key is not None:
        return SecretKeys.given(settings.secret_key)
    return SecretKeys.kept_in(secret_key_file(settings, database))


def secret_key_file(settings: Settings, database: Database) -> Path:
    if settings.secret_key_file is not None:
        return Path(settings.secret_key_file).absolute()
    beside = database.file or storage_folder(settings)
    if beside is None:
        raise InvalidError(
            "the secret key needs a place: neither the database nor the storage lies on this "
            "machine; name a file with --secret-key-file, or give the key in SCENARIST_SECRET_KEY"
        )
    return beside.with_name("secret.key")


def prepare_folder(folder: Path, name: str) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f".scenarist-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UnavailableError(
            f"the {name} {folder} cannot be written: {error.strerror}"
        ) from error
