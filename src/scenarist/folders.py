"""The folders and files that a server needs: made, tried and locked."""

import fcntl
import os
from contextlib import ExitStack, suppress
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


def lock(stack: ExitStack, file: Path) -> None:
    """Keep a second server off the database; the lock goes with the process, however it ends."""
    try:
        lock = stack.enter_context(open(f"{file}.lock", "a+"))  # noqa: SIM115 - kept open
    except OSError as error:
        raise UnavailableError(f"{file}.lock cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        raise UnavailableError(
            f"the database {file} is in use by another server "
            f"(process {lock.read().strip() or 'unknown'}); stop that one, or name another database"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
