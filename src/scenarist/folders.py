"""The folders and files that a server needs: made and tried."""

import os
from contextlib import suppress
from pathlib import Path

import structlog

from scenarist import modes
from scenarist.db.engine import Database
from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.domain.parameters import SHOWN
from scenarist.identity.secret_keys import SecretKeys
from scenarist.settings import Settings, storage_folder
from scenarist.storage import shared
from scenarist.storage.files import folder_of

OWN_FOLDER = ".scenarist"
"""The name of the folder that servers make where they are started: it and all in it is theirs."""


def prepare_file(file: Path) -> None:
    """Make a database that there is not yet; see to it that only its owner can read it."""
    prepare_folder(file.parent, "folder of the database")
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT, modes.FILE))
    for ending in ("", "-wal", "-shm", "-journal"):
        modes.narrow(f"{file}{ending}")


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
    for kind in SHOWN:
        # What is in them may come from a version that left the modes to the umask.
        modes.narrow(folder / folder_of(kind))
    return str(folder)


def folder_warnings(settings: Settings, database: Database) -> list[str]:
    """Say which folders of the user let others of this machine in."""
    warnings = []
    for folder, name, bits in (
        (storage_folder(settings), "storage folder", modes.OTHERS),
        # The files in it are for their owner alone.
        (database.file and database.file.parent, "folder of the database", modes.OTHERS_WRITE),
    ):
        if folder is not None and (rights := modes.rights_of_others(folder) & bits):
            can = "write to" if rights & modes.OTHERS_WRITE else "look into"
            warnings.append(
                f"other users of this machine can {can} the {name} {folder}; take that away with: "
                f"chmod go-rwx {folder}"
            )
    return warnings


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
    """Make a folder that there is not yet, for its owner alone; one of the user's stays as it is.

    Raises:
        UnavailableError: It cannot be made or written; says why.
    """
    try:
        modes.make_folder(folder)
        for path in (folder, *folder.parents):
            if OWN_FOLDER in path.parts:
                modes.narrow(path)
        probe = folder / f".scenarist-{os.getpid()}"
        probe.touch(modes.FILE)
        probe.unlink()
    except OSError as error:
        raise UnavailableError(
            f"the {name} {folder} cannot be written: {error.strerror}"
        ) from error


def warn_of_folders(settings: Settings, database: Database) -> None:
    """Log what `folder_warnings` says."""
    for warning in folder_warnings(settings, database):
        structlog.get_logger(__name__).warning(warning)
