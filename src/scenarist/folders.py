"""The folders and files that a server needs: made and tried."""

import os
from contextlib import suppress
from pathlib import Path

from scenarist.domain.errors import UnavailableError


def prepare_file(file: Path) -> None:
    """Make a database that there is not yet, for the eyes of its owner only."""
    prepare_folder(file.parent, "folder of the database")
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT, 0o600))


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
