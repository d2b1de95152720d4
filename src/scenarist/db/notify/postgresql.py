"""Notifications on PostgreSQL: each process LISTENs on its own channel."""

import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from scenarist.db.notify.notifications import Topic, Topics, decode_topics, encode_topics
from scenarist.domain.errors import UnavailableError

_PREFIX = "scenarist_"
# None of the values that are formatted into these come from users.
_NOTIFY = "SELECT pg_notify(channel, '{topics}') FROM listeners WHERE channel <> '{channel}'"
_REGISTER = (
    "{begin};"
    # Rows whose session has ended: a process that is killed does not delete its own row.
    " DELETE FROM listeners WHERE session NOT IN (SELECT pid FROM pg_stat_activity);"
    " INSERT INTO listeners (channel, session) VALUES ('{channel}', pg_backend_pid());"
    " COMMIT"
)
_UNREGISTER = "ROLLBACK; DELETE FROM listeners WHERE channel = '{channel}'"


def notify_statement(channel: str, topics: Topics) -> str:
    """Return the statement before COMMIT that notifies all listeners except this process's own.

    The listeners are read under the write lock. PostgreSQL delivers notifications with the commit
    or not at all, so no process can die between the two.
    """
    return _NOTIFY.format(topics=encode_topics(topics), channel=channel)


class PostgresNotifier:
    """Session that listens on this process's channel.

    Args:
        connect: Opens the session.
        begin: Begins a transaction with the write lock, so that all later commits find the
            listener.

    Raises:
        UnavailableError: The session cannot be opened or cannot listen.
    """

    def __init__(self, connect: Callable[[], Any], stop: socket.socket, *, begin: str) -> None:
        self.channel = f"{_PREFIX}{uuid4().hex}"
        self._stop = stop
        self._selector = selectors.DefaultSelector()
        self._selector.register(stop, selectors.EVENT_READ)
        self._connection = connect()
        self._driver = self._connection.connection.driver_connection
        try:
            self._driver.execute(f"LISTEN {self.channel}", prepare=False)
            self._driver.execute(_REGISTER.format(begin=begin, channel=self.channel), prepare=False)
        except BaseException as error:
            self.close()
            if isinstance(error, Exception):
                raise UnavailableError(f"cannot listen to the database: {error}") from error
            raise
        self._selector.register(self._driver.fileno(), selectors.EVENT_READ)

    def receive(self) -> Topics:
        topics: set[Topic] = set()
        while not topics:
            if any(key.fileobj is self._stop for key, _ in self._selector.select()):
                return frozenset()
            topics |= self._read_topics()
        return frozenset(topics)

    def close(self) -> None:
        self._selector.close()
        with suppress(Exception):  # if the session is lost, the next listener deletes the row
            self._driver.execute(_UNREGISTER.format(channel=self.channel), prepare=False)
        self._connection.invalidate()
        self._connection.close()

    def _read_topics(self) -> Topics:
        topics: set[Topic] = set()
        try:
            self._driver.pgconn.consume_input()
            while (message := self._driver.pgconn.notifies()) is not None:
                topics |= decode_topics(message.extra.decode("ascii", "replace"))
        except Exception as error:
            raise UnavailableError(f"the database sends no notifications: {error}") from error
        return frozenset(topics)
