"""Bells on PostgreSQL: each process listens on a channel of its own."""

import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from scenarist.db.bells import Topic, Topics, read, written
from scenarist.domain.errors import UnavailableError

_PREFIX = "scenarist_"
# Nothing in these is anybody's words.
_RING = "SELECT pg_notify(channel, '{topics}') FROM listeners WHERE channel <> '{channel}'"
_COME = (
    "{turn};"
    # Those whose session has ended; a process that is killed does not take its own away.
    " DELETE FROM listeners WHERE session NOT IN (SELECT pid FROM pg_stat_activity);"
    " INSERT INTO listeners (channel, session) VALUES ('{channel}', pg_backend_pid());"
    " COMMIT"
)
_GO = "ROLLBACK; DELETE FROM listeners WHERE channel = '{channel}'"


def ring_statement(channel: str, topics: Topics) -> str:
    """Return what a transaction says before its COMMIT: it tells all who listen but its own.

    Who listens is read when it has the turn. PostgreSQL tells them when the commit is seen, or
    not at all, so that nobody dies between the two; while nobody else listens, nobody is told.
    """
    return _RING.format(topics=written(topics), channel=channel)


class PostgresBell:
    """A session that listens.

    Args:
        connect: Opens the session.
        turn: Begins a transaction that has the turn to write: whoever commits after this one
            finds the listener.

    Raises:
        UnavailableError: There is no such session to be had.
    """

    def __init__(self, connect: Callable[[], Any], stop: socket.socket, *, turn: str) -> None:
        self.channel = f"{_PREFIX}{uuid4().hex}"
        self._stop = stop
        self._selector = selectors.DefaultSelector()
        self._selector.register(stop, selectors.EVENT_READ)
        self._connection = connect()
        self._driver = self._connection.connection.driver_connection
        try:
            self._driver.execute(f"LISTEN {self.channel}", prepare=False)
            self._driver.execute(_COME.format(turn=turn, channel=self.channel), prepare=False)
        except BaseException as error:
            self.close()
            if isinstance(error, Exception):
                raise UnavailableError(f"the database cannot be listened to: {error}") from error
            raise
        self._selector.register(self._driver.fileno(), selectors.EVENT_READ)

    def hear(self) -> Topics:
        heard: set[Topic] = set()
        while not heard:
            if any(key.fileobj is self._stop for key, _ in self._selector.select()):
                return frozenset()
            heard |= self._receive()
        return frozenset(heard)

    def close(self) -> None:
        self._selector.close()
        with suppress(Exception):  # it may be lost; then the next who listens takes it away
            self._driver.execute(_GO.format(channel=self.channel), prepare=False)
        self._connection.invalidate()
        self._connection.close()

    def _receive(self) -> Topics:
        heard: set[Topic] = set()
        try:
            self._driver.pgconn.consume_input()
            while (message := self._driver.pgconn.notifies()) is not None:
                heard |= read(message.extra.decode("ascii", "replace"))
        except Exception as error:
            raise UnavailableError(f"the database is not heard any more: {error}") from error
        return frozenset(heard)
