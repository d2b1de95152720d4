"""Paths of a server: creates its folders and files, and checks that they can be written."""

import os
from contextlib import suppress
from pathlib import Path

import structlog

from scenarist.db.engine import Database
from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.domain.parameters import SHOWN_PARAMETERS
from scenarist.identity.secret_keys import SecretKeys
from scenarist.server.settings import Settings, get_storage_folder
from scenarist.storage.files import remote
from scenarist.storage.files.value_files import folder_name_of
from scenarist.system import file_modes

SERVER_FOLDER = ".scenarist"
"""The folder that servers create where they are started: the server owns all its contents."""


def prepare_database_file(file: Path) -> None:
    """Create the file of a database if it is missing; make it accessible to its owner only."""
    prepare_folder(file.parent, "folder of the database")
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT, file_modes.FILE_MODE))
    for ending in ("", "-wal", "-shm", "-journal"):
        file_modes.restrict_to_owner(f"{file}{ending}")


def get_storage_location(settings: Settings) -> str:
    """Return the folder or URL in which values are stored.

    Raises:
        InvalidError: The setting does not name a storage.
    """
    folder = get_storage_folder(settings)
    return remote.normalize_url(settings.storage) if folder is None else str(folder)


def prepare_storage(settings: Settings) -> str:
    """Return the folder or URL in which values are stored, after a trial write.

    Raises:
        InvalidError: The setting does not name a storage, or a library is missing.
        UnavailableError: It cannot be reached or written; says why.
    """
    folder = get_storage_folder(settings)
    if folder is None:
        return remote.prepare_url(settings.storage)
    prepare_folder(folder, "storage folder")
    for kind in SHOWN_PARAMETERS:
        # Earlier versions left the modes of their contents to the umask.
        file_modes.restrict_to_owner(folder / folder_name_of(kind))
    return str(folder)


def find_folder_warnings(settings: Settings, database: Database) -> list[str]:
    """Return a warning for each folder that other users of this machine can access."""
    warnings = []
    for folder, name, bits in (
        (get_storage_folder(settings), "storage folder", file_modes.OTHERS),
        # The files in it are accessible to their owner only.
        (database.file and database.file.parent, "folder of the database", file_modes.OTHERS_WRITE),
    ):
        if folder is not None and (rights := file_modes.get_rights_of_others(folder) & bits):
            can = "write to" if rights & file_modes.OTHERS_WRITE else "read"
            warnings.append(
                f"other users of this machine can {can} the {name} {folder}; revoke that with: "
                f"chmod go-rwx {folder}"
            )
    return warnings


def open_secret_keys(settings: Settings, database: Database) -> SecretKeys:
    """Return the keys from the setting, or from the file, which the first start creates.

    Raises:
        InvalidError: A key is too short.
        UnavailableError: The file can be neither read nor created.
    """
    if settings.secret_key is not None:
        return SecretKeys.from_setting(settings.secret_key)
    return SecretKeys.from_file(find_secret_key_file(settings, database))


def find_secret_key_file(settings: Settings, database: Database) -> Path:
    if settings.secret_key_file is not None:
        return Path(settings.secret_key_file).absolute()
    beside = database.file or get_storage_folder(settings)
    if beside is None:
        raise InvalidError(
            "there is no folder for the secret key, because neither the database nor the storage "
            "is on this machine; name a file with --secret-key-file, or give the key in "
            "SCENARIST_SECRET_KEY"
        )
    return beside.with_name("secret.key")


def prepare_folder(folder: Path, name: str) -> None:
    """Create a missing folder, accessible to its owner only; an existing one is not changed.

    Raises:
        UnavailableError: It cannot be created or written; says why.
    """
    try:
        file_modes.make_folder(folder)
        for path in (folder, *folder.parents):
            if SERVER_FOLDER in path.parts:
                file_modes.restrict_to_owner(path)
        probe = folder / f".scenarist-{os.getpid()}"
        probe.touch(file_modes.FILE_MODE)
        probe.unlink()
    except OSError as error:
        raise UnavailableError(
            f"the {name} {folder} cannot be written: {error.strerror}"
        ) from error


def log_folder_warnings(settings: Settings, database: Database) -> None:
    """Log the warnings of `find_folder_warnings`."""
    for warning in find_folder_warnings(settings, database):
        structlog.get_logger(__name__).warning(warning)
