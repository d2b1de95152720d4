"""Keeps a second server off a database."""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import func, select

from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError

_LOCK = 0x5CE9A416


def keep_others_off(stack: ExitStack, database: Database) -> None:
    """Let no other server use a database until the stack is closed, or the process ends.

    Raises:
        UnavailableError: Another one uses it.
    """
    if database.file is None:
        _lock_elsewhere(stack, database)
    else:
        _lock(stack, database.file)


def _lock_elsewhere(stack: ExitStack, database: Database) -> None:
    """Keep a second server off the database; the lock goes with its connection."""
    connection = stack.enter_context(database.connect())
    try:
        # It waits a moment: of a server that was killed, PostgreSQL has to notice.
        connection.execute(select(func.pg_advisory_lock(_LOCK)))
    except UnavailableError as error:
        raise UnavailableError(
            f"{database.name} is in use by another server; stop that one, or name another database"
        ) from error


def _lock(stack: ExitStack, file: Path) -> None:
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
