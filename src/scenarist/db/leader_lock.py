"""Leader lock: held by one process per database until it exits or loses its connection.

The process that holds it sends the webhooks (decision 34).
"""

import fcntl
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from scenarist.domain.errors import UnavailableError
from scenarist.system import file_modes


class LeaderLock(Protocol):
    """Leader lock, held from `acquire` to `release`.

    Other processes block in `acquire` without polling.
    """

    def acquire(self) -> bool:
        """Wait until the lock is acquired; return False when it is time to stop.

        Raises:
            UnavailableError: The lock cannot be waited for now.
        """
        ...

    def hold(self) -> None:
        """Block while the lock is held; return when it is lost or it is time to stop."""
        ...

    def release(self) -> None:
        """Release the lock."""
        ...

    def stop(self) -> None:
        """Make `acquire` and `hold` return; called from another thread."""
        ...


class FileLeaderLock:
    """Leader lock among processes on one machine: a `flock`, which ends with its process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stopping = threading.Event()
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, file_modes.FILE_MODE)
            file_modes.restrict_to_owner(self._file)
        except OSError as error:
            raise UnavailableError(f"{self._file} cannot be written: {error.strerror}") from error
        # `stop` cannot interrupt this; a daemon thread that waits here ends with its process.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if self._stopping.is_set():
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def hold(self) -> None:
        self._stopping.wait()

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def stop(self) -> None:
        self._stopping.set()


_LEADER_LOCKS = (
    0x5CE9A416  # the first half of each lock's key; the second half is a hash of its name
)
_ACQUIRE = "SET lock_timeout = 0; SELECT pg_advisory_lock({key}, hashtext('{name}'))"


class SessionLeaderLock:
    """Leader lock on PostgreSQL: an advisory lock, which ends with its session.

    Args:
        connect: Opens the session.
        name: Name of the lock, of letters only.
    """

    def __init__(self, connect: Callable[[], Connection], name: str) -> None:
        self._connect = connect
        self._name = name
        self._stopping = threading.Event()
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        if self._stopping.is_set():
            return False
        connection = self._connection = self._connect()
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute(_ACQUIRE.format(key=_LEADER_LOCKS, name=self._name), prepare=False)
        except Exception as error:
            self.release()
            if self._stopping.is_set():
                return False
            raise UnavailableError(f"the leader lock cannot be acquired: {error}") from error
        return not self._stopping.is_set()

    def hold(self) -> None:
        if self._connection is None:
            return
        driver: Any = self._connection.connection.driver_connection
        poll = select.poll()
        # No statement runs on this session, so it becomes readable only when it ends.
        poll.register(driver.fileno(), select.POLLIN)
        poll.poll()

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # the connection may be lost
                connection.invalidate()
            connection.close()

    def stop(self) -> None:
        self._stopping.set()
        connection = self._connection
        if connection is None:
            return
        with suppress(Exception):  # the session may have ended by itself
            driver: Any = connection.connection.driver_connection
            driver.cancel_safe(timeout=5)
            with socket.socket(fileno=os.dup(driver.fileno())) as stream:
                stream.shutdown(socket.SHUT_RDWR)
