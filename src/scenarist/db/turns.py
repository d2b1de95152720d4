"""What only one process on a database does at a time, until it ends or its connection is lost."""

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

from scenarist import modes
from scenarist.domain.errors import UnavailableError


class Turn(Protocol):
    """Has its turn from `wait` on; others wait for its end, without asking again and again."""

    def wait(self) -> bool:
        """Wait for the turn; False when it is time to stop.

        Raises:
            UnavailableError: There is nothing to wait for now.
        """
        ...

    def keep(self) -> None:
        """Return when the turn is lost, or it is time to stop."""
        ...

    def end(self) -> None:
        """Let the next one have it."""
        ...

    def stop(self) -> None:
        """Let `wait` and `keep` return; called from another thread."""
        ...


class FileTurn:
    """The turn among processes of one machine: a lock of a file, which goes with its process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stopping = threading.Event()
        self._descriptor: int | None = None

    def wait(self) -> bool:
        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, modes.FILE)
            modes.narrow(self._file)
        except OSError as error:
            raise UnavailableError(f"{self._file} cannot be written: {error.strerror}") from error
        # A thread that waits here at the end of the process ends with it.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if self._stopping.is_set():
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def keep(self) -> None:
        self._stopping.wait()

    def end(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def stop(self) -> None:
        self._stopping.set()


_TURNS = 0x5CE9A416  # the first half of each lock's key; the second is its name
_WAIT = "SET lock_timeout = 0; SELECT pg_advisory_lock({turns}, hashtext('{name}'))"


class SessionTurn:
    """The turn on PostgreSQL: an advisory lock, which goes with its session.

    Args:
        connect: Opens the session.
        name: Letters that tell this turn from others.
    """

    def __init__(self, connect: Callable[[], Connection], name: str) -> None:
        self._connect = connect
        self._name = name
        self._stopping = threading.Event()
        self._connection: Connection | None = None

    def wait(self) -> bool:
        if self._stopping.is_set():
            return False
        connection = self._connection = self._connect()
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute(_WAIT.format(turns=_TURNS, name=self._name), prepare=False)
        except Exception as error:
            self.end()
            if self._stopping.is_set():
                return False
            raise UnavailableError(f"the turn was not to be had: {error}") from error
        return not self._stopping.is_set()

    def keep(self) -> None:
        if self._connection is None:
            return
        driver: Any = self._connection.connection.driver_connection
        poll = select.poll()
        # Nothing is said on this session, so what can be read is its end.
        poll.register(driver.fileno(), select.POLLIN)
        poll.poll()

    def end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it may be lost
                connection.invalidate()
            connection.close()

    def stop(self) -> None:
        self._stopping.set()
        connection = self._connection
        if connection is None:
            return
        with suppress(Exception):  # it may have ended by itself
            driver: Any = connection.connection.driver_connection
            driver.cancel_safe(timeout=5)
            with socket.socket(fileno=os.dup(driver.fileno())) as stream:
                stream.shutdown(socket.SHUT_RDWR)
