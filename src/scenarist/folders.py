"""The folders and files that a server needs: made and tried."""

import os
from contextlib import suppress
from pathlib import Path

from scenarist.domain.errors import UnavailableError
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
